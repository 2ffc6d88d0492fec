//! A folder that cannot be written: writes are refused with a clear error, reads go on, and
//! writing goes on in the same process once it can.
//!
//! Whoever may write everywhere runs the daemon without that capability; where it cannot be given
//! up, the test says so and does nothing.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs
)]
#![allow(dead_code, unreachable_pub)]

mod support;

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use billet_client::Client;
use billet_client::daemon::Daemon;
use support::metric;

const SMALL: &[&str] = &["--set", "journal.seal_bytes=8MiB"];

/// A program that runs the daemon without the right to write everywhere.
fn humble(folder: &Path) -> PathBuf {
    let program = folder.join("billet");
    let drop = "setpriv --bounding-set=-dac_override,-dac_read_search";
    let script = format!(
        "#!/bin/sh\nexec {drop} {} \"$@\"\n",
        env!("CARGO_BIN_EXE_billet")
    );
    std::fs::write(&program, script).unwrap();
    std::fs::set_permissions(&program, Permissions::from_mode(0o755)).unwrap();
    program
}

/// Whether a program of `humble`'s kind is stopped by a folder's mode.
fn is_stopped(folder: &Path) -> bool {
    let closed = folder.join("closed");
    std::fs::create_dir(&closed).unwrap();
    std::fs::set_permissions(&closed, Permissions::from_mode(0o500)).unwrap();
    let drop = ["--bounding-set=-dac_override,-dac_read_search", "sh", "-c"];
    let tried = Command::new("setpriv")
        .args(drop)
        .args(["test -x / && ! touch \"$0/file\" 2>/dev/null"])
        .arg(&closed)
        .status();
    tried.is_ok_and(|status| status.success())
}

/// The folders that segments lie in.
fn segment_folders(store: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![store.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|kind| kind == "car") && !found.contains(&folder)
            {
                found.push(folder.clone());
            }
        }
    }
    found
}

fn set_modes(folders: &[PathBuf], mode: u32) {
    for folder in folders {
        std::fs::set_permissions(folder, Permissions::from_mode(mode)).unwrap();
    }
}

#[test]
fn an_unwritable_folder_refuses_writes_only() {
    let folder = tempfile::tempdir().unwrap();
    if !is_stopped(folder.path()) {
        println!("skipped: no folder is closed to this user");
        return;
    }
    let (program, store) = (humble(folder.path()), folder.path().join("store"));
    let daemon = Daemon::start(&program, &store, SMALL).unwrap();
    let mut client = daemon.client();
    assert_eq!(client.put("/bucket", b"").unwrap().status, 200);
    let mut kept = Vec::new();
    put(&mut client, &mut kept, "first");
    let folders = segment_folders(&store);
    assert_eq!(folders.len(), 2, "one a plane");
    for round in 0..2 {
        set_modes(&folders, 0o500);
        // The open segments take what fits; then new ones would have to be made.
        while put(&mut client, &mut kept, &format!("closed-{round}")) {}
        for _ in 0..3 {
            assert!(!put(&mut client, &mut kept, "refused"));
        }
        check_reads(&mut client, &kept);
        assert_eq!(
            metric(&daemon, "billet_pending_claims"),
            0,
            "nothing is left behind"
        );
        set_modes(&folders, 0o755);
        assert!(
            put(&mut client, &mut kept, "opened"),
            "the same process, at once"
        );
        check_reads(&mut client, &kept);
    }
    drop(daemon);
    let daemon = Daemon::start(&program, &store, SMALL).unwrap();
    check_reads(&mut daemon.client(), &kept);
    assert_eq!(metric(&daemon, "billet_damaged_logs"), 0);
}

/// Puts one more object; whether it was taken.
fn put(client: &mut Client, kept: &mut Vec<(String, Vec<u8>)>, name: &str) -> bool {
    let path = format!("/bucket/{name}-{}", kept.len());
    let bytes = vec![kept.len() as u8; 1_500_000];
    let answer = client.put(&path, &bytes).unwrap();
    if answer.status == 200 {
        kept.push((path, bytes));
        return true;
    }
    assert_eq!(answer.status, 503, "{}", answer.text());
    assert_eq!(
        answer.element("Code").as_deref(),
        Some("ServiceUnavailable")
    );
    false
}

fn check_reads(client: &mut Client, kept: &[(String, Vec<u8>)]) {
    for (path, bytes) in kept {
        let answer = client.get(path).unwrap();
        assert_eq!(answer.status, 200, "{path}");
        assert!(answer.body == *bytes, "{path} has other bytes");
    }
    let listed = client.get("/bucket").unwrap().text();
    assert_eq!(listed.matches("<Key>").count(), kept.len());
}
