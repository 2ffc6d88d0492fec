//! Files made of leaves that exist only as names. Must build with the crate's own builder only.

#![allow(dead_code, unreachable_pub, reason = "each test file takes its part")]

use std::collections::HashMap;

use billet_block::{Cid, Codec};
use billet_unixfs::{Builder, Leaf, Root, Spans, Step};

pub type Nodes = HashMap<Cid, Vec<u8>>;

/// A leaf that no two indexes share.
pub fn leaf(index: usize, length: u32) -> Leaf {
    Leaf {
        cid: Cid::of(Codec::Raw, &index.to_le_bytes()),
        length,
    }
}

pub fn build(leaves: &[Leaf]) -> (Root, Nodes) {
    let mut builder = Builder::new();
    let mut nodes = Nodes::new();
    for leaf in leaves {
        builder.push(*leaf).unwrap();
        nodes.extend(builder.take_blocks().into_iter().map(|b| (b.cid, b.bytes)));
    }
    let (root, blocks) = builder.finish().unwrap();
    nodes.extend(blocks.into_iter().map(|b| (b.cid, b.bytes)));
    (root, nodes)
}

/// All spans of a range, fetching each block only once it is asked for.
pub fn read(root: Root, nodes: &Nodes, offset: u64, length: u64) -> Vec<(Cid, u64, u64)> {
    let mut spans = Spans::new(root.cid, root.size, offset, length).unwrap();
    let mut fetched = Nodes::new();
    let mut out = Vec::new();
    loop {
        match spans.next(|cid| fetched.get(cid)).unwrap() {
            Step::Span {
                cid,
                offset,
                length,
            } => out.push((cid, offset, length)),
            Step::NeedBlock { cid, .. } => {
                let asked_again = spans.next(|cid| fetched.get(cid)).unwrap();
                assert!(matches!(asked_again, Step::NeedBlock { cid: again, .. } if again == cid));
                assert!(fetched.insert(cid, nodes[&cid].clone()).is_none());
            }
            Step::End => return out,
        }
    }
}
