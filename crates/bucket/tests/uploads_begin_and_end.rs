//! Uploads in parts from beginning to end: what completing refuses, what it keeps and lets go of,
//! and what happens when it is asked for again.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs
)]

mod common;

use billet_bucket::{
    Assembly, Complete, NamedPart, Op, PART_BYTES_MIN, PartListing, Refusal, StoreError, find,
    live_state,
};
use billet_manifest::Attributes;
use common::{MIB, Store, abort, complete, copy, create_upload, delete, named, put};

const LOG: &str = "photos";
const KEY: &str = "film";

/// A bucket with an upload of these parts, each of some leaves.
fn begun(parts: &[(u32, &[u32])]) -> (Store, String, Vec<NamedPart>) {
    let mut store = Store::new();
    store.create(LOG);
    let upload = store.begin(LOG, create_upload(KEY));
    let ops: Vec<Op> = parts
        .iter()
        .map(|(number, lengths)| store.put_part(KEY, &upload, *number, lengths))
        .collect();
    let done = store.apply(LOG, &ops);
    assert!(done.iter().all(Result::is_ok), "{done:?}");
    (store, upload, ops.iter().map(named).collect())
}

const FULL: &[u32] = &[MIB; 5];

fn refused(store: &mut Store, upload: &str, named: &[NamedPart]) -> Refusal {
    store.assemble(LOG, KEY, upload, named).unwrap_err()
}

#[test]
fn completing_makes_one_object_and_leaves_only_a_note() {
    let (mut store, upload, parts) = begun(&[(9, FULL), (2, FULL), (5, &[7])]);
    let chosen = vec![parts[1].clone(), parts[0].clone()];
    let root_before = store.head(LOG).root;
    let body = store.assemble(LOG, KEY, &upload, &chosen).unwrap();
    assert_eq!(body.size, 10 * u64::from(MIB));
    let op = complete(KEY, &upload, chosen.clone(), body);
    let done = store
        .apply(LOG, std::slice::from_ref(&op))
        .remove(0)
        .unwrap();
    let object = done.object.unwrap();
    let sizes: Vec<_> = object
        .parts
        .iter()
        .map(|part| (part.number, part.size))
        .collect();
    assert_eq!(sizes, [(2, PART_BYTES_MIN), (9, PART_BYTES_MIN)]);
    assert!(object.etag.ends_with("-2"));
    assert_ne!(store.head(LOG).root, root_before);
    store.check_closed(LOG);
    let rows: Vec<_> = store.logs[LOG].rows.keys().map(|key| key[0]).collect();
    assert_eq!(rows, b"c");

    // Again, in every way: what came of it.
    let again = store.assemble(LOG, KEY, &upload, &chosen).unwrap_err();
    let Refusal::Completed(before) = again else {
        panic!("{again:?}")
    };
    assert_eq!(
        (&before.etag, before.time_ms),
        (&object.etag, object.time_ms)
    );
    let Op::Complete(mut op) = op else { panic!() };
    op.assembly.claims.clear();
    let done = store.apply(LOG, &[Op::Complete(op), abort(KEY, &upload)]);
    assert_eq!(done[0], Err(Refusal::Completed(before)));
    assert_eq!(done[1], Err(Refusal::NoSuchUpload));
    let other = store.assemble(LOG, "other", &upload, &chosen).unwrap_err();
    assert_eq!(other, Refusal::NoSuchUpload);
}

#[test]
fn parts_are_checked_in_the_order_of_s3() {
    let (mut store, upload, parts) = begun(&[(1, FULL), (2, &[9]), (3, FULL)]);
    let [one, two, three] = parts.as_slice() else {
        panic!()
    };
    let mut wrong = one.clone();
    wrong.etag = "0".repeat(32);
    let mut absent = one.clone();
    absent.number = 7;
    let upload = upload.as_str();
    let order = Refusal::InvalidPartOrder;
    assert_eq!(
        refused(&mut store, upload, &[three.clone(), one.clone()]),
        order
    );
    assert_eq!(
        refused(&mut store, upload, &[one.clone(), one.clone()]),
        order
    );
    assert_eq!(
        refused(&mut store, upload, &[wrong]),
        Refusal::InvalidPart(1)
    );
    assert_eq!(
        refused(&mut store, upload, &[absent]),
        Refusal::InvalidPart(7)
    );
    assert!(matches!(
        refused(&mut store, upload, &[]),
        Refusal::Invalid(_)
    ));
    let small = Refusal::PartTooSmall {
        number: 2,
        size: 9,
        least: PART_BYTES_MIN,
        etag: two.etag.clone(),
    };
    assert_eq!(
        refused(&mut store, upload, &[two.clone(), three.clone()]),
        small
    );
    // The last one may be small.
    let last = [one.clone(), two.clone()];
    let body = store.assemble(LOG, KEY, upload, &last).unwrap();
    let done = store.apply(LOG, &[complete(KEY, upload, last.to_vec(), body)]);
    assert!(done[0].is_ok(), "{done:?}");
}

#[test]
fn a_part_replaced_since_it_was_assembled_is_not_completed() {
    let (mut store, upload, parts) = begun(&[(1, FULL)]);
    let body = store.assemble(LOG, KEY, &upload, &parts).unwrap();
    let Op::PutPart(mut newer) = store.put_part(KEY, &upload, 1, &[3]) else {
        panic!()
    };
    // Another body of the same MD5.
    newer.etag = parts[0].etag.clone();
    let op = complete(KEY, &upload, parts.clone(), body);
    let done = store.apply(LOG, &[Op::PutPart(newer), op]);
    assert!(done[0].is_ok());
    assert_eq!(done[1], Err(StoreError::Conflict.into()));
    // The new part is held, the old one let go of, the upload is as open as before.
    let body = store.assemble(LOG, KEY, &upload, &parts).unwrap();
    assert_eq!(body.size, 3);
    let done = store.apply(LOG, &[complete(KEY, &upload, parts, body)]);
    assert!(done[0].is_ok());
    store.check_closed(LOG);
}

#[test]
fn declared_sizes_are_compared() {
    let (mut store, upload, parts) = begun(&[(1, &[5])]);
    for (size, expected) in [(6, Err(Refusal::Mismatch("size".to_owned()))), (5, Ok(()))] {
        let body = store.assemble(LOG, KEY, &upload, &parts).unwrap();
        let Op::Complete(op) = complete(KEY, &upload, parts.clone(), body) else {
            panic!()
        };
        let op = Complete {
            size: Some(size),
            ..op
        };
        let done = store.apply(LOG, &[Op::Complete(op)]).remove(0);
        assert_eq!(done.map(|_| ()), expected);
    }
}

#[test]
fn aborting_lets_go_of_everything_once() {
    let (mut store, upload, _) = begun(&[(1, FULL), (2, &[9])]);
    let head = store.head(LOG);
    let wrong = Op::Abort(billet_bucket::Abort {
        key: KEY.to_owned(),
        upload: upload.clone(),
        started_ms: Some(store.now_ms + 1000),
    });
    let done = store.apply(LOG, &[wrong, abort(KEY, &upload), abort(KEY, &upload)]);
    let name = "If-Match-Initiated-Time";
    assert_eq!(done[0], Err(Refusal::PreconditionFailed(name)));
    assert!(done[1].is_ok());
    assert_eq!(done[2], Err(Refusal::NoSuchUpload));
    assert!(store.logs[LOG].rows.is_empty());
    assert_eq!(store.head(LOG).root, head.root);
    assert_eq!(store.head(LOG).seq, head.seq + 1);
    let late = store.put_part(KEY, &upload, 3, &[1]);
    assert_eq!(store.apply(LOG, &[late]), [Err(Refusal::NoSuchUpload)]);
    for id in ["", "x", "../../../etc/passwd", &"0".repeat(32)] {
        assert_eq!(
            store.apply(LOG, &[abort(KEY, id)]),
            [Err(Refusal::NoSuchUpload)]
        );
    }
}

#[test]
fn of_completing_and_aborting_in_one_list_the_first_wins() {
    for first in [true, false] {
        let (mut store, upload, parts) = begun(&[(1, &[5])]);
        let body = store.assemble(LOG, KEY, &upload, &parts).unwrap();
        let mut ops = vec![complete(KEY, &upload, parts, body), abort(KEY, &upload)];
        if !first {
            ops.reverse();
        }
        let done = store.apply(LOG, &ops);
        assert!(done[0].is_ok());
        assert_eq!(done[1], Err(Refusal::NoSuchUpload));
        store.check_closed(LOG);
    }
}

#[test]
fn long_attributes_are_held_beside_the_row() {
    let mut store = Store::new();
    store.create(LOG);
    let Op::CreateUpload(mut create) = create_upload(KEY) else {
        panic!()
    };
    let long = ("note".to_owned(), "é".repeat(3000));
    create.attributes = Attributes {
        headers: [("content-type".to_owned(), "text/plain".to_owned())].into(),
        metadata: [long].into(),
    };
    let upload = store.begin(LOG, Op::CreateUpload(create.clone()));
    store.caches = billet_bucket::Caches::new(0, 0);
    let listed = store
        .run(LOG, |view| PartListing::read(view, KEY, &upload, 0, 10))
        .unwrap();
    assert_eq!(listed.upload.attributes, create.attributes);
    let part = store.put_part(KEY, &upload, 1, &[5]);
    store.apply(LOG, std::slice::from_ref(&part));
    let parts = vec![named(&part)];
    let body = store.assemble(LOG, KEY, &upload, &parts).unwrap();
    store.apply(LOG, &[complete(KEY, &upload, parts, body)])[0]
        .clone()
        .unwrap();
    let head = store.head(LOG);
    let object = store.run(LOG, |view| find(view, &head, KEY)).unwrap();
    assert_eq!(object.metadata, create.attributes.metadata);
    assert_eq!(object.headers, create.attributes.headers);
}

#[test]
fn deleting_a_bucket_ends_its_uploads_and_the_name_goes_on() {
    let (mut store, upload, parts) = begun(&[(1, FULL), (2, FULL)]);
    let key = store.put("k", &[4]);
    let more = create_upload("other");
    let done = store.apply(LOG, &[more, key, Op::DeleteBucket]);
    assert_eq!(done[2], Err(Refusal::BucketNotEmpty));
    let seq = store.head(LOG).seq;
    let ops = [
        delete("k"),
        Op::DeleteBucket,
        copy("a", LOG, "k"),
        abort(KEY, &upload),
    ];
    let done = store.apply(LOG, &ops);
    assert!(done[0].is_ok() && done[1].is_ok());
    assert_eq!(done[2], Err(Refusal::NoSuchBucket));
    assert_eq!(done[3], Err(Refusal::NoSuchBucket));
    assert!(store.logs[LOG].rows.is_empty());
    let standing = store.standing(LOG);
    let gone = store.run(LOG, |view| live_state(view, &standing).map(|_| ()));
    assert_eq!(gone.unwrap_err(), Refusal::NoSuchBucket);
    store.create(LOG);
    assert_eq!(store.head(LOG).seq, seq + 2);
    let again = store.begin(LOG, create_upload(KEY));
    assert_ne!(again, upload);
    assert_eq!(refused(&mut store, &upload, &parts), Refusal::NoSuchUpload);
}

#[test]
fn a_bucket_with_very_many_rows_is_deleted_in_steps() {
    let mut store = Store::new();
    store.create(LOG);
    for _ in 0..9 {
        let uploads: Vec<_> = (0..1000).map(|_| create_upload(KEY)).collect();
        store.apply(LOG, &uploads);
    }
    let busy = store.apply(LOG, &[Op::DeleteBucket]).remove(0);
    assert_eq!(busy, Err(StoreError::Busy(0).into()));
    assert_eq!(store.logs[LOG].rows.len(), 9000 - 8192);
    assert!(store.apply(LOG, &[Op::DeleteBucket])[0].is_ok());
    assert!(store.logs[LOG].rows.is_empty());
}

#[test]
fn a_claim_serves_one_op() {
    let mut store = Store::new();
    store.create(LOG);
    let source = store.body(&[4]);
    let ops = [put("a", source.clone()), put("b", source)];
    let done = store.apply(LOG, &ops);
    assert!(done[0].is_ok());
    assert!(matches!(done[1], Err(Refusal::Invalid(_))));
    store.check_closed(LOG);
}

#[test]
fn notes_of_completed_uploads_end_after_a_week() {
    let (mut store, upload, parts) = begun(&[(1, &[5])]);
    let body = store.assemble(LOG, KEY, &upload, &parts).unwrap();
    store.apply(LOG, &[complete(KEY, &upload, parts.clone(), body)]);
    store.now_ms += billet_bucket::COMPLETED_KEPT_MS + 1;
    let second = store.begin(LOG, create_upload(KEY));
    let part = store.put_part(KEY, &second, 1, &[5]);
    store.apply(LOG, std::slice::from_ref(&part));
    let named = vec![named(&part)];
    let body = store.assemble(LOG, KEY, &second, &named).unwrap();
    store.apply(LOG, &[complete(KEY, &second, named, body)]);
    assert_eq!(store.logs[LOG].rows.len(), 1);
    let none = Assembly {
        root: store.head(LOG).root,
        size: 0,
        claims: Vec::new(),
        basis: Vec::new(),
    };
    let late = store.apply(LOG, &[complete(KEY, &upload, parts, none)]);
    assert_eq!(late, [Err(Refusal::NoSuchUpload)]);
}
