//! What the look-inside commands print is the same while a daemon runs and after it was killed;
//! and without a daemon they change no byte, though they recover a store that nobody closed.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs
)]
#![allow(clippy::arithmetic_side_effects, dead_code, unreachable_pub)]

#[path = "support/look.rs"]
mod look;

use std::os::unix::fs::{FileExt, PermissionsExt};
use std::path::Path;

use billet_client::Client;
use billet_client::daemon::Daemon;

const PROGRAM: &str = env!("CARGO_BIN_EXE_billet");

/// A store with a bucket of some history, a configured one, a deleted one and an open upload.
fn fill(client: &mut Client) -> String {
    for bucket in ["/photos", "/plain", "/gone"] {
        assert_eq!(client.put(bucket, b"").unwrap().status, 200);
    }
    for index in 0..40 {
        let path = format!("/photos/2026/{index}.jpg");
        assert_eq!(client.put(&path, path.as_bytes()).unwrap().status, 200);
    }
    let big = vec![7; (3 << 20) + 5];
    assert_eq!(client.put("/photos/big", &big).unwrap().status, 200);
    assert_eq!(
        client.put("/photos/2026/1.jpg", b"again").unwrap().status,
        200
    );
    assert_eq!(client.delete("/photos/2026/2.jpg").unwrap().status, 204);
    assert_eq!(client.delete("/gone").unwrap().status, 204);
    look::leave_an_upload_open(client, "/photos/parts");
    let last = client.put("/photos/last\n\u{1b}[2J", b"odd").unwrap();
    last.header("x-billet-root").unwrap().to_owned()
}

/// What must be the same with and without a daemon.
fn look(store: &Path, root: &str) -> Vec<String> {
    let commands: [&[&str]; 4] = [
        &["bucket", "ls"],
        &["bucket", "root", "photos"],
        &["log", "photos"],
        &["log", "gone"],
    ];
    let mut all = Vec::new();
    for command in commands {
        let lines = look::whole(store, command);
        all.push(format!("{command:?} {lines:#?}"));
    }
    let block = look::run(store, &["block", "get", root]);
    assert_eq!(look::code(&block), 0, "{}", look::said(&block));
    all.push(format!("{:?}", block.stdout));
    all
}

fn check_answers(store: &Path, root: &str) {
    let buckets = look::whole(store, &["bucket", "ls"]);
    let names: Vec<_> = buckets.iter().map(|line| line["bucket"].clone()).collect();
    assert_eq!(names, ["photos", "plain"]);
    let found = look::run(store, &["bucket", "root", "photos"]);
    assert_eq!(String::from_utf8_lossy(&found.stdout).trim(), root);
    let log = look::whole(store, &["log", "photos"]);
    assert_eq!(log[0]["root"], root);
    assert_eq!(log[0]["keys"]["list"][0]["key"], "last\n\u{1b}[2J");
    let seqs: Vec<_> = log
        .iter()
        .map(|line| line["seq"].as_u64().unwrap())
        .collect();
    let down: Vec<_> = (1..=seqs[0]).rev().collect();
    assert_eq!(seqs, down, "every commit, the newest first");
    let first = log.last().unwrap();
    assert_eq!(first["bucket"]["change"], "created");
    assert!(log.iter().any(|line| line["keys"]["deleted"] == 1));
    assert!(log.iter().any(|line| line["keys"]["replaced"] == 1));
    assert!(log.iter().any(|line| line["held"] == 1), "the part");
    let gone = look::whole(store, &["log", "gone", "-n", "1"]);
    assert_eq!(gone.len(), 1);
    assert_eq!(gone[0]["bucket"]["change"], "deleted");
    let table = look::run(store, &["log", "photos", "-n", "1"]);
    let table = String::from_utf8(table.stdout).unwrap();
    assert!(
        table.contains("put last\\n\\u{1b}[2J") && table.lines().count() == 1,
        "{table}"
    );
}

/// The tree's nodes hold every key once, a prefix leads to those that have it, and all is whole.
fn check_tree(store: &Path, root: &str) {
    let nodes = look::whole(store, &["tree", "photos"]);
    assert_eq!(nodes[0]["cid"], root);
    let keys = |nodes: &[serde_json::Value]| -> Vec<String> {
        let entries = nodes
            .iter()
            .flat_map(|node| node["entries"].as_array().unwrap());
        let keys = entries.map(|entry| entry["key"].as_str().unwrap().to_owned());
        keys.collect()
    };
    let mut all = keys(&nodes);
    all.sort();
    let expected = (0..40).filter(|index| *index != 2);
    let mut expected: Vec<_> = expected.map(|index| format!("2026/{index}.jpg")).collect();
    expected.extend(["big".to_owned(), "last\n\u{1b}[2J".to_owned()]);
    expected.sort();
    assert_eq!(all, expected);
    let some = look::whole(
        store,
        &["tree", "photos", "--prefix", "2026/3", "--root", root],
    );
    assert!(some.len() <= nodes.len());
    let found = keys(&some)
        .into_iter()
        .filter(|key| key.starts_with("2026/3"));
    assert_eq!(found.count(), 11);
    let (findings, code) = look::lines(store, &["fsck"]);
    assert_eq!(code, 0, "{findings:?}");
    assert_eq!(findings.last().unwrap()["keys"], 41);
}

fn check_segments(store: &Path) {
    let segments = look::whole(store, &["segment", "ls"]);
    assert!(segments.len() >= 2);
    for segment in &segments {
        let number = segment["segment"].to_string();
        let shown = look::whole(store, &["segment", "show", &number]);
        let verified = look::whole(store, &["segment", "verify", &number]);
        assert_eq!(verified[0]["verdict"], "whole");
        assert_eq!(shown.len() as u64, segment["blocks"].as_u64().unwrap());
    }
}

#[test]
fn looking_changes_no_byte() {
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let store = folder.path().join("store");
    let mut daemon = Daemon::start(Path::new(PROGRAM), &store, &[]).unwrap();
    let root = fill(&mut daemon.client());
    let socket = store.join("admin.sock");
    let mode = std::fs::metadata(&socket).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    check_answers(&store, &root);
    check_segments(&store);
    check_tree(&store, &root);
    let with = look(&store, &root);
    daemon.kill().unwrap();
    tear(&store);
    let before = look::digests(&store);
    assert!(before.contains_key("admin.sock"), "nobody took it away");
    assert_eq!(look(&store, &root), with);
    check_answers(&store, &root);
    check_segments(&store);
    check_tree(&store, &root);
    assert_eq!(look::digests(&store), before, "no byte, no file");

    let mut daemon = Daemon::start(Path::new(PROGRAM), &store, &[]).unwrap();
    assert_eq!(look(&store, &root), with, "over a new socket");
    assert!(daemon.terminate().unwrap().success());
    assert!(!socket.exists(), "it goes at a stop in good order");
    let before = look::digests(&store);
    assert_eq!(look(&store, &root), with);
    assert_eq!(look::digests(&store), before);
}

/// Half a block behind the last one of each file, as a crash leaves it.
fn tear(store: &Path) {
    for path in ["data", "catalog"]
        .iter()
        .flat_map(|plane| look::segments(store, plane))
    {
        let bytes = std::fs::read(&path).unwrap();
        let end = bytes.iter().rposition(|byte| *byte != 0).unwrap() + 1;
        let file = std::fs::OpenOptions::new().write(true).open(&path).unwrap();
        let torn = [&[0xb0, 0x09, 1, 0x55, 0x12, 32][..], &[9; 40]].concat();
        file.write_at(&torn, end as u64 + 1).unwrap();
    }
}

#[test]
fn a_store_is_asked_for_by_one_way_only() {
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let store = folder.path().join("store");
    let nothing = look::run(&store, &["bucket", "ls"]);
    assert_eq!(look::code(&nothing), 1);
    assert!(
        look::said(&nothing).contains("--data-dir"),
        "{}",
        look::said(&nothing)
    );
    assert!(!store.exists(), "looking makes nothing");
    let mut daemon = Daemon::start(Path::new(PROGRAM), &store, &[]).unwrap();
    std::fs::remove_file(store.join("admin.sock")).unwrap();
    let refused = look::run(&store, &["bucket", "ls"]);
    assert_eq!(look::code(&refused), 1);
    assert!(
        look::said(&refused).contains("stop it"),
        "{}",
        look::said(&refused)
    );
    daemon.kill().unwrap();
    // A file in the socket's place is not touched, and serving goes on without.
    std::fs::write(store.join("admin.sock"), b"mine").unwrap();
    let mut daemon = Daemon::start(Path::new(PROGRAM), &store, &[]).unwrap();
    assert_eq!(std::fs::read(store.join("admin.sock")).unwrap(), b"mine");
    assert!(daemon.terminate().unwrap().success());
    assert_eq!(std::fs::read(store.join("admin.sock")).unwrap(), b"mine");
}

#[test]
fn a_long_path_has_its_socket_too() {
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let store = folder.path().join("d".repeat(120)).join("store");
    std::fs::create_dir_all(&store).unwrap();
    let mut daemon = Daemon::start(Path::new(PROGRAM), &store, &[]).unwrap();
    assert_eq!(daemon.client().put("/long", b"").unwrap().status, 200);
    assert_eq!(look::whole(&store, &["bucket", "ls"])[0]["bucket"], "long");
    assert!(daemon.terminate().unwrap().success());
    assert!(!store.join("admin.sock").exists());
    assert_eq!(look::whole(&store, &["bucket", "ls"])[0]["bucket"], "long");
}
