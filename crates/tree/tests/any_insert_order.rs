//! The same keys make the same tree in whatever order they come and go.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]
#![allow(missing_docs)]

mod common;

use billet_block::Cid;
use billet_tree::{NodeCache, Nodes, TreeError, apply, empty_block, empty_root, get_many};
use common::{Cost, Model, Random, Store, drive, value};

#[test]
fn a_thousand_orders() {
    let keys: Vec<String> = (0..40).map(|n| format!("photos/é{n}.jpg")).collect();
    let model: Model = keys.iter().map(|key| (key.clone(), value(key))).collect();
    let mut store = Store::empty();
    let expected = store.build(&model);
    let mut random = Random::new(41);
    for _ in 0..1_000 {
        let mut order: Vec<&String> = keys.iter().collect();
        random.shuffle(&mut order);
        let cache = NodeCache::new(1 << 20);
        let empty = empty_block();
        cache.insert(&empty.cid, &empty.bytes).unwrap();
        let mut root = empty_root();
        for key in &order {
            let applied = apply(&cache, &root, &[(key, Some(value(key)))]).unwrap();
            cache.adopt(&applied);
            root = applied.root;
        }
        assert_eq!(root, expected);
        random.shuffle(&mut order);
        for key in &order {
            let applied = apply(&cache, &root, &[(key, None)]).unwrap();
            cache.adopt(&applied);
            root = applied.root;
        }
        assert_eq!(root, empty_root());
    }
}

#[test]
fn changes_without_effect_change_nothing() {
    let model: Model = (0..300).map(|n| (format!("{n:03}"), value("x"))).collect();
    let mut store = Store::empty();
    let root = store.build(&model);
    let nodes = store.nodes();
    let batches: [&[(&str, Option<Cid>)]; 4] = [
        &[],
        &[("007", Some(value("x")))],
        &[("0070", None), ("zzz", None)],
        &[("", None); 0],
    ];
    for batch in batches {
        let applied = apply(&nodes, &root, batch).unwrap();
        assert_eq!(applied.root, root);
        assert!(applied.blocks.is_empty() && applied.removed.is_empty());
    }
    let nothing = apply(&nodes, &empty_root(), &[("a", None)]).unwrap();
    assert_eq!((nothing.root, nothing.blocks.len()), (empty_root(), 0));
    let all: Vec<_> = model.keys().map(|key| (key, None)).collect();
    let emptied = apply(&nodes, &root, &all).unwrap();
    assert_eq!(emptied.root, empty_root());
    assert_eq!(emptied.blocks, [empty_block()]);
    assert_eq!(emptied.removed.len(), nodes.len() - 1);
}

#[test]
fn unsorted_and_impossible_keys_are_refused() {
    let store = Store::empty();
    let (nodes, root) = (store.nodes(), empty_root());
    for keys in [["b", "a"], ["a", "a"]] {
        let unsorted = |error| matches!(error, TreeError::Unsorted { key } if key == keys[1]);
        let batch = keys.map(|key| (key, Some(value("x"))));
        assert!(unsorted(apply(&nodes, &root, &batch).unwrap_err()));
        assert!(unsorted(get_many(&nodes, &root, &keys).unwrap_err()));
        let items = keys.map(|key| (key, value("x")));
        assert!(unsorted(billet_tree::build(items, |_| ()).unwrap_err()));
    }
    for key in ["", "a\0", &"k".repeat(1025), &"é".repeat(513)] {
        let refused = |error| matches!(error, TreeError::Key { .. });
        assert!(refused(apply(&nodes, &root, &[(key, None)]).unwrap_err()));
        assert!(refused(billet_tree::get(&nodes, &root, key).unwrap_err()));
        assert!(refused(
            billet_tree::build([(key, root)], |_| ()).unwrap_err()
        ));
    }
    let longest = "é".repeat(512);
    assert!(apply(&nodes, &root, &[(longest, Some(root))]).is_ok());
}

/// A batch over the whole tree asks for a level a round, not for a node a round.
#[test]
fn cold_batches_ask_in_breadth() {
    let model: Model = (0..20_000)
        .map(|n| (format!("{n:05}"), value("x")))
        .collect();
    let mut store = Store::empty();
    let root = store.build(&model);
    let keys: Vec<String> = (0..200).map(|n| format!("{:05}", n * 97)).collect();
    let batch: Vec<_> = keys.iter().map(|key| (key, Some(value("y")))).collect();
    let (applied, changed) = drive(&store, |nodes| apply(nodes, &root, &batch));
    assert_eq!(applied.unwrap().root, {
        let mut model = model.clone();
        model.extend(keys.iter().map(|key| (key.clone(), value("y"))));
        Store::default().build(&model)
    });
    let (found, read) = drive(&store, |nodes| get_many(nodes, &root, &keys));
    assert!(
        found
            .unwrap()
            .iter()
            .all(|found| *found == Some(value("x")))
    );
    let Cost { rounds, fetched } = changed;
    assert!(
        rounds <= 11 && fetched < 1_200,
        "{rounds} rounds, {fetched} nodes"
    );
    assert_eq!((read.rounds, read.fetched), (rounds, fetched));
}

#[test]
fn a_cache_keeps_its_budget_and_what_is_used() {
    let model: Model = (0..5_000)
        .map(|n| (format!("{n:04}"), value("x")))
        .collect();
    let mut store = Store::empty();
    let root = store.build(&model);
    let budget_bytes = 200_000;
    let cache = NodeCache::new(budget_bytes);
    cache.insert(&root, &store.blocks[&root]).unwrap();
    for (index, (cid, bytes)) in store.blocks.iter().enumerate() {
        cache.insert(cid, bytes).unwrap();
        assert!(cache.memory_bytes() <= budget_bytes);
        assert!(cache.node(&root).is_some());
        assert!(index % 9 != 0 || cache.node(cid).is_some());
    }
    assert!(cache.memory_bytes() > budget_bytes / 2);
    let cid = value("no node");
    let error = cache.insert(&cid, b"no node").unwrap_err();
    assert!(matches!(error, TreeError::Damaged { cid: named, .. } if named == cid));
    assert!(cache.node(&cid).is_none());
}
