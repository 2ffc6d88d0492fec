//! Who asks for more than this host can ever keep is refused, and nothing is done: a client that
//! tries again would change the bucket each time.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs
)]

mod common;

use billet_client::{Body, Client, Request, Response};
use common::{expect, follow, start};

fn ask(client: &mut Client, method: &str, path: &str, level: &str) -> Response {
    let headers = &[("x-billet-durability", level)];
    client
        .send(Request {
            method,
            path,
            headers,
            body: Body::Bytes(b"body"),
            ..Request::default()
        })
        .unwrap()
}

#[test]
fn the_network_is_refused_before_anything_is_done() {
    let folder = tempfile::tempdir().unwrap();
    let process = start(folder.path(), 16, 128);
    let mut client = process.client();
    expect(200, &client.put("/first", b"").unwrap());
    expect(200, &ask(&mut client, "PUT", "/first/key", "local"));
    let before = follow(folder.path(), "first").newest().unwrap().seq;

    let refused = ask(&mut client, "PUT", "/first/other", "network");
    expect(501, &refused);
    assert_eq!(refused.element("Code").as_deref(), Some("NotImplemented"));
    expect(501, &ask(&mut client, "DELETE", "/first/key", "network"));
    expect(404, &client.get("/first/other").unwrap());
    expect(200, &client.get("/first/key").unwrap());
    let newest = follow(folder.path(), "first").newest().unwrap().seq;
    assert_eq!(newest, before);
    // What is no level at all is another error.
    expect(400, &ask(&mut client, "PUT", "/first/other", "moon"));
}
