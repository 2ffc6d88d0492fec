//! Whatever lies in place of a log's checkpoint: the bucket is read and written all the same. A
//! record, though, that is longer than any can be is damage and not a lack of room.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs
)]

mod common;

use std::fs::{self, File};
use std::path::Path;

use billet_plain::ROWS_BYTES_MAX;
use common::{expect, follow, start};

/// Longer than any checkpoint, and than any record; it takes no room.
fn make_endless(path: &Path) {
    let file = File::create(path).unwrap();
    file.set_len(2 * ROWS_BYTES_MAX + 1).unwrap();
}

#[test]
fn nothing_in_its_place_is_in_the_way() {
    let folder = tempfile::tempdir().unwrap();
    let checkpoint = folder.path().join("logs/one/checkpoint");
    // A new instance for each request.
    let process = start(folder.path(), 1, 1);
    let mut client = process.client();
    expect(200, &client.put("/one", b"").unwrap());
    expect(200, &client.put("/one/kept", b"kept").unwrap());
    let mut check = || {
        expect(200, &client.get("/one/kept").unwrap());
        expect(200, &client.put("/one/new", b"new").unwrap());
    };
    fs::write(&checkpoint, "no checkpoint").unwrap();
    check();
    make_endless(&checkpoint);
    check();
    fs::remove_file(&checkpoint).unwrap();
    fs::create_dir(&checkpoint).unwrap();
    check();
    fs::remove_dir(&checkpoint).unwrap();
    assert_eq!(follow(folder.path(), "one").newest().unwrap().seq, 5);
}

#[test]
fn an_endless_record_is_damage() {
    let folder = tempfile::tempdir().unwrap();
    let process = start(folder.path(), 1, 1);
    let mut client = process.client();
    expect(200, &client.put("/one", b"").unwrap());
    make_endless(&folder.path().join("logs/one/0/1"));
    expect(500, &client.get("/one").unwrap());
    expect(500, &client.put("/one/new", b"new").unwrap());
}
