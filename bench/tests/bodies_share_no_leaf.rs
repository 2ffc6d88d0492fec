//! Bodies must never give a store that shares equal blocks anything to share.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs
)]

use std::collections::HashSet;

use billet_bench::body::{Bodies, LEAF_BYTES};
use sha2::{Digest, Sha256};

#[test]
fn leaves_differ_within_a_body_between_bodies_and_between_runs() {
    let mut seen = HashSet::new();
    for nonce in [7, 8] {
        let mut bodies = Bodies::new(2 * LEAF_BYTES as u64 + 100, nonce);
        assert_eq!(bodies.leaves(), 3);
        for body in 0..3 {
            let mut length = 0;
            for index in 0..3 {
                let leaf = bodies.leaf(body, index);
                length += leaf.len();
                assert!(seen.insert(leaf.to_vec()), "{nonce} {body} {index}");
            }
            assert_eq!(length as u64, bodies.size());
        }
    }
}

#[test]
fn the_digest_is_that_of_the_leaves_in_order() {
    for size in [0, 1, 24, 4_096, LEAF_BYTES as u64, LEAF_BYTES as u64 + 1] {
        let mut bodies = Bodies::new(size, 3);
        let all: Vec<u8> = (0..bodies.leaves())
            .flat_map(|i| bodies.leaf(5, i).to_vec())
            .collect();
        assert_eq!(all.len() as u64, size);
        assert_eq!(bodies.sha256(5), hex::encode(Sha256::digest(&all)));
    }
}
