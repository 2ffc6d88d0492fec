//! Head and body of a small answer come with one read: there are clients that stop to wait as soon
//! as they have a head, and then look at what they have of the body.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs
)]
#![allow(clippy::arithmetic_side_effects, dead_code, unreachable_pub)]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::sync::mpsc::{Receiver, channel};

use billet_client::daemon::Daemon;

mod support;

const ROUNDS: usize = 100;

/// Passes a connection on, and tells the size of each piece that the server sends.
fn passage(server: SocketAddr) -> (SocketAddr, Receiver<Vec<u8>>) {
    let socket = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = socket.local_addr().unwrap();
    let (told, pieces) = channel();
    std::thread::spawn(move || {
        for client in socket.incoming() {
            let mut client = client.unwrap();
            let mut server = TcpStream::connect(server).unwrap();
            let (mut from, mut to) = (client.try_clone().unwrap(), server.try_clone().unwrap());
            std::thread::spawn(move || {
                let _ = std::io::copy(&mut from, &mut to);
                let _ = to.shutdown(Shutdown::Write);
            });
            let mut piece = vec![0; 256 << 10];
            while let Ok(count @ 1..) = server.read(&mut piece) {
                told.send(piece[..count].to_vec()).unwrap();
                client.write_all(&piece[..count]).unwrap();
            }
        }
    });
    (address, pieces)
}

/// Whether a piece holds a head and as many bytes of a body as that says.
fn is_whole(piece: &[u8]) -> bool {
    let mut lines = BufReader::new(piece);
    let mut line = String::new();
    let mut length = None;
    while lines.read_line(&mut line).unwrap() > 2 {
        if let Some(text) = line.to_ascii_lowercase().strip_prefix("content-length:") {
            length = text.trim().parse().ok();
        }
        line.clear();
    }
    let mut body = Vec::new();
    lines.read_to_end(&mut body).unwrap();
    length == Some(body.len())
}

#[test]
fn a_small_answer_leaves_in_one_piece() {
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let program = Path::new(env!("CARGO_BIN_EXE_billet"));
    let daemon = Daemon::start(program, &folder.path().join("store"), &[]).unwrap();
    let mut client = daemon.client();
    assert_eq!(client.put("/bucket", b"").unwrap().status, 200);
    for (key, bytes) in [("small", 100), ("larger", 40_000)] {
        let body = vec![b'x'; bytes];
        let path = format!("/bucket/{key}");
        assert_eq!(client.put(&path, &body).unwrap().status, 200);
    }
    let (address, pieces) = passage(daemon.address);
    let mut client = support::client_of(address);
    for (path, status) in [
        ("/bucket/small", 200),
        ("/bucket/larger", 200),
        ("/bucket/absent", 404),
        ("/bucket", 200),
    ] {
        for round in 0..ROUNDS {
            let answer = client.get(path).unwrap();
            assert_eq!(answer.status, status);
            let piece = pieces.recv().unwrap();
            assert!(
                is_whole(&piece),
                "{path}, round {round}: {} bytes came first",
                piece.len()
            );
        }
    }
}
