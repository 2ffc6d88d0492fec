//! Windows go on while the service does not answer about indexes; once it does, all are added.
//! Passed over unless `BILLET_DAEMON` names the daemon's program.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs
)]

mod common;

use billet_forge_peer::fault::{Kind, Point, Rule};
use common::network::leaves;
use common::site::{Site, put};

#[test]
fn an_indexer_that_hangs_holds_up_no_window() {
    let Some(site) = Site::open(&["ship.timeout_ms=1h", "ship.settle_ms=60s"]) else {
        return;
    };
    let mut daemon = site.start();
    let mut client = daemon.client();
    put(&mut client, "/bucket", b"", "network");
    site.drained(&daemon, &[]);
    let hangs = Rule {
        times: None,
        ..Rule::next("/index/add", Kind::Mark { at: Point::Before })
    };
    site.peer.fault(hangs).unwrap();
    let mut wanted = Vec::new();
    for number in 0..5 {
        let body = common::bytes(1_000);
        put(&mut client, &format!("/bucket/{number}"), &body, "network");
        wanted.extend(leaves(&body));
    }
    daemon.kill().unwrap();
    site.peer.clear_faults();
    let daemon = site.start();
    site.drained(&daemon, &wanted);
    assert_eq!(site.peer.counters().accepts_again, 0);
}
