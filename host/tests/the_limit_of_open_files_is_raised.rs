//! A process that is started with a low limit of open files gives itself the highest it may have.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
#![allow(clippy::indexing_slicing, missing_docs)]
#![cfg(target_os = "linux")]

use std::os::unix::fs::PermissionsExt;

use billet_client::daemon::Daemon;

#[test]
fn the_limit_of_open_files_is_raised() {
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let program = folder.path().join("billet");
    let billet = env!("CARGO_BIN_EXE_billet");
    let script = format!("#!/bin/sh\nulimit -S -n 100\nulimit -H -n 300\nexec '{billet}' \"$@\"\n");
    std::fs::write(&program, script).unwrap();
    std::fs::set_permissions(&program, PermissionsExt::from_mode(0o755)).unwrap();
    let mut daemon = Daemon::start(&program, &folder.path().join("store"), &[]).unwrap();
    let limits = std::fs::read_to_string(format!("/proc/{}/limits", daemon.pid())).unwrap();
    let line = limits
        .lines()
        .find(|line| line.starts_with("Max open files"));
    let words: Vec<_> = line.unwrap().split_whitespace().collect();
    assert_eq!(words[3..5], ["300", "300"], "{limits}");
    assert!(daemon.terminate().unwrap().success());
}
