//! A manifest that is lost, damaged or of a newer format fails the ops that read it, by name, and
//! no other.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs
)]

mod common;

use billet_bucket::{Caches, Condition, Refusal, StoreError, find};
use common::{Store, copy, delete, delete_if, put_if};

const LOG: &str = "photos";

/// A bucket with `good` and `bad`, and what to do to the manifest of `bad`.
fn store(damage: impl Fn(&mut Vec<u8>)) -> (Store, billet_block::Cid) {
    let mut store = Store::new();
    store.create(LOG);
    let ops = [store.put("bad", &[1]), store.put("good", &[2])];
    store.apply(LOG, &ops);
    let root = store.head(LOG).root;
    let cid = store.run(LOG, |view| {
        billet_tree::get(view, &root, "bad").map_err(billet_bucket::Blocked::of_tree)
    });
    let cid = cid.unwrap().unwrap();
    damage(store.blocks.get_mut(&cid).unwrap());
    store.caches = Caches::new(0, 0);
    (store, cid)
}

fn check(store: &mut Store, expected: &StoreError) {
    let any = || vec![Condition::IfMatch(vec!["*".to_owned()])];
    let source = store.body(&[3]);
    let ops = [
        put_if("bad", source, any()),
        copy("copied", LOG, "bad"),
        delete_if("good", any()),
        delete("bad"),
    ];
    let head = store.head(LOG);
    let found = store.run(LOG, |view| find(view, &head, "bad"));
    assert_eq!(found.unwrap_err(), Refusal::Store(expected.clone()));
    let done = store.apply(LOG, &ops);
    let refused = Err(Refusal::Store(expected.clone()));
    assert_eq!(done[0], refused);
    assert_eq!(done[1], refused);
    assert!(done[2].is_ok() && done[3].is_ok(), "{done:?}");
}

#[test]
fn damaged_manifests_are_named() {
    let (mut store, cid) = store(|bytes| bytes.truncate(9));
    check(&mut store, &StoreError::Corrupt(cid));
}

#[test]
fn newer_manifests_are_told_by_their_format() {
    let (mut store, _) = store(|bytes| {
        // The format's name stands behind the heads of a map and a text.
        bytes[17] = b'9';
        assert_eq!(&bytes[2..18], b"/billet/object/9");
    });
    let text = "a value of the unknown format \"/billet/object/9\"".to_owned();
    check(&mut store, &StoreError::Invalid(text));
}

#[test]
fn lost_manifests_are_told() {
    let (mut store, cid) = store(|_| {});
    store.blocks.remove(&cid);
    check(&mut store, &StoreError::NotFound);
}
