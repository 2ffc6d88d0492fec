//! Answers as servers frame them, byte by byte on the wire. No byte of the next answer may be
//! taken for this one's.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs
)]

use billet_bench::plan::{encode, read_page};
use billet_bench::process::cpu_us_of;
use billet_bench::wire::{Answer, Connection};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpListener;

const ANSWERS: &[u8] = b"HTTP/1.1 100 Continue\r\n\r\n\
    HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc\
    HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n\
    2;x=y\r\nde\r\nA\r\n0123456789\r\n0\r\nT: 1\r\n\r\n\
    HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n\
    HTTP/1.1 204 No Content\r\n\r\n\
    HTTP/1.1 503 Slow Down\r\ncontent-length: 1\r\nConnection: close\r\n\r\n!\
    HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\ncut";

#[tokio::test]
async fn lengths_chunks_heads_and_ends() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        stream.set_nodelay(true).unwrap();
        for byte in ANSWERS {
            stream.write_all(&[*byte]).await.unwrap();
        }
    });
    let mut connection = Connection::open(address).await.unwrap();
    let answer = |status, bytes, keeps| Answer {
        status,
        bytes,
        keeps,
    };
    let mut body = Vec::new();
    for (expected, without_body) in [
        (answer(200, 3, true), false),
        (answer(200, 12, true), false),
        (answer(200, 0, true), true),
        (answer(204, 0, true), false),
        (answer(503, 1, false), false),
    ] {
        let read = connection
            .receive(without_body, Some(&mut body))
            .await
            .unwrap();
        assert_eq!(read, expected);
    }
    assert_eq!(body, b"abcde0123456789!");
    let error = connection.receive(false, None).await.unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::UnexpectedEof);
}

#[test]
fn pages_are_counted_and_their_tokens_read() {
    let page = b"<L><Key>a</Key><Key>b</Key><NextContinuationToken>x&amp;=&#43;/</NextContin";
    assert_eq!(read_page(page), (2, Some("x&=+/".to_owned())));
    assert_eq!(read_page(b"<L/>"), (0, None));
    assert_eq!(encode("x&=+/ ~"), "x%26%3D%2B%2F%20~");
}

#[test]
fn processor_time_is_read_past_any_name() {
    let stat = "7 (a) b (c) S 1 7 7 0 -1 4194304 1 0 0 0 150 50 9 9 20 0 1 0 8 9 10";
    assert_eq!(cpu_us_of(stat), Some(2_000_000));
    assert_eq!(cpu_us_of("7 (a) S 1"), None);
}
