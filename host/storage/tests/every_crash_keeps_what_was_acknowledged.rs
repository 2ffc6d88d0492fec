//! Crashes before and after every call of a workload, on several images each, and again at every
//! call of the recovery that follows.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
#![allow(clippy::indexing_slicing, missing_docs)]

mod common;

use billet_storage::sim::{Fault, Plan, Sim, Survivors};
use billet_storage::{Config, Recovery, State, Store};
use common::model::{Op, Runner, Stop, afterwards, workload};
use common::{open, small};

const IMAGES: [Survivors; 5] = [
    Survivors::None,
    Survivors::All,
    Survivors::Some(1),
    Survivors::Some(2),
    Survivors::Some(3),
];

fn calls_of(config: &Config, ops: &[Op]) -> u64 {
    let mut runner = Runner::new(Sim::new(), config.clone());
    runner.run(ops).unwrap();
    runner.check_now();
    assert_eq!(runner.refused, 0, "nothing fails without a fault");
    runner.sim.calls()
}

fn crash_at(config: &Config, ops: &[Op], at: u64, fault: Fault) -> Runner {
    let mut runner = Runner::new(Sim::new(), config.clone());
    runner.sim.plan(Some(Plan {
        at,
        fault,
        is_lasting: false,
    }));
    assert_eq!(runner.run(ops), Err(Stop::Dead), "dies at call {at}");
    runner.store = None;
    runner
}

/// Opens an image, checks it, opens it again and goes on with it.
fn check(crashed: &Runner, image: Survivors, totals: &mut Recovery) {
    let mut first = crashed.check_image(crashed.sim.image(image));
    add(totals, first.store.take().unwrap().recovery());
    let keys = first.sim.keys();
    let files = first.sim.files();
    let mut second = first.check_image(first.sim.clone());
    assert_eq!(second.acked, first.acked, "I2: for good");
    let (mut again, mut before) = (second.sim.keys(), keys);
    for keys in [&mut again, &mut before] {
        keys.remove(b"meta/starts".as_slice());
    }
    assert_eq!(
        (again, second.sim.files()),
        (before, files),
        "recovery does nothing twice"
    );
    second.now_ms = crashed.now_ms;
    second.run(&ready(&second)).unwrap();
    assert_eq!(second.refused, 0, "all works after a crash");
    second.check_now();
}

/// Of what comes afterwards, the ops that the model allows.
fn ready(runner: &Runner) -> Vec<Op> {
    let exists = |log: &str| runner.acked.contains_key(log);
    let keep = |op: &Op| match op {
        Op::Complete { log, part } | Op::Abort { log, part } => runner
            .acked
            .get(*log)
            .is_some_and(|state| state.held.contains_key(*part)),
        Op::Row { log, .. } => exists(log),
        _ => true,
    };
    afterwards().into_iter().filter(keep).collect()
}

fn add(totals: &mut Recovery, one: &Recovery) {
    totals.unclosed += one.unclosed;
    totals.sealed += one.sealed;
    totals.released += one.released;
    totals.replayed += one.replayed;
    totals.skipped += one.skipped;
    totals.cut += one.cut;
    totals.torn += one.torn;
    totals.unlinks_finished += one.unlinks_finished;
    totals.never_made += one.never_made;
}

fn assert_all_seen(totals: &Recovery) {
    let Recovery {
        unclosed,
        sealed,
        released,
        replayed,
        skipped,
        ..
    } = totals;
    let Recovery {
        cut,
        torn,
        unlinks_finished,
        never_made,
        ..
    } = totals;
    let counts = [
        unclosed,
        sealed,
        released,
        replayed,
        skipped,
        cut,
        torn,
        unlinks_finished,
    ];
    assert!(
        counts.iter().all(|count| **count > 0),
        "every way was gone: {totals:?}"
    );
    assert!(*never_made > 0, "every way was gone: {totals:?}");
}

fn crash_everywhere(seal_bytes: u64) -> Recovery {
    let (config, ops) = (small(seal_bytes), workload());
    let calls = calls_of(&config, &ops);
    let mut totals = Recovery::default();
    for at in 0..calls {
        for fault in [Fault::CrashBefore, Fault::CrashAfter] {
            let crashed = crash_at(&config, &ops, at, fault);
            for image in IMAGES {
                check(&crashed, image, &mut totals);
            }
        }
    }
    println!(
        "seal at {seal_bytes}: {calls} calls, {} images, {totals:?}",
        calls * 10
    );
    totals
}

#[test]
fn with_segments_that_seal_often() {
    assert_all_seen(&crash_everywhere(1000));
}

#[test]
fn with_segments_that_seal_at_close_only() {
    let totals = crash_everywhere(1 << 20);
    assert!(totals.replayed > 0 && totals.torn > 0);
}

#[test]
fn again_during_recovery() {
    let (config, ops) = (small(2500), workload());
    let calls = calls_of(&config, &ops);
    let mut count = 0;
    for at in 0..calls {
        let crashed = crash_at(&config, &ops, at, Fault::CrashBefore);
        let image = [Survivors::None, Survivors::All, Survivors::Some(at)][at as usize % 3];
        let whole = crashed.sim.image(image);
        drop(open(&whole, &config));
        for again in 0..whole.calls() {
            let sim = crashed.sim.image(image);
            sim.plan(Some(Plan {
                at: again,
                fault: Fault::CrashBefore,
                is_lasting: false,
            }));
            // Files beside a segment are best effort: their calls may fail unnoticed.
            drop(Store::open(config.clone(), sim.effects()));
            assert!(sim.is_dead(), "dies at call {again} of recovery");
            for left in [Survivors::None, Survivors::All, Survivors::Some(again)] {
                crashed.check_image(sim.image(left));
                count += 1;
            }
        }
    }
    println!("{count} images of crashes during recovery");
    assert!(count > 1000);
}

#[test]
fn of_the_machine_after_one_of_the_process() {
    let (config, ops) = (small(2500), workload());
    let mut replayed = 0;
    for at in 0..calls_of(&config, &ops) {
        let crashed = crash_at(&config, &ops, at, Fault::CrashAfter);
        let mut first = crashed.check_image(crashed.sim.restarted());
        replayed += first.store.take().unwrap().recovery().replayed;
        for left in [Survivors::None, Survivors::Some(at)] {
            let second = first.check_image(first.sim.image(left));
            assert_eq!(second.acked, first.acked, "I2: what was shown stays");
        }
    }
    assert!(replayed > 100, "{replayed} records were replayed");
}

#[test]
fn the_workload_goes_through_every_state() {
    let mut runner = Runner::new(Sim::new(), small(1000));
    runner.run(&workload()).unwrap();
    let trace = runner.sim.trace().join("\n");
    for call in [
        "folder", "create", "allocate", "write", "sync", "remove", "batch", "length",
    ] {
        assert!(trace.contains(call), "no {call} in\n{trace}");
    }
    let segments = runner.store.unwrap().segments();
    assert!(
        segments
            .iter()
            .any(|segment| segment.state == State::Sealed)
    );
}
