//! A PUT that waits for the network in vain is told so, its object is there all the same and leaves
//! once the network is back; those that do not wait come off meanwhile.
//! Passed over unless `BILLET_DAEMON` names the daemon's program.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs
)]

mod common;

use common::network::leaves;
use common::site::{Site, put, reads, try_put};

#[test]
fn a_wait_for_the_network_ends_and_says_so() {
    let Some((site, daemon, mut client)) = Site::started(&["ship.settle_ms=500ms"]) else {
        return;
    };
    site.peer.set_all_down(true);
    let (late, quick) = (common::bytes(3_000), common::bytes(3_000));
    let answer = try_put(&mut client, "/bucket/late", &late, "network");
    assert_eq!(answer.status, 503, "{}", answer.text());
    assert_eq!(answer.element("Code").unwrap(), "ServiceUnavailable");
    assert!(answer.header("retry-after").is_some());
    reads(&mut client, "/bucket/late", &late);
    put(&mut client, "/bucket/quick", &quick, "local");
    site.peer.set_all_down(false);
    let wanted: Vec<_> = [&late, &quick]
        .into_iter()
        .flat_map(|body| leaves(body))
        .collect();
    site.drained(&daemon, &wanted);
    assert_eq!(site.peer.counters().accepts_again, 0);
}
