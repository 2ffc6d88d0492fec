//! One fault that passes, when a body is read back from the network, is none to whoever reads; one
//! that stays is, and bytes that are not what their name says are refused as often as they come.
//!
//! Passed over unless `BILLET_DAEMON` names the daemon's program.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs
)]

mod common;

use billet_client::daemon::Daemon;
use billet_forge_peer::fault::{Kind, Rule};
use common::site::{Site, metric, put, until};

const PATH: &str = "/bucket/object";

fn passing() -> Vec<(&'static str, Kind)> {
    vec![
        ("reset at once", Kind::ResetRequest { at: 0 }),
        ("answer cut at 0", Kind::ResetResponse { at: 0 }),
        ("answer cut in its head", Kind::ResetResponse { at: 99 }),
        ("answer cut in its body", Kind::ResetResponse { at: 3_000 }),
        ("status 500", Kind::Status { status: 500 }),
        ("status 503", Kind::Status { status: 503 }),
        ("read and 500", Kind::StatusAfter { status: 500 }),
        ("lost answer", Kind::LostResponse),
        ("wrong body", Kind::WrongBody),
        ("bad signature", Kind::BadSignature),
        ("no receipt", Kind::NoReceipt),
    ]
}

fn faults(site: &Site) -> u64 {
    site.peer.counters().faults.values().sum()
}

/// A GET of a body of which only the network has the bytes; its status.
fn get(daemon: &Daemon, body: &[u8]) -> u16 {
    let answer = daemon.client().get(PATH).unwrap();
    assert!(answer.status >= 500 || answer.body == body, "never wrong");
    answer.status
}

#[test]
fn a_read_is_tried_again_once() {
    // A cache without room, so that each GET asks the node.
    let Some((site, daemon, mut client)) = Site::started(&["ship.cache_bytes=1"]) else {
        return;
    };
    let body = common::bytes(3_000);
    put(&mut client, PATH, &body, "network");
    until("the segment goes", || {
        metric(&daemon, "billet_segments_retired_total") > 0
    });
    for (name, kind) in passing() {
        let (seen, rule) = (faults(&site), Rule::next("retrieve", kind));
        site.peer.fault(rule.clone()).unwrap();
        assert_eq!(get(&daemon, &body), 200, "{name}, once");
        assert_eq!(faults(&site), seen + 1, "{name}: it went wrong");

        let stays = Rule {
            times: None,
            ..rule
        };
        site.peer.fault(stays).unwrap();
        assert!(get(&daemon, &body) >= 500, "{name}, each time");
        let asked = faults(&site) - seen - 1;
        site.peer.clear_faults();
        // The gateway may look at a body more than once; a look asks twice.
        assert!(asked >= 2 && asked.is_multiple_of(2), "{name}: {asked}");
        assert_eq!(get(&daemon, &body), 200, "{name}, over");
    }
}
