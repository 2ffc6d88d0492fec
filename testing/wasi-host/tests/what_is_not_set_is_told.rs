//! Without a name of the host or half of a key pair nobody gets in, and clients hear only that they
//! are refused: whoever runs the host is told which variable is missing, and never a value.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs
)]

mod common;

use billet_client::daemon::SECRET_KEY;
use common::{expect, start_told};

#[track_caller]
fn check(without: &str, told: &str) {
    let outside = tempfile::tempdir().unwrap();
    let (folder, log) = (outside.path().join("data"), outside.path().join("told"));
    std::fs::create_dir(&folder).unwrap();
    let process = start_told(&folder, &log, &[without]);
    expect(403, &process.client().put("/first", b"").unwrap());
    drop(process);
    let log = std::fs::read_to_string(log).unwrap();
    assert!(log.contains(told), "{log:?}");
    assert!(!log.contains(SECRET_KEY));
}

#[test]
fn what_is_missing_is_named() {
    check("BILLET_HOSTS", "no hosts are set");
    check("BILLET_ACCESS_KEY_ID", "BILLET_ACCESS_KEY_ID is not set");
    check(
        "BILLET_SECRET_ACCESS_KEY",
        "BILLET_SECRET_ACCESS_KEY is not set",
    );
}
