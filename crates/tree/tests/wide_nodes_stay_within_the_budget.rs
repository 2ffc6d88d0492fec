//! Nodes whose keys share long beginnings are short as blocks and wide in memory: a cache keeps as
//! few of them as its budget allows.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs
)]

mod common;

use billet_tree::{NodeCache, build, key_level};
use common::value;

const BUDGET_BYTES: usize = 16 << 20;
const VERSIONS: usize = 100;

#[test]
fn wide_nodes_stay_within_the_budget() {
    let beginning = "\u{1}".repeat(1000);
    let keys = (0..).map(|number| format!("{beginning}{number:06}"));
    let keys: Vec<_> = keys.filter(|key| key_level(key) == 0).take(600).collect();
    let cache = NodeCache::new(BUDGET_BYTES);
    let mut encoded_bytes = 0;
    for version in 0..VERSIONS {
        let items = keys.iter().enumerate().map(|(number, key)| {
            let text = if number == version { "new" } else { "old" };
            (key, value(text))
        });
        build(items, |block| {
            encoded_bytes += block.bytes.len();
            cache.insert(&block.cid, &block.bytes).unwrap();
        })
        .unwrap();
    }
    assert!(encoded_bytes < BUDGET_BYTES, "{encoded_bytes}");
    let kept = cache.memory_bytes();
    assert!(kept <= BUDGET_BYTES && kept > BUDGET_BYTES / 2, "{kept}");
}
