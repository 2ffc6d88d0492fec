//! A disk without room: writes are refused with a clear error, reads and listings go on, nothing
//! is left behind, and writing goes on in the same process once there is room.
//!
//! The test runs itself again in a mount namespace of its own, where the store lies on a small
//! file system in memory. Where the system does not allow that, it says so and does nothing.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs
)]
#![allow(dead_code, unreachable_pub)]

mod support;

use std::io::Write;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use billet_client::daemon::Daemon;
use billet_client::{Client, Response};
use support::metric;

/// Set for the inner run: the folder that the small file system is mounted on.
const INSIDE: &str = "BILLET_TEST_FULL_DISK";
const DISK: &str = "size=40m";
const SMALL: &[&str] = &["--set", "journal.seal_bytes=8MiB"];

#[test]
fn a_full_disk_refuses_writes_only() {
    if let Some(folder) = std::env::var_os(INSIDE) {
        return inside(Path::new(&folder));
    }
    let folder = tempfile::tempdir().unwrap();
    let mount = format!("mount -t tmpfs -o {DISK} none \"$0\"");
    let in_namespace = |script: &str| {
        let mut command = Command::new("unshare");
        command
            .args(["--user", "--map-root-user", "--mount", "sh", "-c", script])
            .arg(folder.path());
        command
    };
    let tried = in_namespace(&mount).output();
    if !tried.is_ok_and(|tried| tried.status.success()) {
        println!("skipped: no file system can be mounted in a namespace here");
        return;
    }
    let run = format!("{mount} && exec \"$1\" --exact a_full_disk_refuses_writes_only --nocapture");
    let status = in_namespace(&run)
        .arg(std::env::current_exe().unwrap())
        .env(INSIDE, folder.path())
        .status();
    assert!(
        status.unwrap().success(),
        "the run on the small disk failed"
    );
}

fn inside(disk: &Path) {
    let store = disk.join("store");
    let program = Path::new(env!("CARGO_BIN_EXE_billet"));
    let daemon = Daemon::start(program, &store, SMALL).unwrap();
    let mut client = daemon.client();
    assert_eq!(client.put("/bucket", b"").unwrap().status, 200);
    let mut kept = Vec::new();
    for (index, size) in [0, 100, 70_000, (1 << 20) + 1, 3 << 20]
        .into_iter()
        .enumerate()
    {
        let (path, bytes) = (format!("/bucket/kept/{index}"), vec![index as u8 + 1; size]);
        assert_eq!(client.put(&path, &bytes).unwrap().status, 200);
        kept.push((path, bytes));
    }
    for round in 0..3 {
        let filler = disk.join("filler");
        fill(&filler);
        let refused = refuse_all(&mut client, round, &mut kept);
        println!("round {round}: {} kept, {refused} refused", kept.len());
        check_reads(&mut client, &kept);
        assert_eq!(
            metric(&daemon, "billet_pending_claims"),
            0,
            "nothing is left behind"
        );
        std::fs::remove_file(&filler).unwrap();
        // The same process, at once.
        let (path, bytes) = (format!("/bucket/again/{round}"), vec![9; 300_000]);
        let again = client.put(&path, &bytes).unwrap();
        assert_eq!(again.status, 200, "{}", again.text());
        kept.push((path, bytes));
        check_reads(&mut client, &kept);
        let deleted = kept.remove(0);
        assert_eq!(client.delete(&deleted.0).unwrap().status, 204);
    }
    drop(daemon);
    let daemon = Daemon::start(program, &store, SMALL).unwrap();
    check_reads(&mut daemon.client(), &kept);
    assert_eq!(metric(&daemon, "billet_damaged_logs"), 0);
}

/// Takes all room that is left.
fn fill(filler: &Path) {
    let mut file = std::fs::File::create(filler).unwrap();
    let block = vec![0x5a; 4096];
    while file.write_all(&block).is_ok() {}
}

/// Writes of all kinds until one of each is refused; what still goes into room that was made
/// before is kept.
fn refuse_all(client: &mut Client, round: usize, kept: &mut Vec<(String, Vec<u8>)>) -> usize {
    let mut refused = 0;
    for (kind, size) in [
        ("large", 12 << 20),
        ("leaf", 1 << 20),
        ("small", 60_000),
        ("none", 0),
    ] {
        for index in 0.. {
            let path = format!("/bucket/{kind}/{round}-{index}");
            let start = Instant::now();
            let bytes = vec![index as u8; size];
            let answer = client.put(&path, &bytes).unwrap();
            assert!(start.elapsed() < Duration::from_secs(20), "no write hangs");
            if answer.status == 200 {
                kept.push((path, bytes));
                // An empty object may fit for a long time: its records are small.
                if kind == "none" && index > 50 {
                    break;
                }
                continue;
            }
            is_no_room(&answer);
            refused += 1;
            break;
        }
    }
    refused
}

fn is_no_room(answer: &Response) {
    assert_eq!(answer.status, 503, "{}", answer.text());
    assert_eq!(
        answer.element("Code").as_deref(),
        Some("ServiceUnavailable")
    );
    assert!(answer.element("Message").unwrap().contains("no room"));
    assert!(answer.header("retry-after").is_some());
}

fn check_reads(client: &mut Client, kept: &[(String, Vec<u8>)]) {
    for (path, bytes) in kept {
        let answer = client.get(path).unwrap();
        assert_eq!(
            (answer.status, answer.body.len()),
            (200, bytes.len()),
            "{path}"
        );
        assert!(answer.body == *bytes, "{path} has other bytes");
    }
    let listed = client.get("/bucket").unwrap();
    assert_eq!(listed.status, 200);
    assert_eq!(listed.text().matches("<Key>").count(), kept.len());
}
