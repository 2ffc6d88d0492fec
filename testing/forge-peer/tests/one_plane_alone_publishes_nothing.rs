//! With one plane shipped, only its blocks reach the network; nothing is published, nothing goes
//! from this disk, and nobody waits for the network in vain. With both, all of it follows, and what
//! is there already is not sent again.
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

use common::site::{Site, metric, put, reads, try_put, until};

const BODY: &[u8] = b"a body of some bytes";

/// In how many of the accepted blobs the body is.
fn times_sent(site: &Site) -> u64 {
    let accepted = site.peer.accepted().into_iter();
    let has_body = |(node, digest, ..): &(usize, Vec<u8>, String, u64)| {
        let bytes = std::fs::read(site.peer.blob_path(*node, digest).unwrap()).unwrap();
        bytes.windows(BODY.len()).any(|window| window == BODY)
    };
    accepted.filter(has_body).count() as u64
}

#[test]
fn one_plane_alone_publishes_nothing() {
    for planes in ["data", "catalog", "none"] {
        let setting = format!("ship.planes={planes}");
        let Some((mut site, mut daemon, mut client)) = Site::started(&[&setting]) else {
            return;
        };
        put(&mut client, "/bucket/key", BODY, "local");
        let answer = try_put(&mut client, "/bucket/waits", BODY, "network");
        assert_eq!(
            answer.status,
            501,
            "nothing is done and nobody kept waiting: {}",
            answer.text()
        );
        let expected: u64 = if planes == "none" { 0 } else { 1 };
        until("the plane is there", || {
            metric(&daemon, "billet_shards_accepted_total") >= expected
                && metric(&daemon, "billet_shards_waiting") == 0
        });
        assert_eq!(metric(&daemon, "billet_segments_retired_total"), 0);
        assert_eq!(times_sent(&site), u64::from(planes == "data"), "{planes}");
        assert!(
            site.peer.uploads().is_empty(),
            "{planes}: nothing is published"
        );
        daemon.terminate().unwrap();

        site.set("ship.planes=both");
        let daemon = site.start();
        let mut client = daemon.client();
        put(&mut client, "/bucket/last", b"last", "network");
        until("bodies went", || {
            metric(&daemon, "billet_segments_retired_total") > 0
        });
        reads(&mut client, "/bucket/key", BODY);
        assert_eq!(times_sent(&site), 1, "{planes}");
    }
}
