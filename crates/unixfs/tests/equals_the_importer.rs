//! Roots and total sizes as an independent importer of the profile made them from real bytes.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs
)]

use billet_block::{Block, Cid, Codec, LEAF_BYTES_MAX};
use billet_unixfs::{Builder, Leaf, Node};

fn content(size: usize) -> Vec<u8> {
    (0..size).map(|i| ((i * 31 + 7) % 251) as u8).collect()
}

fn number(case: &serde_json::Value, key: &str) -> Option<usize> {
    case[key].as_u64().map(|n| usize::try_from(n).unwrap())
}

/// The chunks of a body by name; zero bytes are not laid out in memory.
fn leaves(case: &serde_json::Value, size: usize) -> Vec<Leaf> {
    let leaf = |bytes: &[u8]| Leaf {
        cid: Cid::of(Codec::Raw, bytes),
        length: u32::try_from(bytes.len()).unwrap(),
    };
    if case["content"] == "all zero bytes" {
        assert_eq!(size % LEAF_BYTES_MAX, 0);
        let chunk = leaf(&vec![0; LEAF_BYTES_MAX]);
        return vec![chunk; size / LEAF_BYTES_MAX];
    }
    content(size).chunks(LEAF_BYTES_MAX).map(leaf).collect()
}

#[test]
fn every_case_has_the_importers_root_size_and_blocks() {
    let Some(vectors) = billet_vectors::json("unixfs/unixfs-v1-2025.json") else {
        return;
    };
    let cases = vectors["cases"].as_array().unwrap();
    assert_eq!(cases.len(), 10);
    for case in cases {
        let size = number(case, "size").unwrap();
        let leaves = leaves(case, size);
        let mut builder = Builder::new();
        let mut blocks: Vec<Block> = Vec::new();
        for leaf in &leaves {
            builder.push(*leaf).unwrap();
            blocks.extend(builder.take_blocks());
        }
        let (root, rest) = builder.finish().unwrap();
        blocks.extend(rest);
        assert_eq!(root.cid.to_string(), case["unixfs_cid"].as_str().unwrap());
        assert_eq!(root.size, size as u64);
        let blocks_expected = number(case, "blocks")
            .or(number(case, "blocks_put"))
            .unwrap();
        assert_eq!(blocks.len() + leaves.len(), blocks_expected, "size {size}");
        assert!(blocks.iter().all(|block| block.cid.matches(&block.bytes)));
        if let Some(tsize) = number(case, "tsize") {
            let found = match root.cid.codec() {
                Codec::DagPb => Node::decode(&blocks.last().unwrap().bytes).unwrap().tsize(),
                _ => root.size,
            };
            assert_eq!(found, tsize as u64, "size {size}");
        }
    }
}
