//! Sixty-four clients that stall in the middle of a body hold no more than their share of the
//! buffers, and others go on.

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

const CLIENTS: usize = 64;

#[test]
fn slow_clients_do_not_stop_others() {
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let program = Path::new(env!("CARGO_BIN_EXE_billet"));
    let daemon = Daemon::start(program, &folder.path().join("store"), &[]).unwrap();
    let mut client = daemon.client();
    assert_eq!(client.put("/bucket", b"").unwrap().status, 200);
    let passages: Vec<_> = (0..CLIENTS)
        .map(|_| Passage::open(daemon.address, (1 << 20) + 100_000))
        .collect();
    for (number, passage) in passages.iter().enumerate() {
        let mut slow = passage.client();
        std::thread::spawn(move || {
            let body = Body::Repeat {
                block: &[8; 64 << 10],
                size: 4 << 20,
            };
            let path = format!("/bucket/slow{number}");
            let request = Request {
                method: "PUT",
                path: &path,
                body,
                ..Request::default()
            };
            slow.send(request)
        });
    }
    let stalled: Vec<_> = passages.iter().map(Passage::stalled).collect();
    let used = metric(&daemon, "billet_buffers_used");
    assert!(
        used <= CLIENTS as u64,
        "a quarter of 256 at most, not {used}"
    );
    for number in 0..100 {
        let path = format!("/bucket/quick{number}");
        assert_eq!(client.put(&path, b"in between").unwrap().status, 200);
        assert_eq!(client.get(&path).unwrap().text(), "in between");
    }
    drop(stalled);
    assert_eq!(client.get("/bucket/slow0").unwrap().status, 404);
}
