//! A document longer than what a host takes over in one call reaches its client whole, and the
//! requests beside it go on.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs
)]
#![allow(dead_code, unreachable_pub)]

#[path = "support/mod.rs"]
mod support;

use std::path::Path;

use base64::Engine as _;
use billet_client::daemon::Daemon;
use billet_client::{Body, Request};
use md5::{Digest as _, Md5};

/// An answer tells such a name with six bytes for each of its bytes.
const NAME_BYTES: usize = 2_000_000;

#[test]
fn long_documents_harm_nobody() {
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let program = Path::new(env!("CARGO_BIN_EXE_billet"));
    let daemon = Daemon::start(program, &folder.path().join("store"), &[]).unwrap();
    let mut client = daemon.client();
    assert_eq!(client.put("/bucket", b"").unwrap().status, 200);
    let name = "\"".repeat(NAME_BYTES);
    let document = format!("<Delete><Object><Key>{name}</Key></Object></Delete>");
    let md5 = base64::engine::general_purpose::STANDARD.encode(Md5::digest(&document));
    let neighbour = std::thread::spawn({
        let mut client = daemon.client();
        move || {
            let put = |index: u32| {
                client
                    .put(&format!("/bucket/{index}"), b"abc")
                    .unwrap()
                    .status
            };
            (0..200).map(put).collect::<Vec<_>>()
        }
    });
    for _ in 0..3 {
        let answer = client.send(Request {
            method: "POST",
            path: "/bucket",
            query: &[("delete", "")],
            headers: &[("content-md5", &md5)],
            body: Body::Bytes(document.as_bytes()),
        });
        let answer = answer.unwrap();
        assert_eq!(answer.status, 200, "{:.300}", answer.text());
        assert_eq!(answer.element("Code").as_deref(), Some("KeyTooLongError"));
        let told = answer.text().matches("&quot;").count();
        assert_eq!(told, NAME_BYTES, "all of the name");
        assert!(answer.text().ends_with("</DeleteResult>"));
    }
    assert!(
        neighbour
            .join()
            .unwrap()
            .iter()
            .all(|status| *status == 200)
    );
    assert_eq!(support::metric(&daemon, "billet_gateway_traps_total"), 0);
}
