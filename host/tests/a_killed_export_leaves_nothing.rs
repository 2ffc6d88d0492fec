//! An export or a proof whose process is killed on the way leaves nothing beside its file, and what
//! was there stays.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs
)]

use std::os::unix::net::UnixListener;
use std::process::Command;

#[test]
fn a_killed_export_leaves_nothing() {
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let (store, files) = (folder.path().join("store"), folder.path().join("files"));
    for folder in [&store, &files] {
        std::fs::create_dir(folder).unwrap();
    }
    let file = files.join("photos.car");
    std::fs::write(&file, b"before").unwrap();
    // A daemon that takes questions and never answers.
    let socket = UnixListener::bind(store.join("admin.sock")).unwrap();
    let questions: [&[&str]; 3] = [
        &["export", "photos"],
        &["prove", "photos", "key"],
        &["block", "get", "bafkqaaa"],
    ];
    for question in questions {
        let mut command = Command::new(env!("CARGO_BIN_EXE_billet"));
        command.args(question).arg("-o").arg(&file);
        command.arg("--data-dir").arg(&store);
        let mut child = command.env_remove("BILLET_CONFIG").spawn().unwrap();
        let asked = socket.accept().unwrap();
        child.kill().unwrap();
        child.wait().unwrap();
        drop(asked);
        let entries = std::fs::read_dir(&files).unwrap();
        let names = entries.map(|entry| entry.unwrap().file_name());
        assert_eq!(names.collect::<Vec<_>>(), ["photos.car"], "{question:?}");
        assert_eq!(std::fs::read(&file).unwrap(), b"before");
    }
}
