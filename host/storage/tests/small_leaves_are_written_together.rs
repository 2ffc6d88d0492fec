//! Small leaves wait in memory: one write puts all of them into the file before the sync that is
//! to cover them, they are read meanwhile, and a write that fails loses none.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
#![allow(clippy::indexing_slicing, missing_docs)]

mod common;

use std::io::ErrorKind;
use std::sync::Arc;

use billet_storage::sim::{Fault, Plan, Sim, Survivors};
use billet_storage::{ClaimId, CommitRequest, Config, Store, StoreError};
use common::{commit_one, leaf, open, put, read, write_body};

fn config() -> Config {
    Config::default()
}

/// Calls since `before` on files of the data plane, without their names.
fn data_calls(sim: &Sim, before: u64) -> Vec<String> {
    let trace = sim.trace();
    let calls = trace[before as usize..].iter();
    let of_data = calls.filter(|call| call.contains("/data/"));
    of_data
        .map(|call| call.split(' ').next().unwrap().to_owned())
        .collect()
}

fn adopt(store: &Store, claims: Vec<ClaimId>) -> Result<(), StoreError> {
    let request = CommitRequest {
        log: "log".to_owned(),
        expect: store.head("log")?.newest.map(|head| head.commit),
        adopt: claims,
        ..CommitRequest::default()
    };
    commit_one(store, request).map(|_| ())
}

/// A store with an open segment, and claims of leaves 0 to `count` that wait.
fn waiting(sim: &Sim, count: usize) -> (Arc<Store>, Vec<ClaimId>) {
    let store = open(sim, &config());
    put(&store, "log", "first").unwrap();
    let body = |n: usize| write_body(&store, &[leaf(&n.to_string(), 100)]).unwrap();
    let claims = (0..count).map(body).collect();
    (store, claims)
}

#[test]
fn one_write_and_one_sync_serve_all_that_waits() {
    let sim = Sim::new();
    let (store, claims) = waiting(&sim, 0);
    assert!(claims.is_empty());
    let before = sim.calls();
    let body = |n: usize| write_body(&store, &[leaf(&n.to_string(), 100)]).unwrap();
    let claims: Vec<_> = (0..50).map(body).collect();
    assert_eq!(data_calls(&sim, before), [""; 0]);
    for n in 0..50 {
        let (cid, bytes) = leaf(&n.to_string(), 100);
        let mut out = Vec::with_capacity(100);
        assert!(store.read_leaf_now(&cid, &mut out), "leaf {n}");
        assert_eq!(out, bytes);
        assert_eq!(read(&store, &n.to_string(), 100).unwrap(), bytes);
    }
    let before = sim.calls();
    adopt(&store, claims).unwrap();
    assert_eq!(data_calls(&sim, before), ["write", "sync"]);
    drop(store);
    let store = open(&sim.image(Survivors::None), &config());
    for n in 0..50 {
        read(&store, &n.to_string(), 100).unwrap();
    }
}

#[test]
fn what_waits_is_written_ahead_of_a_large_leaf_and_before_there_is_too_much_of_it() {
    let sim = Sim::new();
    let (store, _) = waiting(&sim, 3);
    let before = sim.calls();
    write_body(&store, &[leaf("large", 65 << 10)]).unwrap();
    assert_eq!(data_calls(&sim, before), ["write", "write", "write"]);
    let before = sim.calls();
    let leaves: Vec<_> = (0..40)
        .map(|n| leaf(&format!("small {n}"), 60 << 10))
        .collect();
    write_body(&store, &leaves).unwrap();
    let writes = data_calls(&sim, before).len();
    assert!((2..=6).contains(&writes), "{writes} writes of 2.4 MiB");
    let (cid, bytes) = leaf("large", 65 << 10);
    assert_eq!(store.block(&cid).unwrap(), bytes);
}

#[test]
fn a_failed_write_refuses_the_commit_and_loses_nothing() {
    for kind in [ErrorKind::StorageFull, ErrorKind::Other] {
        for fault in [Fault::Fail(kind), Fault::Short, Fault::FailAfter(kind)] {
            let sim = Sim::new();
            let (store, claims) = waiting(&sim, 5);
            sim.plan(Some(Plan {
                at: sim.calls(),
                fault,
                is_lasting: false,
            }));
            let error = adopt(&store, claims.clone()).unwrap_err();
            let is_expected = matches!(error, StoreError::Full | StoreError::Unavailable(_));
            assert!(is_expected, "{fault:?}: {error}");
            // More comes behind what still waits.
            let more = write_body(&store, &[leaf("more", 100)]).unwrap();
            adopt(&store, claims.into_iter().chain([more]).collect()).unwrap();
            drop(store);
            let store = open(&sim.image(Survivors::None), &config());
            assert!(store.damaged().is_empty(), "{fault:?}");
            for name in ["0", "1", "2", "3", "4", "more"] {
                read(&store, name, 100).unwrap();
            }
        }
    }
}

#[test]
fn closing_writes_what_waits() {
    let sim = Sim::new();
    let (store, claims) = waiting(&sim, 5);
    store.close().unwrap();
    adopt(&store, claims).unwrap();
    drop(store);
    let store = open(&sim.image(Survivors::None), &config());
    for n in 0..5 {
        read(&store, &n.to_string(), 100).unwrap();
    }
}

#[test]
fn a_leaf_is_taken_at_once_where_nothing_has_to_be_waited_for() {
    let sim = Sim::new();
    let store = open(&sim, &config());
    let mut body = store.begin_body(common::SPACE).unwrap();
    let (cid, bytes) = leaf("early", 100);
    assert!(!body.append_now(cid, &bytes).unwrap(), "no segment is open");
    body.append(cid, &bytes).unwrap();
    let before = sim.calls();
    let (cid, bytes) = leaf("late", 100);
    assert!(body.append_now(cid, &bytes).unwrap());
    let (large, content) = leaf("large", 65 << 10);
    assert!(!body.append_now(large, &content).unwrap());
    assert_eq!(sim.calls(), before, "nothing was asked of the disk");
    let claim = body.finish().unwrap();
    adopt_first(&store, claim);
    drop(store);
    let store = open(&sim.image(Survivors::None), &config());
    read(&store, "early", 100).unwrap();
    read(&store, "late", 100).unwrap();
}

fn adopt_first(store: &Arc<Store>, claim: ClaimId) {
    put(store, "log", "first").unwrap();
    adopt(store, vec![claim]).unwrap();
}

#[test]
fn a_segment_that_fills_at_once_is_sealed_by_the_next_group() {
    let sim = Sim::new();
    let config = Config {
        seal_bytes: 2_000,
        ..Config::default()
    };
    let store = open(&sim, &config);
    put(&store, "log", "first").unwrap();
    let mut body = store.begin_body(common::SPACE).unwrap();
    let mut taken = 0;
    while body
        .append_now(
            leaf(&format!("n{taken}"), 300).0,
            &leaf(&format!("n{taken}"), 300).1,
        )
        .unwrap()
    {
        taken += 1;
    }
    assert!(taken > 2, "{taken}");
    let claim = body.finish().unwrap();
    adopt(&store, vec![claim]).unwrap();
    let sealed = store.segments().into_iter().filter(|segment| {
        let is_sealed = segment.state == billet_storage::State::Sealed;
        is_sealed && segment.id.plane == billet_storage::Plane::Data
    });
    assert_eq!(sealed.count(), 1);
    for n in 0..taken {
        read(&store, &format!("n{n}"), 300).unwrap();
    }
}
