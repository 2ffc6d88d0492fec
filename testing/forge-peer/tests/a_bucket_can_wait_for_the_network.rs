//! A bucket that is set to it has its writes answered once they are on the network, unless a
//! request says otherwise.
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

use billet_client::{Body, Client, Request};
use common::site::{Site, put};

/// Puts without a word about safety; what the answer says of it.
fn level(client: &mut Client, path: &str) -> String {
    let request = Request {
        method: "PUT",
        path,
        body: Body::Bytes(b"body"),
        ..Request::default()
    };
    let answer = client.send(request).unwrap();
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer.header("x-billet-durability").unwrap().to_owned()
}

#[test]
fn a_bucket_can_wait_for_the_network() {
    let Some((site, _daemon, mut client)) = Site::started(&["ship.window_ms=1h"]) else {
        return;
    };
    assert_eq!(level(&mut client, "/bucket/before"), "local");
    assert!(site.peer.accepted().is_empty(), "a window is an hour");

    let (bucket, status) = site.told(&["bucket", "set", "bucket", "--durability", "network"]);
    assert_eq!(status, Some(0));
    assert_eq!(
        bucket["settings"],
        serde_json::json!(["durability=network"])
    );
    assert_eq!(level(&mut client, "/bucket/waits"), "network");
    let accepted = site.peer.accepted().len();
    assert!(accepted > 0, "on the network before the answer");
    put(&mut client, "/bucket/hurries", b"other", "local");
    assert_eq!(site.peer.accepted().len(), accepted);

    let (_, status) = site.told(&["bucket", "set", "none", "--durability", "network"]);
    assert_eq!(status, Some(1), "no such bucket");
    let refused = site.billet(&["bucket", "set", "bucket", "--durability", "maybe"]);
    assert_eq!(refused.status.code(), Some(2));
}
