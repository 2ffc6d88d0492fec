//! A copy reads back although its source was deleted, and that was published, before the copy left.
//! Passed over unless `BILLET_DAEMON` names the daemon's program.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs
)]

mod common;

use billet_client::Request;
use common::network::leaves;
use common::site::{Site, all_bodies_go, ask, put, reads};

#[test]
fn a_copy_outlives_its_source() {
    // A window only where somebody waits for the network.
    let Some(site) = Site::open(&["ship.window_ms=1h"]) else {
        return;
    };
    let daemon = site.start();
    let mut client = daemon.client();
    let bodies = [700, (2 << 20) + 3].map(common::bytes);
    for bucket in ["/source", "/copies"] {
        put(&mut client, bucket, b"", "local");
    }
    for (number, body) in bodies.iter().enumerate() {
        let (from, to) = (format!("/source/{number}"), format!("/copies/{number}"));
        put(&mut client, &from, body, "local");
        let copy = Request {
            method: "PUT",
            path: &to,
            headers: &[("x-amz-copy-source", &from)],
            ..Request::default()
        };
        assert_eq!(client.send(copy).unwrap().status, 200);
        assert_eq!(ask(&mut client, "DELETE", &from, &[]).status, 204);
    }
    put(&mut client, "/source/last", b"", "network");
    let wanted: Vec<_> = bodies.iter().flat_map(|body| leaves(body)).collect();
    site.drained(&daemon, &wanted);
    all_bodies_go(&daemon);
    for (number, body) in bodies.iter().enumerate() {
        reads(&mut client, &format!("/copies/{number}"), body);
        assert_eq!(
            client.get(&format!("/source/{number}")).unwrap().status,
            404
        );
    }
}
