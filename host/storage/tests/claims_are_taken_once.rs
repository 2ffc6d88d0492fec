//! Claims: each is taken once, in its space, in time, by whoever may.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
#![allow(clippy::indexing_slicing, missing_docs)]

mod common;

use std::sync::Arc;

use billet_block::Cid;
use billet_segment::CLAIM_AGE_MAX_MS;
use billet_storage::sim::Sim;
use billet_storage::{ClaimId, CommitRequest, Plane, Store, StoreError};
use common::{SPACE, change, commit_one, leaf, node, open, put, read, small, write_body};

fn request(store: &Store, log: &str) -> CommitRequest {
    let standing = store.head(log).unwrap();
    let root: Cid = node("root").0;
    CommitRequest {
        log: log.to_owned(),
        expect: standing.newest.map(|head| head.commit),
        change: change(root, root, standing.now_ms),
        ..CommitRequest::default()
    }
}

fn adopt(store: &Store, log: &str, claim: ClaimId) -> Result<(), StoreError> {
    let request = CommitRequest {
        adopt: vec![claim],
        ..request(store, log)
    };
    commit_one(store, request).map(|_| ())
}

fn body(store: &Arc<Store>, name: &str) -> ClaimId {
    write_body(store, &[leaf(name, 100)]).unwrap()
}

#[test]
fn a_claim_is_taken_once() {
    let sim = Sim::new();
    let store = open(&sim, &small(1 << 20));
    let claim = body(&store, "one");
    assert_eq!(
        adopt(&store, "a", claim + 1),
        Err(StoreError::NotFound),
        "never made"
    );
    adopt(&store, "a", claim).unwrap();
    assert_eq!(
        adopt(&store, "a", claim),
        Err(StoreError::NotFound),
        "taken"
    );
    let twice = body(&store, "two");
    let both = CommitRequest {
        adopt: vec![twice],
        hold: vec![twice],
        ..request(&store, "a")
    };
    assert!(matches!(
        commit_one(&store, both),
        Err(StoreError::Invalid(_))
    ));
    let first = CommitRequest {
        adopt: vec![twice],
        ..request(&store, "a")
    };
    let second = CommitRequest {
        adopt: vec![twice],
        ..request(&store, "b")
    };
    let answers = store.commit_group(vec![first, second]);
    assert!(answers[0].is_ok());
    assert_eq!(
        answers[1],
        Err(StoreError::NotFound),
        "taken within the group"
    );
    let let_go = body(&store, "three");
    store.discard_pending(&[let_go, 12345]);
    assert_eq!(adopt(&store, "a", let_go), Err(StoreError::NotFound));
    let dropped = CommitRequest {
        discard: vec![body(&store, "four")],
        ..request(&store, "a")
    };
    commit_one(&store, dropped.clone()).unwrap();
    let again = CommitRequest {
        discard: dropped.discard,
        ..request(&store, "a")
    };
    assert_eq!(commit_one(&store, again), Err(StoreError::NotFound));
}

#[test]
fn a_claim_is_forgotten_after_a_quarter_of_an_hour_and_at_a_restart() {
    let sim = Sim::new();
    let store = open(&sim, &small(1 << 20));
    sim.set_now_ms(5);
    let (kept, old) = (body(&store, "kept"), body(&store, "old"));
    sim.set_now_ms(5 + CLAIM_AGE_MAX_MS);
    adopt(&store, "a", kept).unwrap();
    sim.set_now_ms(6 + CLAIM_AGE_MAX_MS);
    assert_eq!(adopt(&store, "a", old), Err(StoreError::NotFound));
    let pending = body(&store, "pending");
    drop(store);
    let store = open(&sim, &small(1 << 20));
    assert_eq!(adopt(&store, "a", pending), Err(StoreError::NotFound));
    let claims: Vec<_> = (0..10).map(|n| body(&store, &n.to_string())).collect();
    assert!(
        claims.iter().all(|claim| *claim > pending),
        "numbers are never used again"
    );
}

#[test]
fn a_claim_that_is_renewed_in_time_waits_on() {
    let sim = Sim::new();
    let store = open(&sim, &small(1 << 20));
    sim.set_now_ms(5);
    let (kept, old) = (body(&store, "kept"), body(&store, "old"));
    let staged = store.stage(SPACE, vec![node("staged")]).unwrap();
    for round in 1..=4 {
        sim.set_now_ms(5 + round * CLAIM_AGE_MAX_MS);
        store.renew_pending(&[kept, staged, staged + 1]);
        store.tick().unwrap();
    }
    store.renew_pending(&[old]);
    assert_eq!(adopt(&store, "a", old), Err(StoreError::NotFound));
    adopt(&store, "a", kept).unwrap();
    adopt(&store, "a", staged).unwrap();
    store.renew_pending(&[kept]);
    assert_eq!(adopt(&store, "a", kept), Err(StoreError::NotFound), "taken");
    read(&store, "kept", 100).unwrap();
}

#[test]
fn a_claim_belongs_to_its_space_and_to_the_log_that_holds_it() {
    let sim = Sim::new();
    let store = open(&sim, &small(1 << 20));
    let mut other = store.begin_body("another space").unwrap();
    let (cid, bytes) = leaf("theirs", 10);
    other.append(cid, &bytes).unwrap();
    let theirs = other.finish().unwrap();
    assert!(matches!(
        adopt(&store, "a", theirs),
        Err(StoreError::Invalid(_))
    ));
    let held = body(&store, "held");
    let hold = CommitRequest {
        hold: vec![held],
        ..request(&store, "a")
    };
    commit_one(&store, hold).unwrap();
    assert_eq!(
        adopt(&store, "b", held),
        Err(StoreError::NotFound),
        "held by another log"
    );
    drop(store);
    let store = open(&sim, &small(1 << 20));
    adopt(&store, "a", held).unwrap();
    assert_eq!(
        adopt(&store, "a", held),
        Err(StoreError::NotFound),
        "no longer held"
    );
    read(&store, "held", 100).unwrap();
}

#[test]
fn equal_leaves_are_written_once_a_space_and_each_has_its_own_claim() {
    let sim = Sim::new();
    let store = open(&sim, &small(1 << 20));
    let bytes = || {
        let mut segments = store.segments().into_iter();
        let data = segments.find(|segment| segment.id.plane == billet_storage::Plane::Data);
        data.unwrap().bytes
    };
    let first = body(&store, "same");
    let once = bytes();
    let second = body(&store, "same");
    assert_eq!(bytes(), once, "the frame is shared");
    let mut other = store.begin_body("another space").unwrap();
    let (cid, content) = leaf("same", 100);
    other.append(cid, &content).unwrap();
    drop(other);
    assert!(bytes() > once, "but not between spaces");
    store.discard_pending(&[first]);
    adopt(&store, "a", second).unwrap();
    store.close().unwrap();
    read(&store, "same", 100).unwrap();
}

#[test]
fn a_segment_without_claims_goes_and_one_with_a_claim_stays() {
    let sim = Sim::new();
    let store = open(&sim, &small(1 << 20));
    let data = |store: &Store| {
        store
            .segments()
            .into_iter()
            .filter(|s| s.id.plane == Plane::Data)
            .count()
    };
    let pending = body(&store, "pending");
    store.close().unwrap();
    assert_eq!(data(&store), 1, "a pending claim keeps it");
    store.discard_pending(&[pending]);
    store.tick().unwrap();
    assert_eq!(data(&store), 0);
    assert_eq!(read(&store, "pending", 100), Err(StoreError::NotFound));
    let held = body(&store, "held");
    commit_one(
        &store,
        CommitRequest {
            hold: vec![held],
            ..request(&store, "a")
        },
    )
    .unwrap();
    store.close().unwrap();
    drop(store);
    let store = open(&sim, &small(1 << 20));
    assert_eq!(data(&store), 1, "a held claim keeps it");
    commit_one(
        &store,
        CommitRequest {
            discard: vec![held],
            ..request(&store, "a")
        },
    )
    .unwrap();
    store.tick().unwrap();
    assert_eq!(data(&store), 0);
    put(&store, "a", "adopted").unwrap();
    store.close().unwrap();
    store.tick().unwrap();
    assert_eq!(data(&store), 1, "an adopted one keeps it for good");
    assert_eq!(store.audit(&sim.files()).unwrap(), []);
}

#[test]
fn a_body_under_way_keeps_its_leaves_over_seals() {
    let sim = Sim::new();
    let store = open(&sim, &small(500));
    let leaves: Vec<_> = (0..20).map(|n| leaf(&format!("leaf {n}"), 200)).collect();
    let mut body = store.begin_body(SPACE).unwrap();
    for (cid, bytes) in &leaves {
        body.append(*cid, bytes).unwrap();
        store.tick().unwrap();
    }
    let claim = body.finish().unwrap();
    store.tick().unwrap();
    adopt(&store, "a", claim).unwrap();
    drop(store);
    let store = open(&sim, &small(500));
    for (cid, bytes) in &leaves {
        assert_eq!(store.block(cid).unwrap(), bytes);
    }
    let sealed = store
        .segments()
        .into_iter()
        .filter(|s| s.id.plane == Plane::Data)
        .count();
    assert!(sealed >= 6, "{sealed} segments");
}

#[test]
fn a_pin_is_a_claim_over_another_log() {
    let sim = Sim::new();
    let store = open(&sim, &small(1 << 20));
    assert_eq!(store.pin("a").unwrap_err(), StoreError::NotFound);
    put(&store, "a", "source").unwrap();
    let (pin, head) = store.pin("a").unwrap();
    assert_eq!(Some(head), store.head("a").unwrap().newest);
    adopt(&store, "b", pin).unwrap();
    assert_eq!(adopt(&store, "c", pin), Err(StoreError::NotFound));
    store.close().unwrap();
    let key = billet_segment::pin_key("a", "b");
    assert_eq!(
        sim.keys().get(&key),
        Some(&1_u64.to_le_bytes().to_vec()),
        "b's first commit"
    );
}

#[test]
fn what_is_staged_is_checked_and_bounded() {
    let sim = Sim::new();
    let config = billet_storage::Config {
        staged_bytes_max: 100,
        ..small(1 << 20)
    };
    let store = open(&sim, &config);
    let (cid, bytes) = leaf("block", 60);
    let wrong = store.stage(SPACE, vec![(node("other").0, bytes.clone())]);
    assert!(
        matches!(wrong, Err(StoreError::Invalid(_))),
        "not what its CID says"
    );
    let forged = billet_block::encode(&std::collections::BTreeMap::from([(
        billet_segment::COMMIT_FORMAT,
        "anything",
    )]));
    let forged = bytes::Bytes::from(forged.unwrap());
    let name = Cid::of(billet_block::Codec::DagCbor, &forged);
    let forged = store.stage(SPACE, vec![(name, forged)]);
    assert!(
        matches!(forged, Err(StoreError::Invalid(_))),
        "recovery would believe it"
    );
    let first = store.stage(SPACE, vec![(cid, bytes.clone())]).unwrap();
    assert_eq!(store.block(&cid).unwrap(), bytes, "readable while it waits");
    let busy = store.stage(SPACE, vec![leaf("more", 60)]);
    assert!(matches!(busy, Err(StoreError::Busy { .. })));
    store.discard_pending(&[first]);
    assert_eq!(store.block(&cid), Err(StoreError::NotFound));
    store.stage(SPACE, vec![leaf("more", 60)]).unwrap();
}
