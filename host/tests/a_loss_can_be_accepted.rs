//! A bucket whose commits were lost is not written, and no bucket is created, until somebody who
//! looked says that the loss is accepted; from then on they are, after every start.

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

use billet_client::Client;
use billet_client::daemon::Daemon;
use look::{code, damage, run, said, whole};

fn put(client: &mut Client, path: &str) -> u16 {
    client.put(path, b"").unwrap().status
}

fn start(store: &Path) -> (Daemon, Client) {
    let program = Path::new(env!("CARGO_BIN_EXE_billet"));
    let daemon = Daemon::start(program, store, &[]).unwrap();
    let client = daemon.client();
    (daemon, client)
}

#[test]
fn a_lost_record_can_be_accepted() {
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let store = folder.path().join("store");
    let (mut daemon, mut client) = start(&store);
    let lost = ["/lost", "/lost/1", "/lost/2", "/lost/3", "/lost/4"];
    // The last one tells that nothing of its bucket is lost.
    for path in ["/other"].iter().chain(&lost).chain(&["/other/0"]) {
        assert_eq!(put(&mut client, path), 200, "{path}");
    }
    let refused = run(&store, &["bucket", "accept-loss", "lost"]);
    assert_eq!(code(&refused), 1);
    assert!(
        said(&refused).contains("no loss of lost"),
        "{}",
        said(&refused)
    );

    daemon.kill().unwrap();
    let commit = serde_json::json!({"bucket": "lost", "seq": 3});
    damage(&store, "commit", &commit);
    let (mut daemon, mut client) = start(&store);
    for path in ["/lost/5", "/new"] {
        assert_eq!(put(&mut client, path), 503, "{path}");
    }
    assert_eq!(put(&mut client, "/other/1"), 200, "it goes on");
    assert_eq!(code(&run(&store, &["fsck"])), 3);

    let accepted = whole(&store, &["bucket", "accept-loss", "lost"]);
    assert_eq!(accepted[0]["bucket"], "lost");
    assert_eq!(put(&mut client, "/lost/5"), 200);
    assert_eq!(put(&mut client, "/new"), 503);
    let accepted = whole(&store, &["bucket", "accept-loss"]);
    assert!(accepted[0]["accepted"].is_string(), "{accepted:?}");
    assert_eq!(put(&mut client, "/new"), 200);

    daemon.terminate().unwrap();
    let (_daemon, mut client) = start(&store);
    for path in ["/lost/6", "/newer"] {
        assert_eq!(put(&mut client, path), 200, "{path}");
    }
}

/// A file that is gone is found at every start; for one bucket that is accepted while a daemon
/// runs, for the other without.
#[test]
fn a_lost_file_can_be_accepted() {
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let store = folder.path().join("store");
    let (mut daemon, mut client) = start(&store);
    for path in ["/lost", "/other"] {
        assert_eq!(put(&mut client, path), 200, "{path}");
    }
    let body = vec![7; 40_000];
    for path in ["/lost/big", "/other/big"] {
        assert_eq!(client.put(path, &body).unwrap().status, 200);
    }
    daemon.terminate().unwrap();
    std::fs::remove_file(look::segments(&store, "data").last().unwrap()).unwrap();
    let (mut daemon, mut client) = start(&store);
    for (path, other) in [("/lost/7", "/lost/8"), ("/other/7", "/other/8")] {
        assert_eq!(
            (put(&mut client, path), put(&mut client, other)),
            (503, 503)
        );
    }
    whole(&store, &["bucket", "accept-loss", "lost"]);
    assert_eq!(put(&mut client, "/lost/7"), 200);
    daemon.terminate().unwrap();
    whole(&store, &["bucket", "accept-loss", "other"]);
    assert_eq!(code(&run(&store, &["bucket", "accept-loss", "other"])), 1);
    let (_daemon, mut client) = start(&store);
    for path in ["/lost/8", "/other/8"] {
        assert_eq!(put(&mut client, path), 200, "{path}");
    }
    let (found, code) = look::lines(&store, &["fsck"]);
    let has = |kind: &str| found.iter().any(|line| line["finding"] == kind);
    assert!(has("no-file") && !has("lost") && code == 3, "{found:?}");
}
