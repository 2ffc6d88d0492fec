//! Memory stays under the configured budget while a large object is written and read and slow
//! clients hold connections (I8).
//!
//! `BILLET_LARGE_BYTES` sets the size (512 MiB where it is not set; 5 GiB is the full trial).

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs
)]

use std::io::Write;
use std::net::TcpStream;
use std::path::Path;

use billet_client::daemon::Daemon;
use billet_client::{Body, Request};

const SLOW_CLIENTS: usize = 64;
const BUFFERS_COUNT: u64 = 64;
const CACHES_BYTES: u64 = 2 * (16 << 20);

/// What the program holds before the first request: code, two compiled components, instances.
/// Measured anew in each run, so only growth counts.
const SLACK_BYTES: u64 = 64 << 20;

/// Highest resident memory so far, in bytes.
fn peak_bytes(pid: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status
        .lines()
        .find(|line| line.starts_with("VmHWM:"))
        .unwrap();
    let kibibytes: u64 = line.split_whitespace().nth(1).unwrap().parse().unwrap();
    kibibytes << 10
}

/// Counts and digests what is written to it.
struct Count {
    bytes: u64,
    wrong: bool,
    block: Vec<u8>,
}

impl Write for Count {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        let mut at = (self.bytes % self.block.len() as u64) as usize;
        let mut rest = bytes;
        while !rest.is_empty() {
            let piece = rest.len().min(self.block.len() - at);
            self.wrong |= rest[..piece] != self.block[at..at + piece];
            rest = &rest[piece..];
            at = (at + piece) % self.block.len();
        }
        self.bytes += bytes.len() as u64;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[test]
fn memory_stays_under_budget() {
    let size = std::env::var("BILLET_LARGE_BYTES").map_or(512 << 20, |text| text.parse().unwrap());
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let buffers = format!("buffers.count={BUFFERS_COUNT}");
    let settings = [
        "--set",
        &buffers,
        "--set",
        "cache.block_bytes=16MiB",
        "--set",
        "journal.table_cache_bytes=16MiB",
    ];
    let program = Path::new(env!("CARGO_BIN_EXE_billet"));
    let daemon = Daemon::start(program, &folder.path().join("store"), &settings).unwrap();
    let mut client = daemon.client();
    assert_eq!(client.put("/large", b"").unwrap().status, 200);
    assert_eq!(client.put("/large/small", b"small").unwrap().status, 200);
    assert_eq!(client.get("/large/small").unwrap().body, b"small");
    let before = peak_bytes(daemon.pid());
    let slow: Vec<TcpStream> = (0..SLOW_CLIENTS)
        .map(|index| {
            let mut stream = TcpStream::connect(daemon.address).unwrap();
            let head = format!("PUT /large/slow{index} HTTP/1.1\r\nhost: x\r\nx-amz-date: ");
            stream.write_all(head.as_bytes()).unwrap();
            stream
        })
        .collect();
    // A block whose size has no factor in common with a leaf, so that leaves differ.
    let block: Vec<u8> = (0..65_537_u32).map(|index| (index % 251) as u8).collect();
    let body = Body::Repeat {
        block: &block,
        size,
    };
    let path = "/large/object";
    let put = client
        .send(Request {
            method: "PUT",
            path,
            body,
            ..Request::default()
        })
        .unwrap();
    assert_eq!(put.status, 200, "{}", put.text());
    let mut count = Count {
        bytes: 0,
        wrong: false,
        block: block.clone(),
    };
    let get = Request {
        method: "GET",
        path,
        ..Request::default()
    };
    assert_eq!(client.send_to(get, &mut count).unwrap().status, 200);
    assert_eq!((count.bytes, count.wrong), (size, false));
    let budget = (BUFFERS_COUNT << 20) + CACHES_BYTES;
    let grown = peak_bytes(daemon.pid()) - before;
    println!("size {size}  before {before}  grown {grown}  budget {budget} + {SLACK_BYTES}");
    assert!(grown <= budget + SLACK_BYTES, "grew by {grown} bytes");
    drop(slow);
}
