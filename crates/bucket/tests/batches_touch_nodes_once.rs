//! A list of ops reads each node it needs once, and writes each once.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs
)]

mod common;

use std::collections::BTreeSet;

use common::{Random, Store};

const LOG: &str = "photos";

#[test]
fn sixty_four_puts_touch_each_node_once() {
    let mut store = Store::new();
    store.create(LOG);
    for group in 0..20 {
        let keys = (0..500).map(|key| format!("{:08x}", (group * 500 + key) * 0x9e37));
        let puts: Vec<_> = keys.map(|key| store.put(&key, &[3])).collect();
        store.apply(LOG, &puts);
    }
    let mut random = Random::new(5);
    let puts: Vec<_> = (0..64)
        .map(|_| {
            let key = format!("{:08x}", random.below(1 << 30));
            store.put(&key, &[3])
        })
        .collect();
    store.caches = billet_bucket::Caches::new(0, 0);
    store.fetched.clear();
    store.rounds_count = 0;
    let plan = store.plan(LOG, &puts);
    let distinct: BTreeSet<_> = store.fetched.iter().collect();
    assert_eq!(
        distinct.len(),
        store.fetched.len(),
        "a block was read twice"
    );
    assert!(store.rounds_count <= 16, "{} rounds", store.rounds_count);
    let staged: Vec<_> = plan
        .stages
        .iter()
        .flatten()
        .map(|block| block.cid)
        .collect();
    let distinct: BTreeSet<_> = staged.iter().collect();
    assert_eq!(distinct.len(), staged.len(), "a block is written twice");
    // Every manifest, and far fewer nodes than 64 ways from the root.
    let nodes_count = staged.len() - 64;
    assert!(nodes_count < 64 * 6, "{nodes_count} nodes");
}
