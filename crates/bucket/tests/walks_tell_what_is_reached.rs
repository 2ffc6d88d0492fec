//! What a walk tells: all that its targets reach, without what it is to leave out, in an order in
//! which everything was linked before.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs
)]

mod common;

use std::collections::BTreeSet;

use billet_block::{Cid, Codec};
use billet_bucket::{Entry, Target};
use billet_manifest::{Object, Value as _};
use billet_tree::Node;
use common::{MIB, Random, Store, copy, delete};

const LOG: &str = "photos";

/// All that a tree reaches, by following every link.
fn reached(store: &Store, root: Cid) -> BTreeSet<Cid> {
    let mut all = BTreeSet::new();
    let mut open = vec![root];
    while let Some(cid) = open.pop() {
        if !all.insert(cid) || cid.codec() == Codec::Raw {
            continue;
        }
        let bytes = &store.blocks[&cid];
        if cid.codec() == Codec::DagPb {
            let node = billet_unixfs::Node::decode(bytes).unwrap();
            open.extend(node.links().iter().map(|link| link.cid));
        } else if let Ok(object) = Object::from_bytes(bytes) {
            open.push(object.content.file().root);
        } else {
            let node = Node::decode(bytes).unwrap();
            open.extend(node.children().copied());
            open.extend(node.entries().map(|entry| entry.value));
        }
    }
    all
}

fn set(entries: &[Entry]) -> BTreeSet<Cid> {
    let set: BTreeSet<Cid> = entries.iter().map(|entry| entry.cid).collect();
    assert_eq!(set.len(), entries.len(), "a block is told twice");
    set
}

#[test]
fn walks_tell_all_that_is_reached_and_not_left_out() {
    let mut random = Random::new(11);
    let mut store = Store::new();
    store.create(LOG);
    let mut roots = vec![store.head(LOG).root];
    for _ in 0..12 {
        let mut ops = Vec::new();
        for _ in 0..30 {
            let key = format!("{}", random.below(150));
            let shapes = [vec![], vec![9], vec![MIB; 3], vec![5; 1030]];
            ops.push(match random.below(4) {
                0 => delete(&key),
                1 => copy(&key, LOG, &format!("{}", random.below(150))),
                _ => store.put(&key, &shapes[random.below(4)]),
            });
        }
        store.now_ms += 1;
        store.apply(LOG, &ops);
        roots.push(store.head(LOG).root);
    }
    let state = store.head(LOG).state;
    for (after, before) in roots.iter().skip(1).zip(&roots) {
        let whole = store.walk(&[Target::Tree(*after), Target::State(state)], &[]);
        let mut expected = reached(&store, *after);
        expected.insert(state);
        assert_eq!(set(&whole), expected);
        let planes = whole.iter().filter(|entry| entry.is_leaf);
        assert!(planes.clone().all(|entry| entry.cid.codec() == Codec::Raw));
        assert!(planes.count() > 0);

        let minus = [Target::Tree(*before), Target::State(state)];
        let new = store.walk(&[Target::Tree(*after), Target::State(state)], &minus);
        let old = reached(&store, *before);
        let told = set(&new);
        let must: BTreeSet<Cid> = reached(&store, *after).difference(&old).copied().collect();
        let lost: Vec<&Cid> = must.difference(&told).collect();
        assert!(lost.is_empty(), "{} blocks of {after}", lost.len());
        // Beyond those only bodies that moved to another key.
        for entry in new.iter().filter(|entry| old.contains(&entry.cid)) {
            assert_ne!(entry.cid.codec(), Codec::DagCbor, "{:?}", entry.key);
        }
        assert!(told.is_subset(&set(&whole)));
    }
    // A tree that is one of several to be left out: only nodes without a key to look them up by.
    let minus: Vec<Target> = roots.iter().rev().map(|root| Target::Tree(*root)).collect();
    let left = store.walk(&[Target::Tree(roots[5])], &minus);
    let nodes = left
        .iter()
        .filter(|entry| entry.cid.codec() == Codec::DagCbor);
    for entry in nodes {
        let node = Node::decode(&store.blocks[&entry.cid]).unwrap();
        assert!(node.is_empty(), "{:?}", entry.key);
    }
    let both = [Target::Tree(roots[3]), Target::Tree(roots[9])];
    let told = set(&store.walk(&both, &[]));
    let all: BTreeSet<Cid> = reached(&store, roots[3])
        .union(&reached(&store, roots[9]))
        .copied()
        .collect();
    assert_eq!(told, all);
}

#[test]
fn entries_are_written_as_the_contract_says() {
    let cid = Cid::of(Codec::Raw, b"x");
    let entry = Entry {
        cid,
        is_leaf: true,
        key: "é".to_owned(),
    };
    let mut out = Vec::new();
    entry.write(&mut out);
    let expected = [cid.to_bytes().as_slice(), &[0, 2, 0], "é".as_bytes()].concat();
    assert_eq!(out, expected);
}
