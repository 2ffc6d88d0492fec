//! Nodes that are not what they should be: each is refused, none panics.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs
)]

mod common;

use billet_block::{Cid, Codec};
use billet_unixfs::{DEPTH_MAX, LINKS_MAX, Link, NODE_BYTES_MAX, Node, Spans, Step, UnixfsError};
use common::{Nodes, build, leaf};

fn leaf_link(index: usize, size: u64) -> Link {
    Link::to_leaf(leaf(index, 1).cid, size)
}

fn field(key: u8, bytes: &[u8]) -> Vec<u8> {
    let mut out = vec![key, u8::try_from(bytes.len()).unwrap()];
    out.extend_from_slice(bytes);
    out
}

/// A node with one leaf of five bytes, put together by hand.
fn by_hand(cid: &[u8], name: &[u8], tsize: &[u8], data: &[u8]) -> Vec<u8> {
    let link = [
        field(0x0a, cid),
        field(0x12, name),
        [&[0x18], tsize].concat(),
    ]
    .concat();
    [field(0x12, &link), field(0x0a, data)].concat()
}

const DATA: [u8; 6] = [0x08, 2, 0x18, 5, 0x20, 5];

#[test]
fn one_field_off() {
    let cid = leaf(0, 5).cid.to_bytes();
    let good = by_hand(&cid, b"", &[5], &DATA);
    assert_eq!(Node::decode(&good).unwrap().links(), [leaf_link(0, 5)]);
    let cbor = Cid::of(Codec::DagCbor, b"x").to_bytes();
    let node = Cid::of(Codec::DagPb, b"x").to_bytes();
    let data = |bytes: &[u8]| by_hand(&cid, b"", &[5], bytes);
    let bad = [
        ("a directory", data(&[0x08, 1, 0x18, 5, 0x20, 5])),
        (
            "bytes of its own",
            data(&[0x08, 2, 0x12, 1, 9, 0x18, 5, 0x20, 5]),
        ),
        ("no type", data(&[0x18, 5, 0x20, 5])),
        ("no file size", data(&[0x08, 2, 0x20, 5])),
        ("another file size", data(&[0x08, 2, 0x18, 6, 0x20, 5])),
        ("another block size", data(&[0x08, 2, 0x18, 5, 0x20, 6])),
        ("no block size", data(&[0x08, 2, 0x18, 5])),
        (
            "two block sizes",
            data(&[0x08, 2, 0x18, 5, 0x20, 5, 0x20, 5]),
        ),
        ("block sizes first", data(&[0x20, 5, 0x08, 2, 0x18, 5])),
        ("packed block sizes", data(&[0x08, 2, 0x18, 5, 0x22, 1, 5])),
        ("a mode", data(&[0x08, 2, 0x18, 5, 0x20, 5, 0x38, 0])),
        ("a long number", data(&[0x08, 2, 0x18, 0x85, 0, 0x20, 5])),
        (
            "an endless number",
            data(&[[0x08, 2, 0x18].as_slice(), &[0xff; 11]].concat()),
        ),
        (
            "an empty leaf",
            by_hand(&cid, b"", &[0], &[0x08, 2, 0x18, 0, 0x20, 0]),
        ),
        ("a named link", by_hand(&cid, b"a", &[5], &DATA)),
        (
            "a total size that is not the leaf's",
            by_hand(&cid, b"", &[6], &DATA),
        ),
        (
            "a node no bigger than its file",
            by_hand(&node, b"", &[5], &DATA),
        ),
        ("a link to DAG-CBOR", by_hand(&cbor, b"", &[5], &DATA)),
        (
            "a CIDv0",
            by_hand(&[&[0x12, 32][..], &[7; 32]].concat(), b"", &[5], &DATA),
        ),
        ("half a CID", by_hand(&cid[..18], b"", &[5], &DATA)),
        ("nothing", vec![]),
        ("no links", field(0x0a, &[0x08, 2, 0x18, 0])),
        ("no data", good[..good.len() - 8].to_vec()),
        (
            "data first",
            [&good[good.len() - 8..], &good[..good.len() - 8]].concat(),
        ),
        ("a byte behind", [good.as_slice(), &[0]].concat()),
        ("too many bytes", vec![0x12; NODE_BYTES_MAX + 1]),
    ];
    for (name, bytes) in bad {
        assert!(
            matches!(Node::decode(&bytes), Err(UnixfsError::NotNode(_))),
            "{name}"
        );
    }
}

#[test]
fn every_cut_and_every_changed_byte_is_refused_or_another_node() {
    let (root, nodes) = build(&[leaf(0, 300), leaf(1, 1 << 20), leaf(2, 7)]);
    let good = &nodes[&root.cid];
    for length in 0..good.len() {
        assert!(Node::decode(&good[..length]).is_err(), "cut at {length}");
    }
    for at in 0..good.len() {
        for flip in 1..=255 {
            let mut bytes = good.clone();
            bytes[at] ^= flip;
            if let Ok(node) = Node::decode(&bytes) {
                assert_eq!(node.encode(), bytes, "byte {at} xor {flip}");
            }
        }
    }
}

#[test]
fn limits_of_a_node() {
    let full: Vec<Link> = (0..LINKS_MAX).map(|i| leaf_link(i, 1 << 20)).collect();
    let node = Node::new(full.clone()).unwrap();
    assert_eq!(Node::decode(&node.encode()).unwrap(), node);
    assert!(node.encode().len() <= NODE_BYTES_MAX);
    assert!(Node::new([full, vec![leaf_link(0, 1)]].concat()).is_err());
    assert!(Node::new(vec![]).is_err());
    assert!(Node::new(vec![leaf_link(0, (1 << 20) + 1)]).is_err());
    let vast = Link {
        cid: Cid::of(Codec::DagPb, b""),
        size: u64::MAX - 9,
        tsize: u64::MAX,
    };
    assert!(
        Node::new(vec![vast]).is_err(),
        "its own bytes do not fit any more"
    );
    assert!(Node::new(vec![vast, vast]).is_err());
}

fn link_to(node: &Node, nodes: &mut Nodes) -> Link {
    let bytes = node.encode();
    let cid = Cid::of(Codec::DagPb, &bytes);
    nodes.insert(cid, bytes);
    Link {
        cid,
        size: node.size(),
        tsize: node.tsize(),
    }
}

fn first_step(root: Cid, size: u64, nodes: &Nodes) -> Result<Step, UnixfsError> {
    let mut spans = Spans::whole(root, size).unwrap();
    let step = spans.next(|cid| nodes.get(cid));
    assert_eq!(
        spans.next(|cid| nodes.get(cid)).is_err(),
        step.is_err(),
        "errors stay"
    );
    step
}

#[test]
fn children_must_be_what_their_links_say() {
    let mut nodes = Nodes::new();
    let child = link_to(
        &Node::new(vec![leaf_link(0, 9), leaf_link(1, 9)]).unwrap(),
        &mut nodes,
    );
    for (size, tsize, fits) in [
        (child.size, child.tsize, true),
        (child.size + 1, child.tsize, false),
        (child.size - 1, child.tsize, false),
        (child.size, child.tsize + 1, false),
        (child.size, child.tsize - 1, false),
    ] {
        let parent = Node::new(vec![Link {
            size,
            tsize,
            ..child
        }])
        .unwrap();
        let root = link_to(&parent, &mut nodes);
        let step = first_step(root.cid, root.size, &nodes);
        if fits {
            assert_eq!(
                step.unwrap(),
                Step::Span {
                    cid: leaf(0, 9).cid,
                    offset: 0,
                    length: 9
                }
            );
        } else {
            assert_eq!(step, Err(UnixfsError::Mismatch(child.cid)));
        }
        let wrong = first_step(root.cid, root.size + 1, &nodes);
        assert_eq!(wrong, Err(UnixfsError::Mismatch(root.cid)));
    }
    nodes.insert(child.cid, b"not a node".to_vec());
    let step = first_step(child.cid, child.size, &nodes);
    assert_eq!(step, Err(UnixfsError::Mismatch(child.cid)));
}

#[test]
fn chains_of_nodes_end() {
    let mut nodes = Nodes::new();
    let mut link = leaf_link(0, 5);
    for depth in 1..=DEPTH_MAX + 1 {
        link = link_to(&Node::new(vec![link]).unwrap(), &mut nodes);
        let step = first_step(link.cid, 5, &nodes);
        assert_eq!(step.is_ok(), depth <= DEPTH_MAX, "depth {depth}");
    }
}

#[test]
fn roots_of_another_kind() {
    let cid = |codec| Cid::of(codec, b"");
    assert!(Spans::whole(cid(Codec::DagCbor), 5).is_err());
    assert!(Spans::whole(cid(Codec::DagPb), 0).is_err());
    assert!(Spans::whole(cid(Codec::Raw), (1 << 20) + 1).is_err());
    assert!(Spans::whole(cid(Codec::Raw), 1 << 20).is_ok());
}
