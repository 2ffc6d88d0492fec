//! A check whose reader went away ends with the status of damage once it came upon any, and never
//! with that of a whole store, nor does an export that was not read to its end; a list may be left
//! early, and an import that was done stays one.

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
#[path = "support/look.rs"]
mod look;

use std::io::Read;
use std::path::Path;
use std::process::{Command, Stdio};

use billet_client::daemon::Daemon;
use carry::{content, ends, put};

/// The exit status of a command whose output goes into a pipe that nobody reads.
fn unread(store: &Path, arguments: &[&str], both: bool) -> i32 {
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let mut command = Command::new(env!("CARGO_BIN_EXE_billet"));
    command.args(arguments).arg("--data-dir").arg(store);
    command.env_remove("BILLET_CONFIG");
    command.stderr(match both {
        true => Stdio::from(writer.try_clone().unwrap()),
        false => Stdio::null(),
    });
    let status = command.stdout(writer).status().unwrap();
    status.code().unwrap()
}

/// An export whose reader goes away after a byte.
fn left_early(store: &Path, folder: &Path) {
    let pipe = folder.join("pipe");
    assert!(
        Command::new("mkfifo")
            .arg(&pipe)
            .status()
            .unwrap()
            .success()
    );
    let path = pipe.clone();
    let reader = std::thread::spawn(move || {
        let mut pipe = std::fs::File::open(path).unwrap();
        pipe.read_exact(&mut [0]).unwrap();
    });
    ends(
        1,
        store,
        &["export", "photos", "-o", pipe.to_str().unwrap()],
    );
    reader.join().unwrap();
}

#[test]
fn a_check_that_nobody_reads_does_not_end_well() {
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let (store, file) = (
        folder.path().join("store"),
        folder.path().join("photos.car"),
    );
    let program = Path::new(env!("CARGO_BIN_EXE_billet"));
    let mut daemon = Daemon::start(program, &store, &[]).unwrap();
    let mut client = daemon.client();
    put(&mut client, "/photos", b"");
    put(&mut client, "/photos/key", &content(10_000));
    // More than a pipe takes.
    put(&mut client, "/photos/long", &content(1_000_000));
    drop(client);
    let file = file.to_str().unwrap();
    ends(0, &store, &["export", "photos", "-o", file]);
    let checks: [&[&str]; 6] = [
        &["fsck"],
        &["fsck", "--json"],
        &["verify", "photos"],
        &["verify", "photos", "--json"],
        &["verify", file],
        &["segment", "verify", "1"],
    ];
    let every = |status: i32| {
        for (index, arguments) in checks.into_iter().enumerate() {
            let status_is = unread(&store, arguments, index % 2 == 0);
            assert_eq!(status_is, status, "{arguments:?}");
        }
    };
    assert_eq!(unread(&store, &["fsck"], true), 1, "of a daemon");
    left_early(&store, folder.path());
    assert!(daemon.terminate().unwrap().success());
    every(1);
    let (import, bucket) = (
        ["import", file, "--bucket", "copy"],
        ["bucket", "root", "copy"],
    );
    assert_eq!(unread(&store, &import, true), 0);
    ends(0, &store, &bucket);
    assert_eq!(unread(&store, &["bucket", "ls"], true), 0);

    // A byte of the one leaf.
    let data = look::segments(&store, "data");
    for path in data.iter().map(AsRef::as_ref).chain([Path::new(file)]) {
        let mut bytes = std::fs::read(path).unwrap();
        let leaf = content(10_000);
        let at = bytes.windows(64).position(|some| some == &leaf[..64]);
        bytes[at.unwrap() + 5_000] ^= 1;
        std::fs::write(path, bytes).unwrap();
    }
    every(3);
    assert_eq!(unread(&store, &["bucket", "ls"], true), 0);
}
