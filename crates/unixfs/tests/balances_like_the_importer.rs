//! The builder against the layout rule written down plainly: cut the links into batches of 1,024,
//! make a node of each, and again until one is left.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs
)]

mod common;

use billet_block::{Cid, Codec};
use billet_unixfs::{Builder, LINKS_MAX, Leaf, Link, Node, Spans, Step};
use common::{build, leaf, read};

fn reference_root(leaves: &[Leaf]) -> (Cid, usize) {
    let to_link = |leaf: &Leaf| Link::to_leaf(leaf.cid, u64::from(leaf.length));
    let mut links: Vec<Link> = leaves.iter().map(to_link).collect();
    let mut nodes_count = 0;
    while links.len() > 1 {
        let batches = links.chunks(LINKS_MAX);
        nodes_count += batches.len();
        links = batches
            .map(|batch| {
                let node = Node::new(batch.to_vec()).unwrap();
                Link {
                    cid: Cid::of(Codec::DagPb, &node.encode()),
                    size: node.size(),
                    tsize: node.tsize(),
                }
            })
            .collect();
    }
    (links[0].cid, nodes_count)
}

fn check(leaves: &[Leaf]) {
    let (expected, nodes_count) = reference_root(leaves);
    let (root, nodes) = build(leaves);
    assert_eq!(root.cid, expected, "{} leaves", leaves.len());
    assert_eq!(nodes.len(), nodes_count);
    let size: u64 = leaves.iter().map(|leaf| u64::from(leaf.length)).sum();
    assert_eq!(root.size, size);
}

#[test]
fn any_number_of_leaves_around_full_nodes() {
    let n = LINKS_MAX;
    let all: Vec<Leaf> = (0..=3 * n + 1)
        .map(|i| leaf(i, 1 + (i as u32 * 7919) % 1000))
        .collect();
    for count in (1..20)
        .chain(n - 2..n + 3)
        .chain(2 * n - 1..2 * n + 2)
        .chain(3 * n..3 * n + 2)
    {
        check(&all[..count]);
    }
}

#[test]
fn three_levels() {
    let full = LINKS_MAX * LINKS_MAX;
    let all: Vec<Leaf> = (0..full + 1).map(|i| leaf(i, 1 << 20)).collect();
    check(&all[..full]);
    check(&all);
}

#[test]
fn parts_are_joined_by_their_leaves() {
    // Two parts that end in a short leaf, so short leaves lie in the middle of the whole.
    let parts = [
        (0..1500)
            .map(|i| leaf(i, 1 << 20))
            .chain([leaf(9000, 5)])
            .collect::<Vec<_>>(),
        vec![leaf(9001, 77)],
        (2000..2003)
            .map(|i| leaf(i, 1 << 20))
            .chain([leaf(9002, 1)])
            .collect(),
    ];
    let mut joined = Builder::new();
    for part in &parts {
        let (root, nodes) = build(part);
        let mut spans = Spans::whole(root.cid, root.size).unwrap();
        loop {
            match spans.next(|cid| nodes.get(cid)).unwrap() {
                Step::Span {
                    cid,
                    length,
                    offset,
                } => {
                    assert_eq!(offset, 0);
                    let length = u32::try_from(length).unwrap();
                    joined.push(Leaf { cid, length }).unwrap();
                }
                Step::End => break,
                Step::NeedBlock { cid, .. } => panic!("{cid} was built"),
            }
        }
    }
    let all = parts.concat();
    let (root, blocks) = joined.finish().unwrap();
    assert_eq!(root.cid, reference_root(&all).0);
    let nodes = blocks.into_iter().map(|b| (b.cid, b.bytes)).collect();
    let expected: Vec<_> = all
        .iter()
        .map(|l| (l.cid, 0, u64::from(l.length)))
        .collect();
    assert_eq!(read(root, &nodes, 0, root.size), expected);
}

#[test]
fn empty_leaves_add_nothing() {
    let empty = Leaf {
        cid: Cid::of(Codec::Raw, b""),
        length: 0,
    };
    let some = [leaf(0, 10), leaf(1, 20), leaf(2, 30)];
    let with_empty = [empty, some[0], empty, empty, some[1], some[2], empty];
    assert_eq!(build(&with_empty), build(&some));

    let (root, blocks) = Builder::new().finish().unwrap();
    assert_eq!((root.cid, root.size), (empty.cid, 0));
    assert_eq!(blocks.len(), 1);
    assert_eq!((blocks[0].cid, blocks[0].bytes.len()), (empty.cid, 0));
    let (root, nodes) = build(&[empty]);
    assert_eq!((root.cid, root.size), (empty.cid, 0));
    assert!(nodes.is_empty(), "whoever pushed the leaf has it");
    assert_eq!(read(root, &nodes, 0, 0), vec![]);
}

#[test]
fn leaves_of_another_kind_or_length_are_refused_and_change_nothing() {
    let mut builder = Builder::new();
    builder.push(leaf(0, 1 << 20)).unwrap();
    let node = Cid::of(Codec::DagPb, b"");
    assert!(
        builder
            .push(Leaf {
                cid: node,
                length: 1
            })
            .is_err()
    );
    assert!(builder.push(leaf(1, (1 << 20) + 1)).is_err());
    assert_eq!(builder.finish().unwrap().0.cid, leaf(0, 1).cid);
}
