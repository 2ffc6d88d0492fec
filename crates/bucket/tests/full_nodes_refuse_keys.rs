//! Keys chosen to land in one node: puts past its limit are refused, all others are done, and the
//! tree stays what it would be without them.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs
)]

mod common;

use billet_bucket::Refusal;
use billet_tree::{NODE_PUT_BYTES_MAX, key_level};
use common::{Store, delete};

const LOG: &str = "photos";

#[test]
fn only_the_puts_that_do_not_fit_are_refused() {
    let mut store = Store::new();
    store.create(LOG);
    let keys = (0..3000).map(|number| format!("{number:04}{}", "x".repeat(1000)));
    let keys: Vec<String> = keys.filter(|key| key_level(key) == 0).take(1200).collect();
    let puts: Vec<_> = keys.iter().map(|key| store.put(key, &[3])).collect();
    let done = store.apply(LOG, &puts);
    let refused = done.iter().filter(|done| **done == Err(Refusal::TreeFull));
    let refused_count = refused.count();
    let taken_count = done.iter().filter(|done| done.is_ok()).count();
    assert_eq!(refused_count + taken_count, keys.len());
    assert!((50..400).contains(&refused_count), "{refused_count}");
    let bytes = store.blocks[&store.head(LOG).root].len();
    assert!(
        bytes <= NODE_PUT_BYTES_MAX && bytes > NODE_PUT_BYTES_MAX / 2,
        "{bytes}"
    );
    store.check_closed(LOG);
    // With some gone there is room again.
    let gone: Vec<_> = keys.iter().take(100).map(|key| delete(key)).collect();
    assert!(store.apply(LOG, &gone).iter().all(Result::is_ok));
    let again = store.put(keys.last().unwrap(), &[3]);
    assert!(store.apply(LOG, &[again])[0].is_ok());
}
