//! Any range of any file, with blocks fetched as they are asked for, against an array of leaves.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs
)]

mod common;

use billet_block::{Cid, Codec};
use billet_unixfs::{AHEAD_MAX, Leaf, Node, Spans, Step};
use common::{build, leaf, read};
use proptest::prelude::*;

/// What a range should come to: leaf by leaf over the array.
fn expected(leaves: &[Leaf], offset: u64, length: u64) -> Vec<(Cid, u64, u64)> {
    let end = offset + length;
    let mut begin = 0;
    let mut out = Vec::new();
    for leaf in leaves {
        let leaf_end = begin + u64::from(leaf.length);
        let (from, to) = (begin.max(offset), leaf_end.min(end));
        if from < to {
            out.push((leaf.cid, from - begin, to - from));
        }
        begin = leaf_end;
    }
    out
}

#[test]
fn all_ranges_of_a_small_file() {
    let leaves: Vec<Leaf> = [3, 1, 4, 1, 5]
        .iter()
        .enumerate()
        .map(|(i, n)| leaf(i, *n))
        .collect();
    let (root, nodes) = build(&leaves);
    for offset in 0..=root.size {
        for length in 0..=root.size - offset {
            assert_eq!(
                read(root, &nodes, offset, length),
                expected(&leaves, offset, length)
            );
        }
    }
    for (offset, length) in [(0, 15), (14, 1), (15, 0), (u64::MAX, 2), (1, u64::MAX)] {
        let inside = offset <= 14 && length <= 14 - offset;
        assert_eq!(
            Spans::new(root.cid, root.size, offset, length).is_ok(),
            inside
        );
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    #[test]
    fn ranges_of_large_files(
        count in prop_oneof![1_usize..5, 1000_usize..1100, 2000_usize..5000],
        longest in 1_u32..=1 << 20,
        cuts in proptest::collection::vec((0.0..1.0_f64, 0.0..1.0_f64), 8),
    ) {
        let length = |i: usize| 1 + (i as u32).wrapping_mul(2_654_435_761) % longest;
        let leaves: Vec<Leaf> = (0..count).map(|i| leaf(i, length(i))).collect();
        let (root, nodes) = build(&leaves);
        for (a, b) in cuts {
            let (a, b) = ((root.size as f64 * a) as u64, (root.size as f64 * b) as u64);
            let (offset, length) = (a.min(b), a.abs_diff(b));
            prop_assert_eq!(
                read(root, &nodes, offset, length),
                expected(&leaves, offset, length)
            );
        }
    }
}

#[test]
fn a_new_cursor_goes_on_where_another_stood() {
    let leaves: Vec<Leaf> = (0..2100).map(|i| leaf(i, 1 + i as u32 % 50)).collect();
    let (root, nodes) = build(&leaves);
    let (offset, end) = (17, root.size - 5);
    let mut out = Vec::new();
    let mut spans = Spans::new(root.cid, root.size, offset, end - offset).unwrap();
    while let Step::Span {
        cid,
        offset,
        length,
    } = spans.next(|cid| nodes.get(cid)).unwrap()
    {
        out.push((cid, offset, length));
        spans = Spans::new(root.cid, root.size, spans.offset(), end - spans.offset()).unwrap();
    }
    assert_eq!(out, expected(&leaves, offset, end - offset));
    assert_eq!(spans.offset(), end);
}

#[test]
fn a_missing_node_names_those_that_follow_in_the_range() {
    let leaves: Vec<Leaf> = (0..20 * 1024 + 3).map(|i| leaf(i, 2)).collect();
    let (root, nodes) = build(&leaves);
    let children: Vec<Cid> = Node::decode(&nodes[&root.cid])
        .unwrap()
        .links()
        .iter()
        .map(|link| link.cid)
        .collect();
    assert_eq!(children.len(), 21);
    let only_root = |cid: &Cid| (*cid == root.cid).then(|| nodes[cid].as_slice());
    let need = |offset, length| {
        let mut spans = Spans::new(root.cid, root.size, offset, length).unwrap();
        spans.next(only_root).unwrap()
    };
    let expected = |first: usize, end: usize| Step::NeedBlock {
        cid: children[first],
        ahead: children[first + 1..end].to_vec(),
    };
    assert_eq!(need(0, root.size), expected(0, 1 + AHEAD_MAX));
    assert_eq!(need(2048 * 3, 2048), expected(3, 4));
    assert_eq!(need(2048 * 3, 2049), expected(3, 5));
    assert_eq!(need(2048 * 18, root.size - 2048 * 18), expected(18, 21));
    let mut spans = Spans::whole(root.cid, root.size).unwrap();
    let first = spans.next(|_| None::<Vec<u8>>).unwrap();
    assert_eq!(
        first,
        Step::NeedBlock {
            cid: root.cid,
            ahead: vec![]
        }
    );
}

#[test]
fn a_single_leaf_is_read_without_any_node() {
    let only = leaf(0, 1 << 20);
    let (root, nodes) = build(&[only]);
    assert!(nodes.is_empty());
    assert_eq!(read(root, &nodes, 1000, 24), vec![(only.cid, 1000, 24)]);
    let empty = Cid::of(Codec::Raw, b"");
    assert_eq!(
        Spans::whole(empty, 0)
            .unwrap()
            .next(|_| None::<Vec<u8>>)
            .unwrap(),
        Step::End
    );
}
