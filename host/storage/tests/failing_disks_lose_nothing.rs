//! A failing call at every place of a workload: no room, an error, half a write, a failed sync.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
#![allow(clippy::indexing_slicing, missing_docs)]

mod common;

use std::io::ErrorKind;
use std::sync::Arc;

use billet_storage::sim::{Fault, Plan, Sim, Survivors};
use billet_storage::{Config, Store, StoreError};
use common::model::{Op, Runner, Stop, workload};
use common::small;

fn run(config: &Config, ops: &[Op], plan: Plan) -> (Runner, Result<(), Stop>) {
    let mut runner = Runner::new(Sim::new(), config.clone());
    // The first start writes once; that it fails is no store's business.
    runner.run(&[]).unwrap();
    runner.sim.plan(Some(plan));
    let result = runner.run(ops);
    (runner, result)
}

fn calls(config: &Config) -> std::ops::Range<u64> {
    let mut runner = Runner::new(Sim::new(), config.clone());
    runner.run(&[]).unwrap();
    let first = runner.sim.calls();
    runner.run(&workload()).unwrap();
    first..runner.sim.calls()
}

/// The workload without opening again: opening needs its first write.
fn without_reopen() -> Vec<Op> {
    workload()
        .into_iter()
        .filter(|op| !matches!(op, Op::Reopen))
        .collect()
}

fn check_images(runner: &mut Runner) {
    runner.store = None;
    for image in [
        Survivors::None,
        Survivors::All,
        Survivors::Some(5),
        Survivors::Some(6),
    ] {
        runner.check_image(runner.sim.image(image));
    }
}

#[test]
fn one_failing_call_fails_what_needs_it_and_nothing_else() {
    let (config, ops) = (small(1000), without_reopen());
    let faults = [
        Fault::Fail(ErrorKind::StorageFull),
        Fault::Fail(ErrorKind::Other),
        Fault::Short,
        Fault::FailAfter(ErrorKind::Other),
    ];
    let (mut fatal, mut refused) = (0, 0);
    for at in calls(&config) {
        for fault in faults {
            let (mut runner, result) = run(
                &config,
                &ops,
                Plan {
                    at,
                    fault,
                    is_lasting: false,
                },
            );
            let Some(call) = runner.sim.trace().get(at as usize).cloned() else {
                continue;
            };
            let is_sync = call.starts_with("sync");
            let is_batch = call.starts_with("batch");
            match result {
                Ok(()) => {
                    assert!(!is_sync, "I5: {call} failed and the store went on");
                    refused += runner.refused;
                    runner.sim.plan(None);
                    runner.check_now();
                }
                Err(Stop::Fatal) => {
                    let is_unknown = is_batch && fault != Fault::Short;
                    assert!(
                        is_sync || is_unknown || call.starts_with("length"),
                        "{call}"
                    );
                    fatal += 1;
                }
                Err(Stop::Dead) => panic!("nobody planned a crash"),
            }
            check_images(&mut runner);
        }
    }
    println!("{fatal} ends, {refused} refused operations");
    assert!(fatal > 50 && refused > 50);
}

#[test]
fn a_full_disk_is_survived_and_writing_goes_on_without_a_restart() {
    let (config, ops) = (small(1000), without_reopen());
    let mut refused = 0;
    for at in calls(&config) {
        // Everything that takes room fails; syncs do not.
        let mut runner = Runner::new(Sim::new(), config.clone());
        runner.run(&[]).unwrap();
        runner.sim.plan(None);
        runner.sim.fill_from(Some(at));
        runner.run(&ops).unwrap();
        refused += runner.refused;
        runner.check_now();
        runner.sim.fill_from(None);
        let before = runner.refused;
        runner
            .run(&[
                Op::Put {
                    log: "a",
                    name: "room again",
                    bytes: 3000,
                },
                Op::Tick,
            ])
            .unwrap();
        runner
            .run(&[
                Op::Put {
                    log: "b",
                    name: "room again",
                    bytes: 3000,
                },
                Op::Close,
            ])
            .unwrap();
        assert_eq!(runner.refused, before, "works again once there is room");
        runner.check_now();
        check_images(&mut runner);
    }
    assert!(refused > 100, "{refused} operations were refused");
}

#[test]
fn a_failed_sync_ends_all_writing_for_good() {
    let config = small(1 << 20);
    let mut seen = 0;
    for at in calls(&config) {
        let fault = Fault::Fail(ErrorKind::Other);
        let (runner, result) = run(
            &config,
            &without_reopen(),
            Plan {
                at,
                fault,
                is_lasting: false,
            },
        );
        let is_sync = runner
            .sim
            .trace()
            .get(at as usize)
            .is_some_and(|c| c.starts_with("sync"));
        if !is_sync {
            continue;
        }
        assert_eq!(result, Err(Stop::Fatal));
        runner.sim.plan(None);
        let store = runner.store.as_ref().unwrap();
        let (tell, told) = std::sync::mpsc::channel();
        store.on_fatal(move |reason| tell.send(reason.to_owned()).unwrap());
        assert!(told.try_recv().unwrap().contains("sync of"));
        assert!(!any_look_now(store));
        for answer in every_look(store) {
            assert!(matches!(answer, Err(StoreError::Fatal(_))), "{answer:?}");
        }
        let calls = runner.sim.calls();
        for _ in 0..2 {
            let answer = common::put(store, "a", "later");
            assert!(matches!(answer, Err(StoreError::Fatal(_))), "{answer:?}");
        }
        assert_eq!(runner.sim.calls(), calls, "nothing is written any more");
        seen += 1;
    }
    assert!(seen > 10);
}

/// Every call that only looks.
fn every_look(store: &Arc<Store>) -> Vec<Result<(), StoreError>> {
    let (leaf, _) = common::leaf("one", 100);
    vec![
        store.head("a").map(drop),
        store.heads("", None, 10).map(drop),
        store.row("a", b"row").map(drop),
        store.rows("a", b"", None, 10).map(drop),
        store.pin("a").map(drop),
        store.block(&leaf).map(drop),
        store.read_leaf(&leaf, &mut Vec::new()),
        store.read_leaf_range(&leaf, 0, 1).map(drop),
    ]
}

/// Whether anything is told at once.
fn any_look_now(store: &Store) -> bool {
    let (leaf, _) = common::leaf("one", 100);
    store.block_now(&leaf).is_some() || store.read_leaf_now(&leaf, &mut Vec::with_capacity(100))
}

#[test]
fn a_failed_sync_is_told_even_if_nobody_waits_for_it() {
    let sim = Sim::new();
    let store = common::open(&sim, &small(1000));
    let (tell, told) = std::sync::mpsc::channel();
    store.on_fatal(move |reason| tell.send(reason.to_owned()).unwrap());
    common::write_body(&store, &[common::leaf("unclaimed", 10)]).unwrap();
    assert!(told.try_recv().is_err(), "nothing is wrong yet");
    // Closing cuts the file, then syncs it.
    let (at, fault) = (sim.calls() + 1, Fault::Fail(ErrorKind::Other));
    sim.plan(Some(Plan {
        at,
        fault,
        is_lasting: false,
    }));
    assert!(matches!(store.close(), Err(StoreError::Fatal(_))));
    assert!(told.try_recv().unwrap().contains("sync of"));
}
