//! Objects that a daemon shipped, and whose local segments went, come back from the network.
//! Passed over unless `BILLET_DAEMON` names the daemon's program.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs
)]

mod common;

use common::site::{Site, metric, put, reads, until};

fn content(number: usize, size: usize) -> Vec<u8> {
    let pattern = format!("{number:04} of what is shipped. ");
    pattern.bytes().cycle().take(size).collect()
}

#[test]
fn what_a_daemon_ships_comes_back() {
    let Some((site, daemon, mut client)) = Site::started(&[]) else {
        return;
    };
    let sizes = [0, 1, 100, 5_000, 1 << 20, (3 << 20) + 5];
    for (number, size) in sizes.into_iter().enumerate() {
        let path = format!("/bucket/object-{number}");
        put(&mut client, &path, &content(number, size), "local");
    }
    // Answered once all before it is on the network, too.
    put(&mut client, "/bucket/last", b"last", "network");
    assert!(!site.peer.accepted().is_empty(), "the nodes have something");
    until("a segment goes", || {
        metric(&daemon, "billet_segments_retired_total") > 0
    });
    for _ in 0..2 {
        for (number, size) in sizes.into_iter().enumerate() {
            let path = format!("/bucket/object-{number}");
            reads(&mut client, &path, &content(number, size));
        }
    }
    let bytes = sizes.iter().map(|size| *size as u64).sum::<u64>();
    let read = metric(&daemon, "billet_network_read_bytes_total");
    assert!(read >= bytes, "{read} bytes from the network of {bytes}");
    assert!(metric(&daemon, "billet_network_cache_hits_total") > 0);
    assert_eq!(metric(&daemon, "billet_network_reads_failed_total"), 0);
}
