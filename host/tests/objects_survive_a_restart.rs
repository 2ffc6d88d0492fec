//! Objects of sizes around the edges of leaves and buffers come back whole and in ranges, from a
//! running daemon and from the one that is started after it.

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
use billet_client::{Body, Client, Request};

const SIZES: [usize; 8] = [
    0,
    1,
    65_536,
    65_537,
    1 << 20,
    (1 << 20) + 1,
    3_000_000,
    (9 << 20) + 17,
];

/// Bytes that differ everywhere, so that a leaf out of place shows.
fn content(size: usize) -> Vec<u8> {
    let mut state = size as u64 + 1;
    let mut next = || {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (state >> 56) as u8
    };
    (0..size).map(|_| next()).collect()
}

fn check(client: &mut Client) {
    for size in SIZES {
        let (path, whole) = (format!("/bucket/object-{size}"), content(size));
        let answer = client.get(&path).unwrap();
        assert_eq!(answer.status, 200, "{}", answer.text());
        assert!(answer.body == whole, "{size} bytes differ");
        let edge = 1 << 20;
        for (from, to) in [(0, 0), (1, 9), (edge - 1, edge), (edge + 1, edge + 1)] {
            if to >= size {
                continue;
            }
            let range = format!("bytes={from}-{to}");
            let headers = &[("range", range.as_str())];
            let request = Request {
                method: "GET",
                path: &path,
                headers,
                ..Request::default()
            };
            let answer = client.send(request).unwrap();
            assert_eq!(answer.status, 206, "{}", answer.text());
            assert!(
                answer.body == whole[from..=to],
                "{range} of {size} bytes differs"
            );
        }
    }
}

#[test]
fn objects_survive_a_restart() {
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let (program, store) = (
        Path::new(env!("CARGO_BIN_EXE_billet")),
        folder.path().join("store"),
    );
    let mut daemon = Daemon::start(program, &store, &[]).unwrap();
    let mut client = daemon.client();
    assert_eq!(client.put("/bucket", b"").unwrap().status, 200);
    for size in SIZES {
        let (path, whole) = (format!("/bucket/object-{size}"), content(size));
        let body = Body::Bytes(&whole);
        let request = Request {
            method: "PUT",
            path: &path,
            body,
            ..Request::default()
        };
        let answer = client.send(request).unwrap();
        assert_eq!(answer.status, 200, "{}", answer.text());
    }
    check(&mut client);
    drop(client);
    assert!(
        daemon.terminate().unwrap().success(),
        "a stop in good order is a success"
    );
    let daemon = Daemon::start(program, &store, &[]).unwrap();
    check(&mut daemon.client());
}
