//! Packing, reading and the rules of a shard's life, without faults.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
#![allow(clippy::indexing_slicing, missing_docs)]

mod common;

use std::sync::Arc;

use billet_block::{Cid, sha256};
use billet_car::Header;
use billet_storage::sim::Sim;
use billet_storage::{CommitRequest, Plane, ShardState, Store, StoreError};
use bytes::Bytes;
use common::shipping::{read_car, read_part};
use common::{SPACE, change, commit_one, leaf, node, open, put, small, write_body};

fn committed(store: &Arc<Store>, log: &str, leaves: &[(Cid, Bytes)]) {
    let body = write_body(store, leaves).unwrap();
    let blocks = vec![node(log), node("state")];
    let (root, state) = (blocks[0].0, blocks[1].0);
    let staged = store.stage(SPACE, blocks).unwrap();
    let standing = store.head(log).unwrap();
    let request = CommitRequest {
        log: log.to_owned(),
        expect: standing.newest.map(|head| head.commit),
        change: change(root, state, standing.now_ms),
        adopt: vec![body, staged],
        ..CommitRequest::default()
    };
    commit_one(store, request).unwrap();
}

fn small_leaves(count: usize) -> Vec<(Cid, Bytes)> {
    (0..count).map(|n| leaf(&format!("leaf {n}"), 20)).collect()
}

fn pack(store: &Arc<Store>, cids: &[Cid]) -> Vec<u64> {
    let mut packer = store.pack(1, SPACE, Plane::Data, Vec::new()).unwrap();
    for cid in cids {
        packer.add(cid).unwrap();
    }
    let shards = packer.finish().unwrap().shards;
    shards.into_iter().map(|shard| shard.number).collect()
}

#[test]
fn many_blocks_make_several_shards_and_the_rest_is_given_back() {
    let store = open(&Sim::new(), &small(1 << 20));
    let leaves = small_leaves(16_000);
    committed(&store, "a", &leaves);
    let mut packer = store.pack(3, SPACE, Plane::Data, Vec::new()).unwrap();
    for (cid, _) in &leaves {
        packer.add(cid).unwrap();
    }
    let packed = packer.rest().unwrap();
    assert_eq!(packed.shards.len(), 2);
    let rest: Vec<_> = leaves[15_800..].iter().map(|(cid, _)| *cid).collect();
    assert_eq!(packed.rest, rest, "what filled no shard, in order");
    for (index, shard) in packed.shards.iter().enumerate() {
        assert_eq!((shard.row.blocks, shard.row.window), (7_900, 3));
        let car = read_car(&store, shard.number).unwrap();
        assert_eq!(sha256(&car), *shard.row.digest);
        let first = leaves[index * 7_900].0;
        assert!(car.starts_with(&Header { roots: vec![first] }.encode().unwrap()));
        let mut from = 0;
        let mut slots = Vec::new();
        while slots.len() < 7_900 {
            let page = store.entries(shard.number, from, 999).unwrap();
            from = page.last().unwrap().offset + 1;
            slots.extend(page);
        }
        for (slot, (cid, bytes)) in slots.iter().zip(&leaves[index * 7_900..]) {
            let start = slot.offset as usize;
            assert_eq!(slot.cid, *cid);
            assert_eq!(car[start..start + slot.length as usize], bytes[..]);
        }
    }
}

#[test]
fn publish_blocks_go_last_and_name_the_root() {
    let store = open(&Sim::new(), &small(1 << 20));
    put(&store, "a", "one").unwrap();
    let publish = [node("publish a"), node("publish b")];
    let bytes = publish.iter().map(|(_, bytes)| bytes.clone()).collect();
    let mut packer = store.pack(1, SPACE, Plane::Catalog, bytes).unwrap();
    packer.add(&node("one").0).unwrap();
    let shard = packer.finish().unwrap().shards.remove(0);
    assert_eq!((shard.row.blocks, shard.row.root), (3, publish[1].0));
    let slots = store.entries(shard.number, 0, 10).unwrap();
    let cids: Vec<_> = slots.iter().map(|slot| slot.cid).collect();
    assert_eq!(cids, [node("one").0, publish[0].0, publish[1].0]);
    let car = read_car(&store, shard.number).unwrap();
    assert_eq!(sha256(&car), *shard.row.digest);
    // Alone, too, and never more than a call may bring.
    let alone = store.pack(1, SPACE, Plane::Catalog, vec![publish[0].1.clone()]);
    assert_eq!(alone.unwrap().finish().unwrap().shards.len(), 1);
    for much in [
        vec![Bytes::new(); 101],
        vec![Bytes::from(vec![0; 2 << 20]); 3],
    ] {
        let refused = store.pack(1, SPACE, Plane::Catalog, much).map(|_| ());
        assert!(matches!(refused, Err(StoreError::Invalid(_))));
    }
    let packer = store
        .pack(1, SPACE, Plane::Catalog, vec![Bytes::new()])
        .unwrap();
    assert!(matches!(packer.rest(), Err(StoreError::Invalid(_))));
    let none = store.pack(1, SPACE, Plane::Data, Vec::new()).unwrap();
    assert_eq!(none.finish().unwrap().shards, []);
}

#[test]
fn every_part_of_a_car_can_be_read() {
    let store = open(&Sim::new(), &small(500));
    let leaves = [leaf("a", 300), leaf("b", 1), leaf("c", 150)];
    committed(&store, "a", &leaves);
    let shard = pack(&store, &leaves.clone().map(|(cid, _)| cid))[0];
    let car = read_car(&store, shard).unwrap();
    for start in 0..=car.len() {
        for end in [start, start + 1, start + 60, start + 400, car.len()] {
            let part = read_part(
                &store,
                shard,
                start as u64,
                end.saturating_sub(start) as u64,
            );
            if end <= car.len() {
                assert_eq!(part.unwrap(), car[start..end.max(start)]);
            } else {
                assert!(matches!(part, Err(StoreError::Invalid(_))));
            }
        }
    }
    assert!(store.read_shard(shard, u64::MAX, 2).is_err());
    assert!(matches!(
        store.read_shard(shard + 1, 0, 1),
        Err(StoreError::NotFound)
    ));
}

#[test]
fn what_the_space_has_on_the_network_is_left_out() {
    let store = open(&Sim::new(), &small(1 << 20));
    let leaves = small_leaves(3);
    committed(&store, "a", &leaves);
    let cids: Vec<_> = leaves.iter().map(|(cid, _)| *cid).collect();
    let first = pack(&store, &cids[..2]);
    assert_eq!(
        pack(&store, &cids[..2]).len(),
        1,
        "not accepted, so packed again"
    );
    store.accept(first[0], b"there").unwrap();
    assert_eq!(pack(&store, &cids[..2]), [0u64; 0], "all of it is there");
    let second = pack(&store, &cids);
    assert_eq!(store.shard(second[0]).unwrap().row.blocks, 1);
    let mut other = store
        .pack(1, "did:key:other", Plane::Data, Vec::new())
        .unwrap();
    cids.iter().for_each(|cid| other.add(cid).unwrap());
    assert_eq!(
        other.finish().unwrap().shards[0].row.blocks,
        3,
        "spaces share nothing"
    );
    let mut missing = store.pack(1, SPACE, Plane::Data, Vec::new()).unwrap();
    assert_eq!(
        missing.add(&leaf("nowhere", 9).0),
        Err(StoreError::NotFound)
    );
}

#[test]
fn a_shard_moves_along_its_states_only() {
    let store = open(&Sim::new(), &small(1 << 20));
    let leaves = small_leaves(2);
    committed(&store, "a", &leaves);
    let (one, two) = (
        pack(&store, &[leaves[0].0])[0],
        pack(&store, &[leaves[1].0])[0],
    );
    let state = |number| store.shard(number).map(|shard| shard.row.state);
    assert_eq!(
        (state(one), store.step(one)),
        (Ok(ShardState::Packed), Ok(None))
    );
    store.record_step(one, b"put").unwrap();
    assert_eq!(state(one), Ok(ShardState::Uploading));
    assert_eq!(store.step(one), Ok(Some(b"put".to_vec())));
    store.accept(one, b"there").unwrap();
    store.accept(one, b"there").unwrap();
    assert_eq!(store.accept(one, b"elsewhere"), Err(StoreError::Conflict));
    assert_eq!(store.commitment(one), Ok(b"there".to_vec()));
    let invalid = |result| assert!(matches!(result, Err(StoreError::Invalid(_))), "{result:?}");
    invalid(store.record_step(one, b"again"));
    invalid(store.forget(one));
    invalid(store.record_step(two, &vec![0; (256 << 10) + 1]));
    invalid(store.accept(two, &vec![0; (256 << 10) + 1]));
    assert_eq!(store.progress().totals.shards, 1);
    assert_eq!(store.shards(true, None, 9).unwrap().len(), 1);
    store.forget(two).unwrap();
    store.forget(two).unwrap();
    assert_eq!(state(two), Err(StoreError::NotFound));
    assert_eq!(store.entries(two, 0, 9), Err(StoreError::NotFound));
    assert_eq!(store.locate(&leaves[1].0), Ok(vec![]));
    assert_eq!(store.record_step(two, b""), Err(StoreError::NotFound));
    assert_eq!(store.accept(two, b""), Err(StoreError::NotFound));
    assert_eq!(store.shards(false, Some(one), 9).unwrap(), []);
}

#[test]
fn publishing_goes_forward_to_records_of_the_log_only() {
    let store = open(&Sim::new(), &small(1 << 20));
    let first = put(&store, "a", "one").unwrap();
    let second = put(&store, "a", "two").unwrap();
    let third = put(&store, "a", "three").unwrap();
    let other = put(&store, "b", "one").unwrap();
    let seq = || store.published("a").unwrap().map(|row| row.seq);
    let invalid = |cid: &Cid| {
        assert!(matches!(
            store.publish("a", cid),
            Err(StoreError::Invalid(_))
        ))
    };
    invalid(&other.commit);
    invalid(&node("one").0);
    assert_eq!(
        store.publish("a", &leaf("x", 9).0),
        Err(StoreError::NotFound)
    );
    assert_eq!(store.publish("c", &first.commit), Err(StoreError::NotFound));
    assert_eq!(seq(), None);
    store.publish("a", &second.commit).unwrap();
    store.publish("a", &second.commit).unwrap();
    assert_eq!(store.publish("a", &first.commit), Err(StoreError::Conflict));
    assert_eq!(seq(), Some(2));
    store.publish("a", &third.commit).unwrap();
    let positions = store.ship_positions(None, 10).unwrap();
    let seqs = positions
        .iter()
        .map(|p| (p.head.seq, p.published.as_ref().map(|p| p.seq)));
    assert_eq!(seqs.collect::<Vec<_>>(), [(3, Some(3)), (1, None)]);
    assert_eq!(
        positions[0].published.as_ref().unwrap().root,
        node("three").0
    );
}

#[test]
fn notes_are_a_bounded_map() {
    let store = open(&Sim::new(), &small(1 << 20));
    let big = vec![7; 1 << 20];
    for n in 0..6 {
        store
            .set_notes(&[(format!("big/{n}"), Some(big.clone()))])
            .unwrap();
    }
    store
        .set_notes(&[("a".to_owned(), Some(vec![])), ("big/5".to_owned(), None)])
        .unwrap();
    assert_eq!(store.note("a"), Ok(Some(vec![])));
    assert_eq!(store.note("big/5"), Ok(None));
    let names = |after, limit| {
        let notes = store.notes("big/", after, limit).unwrap();
        notes.into_iter().map(|(key, _)| key).collect::<Vec<_>>()
    };
    assert_eq!(names(None, 2), ["big/0", "big/1"]);
    assert_eq!(names(None, 9).len(), 4, "4 MiB at most");
    assert_eq!(names(Some("big/3"), 9), ["big/4"]);
    for key in ["", "a\0b", &"x".repeat(256)] {
        let refused = store.set_notes(&[("b".to_owned(), Some(vec![1])), (key.to_owned(), None)]);
        assert!(matches!(refused, Err(StoreError::Invalid(_))));
    }
    let too_long = store.set_notes(&[("b".to_owned(), Some(vec![0; (1 << 20) + 1]))]);
    assert!(matches!(too_long, Err(StoreError::Invalid(_))));
    assert_eq!(store.note("b"), Ok(None), "all or none");
}
