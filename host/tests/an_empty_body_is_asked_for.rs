//! A request that waits to be asked for its body is asked, also when that body is empty: clients
//! built on botocore misread the next answer on the connection otherwise, and wait without end.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs
)]

use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::path::Path;
use std::time::Duration;

use billet_client::daemon::Daemon;

#[test]
fn an_empty_body_is_asked_for() {
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let program = Path::new(env!("CARGO_BIN_EXE_billet"));
    let daemon = Daemon::start(program, &folder.path().join("store"), &[]).unwrap();
    let mut stream = TcpStream::connect(daemon.address).unwrap();
    stream
        .set_read_timeout(Some(Duration::from_secs(60)))
        .unwrap();
    let ask = "PUT /bucket/key HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\n";
    let mut text = String::new();
    for _ in 0..3 {
        write!(stream, "{ask}Content-Length: 0\r\n\r\n").unwrap();
        let mut answer = String::new();
        while !answer.ends_with("</Error>") {
            let mut piece = [0; 4096];
            let count = stream.read(&mut piece).unwrap();
            assert!(count > 0, "closed after {answer}");
            answer.push_str(std::str::from_utf8(&piece[..count]).unwrap());
        }
        let asked = answer.strip_prefix("HTTP/1.1 100 Continue\r\n\r\n");
        let rest = asked.unwrap_or_else(|| panic!("nothing was asked for: {answer}"));
        assert!(rest.starts_with("HTTP/1.1 403 "), "{answer}");
        assert_eq!(answer.matches("HTTP/1.1 ").count(), 2, "{answer}");
    }
    // A body that nobody wants is not asked for.
    write!(stream, "{ask}Content-Length: 5\r\n\r\n").unwrap();
    stream.shutdown(Shutdown::Write).unwrap();
    stream.read_to_string(&mut text).unwrap();
    assert!(text.starts_with("HTTP/1.1 403 "), "{text}");
}
