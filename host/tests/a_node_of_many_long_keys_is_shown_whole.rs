//! A node whose keys take more text than fits into one line of an answer is shown whole, by a
//! daemon and without one: in several lines, in order, each key once.

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

use std::path::Path;

use billet_client::daemon::Daemon;
use serde_json::Value;
use sha2::{Digest, Sha256};

const KEYS: usize = 900;

/// Keys of the lowest level, in which JSON escapes nearly every byte: together in one node.
fn keys() -> Vec<String> {
    let head = "\u{1}".repeat(1_000);
    let all = (0..).map(|number| format!("{head}{number:05}"));
    let lowest = all.filter(|key| Sha256::digest(key)[0] >= 0x40);
    lowest.take(KEYS).collect()
}

fn check(nodes: &[Value], keys: &[String]) {
    let mut found = Vec::new();
    for line in nodes {
        assert_eq!(line["cid"], nodes[0]["cid"]);
        assert_eq!(line["first"], found.len());
        let entries = line["entries"].as_array().unwrap();
        found.extend(entries.iter().map(|entry| entry["key"].as_str().unwrap()));
    }
    assert_eq!(found, keys);
}

#[test]
fn a_node_of_many_long_keys_is_shown_whole() {
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let program = Path::new(env!("CARGO_BIN_EXE_billet"));
    let store = folder.path().join("store");
    let mut daemon = Daemon::start(program, &store, &[]).unwrap();
    let mut client = daemon.client();
    assert_eq!(client.put("/wide", b"").unwrap().status, 200);
    let keys = keys();
    for key in &keys {
        let path = format!("/wide/{key}");
        assert_eq!(client.put(&path, b"").unwrap().status, 200, "{key:?}");
    }
    let nodes = look::whole(&store, &["tree", "wide"]);
    assert!(nodes.len() > 1);
    check(&nodes, &keys);
    let table = look::run(&store, &["tree", "wide"]);
    let table = String::from_utf8(table.stdout).unwrap();
    assert_eq!(table.lines().count(), KEYS);
    let named = table.lines().filter(|line| !line.starts_with('\t'));
    assert_eq!(named.count(), 1, "the node is named once");
    drop(client);
    assert!(daemon.terminate().unwrap().success());
    assert_eq!(look::whole(&store, &["tree", "wide"]), nodes);
}
