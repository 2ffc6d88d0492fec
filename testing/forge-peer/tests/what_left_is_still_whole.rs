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

use std::process::Output;

use common::site::{Site, metric, put, until};

const OBJECTS: u64 = 5;

fn error(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn what_left_is_still_whole() {
    let Some((site, mut daemon, mut client)) = Site::started(&[]) else {
        return;
    };
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
        let (segments, _) = site.told(&["segment", "ls"]);
        metric(&daemon, "billet_segments_retired_total") > 0 && segments["plane"] != "data"
    });

    let (checked, status) = site.told(&["fsck"]);
    assert_eq!(
        (&checked["verdict"], status),
        (&"whole-here".into(), Some(0))
    );
    assert_eq!(checked["elsewhere"], OBJECTS, "leaves that were not read");
    let (checked, status) = site.told(&["verify", "bucket"]);
    assert_eq!((&checked["verdict"], status), (&"whole".into(), Some(0)));
    assert_eq!(checked["leaves"], OBJECTS, "read from the network");

    let car = site.data().join("bucket.car");
    let name = car.to_str().unwrap();
    let carried = site.billet(&["export", "bucket", "-o", name]);
    assert!(carried.status.success(), "{}", error(&carried));
    let (checked, status) = site.told(&["verify", name]);
    assert_eq!((&checked["verdict"], status), (&"whole".into(), Some(0)));
    std::fs::remove_file(&car).unwrap();

    daemon.terminate().unwrap();
    let (checked, status) = site.told(&["verify", "bucket"]);
    assert_eq!(
        (&checked["verdict"], status),
        (&"whole-here".into(), Some(0))
    );
    let refused = site.billet(&["export", "bucket", "-o", name]);
    assert_eq!(refused.status.code(), Some(1));
    assert!(
        error(&refused).contains("on the network only"),
        "{}",
        error(&refused)
    );
    assert!(!car.exists());
}
