//! Any history of batches leaves the tree that a bulk build of the content makes.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]
#![allow(missing_docs)]

mod common;

use std::collections::{BTreeMap, BTreeSet};

use billet_block::Cid;
use billet_tree::{apply, empty_root, get, get_many, key_level};
use common::{Model, Random, Store, drive, value};

/// Keys of a small universe, so that batches meet; the first ones of high levels.
fn universe(size: usize) -> Vec<String> {
    let mut keys: Vec<String> = (0..size).map(|n| format!("dir{}/é{n}", n % 7)).collect();
    let high = (0..).map(|n| format!("dir{}/high{n}", n % 5));
    keys.extend(high.filter(|key| key_level(key) >= 4).take(size / 20 + 1));
    keys
}

fn random_batch(
    random: &mut Random,
    keys: &[String],
    most: usize,
) -> BTreeMap<String, Option<Cid>> {
    let size = 1 + random.below(most);
    let deletes = random.below(4);
    let mut batch = BTreeMap::new();
    for _ in 0..size {
        let key = keys[random.below(keys.len())].clone();
        let put = random.below(4) >= deletes;
        batch.insert(key, put.then(|| value(&random.below(3).to_string())));
    }
    batch
}

fn follow(model: &mut Model, batch: &BTreeMap<String, Option<Cid>>) {
    for (key, change) in batch {
        match change {
            Some(value) => model.insert(key.clone(), *value),
            None => model.remove(key),
        };
    }
}

fn run(seed: u64, universe_size: usize, most: usize, batches: usize) {
    let mut random = Random::new(seed);
    let keys = universe(universe_size);
    let (mut store, mut model, mut root) = (Store::empty(), Model::new(), empty_root());
    for _ in 0..batches {
        let batch = random_batch(&mut random, &keys, most);
        let changes: Vec<_> = batch.iter().map(|(key, value)| (key, *value)).collect();
        let (applied, cost) = drive(&store, |nodes| apply(nodes, &root, &changes));
        let applied = applied.unwrap();
        assert!(cost.rounds <= 20, "{cost:?}");
        follow(&mut model, &batch);
        let mut fresh = Store::default();
        let expected = fresh.build(&model);
        assert_eq!(applied.root, expected);
        let mut before = Store::default();
        collect(&store, &root, &mut before);
        let old: BTreeSet<_> = before.blocks.keys().collect();
        let new: BTreeSet<_> = fresh.blocks.keys().collect();
        let created: Vec<_> = applied.blocks.iter().map(|block| &block.cid).collect();
        let removed: Vec<_> = applied.removed.iter().collect();
        assert_eq!(created.len(), created.iter().collect::<BTreeSet<_>>().len());
        assert_eq!(created.into_iter().collect::<BTreeSet<_>>(), &new - &old);
        assert_eq!(removed.into_iter().collect::<BTreeSet<_>>(), &old - &new);
        for block in applied.blocks {
            store.put(block);
        }
        root = expected;
    }
    let found: Vec<_> = model.iter().collect();
    let asked: Vec<_> = found.iter().map(|(key, _)| key).collect();
    let (many, _) = drive(&store, |nodes| get_many(nodes, &root, &asked));
    let expected: Vec<_> = found.iter().map(|(_, value)| Some(**value)).collect();
    assert_eq!(many.unwrap(), expected);
    for key in &keys {
        let (one, _) = drive(&store, |nodes| get(nodes, &root, key));
        assert_eq!(one.unwrap(), model.get(key).copied());
    }
}

/// Copies the nodes of a tree.
fn collect(from: &Store, cid: &Cid, into: &mut Store) {
    let node = billet_tree::Node::decode(&from.blocks[cid]).unwrap();
    into.blocks.insert(*cid, from.blocks[cid].clone());
    for child in node.children() {
        collect(from, child, into);
    }
}

#[test]
fn few_keys() {
    for seed in 1..60 {
        run(seed, 12, 6, 60);
    }
}

#[test]
fn many_keys_in_small_batches() {
    run(101, 600, 8, 300);
}

#[test]
fn many_keys_in_large_batches() {
    run(102, 1_500, 700, 40);
}
