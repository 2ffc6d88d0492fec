//! A record that was lost from the middle of a log, or all of them from its beginning: the bucket
//! is told to be damaged, nothing is written into the gap, and all is well once they are back.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs
)]

mod common;

use std::fs;
use std::path::Path;

use common::{expect, follow, start};

const OBJECTS: u64 = 10;

/// A folder with two buckets: `one` is empty, `two` has some objects.
fn filled() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let process = start(folder.path(), 16, 128);
    let mut client = process.client();
    expect(200, &client.put("/one", b"").unwrap());
    expect(200, &client.put("/two", b"").unwrap());
    for number in 0..OBJECTS {
        expect(200, &client.put(&format!("/two/{number}"), b"x").unwrap());
    }
    folder
}

/// Another process, which knows nothing: `two` is damaged for whoever reads and for whoever writes.
#[track_caller]
fn check_damaged(folder: &Path) {
    let process = start(folder, 16, 128);
    let mut client = process.client();
    for _ in 0..2 {
        expect(500, &client.put("/two/new", b"new").unwrap());
        expect(500, &client.get("/two").unwrap());
        expect(500, &client.get("/two/0").unwrap());
        expect(500, &client.put("/two", b"").unwrap());
    }
    expect(200, &client.put("/one/new", b"new").unwrap());
}

#[track_caller]
fn check_whole(folder: &Path) {
    let process = start(folder, 16, 128);
    let mut client = process.client();
    for number in 0..OBJECTS {
        expect(200, &client.get(&format!("/two/{number}")).unwrap());
    }
    expect(200, &client.put("/two/new", b"new").unwrap());
    assert_eq!(follow(folder, "two").newest().unwrap().seq, OBJECTS + 2);
}

#[test]
fn a_gap_is_told_and_left_as_it_is() {
    let folder = filled();
    let record = folder.path().join("logs/two/0/5");
    let kept = folder.path().join("kept");
    fs::rename(&record, &kept).unwrap();
    check_damaged(folder.path());
    assert!(!record.exists());
    fs::rename(&kept, &record).unwrap();
    check_whole(folder.path());
}

#[test]
fn a_record_in_place_of_another_is_no_end_either() {
    let folder = filled();
    let record = folder.path().join("logs/two/0/5");
    let content = fs::read(&record).unwrap();
    fs::copy(folder.path().join("logs/two/0/4"), &record).unwrap();
    check_damaged(folder.path());
    fs::write(&record, content).unwrap();
    check_whole(folder.path());
}

#[test]
fn a_lost_beginning_is_no_empty_log() {
    let folder = filled();
    let log = folder.path().join("logs/two");
    let kept = folder.path().join("kept");
    fs::rename(log.join("0"), &kept).unwrap();
    // What is left of a log: a later folder, or a checkpoint, which is damaged, too.
    fs::create_dir(log.join("1")).unwrap();
    check_damaged(folder.path());
    fs::remove_dir(log.join("1")).unwrap();
    fs::write(log.join("checkpoint"), "x").unwrap();
    check_damaged(folder.path());
    assert!(!log.join("0").exists());
    fs::rename(&kept, log.join("0")).unwrap();
    check_whole(folder.path());
}
