//! Files that somebody else left among the logs, and a log that is damaged: the other buckets are
//! listed and work, what is no log is no bucket, and the damaged one says so.

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

use billet_client::Client;
use common::{expect, start};

fn filled() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let process = start(folder.path(), 16, 128);
    let mut client = process.client();
    for name in ["one", "three", "two"] {
        expect(200, &client.put(&format!("/{name}"), b"").unwrap());
        expect(200, &client.put(&format!("/{name}/key"), b"x").unwrap());
    }
    folder
}

fn buckets(client: &mut Client) -> Vec<String> {
    let response = client.get("/").unwrap();
    expect(200, &response);
    let text = response.text();
    text.split("<Name>")
        .skip(1)
        .map(|rest| rest.split('<').next().unwrap().to_owned())
        .collect()
}

#[test]
fn stray_files_are_no_buckets() {
    let folder = filled();
    let logs = folder.path().join("logs");
    for stray in ["notes", "desktop.ini", "one/notes", "one/7", "one/0/notes"] {
        fs::write(logs.join(stray), "hi").unwrap();
    }
    let process = start(folder.path(), 16, 128);
    let mut client = process.client();
    assert_eq!(buckets(&mut client), ["one", "three", "two"]);
    expect(404, &client.get("/notes/key").unwrap());
    for name in ["one", "two"] {
        expect(200, &client.get(&format!("/{name}/key")).unwrap());
        expect(200, &client.put(&format!("/{name}/new"), b"new").unwrap());
    }
}

#[test]
fn a_damaged_log_hides_no_other() {
    let folder = filled();
    damage(&folder.path().join("logs/three/0/1"));
    let process = start(folder.path(), 16, 128);
    let mut client = process.client();
    assert_eq!(buckets(&mut client), ["one", "two"]);
    expect(500, &client.get("/three/key").unwrap());
    expect(200, &client.put("/two/new", b"new").unwrap());
}

fn damage(record: &Path) {
    let mut content = fs::read(record).unwrap();
    *content.last_mut().unwrap() ^= 1;
    fs::write(record, content).unwrap();
}
