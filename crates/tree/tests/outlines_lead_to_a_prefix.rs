//! An outline names every node that leads to keys with a prefix, with its level, and no other; and
//! it resumes without loss.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]
#![allow(missing_docs)]

mod common;

use std::collections::BTreeMap;
use std::sync::Arc;

use billet_block::Cid;
use billet_tree::{Node, NodeCache, Outline, Placed, TreeError, key_level};
use common::{Model, Random, Store, value};

/// Plain recursion: the nodes whose gap between two keys may hold the prefix.
fn naive(
    nodes: &BTreeMap<Cid, Arc<Node>>,
    place: (Cid, u8),
    bounds: (Option<&str>, Option<&str>),
    prefix: &str,
    out: &mut Vec<(Cid, u8)>,
) {
    let past = |key: &str| key > prefix && !key.starts_with(prefix);
    let (low, high) = bounds;
    // Keys lie strictly between the bounds.
    if high.is_some_and(|high| high < prefix) || low.is_some_and(past) {
        return;
    }
    out.push(place);
    let node = &nodes[&place.0];
    let mut low = low;
    for gap in 0..=node.len() {
        let child = match gap.checked_sub(1) {
            None => node.left().copied(),
            Some(index) => node.entry(index).unwrap().right,
        };
        let high = node.key(gap).or(bounds.1);
        if let Some(child) = child {
            naive(nodes, (child, place.1 - 1), (low, high), prefix, out);
        }
        low = node.key(gap);
    }
}

fn walk(store: &Store, root: Cid, prefix: &str) -> Vec<Placed> {
    let cache = NodeCache::new(1 << 20);
    let mut outline = Outline::new(root, prefix);
    let mut out = Vec::new();
    loop {
        match outline.next(&cache) {
            Ok(Some(placed)) => out.push(placed),
            Ok(None) => return out,
            Err(TreeError::Missing(missing)) => {
                for cid in missing.need {
                    cache.insert(&cid, &store.blocks[&cid]).unwrap();
                }
            }
            Err(error) => panic!("{error}"),
        }
    }
}

#[test]
fn outlines_lead_to_a_prefix() {
    let mut random = Random::new(7);
    for size in [0, 1, 2, 9, 100, 700] {
        let key = |random: &mut Random| format!("{}/{}", random.below(9), random.below(4 * size));
        let model: Model = (0..size)
            .map(|index| (key(&mut random), value(&index.to_string())))
            .collect();
        let mut store = Store::default();
        let root = store.build(&model);
        let nodes = store.nodes();
        for prefix in ["", "0", "3/", "3/1", "3/12", "9", "zz"] {
            let found = walk(&store, root, prefix);
            let level = found[0].level;
            let mut expected = Vec::new();
            naive(&nodes, (root, level), (None, None), prefix, &mut expected);
            let places: Vec<_> = found.iter().map(|one| (one.cid, one.level)).collect();
            assert_eq!(places, expected, "{size} keys, prefix {prefix:?}");
            let keys = found.iter().flat_map(|one| {
                assert!(one.node.entries().all(|e| key_level(e.key) == one.level));
                one.node
                    .entries()
                    .map(|e| e.key.to_owned())
                    .collect::<Vec<_>>()
            });
            let keys = keys.filter(|key| key.starts_with(prefix)).count();
            let wanted = model.keys().filter(|key| key.starts_with(prefix)).count();
            assert_eq!(keys, wanted, "every key is in a node that is named");
        }
    }
}
