//! Blocks that are damaged or gone, the first one of an answer and a later one: whoever runs the
//! host is told which file it is.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs
)]

mod common;

use std::fs;
use std::path::{Path, PathBuf};

use billet_client::Request;
use billet_client::second::SecondHost;
use billet_plain::block_folder;
use common::{bytes, expect, follow, start_told};

const LEAF_BYTES: usize = 1 << 20;

/// The files of whole leaves.
fn leaves(folder: &Path) -> Vec<PathBuf> {
    let folders = fs::read_dir(folder.join("blocks")).unwrap();
    let files = folders.flat_map(|folder| fs::read_dir(folder.unwrap().path()).unwrap());
    let files = files.map(|file| file.unwrap().path());
    files
        .filter(|path| path.metadata().unwrap().len() == LEAF_BYTES as u64)
        .collect()
}

/// Asks for the object; neither its whole body nor any wrong byte may come.
fn check_broken(process: &SecondHost, whole: &[u8]) {
    let mut got = Vec::new();
    let request = Request {
        method: "GET",
        path: "/first/key",
        ..Request::default()
    };
    let answer = process.client().send_to(request, &mut got);
    assert!(!answer.is_ok_and(|response| response.status == 200));
    assert!(got.len() < whole.len() && whole.starts_with(&got));
}

#[test]
fn a_file_that_is_damaged_or_gone_is_named() {
    let outside = tempfile::tempdir().unwrap();
    let folder = outside.path().join("data");
    fs::create_dir(&folder).unwrap();
    let body = bytes(1, 2 * LEAF_BYTES);
    let told = outside.path().join("told");
    let process = start_told(&folder, &told, &[]);
    let mut client = process.client();
    expect(200, &client.put("/first", b"").unwrap());
    expect(200, &client.put("/first/key", &body).unwrap());
    let root = follow(&folder, "first").newest().unwrap().root;
    let root = format!("blocks/{}/{root}", block_folder(&root));
    let mut needed = vec![folder.join(root)];
    needed.extend(leaves(&folder));
    assert_eq!(needed.len(), 3);
    for path in needed {
        let whole = fs::read(&path).unwrap();
        fs::write(&path, &whole[1..]).unwrap();
        check_broken(&process, &body);
        fs::remove_file(&path).unwrap();
        check_broken(&process, &body);
        fs::write(&path, &whole).unwrap();
        let (name, told) = (path.strip_prefix(&folder), fs::read_to_string(&told));
        let (name, told) = (name.unwrap().display().to_string(), told.unwrap());
        for what in ["damaged", "missing"] {
            let line = format!("billet: {name}: {what}\n");
            assert!(told.contains(&line), "{told:?} without {line:?}");
        }
    }
}
