//! On larger trees: differences are the set differences, closures are in one order, resume
//! without loss, and read little where little has changed.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]
#![allow(missing_docs)]

mod common;

use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use billet_block::Cid;
use billet_tree::{
    Closure, Diff, Difference, Edit, Node, NodeCache, Nodes, Reached, ReachedKind, TreeError, diff,
    empty_root,
};
use common::{Counted, Model, Random, Store, drive, value};

/// What a tree reaches, in order, by plain recursion.
fn naive(nodes: &BTreeMap<Cid, Arc<Node>>, cid: &Cid, out: &mut Vec<(ReachedKind, Cid)>) {
    let node = &nodes[cid];
    out.push((ReachedKind::Node, *cid));
    if let Some(left) = node.left() {
        naive(nodes, left, out);
    }
    for entry in node.entries() {
        out.push((ReachedKind::Value, entry.value));
        if let Some(right) = entry.right {
            naive(nodes, &right, out);
        }
    }
}

fn random_model(random: &mut Random, size: usize) -> Model {
    let key = |random: &mut Random| format!("{}/{}", random.below(9), random.below(4 * size));
    (0..size)
        .map(|_| (key(random), value(&random.below(5).to_string())))
        .collect()
}

fn mutate(random: &mut Random, model: &mut Model, changes: usize) {
    for _ in 0..changes {
        let keys: Vec<String> = model.keys().cloned().collect();
        let key = keys[random.below(keys.len())].clone();
        match random.below(3) {
            0 => model.remove(&key),
            1 => model.insert(key, value("changed")),
            _ => model.insert(key + "+", value("added")),
        };
    }
}

fn edits(old: &Model, new: &Model) -> Vec<Edit> {
    let keys: BTreeSet<&String> = old.keys().chain(new.keys()).collect();
    let edit = |key: &String| Edit {
        key: key.clone(),
        old: old.get(key).copied(),
        new: new.get(key).copied(),
    };
    keys.into_iter()
        .map(edit)
        .filter(|edit| edit.old != edit.new)
        .collect()
}

/// Walks a closure over a small cache, fetching what is asked for and some hints.
fn walk(store: &Store, mut closure: Closure, hints: usize) -> Vec<Reached> {
    let cache = NodeCache::new(0);
    let mut all = Vec::new();
    loop {
        match closure.next(&cache) {
            Ok(Some(reached)) => all.push(reached),
            Ok(None) => return all,
            Err(TreeError::Missing(missing)) => {
                for cid in missing.need.iter().chain(missing.hints.iter().take(hints)) {
                    assert!(cache.node(cid).is_none());
                    cache.insert(cid, &store.blocks[cid]).unwrap();
                }
            }
            Err(error) => panic!("{error}"),
        }
    }
}

#[test]
fn differences_are_set_differences() {
    let mut random = Random::new(21);
    for round in 0..120 {
        let size = 1 + random.below(300);
        let old = random_model(&mut random, size);
        let mut new = old.clone();
        let changes = random.below(1 + size / 2);
        mutate(&mut random, &mut new, changes.min(20));
        if round % 10 == 0 {
            new = random_model(&mut random, size);
        }
        let (mut old_store, mut new_store) = (Store::default(), Store::default());
        let (old_root, new_root) = (old_store.build(&old), new_store.build(&new));
        let old_nodes: BTreeSet<Cid> = old_store.blocks.keys().copied().collect();
        let new_nodes: BTreeSet<Cid> = new_store.blocks.keys().copied().collect();
        let mut store = old_store;
        store.blocks.extend(new_store.blocks);
        let (all, _) = drive(&store, |nodes| diff(nodes, &old_root, &new_root));
        let all = all.unwrap();
        let (created, removed) = (all.created.clone(), all.removed.clone());
        assert_eq!(created.len() + removed.len(), {
            let created: BTreeSet<_> = created.iter().collect();
            created.len() + removed.iter().collect::<BTreeSet<_>>().len()
        });
        assert_eq!(
            created.iter().copied().collect::<BTreeSet<_>>(),
            &new_nodes - &old_nodes
        );
        assert_eq!(
            removed.into_iter().collect::<BTreeSet<_>>(),
            &old_nodes - &new_nodes
        );
        let edits = edits(&old, &new);
        assert_eq!(all.edits, edits);
        let reached = walk(
            &store,
            Closure::new(new_root, Some(old_root)),
            random.below(70),
        );
        let kind = |wanted| {
            let reached = reached.iter().filter(move |reached| reached.kind == wanted);
            reached.map(|reached| reached.cid)
        };
        assert!(kind(ReachedKind::Node).eq(created));
        assert!(kind(ReachedKind::Value).eq(edits.iter().filter_map(|edit| edit.new)));
    }
}

#[test]
fn a_closure_is_the_tree_in_order() {
    let mut random = Random::new(22);
    for size in [0, 1, 3, 50, 2_000] {
        let model = random_model(&mut random, size);
        let mut store = Store::default();
        let root = store.build(&model);
        let mut expected = Vec::new();
        naive(&store.nodes(), &root, &mut expected);
        let reached = walk(&store, Closure::new(root, None), random.below(70));
        let found: Vec<_> = reached
            .iter()
            .map(|reached| (reached.kind, reached.cid))
            .collect();
        assert_eq!(found, expected);
        let keys: Vec<&String> = reached.iter().map(|reached| &reached.key).collect();
        assert!(keys.is_sorted() || size > 3, "{keys:?}");
        let values = reached
            .iter()
            .filter(|reached| reached.kind == ReachedKind::Value);
        assert!(values.map(|reached| &reached.key).eq(model.keys()));
    }
}

#[test]
fn one_change_in_many_reads_little() {
    let old: Model = (0..30_000)
        .map(|n| (format!("{n:05}"), value("x")))
        .collect();
    let mut store = Store::default();
    let old_root = store.build(&old);
    for key in ["00000", "12345", "12345+", "29999"] {
        let mut new = old.clone();
        if new.insert(key.to_owned(), value("y")).is_some() && key == "00000" {
            new.remove(key);
        }
        let new_root = store.build(&new);
        let nodes = store.nodes();
        let counted = Counted {
            nodes: &nodes,
            reads: Cell::new(0),
        };
        let all = diff(&counted, &old_root, &new_root).unwrap();
        assert_eq!(all.edits, edits(&old, &new));
        assert!(
            counted.reads.get() <= 120,
            "{} reads for {key}",
            counted.reads.get()
        );
        let (_, cost) = drive(&store, |nodes| diff(nodes, &old_root, &new_root));
        assert!(cost.rounds <= 20, "{cost:?} for {key}");
    }
}

#[test]
fn nothing_and_the_empty_tree_are_apart() {
    let store = Store::empty();
    let nodes = store.nodes();
    let mut all = Diff::new(None, Some(empty_root()));
    let created = Difference::Created {
        cid: empty_root(),
        key: String::new(),
    };
    assert_eq!(all.next(&nodes), Ok(Some(created)));
    assert_eq!(all.next(&nodes), Ok(None));
    let mut none = Diff::new(Some(empty_root()), Some(empty_root()));
    assert_eq!(none.next(&nodes), Ok(None));
}

#[test]
fn a_damaged_subtree_can_be_passed_over() {
    let model: Model = (0..2_000)
        .map(|n| (format!("{n:04}"), value("x")))
        .collect();
    let mut store = Store::default();
    let root = store.build(&model);
    let mut nodes = store.nodes();
    let lost: Vec<Cid> = nodes
        .keys()
        .filter(|cid| **cid != root)
        .step_by(37)
        .copied()
        .collect();
    nodes.retain(|cid, _| !lost.contains(cid));
    let (mut missing, mut values) = (BTreeSet::new(), 0);
    let mut closure = Closure::new(root, None);
    loop {
        match closure.next(&nodes) {
            Ok(None) => break,
            Ok(Some(reached)) => values += usize::from(reached.kind == ReachedKind::Value),
            Err(TreeError::Missing(absent)) => {
                assert!(closure.after_key().is_empty() || model.contains_key(closure.after_key()));
                assert_eq!(absent.need.len(), 1);
                assert!(missing.insert(absent.need[0]));
                closure.skip();
            }
            Err(error) => panic!("{error}"),
        }
    }
    assert!(values < 2_000 && values > 500);
    assert!(missing.is_subset(&lost.into_iter().collect()) && missing.len() > 5);
}
