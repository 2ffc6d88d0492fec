//! So many connections at once and no more, of one address and of all; a place that is given up
//! is there for the next.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs
)]
#![allow(clippy::arithmetic_side_effects, dead_code, unreachable_pub)]

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::time::Duration;

use billet_client::daemon::Daemon;

mod support;
use support::metric;

const ASK: &[u8] = b"GET /bucket HTTP/1.1\r\nHost: a\r\n\r\n";

/// A connection from one of the loopback's addresses that was answered, so that it is known to be
/// counted; none where it is refused.
fn admitted(from: &str, to: SocketAddr) -> Option<TcpStream> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_io()
        .build();
    let connected = runtime.unwrap().block_on(async {
        let socket = tokio::net::TcpSocket::new_v4().unwrap();
        socket
            .bind(SocketAddr::new(from.parse().unwrap(), 0))
            .unwrap();
        socket.connect(to).await.unwrap().into_std().unwrap()
    });
    let mut stream = connected;
    stream.set_nonblocking(false).unwrap();
    let wait = Some(Duration::from_secs(20));
    stream.set_read_timeout(wait).unwrap();
    // A connection that was refused may be gone before it is written to.
    stream.write_all(ASK).ok()?;
    let mut first = [0; 9];
    stream.read_exact(&mut first).ok()?;
    assert_eq!(&first, b"HTTP/1.1 ");
    Some(stream)
}

#[test]
fn connections_are_bounded() {
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let program = Path::new(env!("CARGO_BIN_EXE_billet"));
    let set = [
        "--set",
        "limits.connections_max=3",
        "--set",
        "limits.connections_per_peer_max=2",
    ];
    let daemon = Daemon::start(program, &folder.path().join("store"), &set).unwrap();
    let first = admitted("127.0.0.1", daemon.address).expect("the first");
    let second = admitted("127.0.0.1", daemon.address).expect("the second");
    assert!(
        admitted("127.0.0.1", daemon.address).is_none(),
        "two of one address"
    );
    let third = admitted("127.0.0.2", daemon.address).expect("one of another address");
    assert!(
        admitted("127.0.0.3", daemon.address).is_none(),
        "three in all"
    );
    assert_eq!(metric(&daemon, "billet_connections"), 3);
    assert_eq!(metric(&daemon, "billet_connections_refused_total"), 2);
    drop(first);
    while metric(&daemon, "billet_connections") > 2 {
        std::thread::yield_now();
    }
    let again = admitted("127.0.0.1", daemon.address).expect("the place of the first");
    drop((second, third, again));
}
