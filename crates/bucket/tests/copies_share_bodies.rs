//! Copies: within a bucket, from another one by a pin, and what they refuse.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs
)]

mod common;

use billet_bucket::{Condition, Copy, CreateBucket, Op, Refusal, find};
use billet_manifest::Attributes;
use common::{Store, copy, create_bucket, delete};

fn copy_if(source_conditions: Vec<Condition>) -> Op {
    let Op::Copy(op) = copy("new", "far", "old") else {
        panic!()
    };
    Op::Copy(Copy {
        source_conditions,
        ..op
    })
}

#[test]
fn a_copy_shares_the_body_and_its_pin_is_adopted() {
    let mut store = Store::new();
    store.create("far");
    store.create("near");
    let op = store.put("old", &[5, 6]);
    store.apply("far", &[op]);
    let ops = [
        copy("new", "far", "old"),
        copy("newer", "far", "old"),
        copy("newest", "near", "new"),
    ];
    let pins = store.claims.len();
    let done = store.apply("near", &ops);
    let done: Vec<_> = done
        .into_iter()
        .map(|done| done.unwrap().object.unwrap())
        .collect();
    assert_eq!(store.claims.len(), pins + 2, "one pin and one stage");
    let head = store.head("far");
    let source = store.run("far", |view| find(view, &head, "old")).unwrap();
    for (object, key) in done.iter().zip(["new", "newer", "newest"]) {
        assert_eq!(object.key, key);
        assert_eq!(
            (object.content, &object.etag),
            (source.content, &source.etag)
        );
    }
    // What is no longer there cannot be copied, and nothing is left pinned.
    store.apply("far", &[delete("old")]);
    assert_eq!(
        store.apply("near", &[copy("x", "far", "old")]),
        [Err(Refusal::NoSuchSource)]
    );
    store.apply("far", &[Op::DeleteBucket]);
    assert_eq!(
        store.apply("near", &[copy("x", "far", "old")]),
        [Err(Refusal::NoSuchSource)]
    );
    assert_eq!(
        store.apply("near", &[copy("x", "none", "old")]),
        [Err(Refusal::NoSuchSource)]
    );
}

#[test]
fn another_space_is_elsewhere() {
    let mut store = Store::new();
    store.create("near");
    let Op::CreateBucket(create) = create_bucket() else {
        panic!()
    };
    let op = Op::CreateBucket(CreateBucket {
        space: "did:key:other".to_owned(),
        ..create
    });
    store.apply("far", &[op]);
    let op = store.put("old", &[5]);
    store.apply("far", &[op]);
    let done = store.apply("near", &[copy("new", "far", "old")]);
    assert_eq!(done, [Err(Refusal::SourceElsewhere)]);
}

#[test]
fn conditions_on_the_source_are_told_apart() {
    let mut store = Store::new();
    store.create("far");
    store.create("near");
    let op = store.put("old", &[5]);
    let done = store.apply("far", &[op]).remove(0).unwrap();
    let etag = done.object.unwrap().etag.clone();
    let (is, other) = (vec![etag], vec!["0".to_owned()]);
    let time_ms = store.now_ms;
    let table = [
        (vec![Condition::IfMatch(is.clone())], None),
        (vec![Condition::IfMatch(other.clone())], Some("If-Match")),
        (vec![Condition::IfNoneMatch(other.clone())], None),
        (
            vec![Condition::IfNoneMatch(is.clone())],
            Some("If-None-Match"),
        ),
        (vec![Condition::IfModifiedSince(time_ms - 1000)], None),
        (
            vec![Condition::IfModifiedSince(time_ms)],
            Some("If-Modified-Since"),
        ),
        (vec![Condition::IfUnmodifiedSince(time_ms)], None),
        (
            vec![Condition::IfUnmodifiedSince(time_ms - 1000)],
            Some("If-Unmodified-Since"),
        ),
        (
            vec![
                Condition::IfMatch(is),
                Condition::IfUnmodifiedSince(time_ms - 1000),
            ],
            None,
        ),
        (
            vec![
                Condition::IfNoneMatch(other),
                Condition::IfModifiedSince(time_ms),
            ],
            None,
        ),
    ];
    for (conditions, expected) in table {
        let done = store
            .apply("near", &[copy_if(conditions.clone())])
            .remove(0);
        let refusal = done.err();
        let expected = expected.map(Refusal::SourcePreconditionFailed);
        assert_eq!(refusal, expected, "{conditions:?}");
    }
}

#[test]
fn attributes_are_kept_or_replaced() {
    let mut store = Store::new();
    store.create("near");
    let Op::Put(mut op) = store.put("old", &[5]) else {
        panic!()
    };
    let attributes = |text: &str| Attributes {
        headers: [("content-type".to_owned(), text.to_owned())].into(),
        metadata: [("m".to_owned(), text.to_owned())].into(),
    };
    op.attributes = attributes("before");
    store.apply("near", &[Op::Put(op)]);
    store.now_ms += 5000;
    let Op::Copy(onto_itself) = copy("old", "near", "old") else {
        panic!()
    };
    let replaced = Copy {
        attributes: Some(attributes("after")),
        ..onto_itself
    };
    let done = store.apply("near", &[copy("new", "near", "old"), Op::Copy(replaced)]);
    let objects: Vec<_> = done.into_iter().map(|done| done.unwrap()).collect();
    assert!(!objects[0].existed && objects[1].existed);
    let header =
        |index: usize| objects[index].object.as_ref().unwrap().headers["content-type"].clone();
    assert_eq!(
        (header(0), header(1)),
        ("before".to_owned(), "after".to_owned())
    );
    assert_eq!(objects[1].object.as_ref().unwrap().time_ms, store.now_ms);
}
