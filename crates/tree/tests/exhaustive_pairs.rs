//! All ordered pairs of the 128 trees that seven keys make: differences, changes and proofs.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]
#![allow(missing_docs)]

mod common;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use billet_block::{Block, Cid, Codec};
use billet_tree::{Closure, Edit, Node, ReachedKind, apply, build, diff, get, prove, verify_proof};
use common::{Store, drive};
use serde_json::Value;

fn number(value: &Value) -> usize {
    usize::try_from(value.as_u64().unwrap()).unwrap()
}

fn list(value: &Value) -> &Vec<Value> {
    value.as_array().unwrap()
}

/// The suite, with all nodes of all trees in one store.
struct Suite {
    cids: Vec<Cid>,
    keys: Vec<String>,
    roots: Vec<Cid>,
    store: Store,
    cases: Vec<Value>,
}

/// Reads a length or another unsigned varint off the front.
fn varint(bytes: &mut &[u8]) -> usize {
    let (mut number, mut shift) = (0, 0);
    loop {
        let (first, rest) = bytes.split_first().unwrap();
        *bytes = rest;
        number |= usize::from(first & 0x7f) << shift;
        shift += 7;
        if first & 0x80 == 0 {
            return number;
        }
    }
}

/// The root and blocks of a CARv1 of CIDs of 36 bytes.
fn read_car(mut bytes: &[u8]) -> (Cid, Vec<Block>) {
    let head = varint(&mut bytes);
    let (head, mut rest) = bytes.split_at(head);
    let at = head
        .windows(5)
        .position(|link| link == [0xd8, 0x2a, 0x58, 0x25, 0])
        .unwrap()
        + 5;
    let root = Cid::from_bytes(&head[at..at + 36]).unwrap();
    let mut blocks = Vec::new();
    while !rest.is_empty() {
        let length = varint(&mut rest);
        let (frame, after) = rest.split_at(length);
        let cid = Cid::from_bytes(&frame[..36]).unwrap();
        let bytes = frame[36..].to_vec();
        assert!(cid.matches(&bytes));
        blocks.push(Block { cid, bytes });
        rest = after;
    }
    (root, blocks)
}

fn suite() -> Option<Suite> {
    let vectors = billet_vectors::json("mst/exhaustive-diff.json")?;
    let texts = |name: &str| {
        let texts = list(&vectors[name]).iter();
        texts
            .map(|text| text.as_str().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    let cids = texts("cids")
        .iter()
        .map(|text| text.parse().unwrap())
        .collect();
    let (mut roots, mut store) = (Vec::new(), Store::default());
    for car in texts("trees") {
        let (root, blocks) = read_car(&STANDARD.decode(car).unwrap());
        roots.push(root);
        for block in blocks
            .into_iter()
            .filter(|block| block.cid.codec() == Codec::DagCbor)
        {
            if Node::decode(&block.bytes).is_ok() {
                store.put(block);
            }
        }
    }
    assert_eq!(roots.len(), 128);
    let cases = list(&vectors["cases"]).clone();
    assert_eq!(cases.len(), 128 * 128);
    Some(Suite {
        cids,
        keys: texts("keys"),
        roots,
        store,
        cases,
    })
}

impl Suite {
    fn set(&self, list_of_indexes: &Value) -> BTreeSet<Cid> {
        let indexes = list(list_of_indexes).iter();
        indexes.map(|index| self.cids[number(index)]).collect()
    }

    fn edits(&self, case: &Value) -> Vec<Edit> {
        let cid = |index: &Value| index.as_u64().map(|_| self.cids[number(index)]);
        let mut edits: Vec<Edit> = list(&case[4])
            .iter()
            .map(|op| Edit {
                key: self.keys[number(&op[0])].clone(),
                old: cid(&op[1]),
                new: cid(&op[2]),
            })
            .collect();
        edits.sort_by(|one, other| one.key.cmp(&other.key));
        edits
    }
}

fn once(cids: &[Cid]) -> BTreeSet<Cid> {
    let set: BTreeSet<Cid> = cids.iter().copied().collect();
    assert_eq!(set.len(), cids.len(), "a node came twice");
    set
}

#[test]
fn differences_and_changes() {
    let Some(suite) = suite() else { return };
    let nodes = suite.store.nodes();
    for case in &suite.cases {
        let (old, new) = (suite.roots[number(&case[0])], suite.roots[number(&case[1])]);
        let all = diff(&nodes, &old, &new).unwrap();
        assert_eq!(once(&all.created), suite.set(&case[2]), "created {case}");
        assert_eq!(once(&all.removed), suite.set(&case[3]), "removed {case}");
        let edits = suite.edits(case);
        assert_eq!(all.edits, edits, "{case}");
        let batch: Vec<_> = edits.iter().map(|edit| (&edit.key, edit.new)).collect();
        let applied = apply(&nodes, &old, &batch).unwrap();
        assert_eq!(applied.root, new);
        let created: Vec<Cid> = applied.blocks.iter().map(|block| block.cid).collect();
        assert_eq!(once(&created), suite.set(&case[2]), "created {case}");
        assert_eq!(
            once(&applied.removed),
            suite.set(&case[3]),
            "removed {case}"
        );
        for block in &applied.blocks {
            assert_eq!(suite.store.blocks[&block.cid], block.bytes);
        }
        check_closure(&nodes, old, new, &all.created, &edits);
    }
}

fn check_closure(
    nodes: &BTreeMap<Cid, Arc<Node>>,
    old: Cid,
    new: Cid,
    created: &[Cid],
    edits: &[Edit],
) {
    let mut walk = Closure::new(new, Some(old));
    let (mut reached_nodes, mut values) = (Vec::new(), Vec::new());
    while let Some(reached) = walk.next(nodes).unwrap() {
        match reached.kind {
            ReachedKind::Node => reached_nodes.push(reached.cid),
            ReachedKind::Value => values.push((reached.key, reached.cid)),
        }
    }
    assert_eq!(reached_nodes, created);
    let put = edits
        .iter()
        .filter_map(|edit| Some((edit.key.clone(), edit.new?)));
    assert_eq!(values, put.collect::<Vec<_>>());
}

#[test]
fn proofs() {
    let Some(suite) = suite() else { return };
    let nodes = suite.store.nodes();
    for case in &suite.cases {
        let new = suite.roots[number(&case[1])];
        let mut all = BTreeSet::new();
        for edit in suite.edits(case) {
            let path = prove(&nodes, &new, &edit.key).unwrap();
            assert_eq!(path[0], new);
            all.extend(path);
        }
        assert_eq!(all, suite.set(&case[5]), "{case}");
        assert!(all.is_subset(&suite.set(&case[6])), "{case}");
    }
}

#[test]
fn each_proof_proves_and_lacks_nothing() {
    let Some(suite) = suite() else { return };
    let nodes = suite.store.nodes();
    for root in &suite.roots {
        for key in &suite.keys {
            let value = get(&nodes, root, key).unwrap();
            let path = prove(&nodes, root, key).unwrap();
            let block = |cid: &Cid| Block {
                cid: *cid,
                bytes: suite.store.blocks[cid].clone(),
            };
            let blocks: Vec<Block> = path.iter().map(block).collect();
            assert_eq!(verify_proof(&blocks, root, key), Ok(value));
            let needed = verify_proof(&blocks[..blocks.len() - 1], root, key);
            assert!(needed.is_err() || (value.is_none() && needed == Ok(None)));
            assert!(verify_proof(&blocks[1..], root, key).is_err());
        }
    }
}

#[test]
fn trees_from_nothing_at_hand() {
    let Some(suite) = suite() else { return };
    for case in suite.cases.iter().step_by(7) {
        let (old, new) = (suite.roots[number(&case[0])], suite.roots[number(&case[1])]);
        let (all, _) = drive(&suite.store, |nodes| diff(nodes, &old, &new));
        let all = all.unwrap();
        assert_eq!(once(&all.created), suite.set(&case[2]));
        assert_eq!(once(&all.removed), suite.set(&case[3]));
        let batch: Vec<_> = all.edits.iter().map(|edit| (&edit.key, edit.new)).collect();
        let (applied, _) = drive(&suite.store, |nodes| apply(nodes, &old, &batch));
        assert_eq!(applied.unwrap().root, new);
    }
    for (index, root) in suite.roots.iter().enumerate() {
        let mut items = Vec::new();
        let (closure, _) = drive(&suite.store, |nodes| {
            items.clear();
            let mut walk = Closure::new(*root, None);
            while let Some(reached) = walk.next(nodes)? {
                items.push(reached);
            }
            Ok(())
        });
        closure.unwrap();
        items.retain(|reached| reached.kind == ReachedKind::Value);
        assert_eq!(items.len(), index.count_ones() as usize);
        let items = items.into_iter().map(|reached| (reached.key, reached.cid));
        assert_eq!(build(items, |_| ()), Ok(*root));
    }
}
