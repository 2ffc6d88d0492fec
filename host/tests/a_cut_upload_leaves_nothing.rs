//! A client that goes away in the middle of a body leaves no object, replaces none, and gives all
//! buffers back.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs
)]
#![allow(clippy::arithmetic_side_effects, dead_code, unreachable_pub)]

use std::path::Path;

use billet_client::daemon::Daemon;
use billet_client::{Body, Request};

mod support;
use support::{Passage, metric};

const SIZE: usize = 5 << 20;

#[test]
fn a_cut_upload_leaves_nothing() {
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let program = Path::new(env!("CARGO_BIN_EXE_billet"));
    let daemon = Daemon::start(program, &folder.path().join("store"), &[]).unwrap();
    let mut client = daemon.client();
    assert_eq!(client.put("/bucket", b"").unwrap().status, 200);
    assert_eq!(client.put("/bucket/old", b"as it was").unwrap().status, 200);
    for (path, sent) in [
        ("/bucket/new", 3 << 20),
        ("/bucket/old", SIZE),
        ("/bucket/new", 700),
    ] {
        let passage = Passage::open(daemon.address, sent);
        let mut cut = passage.client();
        let upload = std::thread::spawn(move || {
            let body = Body::Repeat {
                block: &[7; 64 << 10],
                size: SIZE as u64,
            };
            let path = path.to_owned();
            let request = Request {
                method: "PUT",
                path: &path,
                body,
                ..Request::default()
            };
            cut.send(request)
        });
        let answer = passage.cut();
        assert!(!answer.starts_with("HTTP/1.1 2"), "{answer}");
        drop(passage);
        // The client's own end may see a reset or nothing; it saw no success.
        assert!(upload.join().unwrap().is_err());
        assert_eq!(client.get("/bucket/new").unwrap().status, 404);
        assert_eq!(client.get("/bucket/old").unwrap().text(), "as it was");
    }
    assert_eq!(metric(&daemon, "billet_buffers_used"), 0);
    assert_eq!(metric(&daemon, "billet_gateway_traps_total"), 0);
}
