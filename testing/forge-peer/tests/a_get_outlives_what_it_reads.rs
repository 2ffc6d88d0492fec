//! A GET reads on to its end although the object was overwritten meanwhile, within its window, so
//! that its bytes never left, and everything else of that time was shipped and has gone.
//! Passed over unless `BILLET_DAEMON` names the daemon's program.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs
)]

mod common;

use std::io::{self, Write};

use billet_client::Request;
use billet_client::daemon::Daemon;
use common::site::{Site, metric, put, reads, until};

/// More than what sockets and buffers between the two hold.
const BYTES: usize = 64 << 20;

/// Takes bytes; does something before it takes the first.
struct Sink<F: FnOnce()> {
    first: Option<F>,
    taken: Vec<u8>,
}

impl<F: FnOnce()> Write for Sink<F> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if let Some(first) = self.first.take() {
            first();
        }
        self.taken.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn retired(daemon: &Daemon) -> u64 {
    metric(daemon, "billet_segments_retired_total")
}

#[test]
fn a_get_outlives_what_it_reads() {
    // A window only where somebody waits for the network.
    let Some(site) = Site::open(&["ship.window_ms=1h", "journal.seal_bytes=8MiB"]) else {
        return;
    };
    let daemon = site.start();
    let mut client = daemon.client();
    put(&mut client, "/bucket", b"", "network");
    let body = common::bytes(BYTES);
    put(&mut client, "/bucket/read", &body, "local");
    let mut sink = Sink {
        first: Some(|| {
            let mut other = daemon.client();
            put(&mut other, "/bucket/read", b"another body", "network");
            put(
                &mut other,
                "/bucket/later",
                &common::bytes(20 << 20),
                "network",
            );
            // What was put after the GET began goes at once.
            until("segments go", || retired(&daemon) > 0);
        }),
        taken: Vec::new(),
    };
    let get = Request {
        method: "GET",
        path: "/bucket/read",
        ..Request::default()
    };
    let answer = client.send_to(get, &mut sink).unwrap();
    assert_eq!(answer.status, 200);
    assert!(sink.taken == body, "{} of {BYTES} bytes", sink.taken.len());
    let before = retired(&daemon);
    until("what was read goes, too", || {
        retired(&daemon) >= before + (BYTES >> 23) as u64
    });
    reads(&mut client, "/bucket/read", b"another body");
    assert!(metric(&daemon, "billet_network_read_bytes_total") < BYTES as u64);
}
