//! The table of keys in its real file on the simulated disk: crashes and failing calls at every
//! write of its own, and under the whole store.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
#![allow(clippy::indexing_slicing, missing_docs)]

mod common;

use std::io::ErrorKind;
use std::sync::Arc;

use billet_storage::sim::{Fault, Plan, Sim, Survivors};
use billet_storage::{Kv, KvChange, KvError, RedbKv};
use common::model::{Op, Runner, Stop, workload};
use common::small;

const NAME: &str = "keys";

fn open(sim: &Sim) -> Result<RedbKv, KvError> {
    RedbKv::open(Arc::new(sim.clone()), NAME)
}

/// Batch `index`: a row of its own, one that all batches set, and one that is deleted again.
fn batch(index: u8) -> Vec<KvChange> {
    vec![
        (vec![b'a', index], Some(vec![index; 700])),
        (b"newest".to_vec(), Some(vec![index])),
        (vec![b'a', index.wrapping_sub(2)], None),
    ]
}

/// Opens the table and writes batches; how many were acknowledged.
fn write(sim: &Sim) -> Result<u8, (u8, KvError)> {
    let kv = open(sim).map_err(|error| (0, error))?;
    for index in 1..=12 {
        kv.batch(&batch(index))
            .map_err(|error| (index - 1, error))?;
    }
    Ok(12)
}

/// The table has all of so many batches, or of one more.
fn check(sim: &Sim, acknowledged: u8, what: &str) {
    let kv = open(sim).unwrap_or_else(|error| panic!("{what}: {error}"));
    let newest = kv.get(b"newest").unwrap().map_or(0, |value| value[0]);
    assert!(
        (acknowledged..=acknowledged + 1).contains(&newest),
        "{what}: {newest} after {acknowledged}"
    );
    for index in 1..=12 {
        let is_there = index <= newest && index + 2 > newest;
        let expected = is_there.then(|| vec![index; 700]);
        assert_eq!(
            kv.get(&[b'a', index]).unwrap(),
            expected,
            "{what}: row {index}"
        );
    }
}

fn plan(at: u64, fault: Fault) -> Option<Plan> {
    Some(Plan {
        at,
        fault,
        is_lasting: false,
    })
}

#[test]
fn a_crash_at_every_call_keeps_every_acknowledged_batch_whole() {
    let sim = Sim::new();
    assert_eq!(write(&sim), Ok(12));
    let calls = sim.calls();
    for at in 0..calls {
        for fault in [Fault::CrashBefore, Fault::CrashAfter] {
            let sim = Sim::new();
            sim.plan(plan(at, fault));
            let acknowledged = match write(&sim) {
                Ok(all) => all,
                Err((acknowledged, _)) => acknowledged,
            };
            for left in [Survivors::None, Survivors::All, Survivors::Some(at)] {
                check(
                    &sim.image(left),
                    acknowledged,
                    &format!("{fault:?} {at}, {left:?}"),
                );
            }
        }
    }
    println!("{calls} calls, {} images", calls * 6);
}

#[test]
fn a_failed_sync_is_final_even_for_want_of_room() {
    let sim = Sim::new();
    assert_eq!(write(&sim), Ok(12));
    let trace = sim.trace();
    let syncs = (0..)
        .zip(&trace)
        .filter(|(_, call)| call.starts_with("sync keys"));
    let syncs: Vec<u64> = syncs.map(|(at, _)| at).collect();
    assert!(syncs.len() > 12);
    for at in syncs {
        let sim = Sim::new();
        sim.plan(plan(at, Fault::Fail(ErrorKind::StorageFull)));
        let Ok(kv) = open(&sim) else { continue };
        let failed = (1..=12).find_map(|index| kv.batch(&batch(index)).err());
        let Some(failed) = failed else { continue };
        assert!(
            matches!(failed, KvError::Failed(_)),
            "sync {at}: {failed:?}"
        );
        let later = kv.batch(&batch(13));
        assert!(
            matches!(later, Err(KvError::Failed(_))),
            "sync {at}: {later:?}"
        );
    }
}

#[test]
fn without_room_nothing_is_changed_and_all_goes_on_once_there_is_some() {
    let sim = Sim::new();
    let kv = open(&sim).unwrap();
    kv.batch(&batch(1)).unwrap();
    sim.fill_from(Some(0));
    for index in [2, 3] {
        assert_eq!(kv.batch(&batch(index)), Err(KvError::Full));
        // The file is opened anew, which takes room where nothing is written in place.
        let seen = kv.get(b"newest");
        assert!(matches!(&seen, Ok(Some(one)) if *one == [1]) || seen == Err(KvError::Full));
    }
    sim.fill_from(None);
    kv.batch(&batch(2)).unwrap();
    drop(kv);
    check(&sim.image(Survivors::None), 2, "room again");
}

#[test]
fn the_store_over_it_loses_nothing_in_crashes() {
    let (config, ops) = (small(1000), workload());
    let start = |ops: &[Op], plan: Option<Plan>| {
        let sim = Sim::new();
        sim.keep_keys_in_file();
        sim.plan(plan);
        let mut runner = Runner::new(sim, config.clone());
        let result = runner.run(ops);
        (runner, result)
    };
    let (runner, result) = start(&ops, None);
    assert_eq!(result, Ok(()));
    let calls = runner.sim.calls();
    let mut images = 0;
    // A stride that meets calls of all kinds; the ones of the table are tried above, one by one.
    for at in (0..calls).step_by(17) {
        let (mut crashed, result) = start(&ops, plan(at, Fault::CrashAfter));
        assert_eq!(result, Err(Stop::Dead), "dies at call {at}");
        crashed.store = None;
        for left in [Survivors::None, Survivors::All, Survivors::Some(at)] {
            crashed.check_image(crashed.sim.image(left));
            images += 1;
        }
    }
    println!("{calls} calls, {images} images");
    assert!(images > 100);
}
