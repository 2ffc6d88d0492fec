//! Where the catalog leaves this disk, too, the commands that look inside read it from the network
//! and say what is no longer here. Nothing of it is damage.
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

use common::site::{Site, put, until};

const OBJECTS: u64 = 40;

fn text(output: &Output) -> String {
    let both = [&output.stdout[..], &output.stderr[..]].concat();
    String::from_utf8_lossy(&both).into_owned()
}

#[test]
fn a_catalog_that_left_can_be_looked_at() {
    let settings = ["ship.retain_catalog=newest", "journal.seal_bytes=64KiB"];
    let Some((site, _daemon, mut client)) = Site::started(&settings) else {
        return;
    };
    for number in 0..OBJECTS {
        let path = format!("/bucket/{number}");
        put(&mut client, &path, format!("{number}").as_bytes(), "local");
    }
    // The segment that holds the newest commit stays, so there are to be others.
    let mut objects = OBJECTS;
    until("the first commits went", || {
        put(&mut client, &format!("/bucket/{objects}"), b"", "network");
        objects += 1;
        let log = text(&site.billet(&["log", "bucket"]));
        assert!(!log.contains("missing or damaged"), "{log}");
        log.contains("what was before is no longer here")
    });

    let (checked, status) = site.told(&["fsck"]);
    let whole = ["whole".into(), "whole-here".into()];
    assert!(whole.contains(&checked["verdict"]), "{checked}");
    assert_eq!((status, &checked["keys"]), (Some(0), &objects.into()));
    let (checked, status) = site.told(&["verify", "bucket"]);
    assert_eq!((&checked["verdict"], status), (&"whole".into(), Some(0)));
    let proof = site.data().join("proof.car");
    for key in ["0", "1", "never"] {
        let file = proof.to_str().unwrap();
        let proved = site.billet(&["prove", "bucket", key, "-o", file]);
        assert!(proved.status.success(), "{key}: {}", text(&proved));
        std::fs::remove_file(&proof).unwrap();
    }
}
