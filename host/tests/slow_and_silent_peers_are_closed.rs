//! A head that does not come, a connection without requests and a body that trickles are closed
//! in the time that is configured; whoever sent something is told why.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs
)]
#![allow(clippy::arithmetic_side_effects, dead_code, unreachable_pub)]

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::path::Path;
use std::time::Duration;

use billet_client::daemon::Daemon;
use billet_client::{Body, Request};

mod support;
use support::{Passage, metric};

fn connect(address: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(address).unwrap();
    let wait = Some(Duration::from_secs(20));
    stream.set_read_timeout(wait).unwrap();
    stream
}

/// What comes up to the end of a connection, which must come before the client gives up.
fn rest(mut stream: &TcpStream) -> String {
    let mut answer = Vec::new();
    match stream.read_to_end(&mut answer) {
        Ok(_) => {}
        Err(error) if error.kind() == std::io::ErrorKind::ConnectionReset => {}
        Err(error) => panic!("{error}"),
    }
    String::from_utf8_lossy(&answer).into_owned()
}

#[test]
fn a_head_that_does_not_come_in_time_is_told_so() {
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let program = Path::new(env!("CARGO_BIN_EXE_billet"));
    let set = ["--set", "limits.header_read_ms=200"];
    let store = folder.path().join("store");
    let daemon = Daemon::start(program, &store, &set).unwrap();
    let mut stream = connect(daemon.address);
    let first = "GET /bucket HTTP/1.1\r\nHost: a\r\n";
    stream.write_all(first.as_bytes()).unwrap();
    let answer = rest(&stream);
    assert!(answer.starts_with("HTTP/1.1 400 "), "{answer:?}");
    assert!(answer.contains("<Code>RequestTimeout</Code>"), "{answer}");
    let (_, id) = answer.split_once("<RequestId>").unwrap();
    let (id, _) = id.split_once('<').unwrap();
    assert!(
        answer.contains(&format!("x-amz-request-id: {id}\r\n")),
        "{answer}"
    );
    let log = std::fs::read_to_string(store.with_extension("log")).unwrap();
    assert!(log.contains(id), "the log has no {id}:\n{log}");
}

#[test]
fn a_connection_without_requests_ends_without_a_word() {
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let program = Path::new(env!("CARGO_BIN_EXE_billet"));
    let set = ["--set", "limits.idle_ms=200"];
    let daemon = Daemon::start(program, &folder.path().join("store"), &set).unwrap();
    assert_eq!(rest(&connect(daemon.address)), "");
    let mut stream = connect(daemon.address);
    stream
        .write_all(b"GET /bucket HTTP/1.1\r\nHost: a\r\n\r\n")
        .unwrap();
    let answer = rest(&stream);
    assert_eq!(answer.matches("HTTP/1.1 ").count(), 1, "{answer}");
    assert!(answer.starts_with("HTTP/1.1 403 "), "{answer}");
}

#[test]
fn a_body_that_trickles_is_refused() {
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let program = Path::new(env!("CARGO_BIN_EXE_billet"));
    let set = ["--set", "limits.rate_window_ms=1000"];
    let daemon = Daemon::start(program, &folder.path().join("store"), &set).unwrap();
    let mut client = daemon.client();
    assert_eq!(client.put("/bucket", b"").unwrap().status, 200);
    let passage = Passage::open(daemon.address, 100_000);
    let mut slow = passage.client();
    let upload = std::thread::spawn(move || {
        let body = Body::Repeat {
            block: &[8; 64 << 10],
            size: 4 << 20,
        };
        let path = "/bucket/key";
        slow.send(Request {
            method: "PUT",
            path,
            body,
            ..Request::default()
        })
    });
    let (upstream, end) = passage.stalled();
    upstream
        .set_read_timeout(Some(Duration::from_secs(20)))
        .unwrap();
    let answer = rest(&upstream);
    assert!(answer.starts_with("HTTP/1.1 400 "), "{answer:?}");
    assert!(answer.contains("<Code>RequestTimeout</Code>"), "{answer}");
    assert!(metric(&daemon, "billet_peers_too_slow_total") > 0);
    end.shutdown(Shutdown::Both).unwrap();
    assert!(upload.join().unwrap().is_err());
    assert_eq!(client.get("/bucket/key").unwrap().status, 404);
}

#[test]
fn a_reader_that_does_not_read_is_closed() {
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let program = Path::new(env!("CARGO_BIN_EXE_billet"));
    let set = ["--set", "limits.rate_window_ms=1000"];
    let daemon = Daemon::start(program, &folder.path().join("store"), &set).unwrap();
    let mut client = daemon.client();
    assert_eq!(client.put("/bucket", b"").unwrap().status, 200);
    let body = Body::Repeat {
        block: &[8; 64 << 10],
        size: 32 << 20,
    };
    let path = "/bucket/key";
    let request = Request {
        method: "PUT",
        path,
        body,
        ..Request::default()
    };
    assert_eq!(client.send(request).unwrap().status, 200);
    // The request comes from a client whose answer nobody takes.
    let passage = Passage::open(daemon.address, 300);
    let mut reader = passage.client();
    let reading = std::thread::spawn(move || reader.get(path));
    let (upstream, end) = passage.stalled();
    while metric(&daemon, "billet_connections") > 1 {
        std::thread::yield_now();
    }
    assert!(rest(&upstream).len() < 32 << 20, "it did not get all");
    assert_eq!(metric(&daemon, "billet_buffers_used"), 0);
    end.shutdown(Shutdown::Both).unwrap();
    assert!(reading.join().unwrap().is_err());
}
