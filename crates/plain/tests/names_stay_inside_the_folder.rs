//! Names of files: one for each log, back again, and never a path.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs
)]

use std::collections::BTreeSet;

use billet_block::{Cid, Codec};
use billet_plain::{
    LOG_NAME_BYTES_MAX, block_folder, last_record, last_record_folder, log_folder, log_of_folder,
    record_folder,
};
use proptest::prelude::*;

#[test]
fn bucket_names_are_their_own_folders() {
    for name in ["first", "a.b-c", "0-9", "my.bucket.example"] {
        assert_eq!(log_folder(name).as_deref(), Some(name));
    }
}

#[test]
fn what_a_file_system_reads_otherwise_is_written_out() {
    let cases = [
        (".", "%2e"),
        ("..", "%2e."),
        ("../x", "%2e.%2fx"),
        ("A", "%41"),
        ("a", "a"),
        ("%41", "%2541"),
        ("a\\b", "a%5cb"),
        ("a\0", "a%00"),
        ("ä", "%c3%a4"),
    ];
    for (log, folder) in cases {
        assert_eq!(log_folder(log).as_deref(), Some(folder), "{log:?}");
        assert_eq!(log_of_folder(folder).as_deref(), Some(log), "{log:?}");
    }
}

#[test]
fn empty_and_long_names_have_no_folder() {
    assert_eq!(log_folder(""), None);
    let longest = "x".repeat(LOG_NAME_BYTES_MAX);
    assert_eq!(log_folder(&longest), Some(longest.clone()));
    assert_eq!(log_folder(&format!("{longest}x")), None);
}

#[test]
fn folders_that_nobody_made_are_no_logs() {
    for name in [
        "", ".", "..", ".x", "A", "%4", "%", "%4x", "%2E", "%61", "a/b", "%ff", "é",
    ] {
        assert_eq!(log_of_folder(name), None, "{name:?}");
    }
}

#[test]
fn blocks_spread_over_256_folders() {
    let folders: BTreeSet<String> = (0..20_000_u32)
        .map(|number| block_folder(&Cid::of(Codec::Raw, &number.to_be_bytes())))
        .collect();
    assert_eq!(folders.len(), 256);
    assert!(folders.iter().all(|name| name.len() == 2));
}

#[test]
fn records_lie_a_thousand_to_a_folder() {
    assert_eq!(
        [1, 999, 1000, 1999, 2000].map(record_folder),
        [0, 0, 1, 1, 2]
    );
}

#[test]
fn the_last_record_is_told_by_names_alone() {
    assert_eq!(last_record_folder([]), None);
    assert_eq!(last_record_folder(["checkpoint", "x", "-1", "+7"]), None);
    assert_eq!(
        last_record_folder(["2", "checkpoint", "10", "9", "011"]),
        Some(10)
    );
    assert_eq!(last_record(0, []), 0);
    assert_eq!(last_record(0, ["1", "11", "9", "12~", "5000", "013"]), 11);
    assert_eq!(last_record(2, ["2000", "2001", "999999"]), 2001);
    // Only whoever had seen the record before makes a folder.
    assert_eq!(last_record(2, ["x"]), 1999);
}

proptest! {
    #[test]
    fn every_log_has_one_plain_name(log in "\\PC{1,20}") {
        let folder = log_folder(&log).unwrap();
        prop_assert!(folder.bytes().all(|byte| byte.is_ascii_graphic()));
        prop_assert!(!folder.contains(['/', '\\']) && !folder.starts_with('.'));
        prop_assert_eq!(log_of_folder(&folder), Some(log));
    }
}
