//! The plain server over loopback, loaded by the generator. What it gives back must be what it
//! took, and what fails must be counted.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs
)]

use std::net::SocketAddr;

use billet_bench::baseline::server::{Baseline, serve};
use billet_bench::body::Bodies;
use billet_bench::load;
use billet_bench::plan::{Operation, Plan};
use billet_bench::schedule::Pace;
use billet_bench::sign::Keys;
use billet_bench::stats::Recorder;
use billet_bench::wire::Connection;
use tokio::net::TcpListener;
use tokio::task::LocalSet;

const OBJECTS: u64 = 20;

async fn start(folder: &tempfile::TempDir) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(serve(Baseline::new(folder.path().to_owned()), listener));
    address
}

async fn load(address: SocketAddr, operation: Operation, size: u64, pace: Pace) -> Recorder {
    let word = str::to_owned;
    let plan = Plan {
        address,
        keys: Keys {
            access: word("access"),
            secret: word("secret"),
            region: word("us-east-1"),
        },
        bucket: word("bucket"),
        operation,
        size,
        objects: OBJECTS,
        connections: 3,
        pace,
        warmup_ms: 0,
        duration_ms: 60_000,
        count_max: Some(OBJECTS),
        signed_payload: true,
        timeout_ms: 60_000,
    };
    LocalSet::new()
        .run_until(load::run(plan, 9, || {}))
        .await
        .unwrap()
}

#[tokio::test]
async fn all_that_was_filled_is_read_and_failures_are_counted() {
    let folder = tempfile::tempdir().unwrap();
    let address = start(&folder).await;
    for size in [1, 4_096, (1 << 20) + 5] {
        for operation in [
            Operation::Fill,
            Operation::Get,
            Operation::Head,
            Operation::Put,
        ] {
            let recorder = load(address, operation, size, Pace::Open(1_000)).await;
            assert_eq!(
                recorder.failures.len(),
                0,
                "{operation:?}: {:?}",
                recorder.failures
            );
            assert_eq!(recorder.samples[operation.name()].done, OBJECTS);
            let bytes = if operation == Operation::Head {
                0
            } else {
                OBJECTS * size
            };
            assert_eq!(recorder.samples[operation.name()].bytes, bytes);
        }
    }
    let trivial = load(address, Operation::Trivial, 0, Pace::Closed).await;
    assert_eq!(trivial.samples["trivial"].done, OBJECTS);
    // Objects have another size now than these readers expect, and there is no listing.
    let wrong = load(address, Operation::Get, 7, Pace::Closed).await;
    assert_eq!(wrong.failures["wrong length"], OBJECTS);
    let listing = load(address, Operation::List, 7, Pace::Closed).await;
    assert_eq!(listing.failures["404"], OBJECTS);
}

#[tokio::test]
async fn bytes_come_back_as_they_went() {
    let folder = tempfile::tempdir().unwrap();
    let mut connection = Connection::open(start(&folder).await).await.unwrap();
    for size in [0, 5, 1 << 20, (3 << 20) + 1] {
        let mut bodies = Bodies::new(size, size);
        let head = format!("PUT /b/k HTTP/1.1\r\nhost: h\r\ncontent-length: {size}\r\n\r\n");
        connection
            .send(&head, Some((&mut bodies, 1)))
            .await
            .unwrap();
        assert_eq!(connection.receive(false, None).await.unwrap().status, 200);
        connection
            .send("GET /b/k HTTP/1.1\r\nhost: h\r\n\r\n", None)
            .await
            .unwrap();
        let mut read = Vec::new();
        let answer = connection.receive(false, Some(&mut read)).await.unwrap();
        assert_eq!((answer.status, answer.bytes), (200, size));
        let sent: Vec<u8> = (0..bodies.leaves())
            .flat_map(|i| bodies.leaf(1, i).to_vec())
            .collect();
        assert!(read == sent, "{size}");
    }
}
