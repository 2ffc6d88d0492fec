//! Keys mined for one level fill one node: puts stop at 1 MiB, joins at 2 MiB, and the refusal
//! names changes without which the rest fits.

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
use billet_tree::{
    Applied, Builder, NODE_BYTES_MAX, NODE_PUT_BYTES_MAX, Node, TreeError, apply, build,
    empty_root, get, key_level,
};
use common::{Model, Store, value};

/// Keys of level 0 that share nothing after the prefix, ascending.
fn low_keys(prefix: &str, count: usize) -> Vec<String> {
    let keys = (0..).map(|n| format!("{prefix}{n:06}{}", "-".repeat(60)));
    keys.filter(|key| key_level(key) == 0).take(count).collect()
}

fn puts(keys: &[String]) -> Vec<(&str, Option<Cid>)> {
    keys.iter()
        .map(|key| (key.as_str(), Some(value("x"))))
        .collect()
}

fn full_keys(outcome: Result<Applied, TreeError>) -> Vec<String> {
    match outcome.map(|applied| applied.root).unwrap_err() {
        TreeError::NodeFull { keys } => keys,
        other => panic!("{other}"),
    }
}

fn items(model: &Model) -> impl Iterator<Item = (&String, Cid)> {
    model.iter().map(|(key, value)| (key, *value))
}

fn model(keys: &[String]) -> Model {
    keys.iter().map(|key| (key.clone(), value("x"))).collect()
}

/// Decoded nodes and the bytes of the longest one.
fn stored(model: &Model) -> (Cid, BTreeMap<Cid, Arc<Node>>, usize) {
    let mut store = Store::empty();
    let root = store.build(model);
    let longest = store.blocks.values().map(Vec::len).max().unwrap();
    (root, store.nodes(), longest)
}

#[test]
fn puts_stop_and_the_rest_fits() {
    let keys = low_keys("a", 9_500);
    let (_, nodes, _) = stored(&Model::new());
    let refused = full_keys(apply(&nodes, &empty_root(), &puts(&keys)));
    assert!(refused.len() < 2_000 && !refused.is_empty());
    let mut kept: Vec<String> = keys.clone();
    let mut attempts = 0;
    let applied = loop {
        attempts += 1;
        match apply(&nodes, &empty_root(), &puts(&kept)) {
            Ok(applied) => break applied,
            Err(error) => {
                let full = full_keys(Err(error));
                assert!(full.is_sorted());
                kept.retain(|key| !full.contains(key));
            }
        }
    };
    assert!(attempts <= 3, "{attempts}");
    let bytes = applied.blocks[0].bytes.len();
    assert_eq!(applied.blocks.len(), 1);
    assert!(
        bytes <= NODE_PUT_BYTES_MAX && bytes > NODE_PUT_BYTES_MAX - 10_000,
        "{bytes}"
    );
    let (root, nodes, _) = stored(&model(&kept));
    assert_eq!(root, applied.root);
    let next = [keys.last().unwrap().clone()];
    let more = (0..200).map(|n| format!("a{n:06}+"));
    let more: Vec<String> = more.filter(|key| key_level(key) == 0).collect();
    let refused = full_keys(apply(&nodes, &root, &puts(&more)));
    assert!(refused.iter().all(|key| more.contains(key)));
    let overwrite = apply(&nodes, &root, &[(&kept[7], Some(value("y")))]).unwrap();
    assert_eq!(overwrite.blocks[0].bytes.len(), bytes);
    let swap = [(&kept[0], None), (&next[0], Some(value("x")))];
    assert!(apply(&nodes, &root, &swap).is_ok());
}

/// Two long nodes on both sides of one key of level 1.
fn divided(half: usize) -> (Vec<String>, String, Vec<String>) {
    let divider = (0..)
        .map(|n| format!("m{n}"))
        .find(|key| key_level(key) == 1);
    (low_keys("a", half), divider.unwrap(), low_keys("z", half))
}

#[test]
fn a_delete_joins_up_to_two_mebibytes() {
    let (left, divider, right) = divided(6_500);
    let mut all = model(&left);
    all.append(&mut model(&right));
    let (joined_root, joined_nodes, longest) = stored(&all);
    assert!(longest > NODE_PUT_BYTES_MAX && longest < NODE_BYTES_MAX);
    all.insert(divider.clone(), value("x"));
    let (root, nodes, longest) = stored(&all);
    assert!(longest < NODE_PUT_BYTES_MAX);
    let joined = apply(&nodes, &root, &[(&divider, None)]).unwrap();
    assert_eq!(joined.root, joined_root);
    let more = low_keys("b", 1);
    let refused = apply(&joined_nodes, &joined_root, &puts(&more));
    assert_eq!(full_keys(refused), more);
    let shrunk = apply(&joined_nodes, &joined_root, &[(&left[0], None)]).unwrap();
    assert_eq!(shrunk.blocks.len(), 1);
    let divided = apply(&joined_nodes, &joined_root, &[(&divider, Some(value("x")))]).unwrap();
    assert_eq!(divided.root, root);
}

#[test]
fn a_delete_that_would_join_more_is_refused() {
    let (left, divider, right) = divided(9_500);
    let mut all = model(&left);
    all.append(&mut model(&right));
    let too_long = build(items(&all), |_| ());
    assert!(matches!(too_long, Err(TreeError::NodeFull { .. })));
    all.insert(divider.clone(), value("x"));
    let mut builder = Builder::new();
    all.iter()
        .for_each(|(key, value)| builder.push(key, *value).unwrap());
    let (root, blocks) = builder.finish().unwrap();
    let decode = |bytes: &[u8]| Arc::new(Node::decode(bytes).unwrap());
    let nodes: BTreeMap<_, _> = blocks.iter().map(|b| (b.cid, decode(&b.bytes))).collect();
    let batch = [
        (left[0].as_str(), None),
        (&divider, None),
        (&right[0], None),
    ];
    let refused = full_keys(apply(&nodes, &root, &batch));
    assert_eq!(refused, [divider.as_str()]);
    let rest = apply(&nodes, &root, &[batch[0], batch[2]]).unwrap();
    all.remove(&left[0]);
    all.remove(&right[0]);
    assert_eq!(rest.root, build(items(&all), |_| ()).unwrap());
    assert_eq!(get(&nodes, &root, &divider), Ok(Some(value("x"))));
}

/// A put that only links a first child makes a node longer, too; one that finds a child does not.
#[test]
fn a_first_child_counts() {
    let keys = (0..).map(|n| format!("a{n:06}{}", "-".repeat(60)));
    let keys: Vec<String> = keys
        .filter(|key| key_level(key) == 1)
        .take(12_000)
        .collect();
    let mut all = model(&keys);
    let child = (0..)
        .map(|n| format!("{}{n}", keys[5]))
        .find(|key| key_level(key) == 0)
        .unwrap();
    all.insert(child.clone(), value("x"));
    let (root, nodes, longest) = stored(&all);
    assert!(longest > NODE_PUT_BYTES_MAX && longest < NODE_BYTES_MAX);
    let other = (0..)
        .map(|n| format!("{}{n}", keys[9]))
        .find(|key| key_level(key) == 0)
        .unwrap();
    let sibling = (0..)
        .map(|n| format!("{child}{n}"))
        .find(|key| key_level(key) == 0)
        .unwrap();
    let batch = [child, sibling, other.clone()];
    let refused = full_keys(apply(&nodes, &root, &puts(&batch)));
    assert_eq!(refused, [other]);
    let applied = apply(&nodes, &root, &puts(&batch[..2])).unwrap();
    assert_eq!(applied.blocks.len(), 2);
}
