//! An imported bucket is in the region and the space of the daemon that makes it, whatever whoever
//! asks has set; an owner without a name is refused.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs
)]
#![allow(clippy::arithmetic_side_effects, dead_code, unreachable_pub)]

#[path = "support/carry.rs"]
mod carry;

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::process::Command;

use billet_client::daemon::Daemon;
use carry::{billet, ends, put};

#[test]
fn an_import_has_the_settings_of_whoever_answers() {
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let (store, other) = (folder.path().join("store"), folder.path().join("other"));
    let file = folder.path().join("photos.car");
    let file = file.to_str().unwrap();
    let program = Path::new(env!("CARGO_BIN_EXE_billet"));
    let mut daemon = Daemon::start(program, &store, &[]).unwrap();
    put(&mut daemon.client(), "/photos", b"");
    put(&mut daemon.client(), "/photos/key", b"body");
    ends(0, &store, &["export", "photos", "-o", file]);
    assert!(daemon.terminate().unwrap().success());

    let settings = ["--set", "region=eu-west-1", "--set", "space=elsewhere"];
    let mut daemon = Daemon::start(program, &other, &settings).unwrap();
    ends(1, &other, &["import", file, "--owner", ""]);
    let unreadable = folder.path().join(OsStr::from_bytes(b"photos\xff.car"));
    std::fs::copy(file, &unreadable).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_billet"));
    command.arg("import").arg(&unreadable);
    command
        .args(["--bucket", "photos", "--data-dir"])
        .arg(&other);
    let output = command.env_remove("BILLET_CONFIG").output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.contains(".car: the path is no UTF-8"), "{said}");
    let output = billet(&other, &["import", "/", "--bucket", "photos"]);
    assert_eq!(output.status.code(), Some(1));
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.contains("billet: /: "), "{said}");
    ends(0, &other, &["import", file]);
    check(&other, "photos", "eu-west-1", "elsewhere");
    assert!(daemon.terminate().unwrap().success());
    // Without a daemon whoever asks makes it.
    ends(0, &other, &["import", file, "--bucket", "copy"]);
    check(&other, "copy", "us-east-1", "default");
}

fn check(store: &Path, bucket: &str, region: &str, space: &str) {
    let line = ends(0, store, &["bucket", "root", bucket, "--json"]);
    let line: serde_json::Value = serde_json::from_str(&line).unwrap();
    assert_eq!(line["region"], region);
    assert_eq!(line["space"], space);
}
