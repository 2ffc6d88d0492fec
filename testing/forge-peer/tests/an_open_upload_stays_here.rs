//! An upload that is left open stays here, whole, through windows and a kill, until it is aborted.
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
use common::site::{Site, all_bodies_go, ask, bodies_here, complete, put, reads, upload};

#[test]
fn an_open_upload_stays_here() {
    // A window only where somebody waits for the network.
    let Some((site, mut daemon, mut client)) = Site::started(&["ship.window_ms=1h"]) else {
        return;
    };
    let parts = [5 << 20, 99_999].map(common::bytes);
    let (open, tags) = upload(&mut client, "/bucket/open", &parts);
    let (left, _) = upload(&mut client, "/bucket/left", &[common::bytes(88_888)]);
    for number in 0..3 {
        put(
            &mut client,
            &format!("/bucket/{number}"),
            b"other",
            "network",
        );
    }
    daemon.kill().unwrap();
    let daemon = site.start();
    let mut client = daemon.client();
    put(&mut client, "/bucket/4", b"other", "network");
    site.drained(&daemon, &leaves(b"other"));
    let wanted: Vec<_> = parts.iter().flat_map(|part| leaves(part)).collect();
    assert!(!wanted.iter().any(|leaf| site.network().has(leaf)));
    let listed = ask(&mut client, "GET", "/bucket/open", &[("uploadId", &open)]);
    assert_eq!(listed.text().matches("<PartNumber>").count(), 2);
    assert_eq!(client.get("/bucket/open").unwrap().status, 404);
    assert!(bodies_here(&daemon).1 >= 5 << 20);
    let aborted = ask(
        &mut client,
        "DELETE",
        "/bucket/left",
        &[("uploadId", &left)],
    );
    assert_eq!(aborted.status, 204);
    complete(&mut client, "/bucket/open", &open, &tags);
    put(&mut client, "/bucket/5", b"other", "network");
    site.drained(&daemon, &wanted);
    all_bodies_go(&daemon);
    reads(&mut client, "/bucket/open", &parts.concat());
}
