//! A first SIGTERM lets requests end and seals the store, within its time, and breaks answers to
//! those who look inside off; a second one ends the process at once.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs
)]
#![allow(clippy::arithmetic_side_effects, dead_code, unreachable_pub)]

use std::net::{Shutdown, TcpListener, TcpStream};
use std::path::Path;
use std::process::Command;
use std::sync::mpsc::channel;
use std::thread::JoinHandle;

use billet_client::daemon::Daemon;
use billet_client::{Body, Client, Request, Response};

#[path = "support/endless.rs"]
mod endless;
mod support;
use endless::{FILE_BYTES, bytes_read, opened};
use support::{Passage, client_of};

const SIZE: u64 = 4 << 20;

fn signal(daemon: &Daemon) {
    let pid = daemon.pid().to_string();
    let sent = Command::new("kill").args(["-TERM", &pid]).status();
    assert!(sent.unwrap().success());
}

/// Returns when the daemon says that it stops.
fn wait_until_stopping(daemon: &Daemon) {
    while daemon
        .ask_admin("/readyz")
        .is_ok_and(|answer| answer.starts_with("HTTP/1.1 200"))
    {
        std::thread::yield_now();
    }
}

fn upload(mut client: Client, path: &'static str) -> JoinHandle<std::io::Result<Response>> {
    std::thread::spawn(move || {
        let body = Body::Repeat {
            block: &[7; 64 << 10],
            size: SIZE,
        };
        client.send(Request {
            method: "PUT",
            path,
            body,
            ..Request::default()
        })
    })
}

#[test]
fn a_stop_lets_an_upload_end_and_takes_no_new_connection() {
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let program = Path::new(env!("CARGO_BIN_EXE_billet"));
    let store = folder.path().join("store");
    let mut daemon = Daemon::start(program, &store, &[]).unwrap();
    assert_eq!(daemon.client().put("/bucket", b"").unwrap().status, 200);
    // A connection that passes everything on, but stands still in mid-body until it is told.
    let socket = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = socket.local_addr().unwrap();
    let server = daemon.address;
    let (reached, stands_still) = channel();
    let (go_on, gate) = channel::<()>();
    std::thread::spawn(move || {
        let (mut client, _) = socket.accept().unwrap();
        let mut upstream = TcpStream::connect(server).unwrap();
        let (mut back, mut answered) = (upstream.try_clone().unwrap(), client.try_clone().unwrap());
        std::thread::spawn(move || {
            let _ = std::io::copy(&mut back, &mut answered);
            let _ = answered.shutdown(Shutdown::Both);
        });
        let mut first = std::io::Read::take(&mut client, SIZE / 2);
        std::io::copy(&mut first, &mut upstream).unwrap();
        reached.send(()).unwrap();
        gate.recv().unwrap();
        let _ = std::io::copy(&mut client, &mut upstream);
    });
    let uploading = upload(client_of(address), "/bucket/key");
    stands_still.recv().unwrap();
    signal(&daemon);
    wait_until_stopping(&daemon);
    while TcpStream::connect(daemon.address).is_ok() {
        std::thread::yield_now();
    }
    go_on.send(()).unwrap();
    assert_eq!(uploading.join().unwrap().unwrap().status, 200);
    assert!(daemon.wait().unwrap().success());
    let again = Daemon::start(program, &store, &[]).unwrap();
    let found = again.client().get("/bucket/key").unwrap();
    assert_eq!(found.body.len() as u64, SIZE);
}

#[test]
fn a_stop_does_not_wait_for_ever() {
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let program = Path::new(env!("CARGO_BIN_EXE_billet"));
    let store = folder.path().join("store");
    let set = ["--set", "limits.stop_ms=300"];
    let mut daemon = Daemon::start(program, &store, &set).unwrap();
    assert_eq!(daemon.client().put("/bucket", b"").unwrap().status, 200);
    let passage = Passage::open(daemon.address, 1 << 20);
    let uploading = upload(passage.client(), "/bucket/key");
    let (_upstream, end) = passage.stalled();
    assert!(daemon.terminate().unwrap().success());
    // It may be closed already.
    let _ = end.shutdown(Shutdown::Both);
    assert!(
        !uploading
            .join()
            .unwrap()
            .is_ok_and(|answer| answer.status == 200)
    );
}

#[test]
fn a_stop_breaks_off_what_is_answered_at_the_admin_socket() {
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let program = Path::new(env!("CARGO_BIN_EXE_billet"));
    let store = folder.path().join("store");
    let file = endless::file(folder.path());
    let mut daemon = Daemon::start(program, &store, &[]).unwrap();
    let _asked = endless::ask(&store, &file, "bucket").unwrap();
    while opened(&daemon, &file) == 0 {
        std::thread::yield_now();
    }
    signal(&daemon);
    while let Some(read) = bytes_read(&daemon) {
        assert!(read < FILE_BYTES / 2, "{read} bytes were read");
        std::thread::yield_now();
    }
    assert!(daemon.wait().unwrap().success());
    let daemon = Daemon::start(program, &store, &[]).unwrap();
    assert_eq!(daemon.client().get("/bucket").unwrap().status, 404);
}

#[test]
fn a_second_signal_ends_the_process_at_once() {
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let program = Path::new(env!("CARGO_BIN_EXE_billet"));
    let store = folder.path().join("store");
    let set = ["--set", "limits.stop_ms=10min"];
    let mut daemon = Daemon::start(program, &store, &set).unwrap();
    assert_eq!(daemon.client().put("/bucket", b"").unwrap().status, 200);
    assert_eq!(
        daemon.client().put("/bucket/old", b"x").unwrap().status,
        200
    );
    let passage = Passage::open(daemon.address, 1 << 20);
    let uploading = upload(passage.client(), "/bucket/key");
    let (_upstream, end) = passage.stalled();
    signal(&daemon);
    wait_until_stopping(&daemon);
    signal(&daemon);
    assert_eq!(daemon.wait().unwrap().code(), Some(130));
    // It may be closed already.
    let _ = end.shutdown(Shutdown::Both);
    assert!(uploading.join().unwrap().is_err());
    let again = Daemon::start(program, &store, &[]).unwrap();
    assert_eq!(again.client().get("/bucket/old").unwrap().text(), "x");
    assert_eq!(again.client().get("/bucket/key").unwrap().status, 404);
}
