//! A bucket that was put and emptied within one window sends no body, and leaves none here.
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
use common::site::{Site, all_bodies_go, ask, bodies_here, put};

#[test]
fn what_is_deleted_within_its_window_never_leaves() {
    // A window only where somebody waits for the network.
    let Some(site) = Site::open(&["ship.window_ms=1h"]) else {
        return;
    };
    let daemon = site.start();
    let mut client = daemon.client();
    for bucket in ["/emptied", "/deleted", "/other"] {
        put(&mut client, bucket, b"", "local");
    }
    let bodies: Vec<_> = (0..20)
        .map(|number| common::bytes(50_000 + number))
        .collect();
    for bucket in ["/emptied", "/deleted"] {
        for (number, body) in bodies.iter().enumerate() {
            put(&mut client, &format!("{bucket}/{number}"), body, "local");
        }
        for number in 0..bodies.len() {
            let path = format!("{bucket}/{number}");
            assert_eq!(ask(&mut client, "DELETE", &path, &[]).status, 204);
        }
    }
    assert_eq!(ask(&mut client, "DELETE", "/deleted", &[]).status, 204);
    assert!(bodies_here(&daemon).0 > 0);
    put(&mut client, "/other/last", b"", "network");
    site.drained(&daemon, &[]);
    all_bodies_go(&daemon);
    let mut all = bodies.iter().flat_map(|body| leaves(body));
    assert!(!all.any(|leaf| site.network().has(&leaf)));
    assert_eq!(client.get("/emptied/7").unwrap().status, 404);
    let listed = client.get("/emptied").unwrap();
    assert_eq!(listed.status, 200);
    assert!(!listed.text().contains("<Contents>"), "{}", listed.text());
    assert_eq!(client.get("/deleted").unwrap().status, 404);
    // Both go on as if nothing had been there.
    put(&mut client, "/deleted", b"", "local");
    for bucket in ["/emptied", "/deleted"] {
        put(&mut client, &format!("{bucket}/7"), &bodies[7], "network");
    }
    site.drained(&daemon, &leaves(&bodies[7]));
    all_bodies_go(&daemon);
}
