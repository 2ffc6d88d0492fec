//! Parts stay here through windows, and leave once their upload is completed.
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
use common::site::{Site, all_bodies_go, bodies_here, complete, put, reads, upload};

#[test]
fn a_part_leaves_once_it_is_completed() {
    // A window only where somebody waits for the network.
    let Some((site, daemon, mut client)) = Site::started(&["ship.window_ms=1h"]) else {
        return;
    };
    let parts = [5 << 20, 77].map(common::bytes);
    let (id, tags) = upload(&mut client, "/bucket/object", &parts);
    let other = common::bytes(500);
    put(&mut client, "/bucket/other", &other, "network");
    site.drained(&daemon, &leaves(&other));
    let wanted: Vec<_> = parts.iter().flat_map(|part| leaves(part)).collect();
    assert!(!wanted.iter().any(|leaf| site.network().has(leaf)));
    let (segments, backlog) = bodies_here(&daemon);
    assert!(segments > 0 && backlog >= 5 << 20, "{segments}, {backlog}");
    complete(&mut client, "/bucket/object", &id, &tags);
    put(&mut client, "/bucket/last", b"", "network");
    site.drained(&daemon, &wanted);
    all_bodies_go(&daemon);
    reads(&mut client, "/bucket/object", &parts.concat());
    reads(&mut client, "/bucket/other", &other);
}
