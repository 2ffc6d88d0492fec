//! What went from this disk because the network has it is no damage: it is told as such, verified
//! and carried out while the daemon runs, and refused with a reason while none does.
//!
//! Skipped unless `BILLET_DAEMON` names the program.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs
)]

mod common;

use std::path::Path;
use std::process::{Command, Output};

use common::site::{Site, metric, put, until};
use serde_json::Value;

const OBJECTS: u64 = 5;

fn billet(data: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(std::env::var_os("BILLET_DAEMON").unwrap());
    command.args(arguments).arg("--data-dir").arg(data);
    command.output().unwrap()
}

/// The last line of a look, and the exit status.
fn told(data: &Path, arguments: &[&str]) -> (Value, Option<i32>) {
    let output = billet(data, &[arguments, &["--json"]].concat());
    let text = String::from_utf8_lossy(&output.stdout);
    let last = text.lines().last().unwrap_or("null");
    (serde_json::from_str(last).unwrap(), output.status.code())
}

fn error(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn what_left_is_still_whole() {
    let Some(site) = Site::open(&[]) else {
        return;
    };
    let mut daemon = site.start();
    let mut client = daemon.client();
    put(&mut client, "/bucket", b"", "local");
    for number in 0..OBJECTS {
        let body = format!("{number} ").repeat(50_000);
        put(
            &mut client,
            &format!("/bucket/{number}"),
            body.as_bytes(),
            "network",
        );
    }
    until("the bodies went", || {
        let (segments, _) = told(&site.data(), &["segment", "ls"]);
        metric(&daemon, "billet_segments_retired_total") > 0 && segments["plane"] != "data"
    });

    let (checked, status) = told(&site.data(), &["fsck"]);
    assert_eq!(
        (&checked["verdict"], status),
        (&"whole-here".into(), Some(0))
    );
    assert_eq!(checked["elsewhere"], OBJECTS, "leaves that were not read");
    let (checked, status) = told(&site.data(), &["verify", "bucket"]);
    assert_eq!((&checked["verdict"], status), (&"whole".into(), Some(0)));
    assert_eq!(checked["leaves"], OBJECTS, "read from the network");

    let car = site.data().join("bucket.car");
    let name = car.to_str().unwrap();
    let carried = billet(&site.data(), &["export", "bucket", "-o", name]);
    assert!(carried.status.success(), "{}", error(&carried));
    let (checked, status) = told(&site.data(), &["verify", name]);
    assert_eq!((&checked["verdict"], status), (&"whole".into(), Some(0)));
    std::fs::remove_file(&car).unwrap();

    daemon.terminate().unwrap();
    let (checked, status) = told(&site.data(), &["verify", "bucket"]);
    assert_eq!(
        (&checked["verdict"], status),
        (&"whole-here".into(), Some(0))
    );
    let refused = billet(&site.data(), &["export", "bucket", "-o", name]);
    assert_eq!(refused.status.code(), Some(1));
    assert!(
        error(&refused).contains("on the network only"),
        "{}",
        error(&refused)
    );
    assert!(!car.exists());
}
