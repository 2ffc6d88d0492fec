//! Blocks of one change are written side by side: where one of them cannot be, the others come to
//! their end, and none leaves a file that nothing would ever remove.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs
)]

mod common;

use std::fs;

use common::{expect, start};

const CHANGES: usize = 40;

#[test]
fn a_block_that_fails_takes_no_other_down() {
    let folder = tempfile::tempdir().unwrap();
    let process = start(folder.path(), 16, 128);
    let mut client = process.client();
    expect(200, &client.put("/first", b"").unwrap());
    // About every second block goes where no file can be: the last character has three bits.
    let characters = "abcdefghijklmnopqrstuvwxyz234567";
    for high in characters.chars() {
        for low in characters.chars().step_by(8) {
            let _ = fs::write(folder.path().join(format!("blocks/{high}{low}")), "");
        }
    }
    let mut statuses = Vec::new();
    for number in 0..CHANGES {
        let key = format!("/first/{number}");
        statuses.push(client.put(&key, key.as_bytes()).unwrap().status);
    }
    assert!(statuses.contains(&503), "{statuses:?}");
    let left = fs::read_dir(folder.path().join("temporary")).unwrap();
    assert_eq!(left.count(), 0);
}
