//! Bytes and trees that no honest writer makes are refused with a reason, and nothing panics.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]
#![allow(missing_docs)]

mod common;

use billet_block::{Block, Cid, Codec};
use billet_tree::{
    Closure, Cursor, KeyError, Node, NodeError, Position, ProofError, ReachedKind, TreeError,
    apply, diff, get, get_many, key_level, prove, verify_proof,
};
use common::{Model, Random, Store, value};

/// Suffix, shared bytes, right subtree, value.
type LooseEntry = (Vec<u8>, usize, Option<Cid>, Cid);

/// A node as anybody could write it: CBOR heads included, nothing checked.
#[derive(Clone, Default)]
struct Loose {
    entries: Vec<LooseEntry>,
    left: Option<Cid>,
}

fn head(out: &mut Vec<u8>, major: u8, number: usize) {
    match number {
        0..24 => out.push(major << 5 | number as u8),
        24..256 => out.extend([major << 5 | 24, number as u8]),
        _ => out.extend([major << 5 | 25, (number >> 8) as u8, number as u8]),
    }
}

fn link(out: &mut Vec<u8>, cid: Option<Cid>) {
    match cid {
        None => out.push(0xf6),
        Some(cid) => {
            out.extend([0xd8, 0x2a, 0x58, 0x25, 0]);
            out.extend(cid.to_bytes());
        }
    }
}

impl Loose {
    fn keys(keys: &[&str]) -> Self {
        let mut loose = Self::default();
        let mut last: &[u8] = &[];
        for key in keys.iter().map(|key| key.as_bytes()) {
            let shared = billet_tree::common_prefix_bytes(last, key);
            let suffix = key[shared..].to_vec();
            loose.entries.push((suffix, shared, None, value("x")));
            last = key;
        }
        loose
    }

    fn bytes(&self) -> Vec<u8> {
        let mut out = vec![0xa2, 0x61, b'e'];
        head(&mut out, 4, self.entries.len());
        for (suffix, shared, right, value) in &self.entries {
            out.extend([0xa4, 0x61, b'k']);
            head(&mut out, 2, suffix.len());
            out.extend(suffix);
            out.extend([0x61, b'p']);
            head(&mut out, 0, *shared);
            out.extend([0x61, b't']);
            link(&mut out, *right);
            out.extend([0x61, b'v']);
            link(&mut out, Some(*value));
        }
        out.extend([0x61, b'l']);
        link(&mut out, self.left);
        out
    }

    fn put(&self, store: &mut Store) -> Cid {
        let block = Block::new(Codec::DagCbor, self.bytes());
        let cid = block.cid;
        store.put(block);
        cid
    }

    fn error(&self) -> NodeError {
        Node::decode(&self.bytes()).unwrap_err()
    }
}

/// The first keys of a level, ascending.
fn keys_of_level(level: u8, count: usize) -> Vec<String> {
    let keys = (10_000..).map(|n| format!("k{n}"));
    keys.filter(|key| key_level(key) == level)
        .take(count)
        .collect()
}

fn valid_nodes() -> Vec<Vec<u8>> {
    let mut keys: Vec<String> = (0..16).map(|n| format!("ü{}/{n}", n % 4)).collect();
    keys.push("x".repeat(300));
    keys.push("x".repeat(24));
    let model: Model = keys.iter().map(|key| (key.clone(), value(key))).collect();
    let mut store = Store::empty();
    store.build(&model);
    store.blocks.into_values().collect()
}

#[test]
fn every_byte_of_a_node_changed() {
    let (mut refused, mut taken) = (0, 0);
    for bytes in valid_nodes() {
        let node = Node::decode(&bytes).unwrap();
        assert_eq!(node.encode(), bytes);
        for at in 0..bytes.len() {
            for change in 0..=255u8 {
                let mut changed = bytes.clone();
                if changed[at] == change {
                    continue;
                }
                changed[at] = change;
                match Node::decode(&changed) {
                    Err(_) => refused += 1,
                    Ok(node) => {
                        taken += 1;
                        assert_eq!(node.encode(), changed, "two encodings of one node");
                    }
                }
            }
        }
    }
    assert!(refused > 100_000 && taken > 1_000, "{refused} {taken}");
}

#[test]
fn cut_grown_and_random_bytes() {
    let mut random = Random::new(31);
    for bytes in valid_nodes() {
        for end in 0..bytes.len() {
            assert!(Node::decode(&bytes[..end]).is_err());
        }
        let longer = [bytes.as_slice(), &[0]].concat();
        assert_eq!(
            Node::decode(&longer),
            Err(NodeError::Malformed(bytes.len()))
        );
        for _ in 0..2_000 {
            let mut changed = bytes.clone();
            for _ in 0..1 + random.below(4) {
                let at = random.below(changed.len());
                match random.below(3) {
                    0 => changed[at] = random.next() as u8,
                    1 => drop(changed.remove(at)),
                    _ => changed.insert(at, random.next() as u8),
                }
                if changed.is_empty() {
                    break;
                }
            }
            if let Ok(node) = Node::decode(&changed) {
                assert_eq!(node.encode(), changed);
            }
        }
    }
    let vast = [0xa2, 0x61, b'e', 0x9a, 0xff, 0xff, 0xff, 0xff];
    assert!(matches!(Node::decode(&vast), Err(NodeError::Malformed(_))));
    let long = vec![0; (2 << 20) + 1];
    assert_eq!(Node::decode(&long), Err(NodeError::TooLong(long.len())));
}

#[test]
fn each_rule_has_its_refusal() {
    let low = keys_of_level(0, 3);
    let pair = Loose::keys(&[&low[0], &low[1]]);
    assert!(Node::decode(&pair.bytes()).is_ok());
    let second = |change: &dyn Fn(&mut LooseEntry)| {
        let mut loose = pair.clone();
        change(&mut loose.entries[1]);
        loose.error()
    };
    assert_eq!(second(&|entry| entry.1 = 99), NodeError::Prefix(1));
    let longer_suffix = |entry: &mut LooseEntry| {
        entry.1 -= 1;
        entry.0.insert(0, low[0].as_bytes()[entry.1]);
    };
    assert_eq!(second(&longer_suffix), NodeError::Prefix(1));
    assert_eq!(
        second(&|entry| *entry = (Vec::new(), low[0].len(), None, entry.3)),
        { NodeError::Order(1) }
    );
    assert_eq!(
        second(&|entry| *entry = (Vec::new(), 2, None, entry.3)),
        NodeError::Order(1)
    );
    assert_eq!(
        Loose::keys(&[&low[1], &low[0]]).error(),
        NodeError::Order(1)
    );
    let mut first = pair.clone();
    first.entries[0].1 = 1;
    assert_eq!(first.error(), NodeError::Prefix(0));
    assert_eq!(
        Loose::keys(&[""]).error(),
        NodeError::Key(0, KeyError::Empty)
    );
    assert_eq!(
        Loose::keys(&["a\0b"]).error(),
        NodeError::Key(0, KeyError::Nul)
    );
    let long = "y".repeat(1025);
    assert_eq!(
        Loose::keys(&[&long]).error(),
        NodeError::Key(0, KeyError::TooLong(1025))
    );
    let mut bytes = pair.clone();
    bytes.entries[1].0 = vec![0xff];
    assert_eq!(bytes.error(), NodeError::Utf8(1));
    let high = keys_of_level(1, 1);
    let mut mixed = [low[0].as_str(), high[0].as_str()];
    mixed.sort_unstable();
    assert!(matches!(
        Loose::keys(&mixed).error(),
        NodeError::Level { .. }
    ));
    let node = Cid::of(Codec::DagCbor, b"");
    assert_eq!(second(&|entry| entry.2 = Some(node)), NodeError::TooDeep);
    let mut raw = Loose::keys(&[&high[0]]);
    raw.left = Some(value("x"));
    assert!(matches!(raw.error(), NodeError::Link(_)));
}

/// A character cut in two by a prefix is one thing, a key that ends within one another.
#[test]
fn characters_may_be_shared_in_part_only_within_keys() {
    let keys = (0..).map(|n| (format!("{n}é"), format!("{n}è")));
    let low = |(one, other): &(String, String)| key_level(one) == 0 && key_level(other) == 0;
    let (e_acute, e_grave) = keys.into_iter().find(low).unwrap();
    let loose = Loose::keys(&[&e_grave, &e_acute]);
    assert_eq!(loose.entries[1].0.len(), 1);
    assert_eq!(
        Node::decode(&loose.bytes()).unwrap().key(1),
        Some(e_acute.as_str())
    );
    let mut halves = loose;
    halves.entries[0].0.pop();
    halves.entries[1] = (vec![0xa8], halves.entries[0].0.len(), None, value("x"));
    assert_eq!(halves.error(), NodeError::Utf8(0));
}

/// Every operation that comes by the node below `root` refuses it for the same reason.
fn all_refuse(store: &Store, root: Cid, key: &str, wanted: NodeError) {
    let nodes = store.nodes();
    let damaged = |error: TreeError| match error {
        TreeError::Damaged { error, .. } => assert_eq!(error, wanted),
        other => panic!("{other}"),
    };
    damaged(get(&nodes, &root, key).unwrap_err());
    damaged(get_many(&nodes, &root, &[key]).unwrap_err());
    damaged(prove(&nodes, &root, key).unwrap_err());
    damaged(apply(&nodes, &root, &[(key, None)]).unwrap_err());
    damaged(apply(&nodes, &root, &[(key, Some(value("y")))]).unwrap_err());
    let mut cursor = Cursor::new(root, Position::At(key.to_owned()));
    damaged(
        std::iter::repeat_with(|| cursor.next(&nodes))
            .find_map(Result::err)
            .unwrap(),
    );
    let mut walk = Closure::new(root, None);
    damaged(
        std::iter::repeat_with(|| walk.next(&nodes))
            .find_map(Result::err)
            .unwrap(),
    );
    damaged(
        diff(&nodes, &root, &billet_tree::empty_root())
            .err()
            .unwrap(),
    );
}

#[test]
fn nodes_in_the_wrong_place() {
    let (low, mut middle) = (keys_of_level(0, 200), keys_of_level(1, 8));
    middle.swap(1, 7);
    let below = low
        .iter()
        .find(|key| **key < middle[1] && **key > middle[0])
        .unwrap();
    let above = low.iter().find(|key| **key > middle[1]).unwrap();
    let mut store = Store::empty();
    let root_over = |store: &mut Store, child: Cid| {
        let mut root = Loose::keys(&[&middle[0], &middle[1]]);
        root.entries[0].2 = Some(child);
        root.put(store)
    };
    let leaf = Loose::keys(&[below]).put(&mut store);
    let good = root_over(&mut store, leaf);
    assert_eq!(get(&store.nodes(), &good, below), Ok(Some(value("x"))));
    let outside = Loose::keys(&[below, above]).put(&mut store);
    let root = root_over(&mut store, outside);
    all_refuse(&store, root, below, NodeError::Bounds);
    let same_level = Loose::keys(&[&middle[2]]).put(&mut store);
    let root = root_over(&mut store, same_level);
    let error = NodeError::Level {
        found: 1,
        wanted: 0,
    };
    all_refuse(&store, root, below, error);
    let root = root_over(&mut store, billet_tree::empty_root());
    all_refuse(&store, root, below, NodeError::Hollow);
    let bridge = Loose {
        left: Some(leaf),
        ..Loose::default()
    };
    let bridge = bridge.put(&mut store);
    let root = root_over(&mut store, bridge);
    all_refuse(&store, root, below, NodeError::TooDeep);
    all_refuse(&store, bridge, below, NodeError::Untrimmed);
}

/// Without bounds a chain of nodes that link the next one many times would take for ever.
#[test]
fn shared_subtrees_end_soon() {
    let mut store = Store::empty();
    let low = keys_of_level(0, 1);
    let mut child = Loose::keys(&[&low[0]]).put(&mut store);
    for level in 1..=5 {
        let keys = keys_of_level(level, 4);
        let mut node = Loose::keys(&keys.iter().map(String::as_str).collect::<Vec<_>>());
        node.left = Some(child);
        node.entries
            .iter_mut()
            .for_each(|entry| entry.2 = Some(child));
        child = node.put(&mut store);
    }
    let nodes = store.nodes();
    let mut walk = Closure::new(child, None);
    let mut passed = 0;
    let error = loop {
        match walk.next(&nodes) {
            Ok(Some(reached)) => passed += usize::from(reached.kind == ReachedKind::Node),
            Ok(None) => panic!("accepted"),
            Err(error) => break error,
        }
    };
    assert!(
        matches!(
            error,
            TreeError::Damaged {
                error: NodeError::Bounds,
                ..
            }
        ),
        "{error}"
    );
    assert!(passed < 20);
}

#[test]
fn forged_and_partial_proofs() {
    let model: Model = (0..500).map(|n| (format!("{n:03}"), value("x"))).collect();
    let mut store = Store::default();
    let root = store.build(&model);
    let nodes = store.nodes();
    let mut checked = 0;
    for key in ["000", "123", "499", "123x", "zzz"] {
        let path = prove(&nodes, &root, key).unwrap();
        let block = |cid: &Cid| Block {
            cid: *cid,
            bytes: store.blocks[cid].clone(),
        };
        let blocks: Vec<Block> = path.iter().map(block).collect();
        assert_eq!(
            verify_proof(&blocks, &root, key),
            Ok(model.get(key).copied())
        );
        for (index, cid) in path.iter().enumerate() {
            let mut forged = blocks.clone();
            let last = forged[index].bytes.len() - 1;
            forged[index].bytes[last] ^= 1;
            assert_eq!(
                verify_proof(&forged, &root, key),
                Err(ProofError::Forged(*cid))
            );
            let mut partial = blocks.clone();
            partial.remove(index);
            let partial = verify_proof(&partial, &root, key);
            let spare = index + 1 == path.len() && !model.contains_key(key);
            let lacking = partial == Err(ProofError::Incomplete(*cid));
            assert!(lacking || (spare && partial == Ok(None)));
            checked += 1;
        }
    }
    assert!(checked > 10);
    let error = verify_proof(&[], &root, "").unwrap_err();
    assert!(matches!(error, ProofError::Tree(TreeError::Key { .. })));
}
