//! Heads that are too long, too odd or ambiguous are refused before any component sees them.

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

/// What the server says to these bytes, up to the end of the connection or its silence.
fn ask(address: SocketAddr, text: &str) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    stream
        .set_read_timeout(Some(Duration::from_secs(20)))
        .unwrap();
    stream.write_all(text.as_bytes()).unwrap();
    let mut answer = Vec::new();
    // A reset ends the answer, too.
    let _ = stream.read_to_end(&mut answer);
    String::from_utf8_lossy(&answer).into_owned()
}

/// Heads, and the status that each is answered with.
fn odd_heads() -> Vec<(String, u16)> {
    let end = "Host: a\r\nConnection: close\r\n";
    let (long, target) = ("y".repeat(20_000), "x".repeat(9_000));
    vec![
        (
            format!(
                "PUT /b HTTP/1.1\r\n{end}Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n"
            ),
            400,
        ),
        (
            format!(
                "PUT /b HTTP/1.1\r\n{end}Transfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n"
            ),
            400,
        ),
        (
            format!("PUT /b HTTP/1.1\r\n{end}Content-Length: 3\r\nContent-Length: 3\r\n\r\nabc"),
            400,
        ),
        (
            format!("PUT /b HTTP/1.1\r\n{end}Content-Length: 3\r\nContent-Length: 4\r\n\r\nabc"),
            400,
        ),
        (
            format!(
                "\r\n\r\nPUT /b HTTP/1.1\r\n{end}Content-Length: 3\r\n\
                 Transfer-Encoding: chunked\r\n\r\n"
            ),
            400,
        ),
        (format!("GET /b HTTP/1.1\r\n{end}X: {long}\r\n\r\n"), 400),
        (format!("GET /{target} HTTP/1.1\r\n{end}\r\n"), 400),
        (
            "GET /b HTTP/1.1\r\nConnection: close\r\n\r\n".to_owned(),
            400,
        ),
        (format!("GET /b HTTP/1.1\r\nHost: b\r\n{end}\r\n"), 400),
        (
            "GET /b HTTP/1.1\r\nHost: a b\r\nConnection: close\r\n\r\n".to_owned(),
            400,
        ),
        // What is no HTTP at all, or longer than any buffer.
        ("GET /b HTTP/9.9\r\nHost: b\r\n\r\n".to_owned(), 400),
        ("\u{16}\u{3}\u{1} no HTTP\r\n\r\n".to_owned(), 400),
        ("GET /b HTTP/1.1\r\nHo st: b\r\n\r\n".to_owned(), 400),
        (
            format!("GET /b HTTP/1.1\r\n{end}X: {}\r\n\r\n", "z".repeat(90_000)),
            400,
        ),
        (format!("GET /bucket HTTP/1.1\r\n{end}\r\n"), 403),
    ]
}

#[test]
fn heads_are_bounded() {
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let program = Path::new(env!("CARGO_BIN_EXE_billet"));
    let daemon = Daemon::start(program, &folder.path().join("store"), &[]).unwrap();
    let mut ids = Vec::new();
    for (text, status) in odd_heads() {
        let answer = ask(daemon.address, &text);
        assert!(
            answer.starts_with(&format!("HTTP/1.1 {status} ")),
            "{text:.90}\n{answer}"
        );
        // Each is a document of S3, under an id that the log has, too.
        let (_, id) = answer.split_once("<RequestId>").expect("a request id");
        let (id, _) = id.split_once('<').unwrap();
        assert!(answer.contains("content-type: application/xml"), "{answer}");
        assert!(answer.contains(&format!("x-amz-request-id: {id}\r\n")));
        let code = match text.len() {
            _ if status == 403 => "AccessDenied",
            ..9_000 => "BadRequest",
            _ => "RequestHeaderSectionTooLarge",
        };
        assert!(answer.contains(&format!("<Code>{code}</Code>")), "{answer}");
        ids.push(id.to_owned());
    }
    let log = std::fs::read_to_string(folder.path().join("store.log")).unwrap();
    let lost: Vec<_> = ids.iter().filter(|id| !log.contains(*id)).collect();
    assert!(lost.is_empty(), "{lost:?} are not in\n{log}");
    let pipelined =
        ["b", "c", "d"].map(|bucket| format!("GET /{bucket} HTTP/1.1\r\nHost: a\r\n\r\n"));
    let answer = ask(daemon.address, &pipelined.concat());
    assert_eq!(answer.matches("HTTP/1.1 ").count(), 2, "{answer}");
    // The second head was not seen as it came: it is answered, and then nothing else is.
    let second = answer.rsplit("HTTP/1.1 ").next().unwrap();
    assert!(second.contains("connection: close"), "{answer}");
    assert_eq!(answer.matches("connection: close").count(), 1, "{answer}");
}
