//! A hundred racing `If-None-Match: *` PUTs of one key give exactly one 200, in every round.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs
)]

use std::path::Path;
use std::sync::Barrier;

use billet_client::daemon::Daemon;
use billet_client::{Body, Request};

const CREATORS: usize = 100;
const ROUNDS: usize = 5;

#[test]
fn racing_creators_have_one_winner() {
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let program = Path::new(env!("CARGO_BIN_EXE_billet"));
    let daemon = Daemon::start(program, &folder.path().join("store"), &[]).unwrap();
    assert_eq!(daemon.client().put("/races", b"").unwrap().status, 200);
    for round in 0..ROUNDS {
        let path = format!("/races/key{round}");
        let barrier = Barrier::new(CREATORS);
        let race = |number: usize| {
            let mut client = daemon.client();
            let bytes = number.to_string();
            barrier.wait();
            let headers = &[("if-none-match", "*")];
            let body = Body::Bytes(bytes.as_bytes());
            let request = Request {
                method: "PUT",
                path: &path,
                headers,
                body,
                query: &[],
            };
            (client.send(request).unwrap().status, bytes)
        };
        let answers: Vec<(u16, String)> = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..CREATORS)
                .map(|number| scope.spawn(move || race(number)))
                .collect();
            threads
                .into_iter()
                .map(|thread| thread.join().unwrap())
                .collect()
        });
        let winners: Vec<&str> = answers
            .iter()
            .filter(|(status, _)| *status == 200)
            .map(|(_, bytes)| bytes.as_str())
            .collect();
        assert_eq!(winners.len(), 1, "{answers:?}");
        assert!(
            answers
                .iter()
                .all(|(status, _)| matches!(status, 200 | 409 | 412))
        );
        assert_eq!(daemon.client().get(&path).unwrap().text(), winners[0]);
    }
}
