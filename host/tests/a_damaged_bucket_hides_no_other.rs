//! A bucket whose state cannot be read is told by its name: all others are listed beside it, and
//! what is whole of it can be taken away under a root that was written down. A look at a store
//! that is not there makes none, and no loss without a name is accepted by accident.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs,
    dead_code,
    unreachable_pub
)]

#[path = "support/look.rs"]
mod look;

use std::path::Path;

use billet_client::daemon::Daemon;
use look::{code, damage, lines, run, said, whole};

fn check_list(store: &Path) {
    let (listed, status) = lines(store, &["bucket", "ls"]);
    assert_eq!(status, 3, "{listed:?}");
    let names: Vec<_> = listed.iter().map(|line| line["bucket"].clone()).collect();
    assert_eq!(names, ["one", "two"]);
    assert_eq!(listed[0]["damage"], true, "{listed:?}");
    assert!(listed[1]["root"].is_string(), "{listed:?}");
    let table = run(store, &["bucket", "ls"]);
    let table = String::from_utf8(table.stdout).unwrap();
    assert!(
        table.contains("damaged") && table.contains("two"),
        "{table}"
    );
}

#[test]
fn a_damaged_bucket_hides_no_other() {
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let (store, program) = (
        folder.path().join("store"),
        Path::new(env!("CARGO_BIN_EXE_billet")),
    );
    let mut daemon = Daemon::start(program, &store, &[]).unwrap();
    let mut client = daemon.client();
    for path in ["/one", "/one/key", "/two"] {
        assert_eq!(client.put(path, b"").unwrap().status, 200, "{path}");
    }
    let one = whole(&store, &["bucket", "root", "one"]).remove(0);
    let root = one["root"].as_str().unwrap();
    daemon.terminate().unwrap();
    damage(&store, "cid", &one["state"]);

    check_list(&store);
    let daemon = Daemon::start(program, &store, &[]).unwrap();
    check_list(&store);
    let listing = daemon.client().get("/").unwrap();
    let listing = (listing.status, String::from_utf8(listing.body).unwrap());
    assert_eq!(listing.0, 200, "{listing:?}");
    assert!(listing.1.contains("<Name>two</Name>"), "{listing:?}");
    assert!(!listing.1.contains("<Name>one</Name>"), "{listing:?}");

    let file = folder.path().join("one.car");
    let file = file.to_str().unwrap();
    let damaged = run(&store, &["export", "one", "-o", file]);
    assert_eq!(code(&damaged), 3, "{}", said(&damaged));
    let taken = run(&store, &["export", "one", "--root", root, "-o", file]);
    assert_eq!(code(&taken), 0, "{}", said(&taken));
    let checked = run(&store, &["verify", "one", "--root", root]);
    assert_eq!(code(&checked), 0, "{}", said(&checked));
    let unknown = run(&store, &["verify", "three", "--root", root]);
    assert!(said(&unknown).contains("no such bucket"), "{unknown:?}");

    let nameless = run(&store, &["bucket", "accept-loss", ""]);
    assert!(said(&nameless).contains("name is empty"), "{nameless:?}");
    let absent = folder.path().join("absent");
    let mistyped = run(&absent, &["bucket", "accept-loss", "one"]);
    assert!(said(&mistyped).contains("no store"), "{mistyped:?}");
    assert!(!absent.exists());
}
