//! An export that began before an object was overwritten is carried out to its end, although the
//! old bytes never left and everything else of that time was shipped and has gone.
//! Passed over unless `BILLET_DAEMON` names the daemon's program.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs
)]

mod common;

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;

use common::site::{Site, metric, put, until};

/// More than what sockets and channels between the two hold.
const BYTES: usize = 96 << 20;

#[test]
fn an_export_outlives_what_it_reads() {
    // A window only where somebody waits for the network.
    let settings = ["ship.window_ms=1h", "journal.seal_bytes=8MiB"];
    let Some((site, daemon, mut client)) = Site::started(&settings) else {
        return;
    };
    put(&mut client, "/bucket/read", &common::bytes(BYTES), "local");
    // What `billet export` sends, from somebody who reads slowly.
    let mut export = UnixStream::connect(site.data().join("admin.sock")).unwrap();
    let request = "{\"request\":\"export\",\"bucket\":\"bucket\",\"root\":null}\n";
    let length = request.len();
    let head = "POST / HTTP/1.1\r\nhost: admin.sock\r\nconnection: close\r\ncontent-length:";
    write!(export, "{head} {length}\r\n\r\n{request}").unwrap();
    let mut answer = vec![0; 1 << 20];
    export.read_exact(&mut answer).unwrap();

    put(&mut client, "/bucket/read", b"another body", "network");
    let later = common::bytes(20 << 20);
    put(&mut client, "/bucket/later", &later, "network");
    // What was put after the export began goes at once.
    let retired = || metric(&daemon, "billet_segments_retired_total");
    until("segments go", || retired() > 0);

    export.read_to_end(&mut answer).unwrap();
    let end = answer.len() - 400;
    let end = String::from_utf8_lossy(&answer[end..]);
    assert!(end.contains("{\"billet\":{\"end\":\"whole\"}}"), "{end}");
    assert!(answer.len() > BYTES);
    until("what was read goes, too", || {
        retired() >= (BYTES >> 23) as u64
    });
}
