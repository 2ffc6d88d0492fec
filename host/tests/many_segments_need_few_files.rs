//! A store of more segments than the process may have files open is looked at and called whole;
//! a process that may have too few of them says so, and calls nothing damaged.

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
use std::process::{Command, Output};

use billet_client::daemon::Daemon;

const PROGRAM: &str = env!("CARGO_BIN_EXE_billet");
const BODIES: usize = 60;

/// Runs `billet ARGUMENTS` with at most so many open files, none more to be had.
fn run(store: &Path, files_max: usize, arguments: &[&str]) -> Output {
    let script = format!("ulimit -n {files_max} && exec \"$0\" \"$@\"");
    let mut command = Command::new("sh");
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("BILLET_") {
            command.env_remove(name);
        }
    }
    command.args(["-c", &script, PROGRAM]).args(arguments);
    command.arg("--data-dir").arg(store).output().unwrap()
}

#[test]
fn many_segments_need_few_files() {
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let store = folder.path().join("store");
    let config = folder.path().join("billet.toml");
    std::fs::write(&config, "[journal]\nseal_bytes = \"64KiB\"\n").unwrap();
    let config = ["--config", config.to_str().unwrap()];
    let mut daemon = Daemon::start(Path::new(PROGRAM), &store, &config).unwrap();
    let mut client = daemon.client();
    assert_eq!(client.put("/photos", b"").unwrap().status, 200);
    for index in 0..BODIES {
        let body = vec![index as u8; (64 << 10) + 1];
        let path = format!("/photos/{index}");
        assert_eq!(client.put(&path, &body).unwrap().status, 200);
    }
    drop(client);
    assert!(daemon.terminate().unwrap().success());
    let segments = look::segments(&store, "data").len();
    assert!(segments >= BODIES, "{segments}");

    let mut is_enough = Vec::new();
    for files_max in [10, 13, 16, 48] {
        for arguments in [&["fsck"][..], &["bucket", "ls"], &["segment", "verify"]] {
            let output = run(&store, files_max, arguments);
            let said = look::said(&output);
            match look::code(&output) {
                0 => is_enough.push(files_max),
                1 => assert!(
                    said.contains("open files"),
                    "{arguments:?} with {files_max}: {said}"
                ),
                code => panic!("{arguments:?} with {files_max}: {code}, {said}"),
            }
        }
    }
    println!("{is_enough:?}");
    assert!(is_enough.ends_with(&[48, 48, 48]), "{is_enough:?}");
}
