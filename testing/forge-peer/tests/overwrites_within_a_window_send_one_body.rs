//! Many overwrites of one key within a window send one body, and leave none here. How many:
//! `BILLET_FORGE_OVERWRITES`, else 300.
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
use common::site::{Site, all_bodies_go, metric, put, reads};

#[test]
fn overwrites_within_a_window_send_one_body() {
    // A window only where somebody waits for the network.
    let Some(site) = Site::open(&["ship.window_ms=1h"]) else {
        return;
    };
    let count = std::env::var("BILLET_FORGE_OVERWRITES");
    let count: usize = count.map_or(300, |count| count.parse().unwrap());
    let daemon = site.start();
    let mut client = daemon.client();
    put(&mut client, "/bucket", b"", "local");
    let bodies: Vec<_> = (0..count).map(|_| common::bytes(4_096)).collect();
    for body in &bodies {
        put(&mut client, "/bucket/key", body, "local");
    }
    put(&mut client, "/bucket/last", b"", "network");
    let last = bodies.last().unwrap();
    site.drained(&daemon, &leaves(last));
    let sent = bodies.iter().flat_map(|body| leaves(body));
    let sent = sent.filter(|leaf| site.network().has(leaf)).count();
    let bytes = site.peer.counters().bytes_put;
    println!("{count} overwrites: {sent} body of 4,096 bytes sent, {bytes} bytes in all");
    assert_eq!(sent, 1);
    assert!(bytes < 32_768, "{bytes} bytes sent");
    all_bodies_go(&daemon);
    reads(&mut client, "/bucket/key", last);
    assert!(metric(&daemon, "billet_network_read_bytes_total") >= 4_096);
}
