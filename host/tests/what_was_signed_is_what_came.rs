//! The digest of the body that a request was signed with holds for operations that take no body,
//! too: nothing is done for a request whose body is another one.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs
)]
#![allow(clippy::arithmetic_side_effects, dead_code, unreachable_pub)]

use std::path::Path;

use billet_client::daemon::Daemon;
use billet_client::{Body, Client, Request, Response};

/// SHA-256 of `abc`.
const OF_ABC: &str = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
/// SHA-256 of nothing.
const OF_NOTHING: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

fn send(client: &mut Client, method: &str, path: &str, digest: &str, body: &[u8]) -> Response {
    let headers = [("x-amz-content-sha256", digest)];
    let answer = client.send(Request {
        method,
        path,
        headers: &headers,
        body: Body::Bytes(body),
        ..Request::default()
    });
    answer.unwrap()
}

#[test]
fn what_was_signed_is_what_came() {
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let program = Path::new(env!("CARGO_BIN_EXE_billet"));
    let daemon = Daemon::start(program, &folder.path().join("store"), &[]).unwrap();
    let mut client = daemon.client();
    assert_eq!(client.put("/bucket", b"").unwrap().status, 200);
    assert_eq!(client.put("/bucket/key", b"abc").unwrap().status, 200);
    for (method, path) in [
        ("GET", "/"),
        ("GET", "/bucket"),
        ("GET", "/bucket/key"),
        ("DELETE", "/bucket/key"),
        ("DELETE", "/bucket"),
        ("PUT", "/bucket/key"),
    ] {
        for (digest, body) in [(OF_ABC, &b""[..]), (OF_NOTHING, b"abc"), (OF_ABC, b"abd")] {
            let refused = send(&mut client, method, path, digest, body);
            let text = refused.text();
            assert_eq!(refused.status, 400, "{method} {path} {body:?}: {text}");
            let code = refused.element("Code");
            assert_eq!(code.as_deref(), Some("XAmzContentSHA256Mismatch"));
        }
    }
    assert_eq!(client.get("/bucket/key").unwrap().text(), "abc");
    for digest in [OF_NOTHING, "UNSIGNED-PAYLOAD"] {
        let read = send(&mut client, "GET", "/bucket/key", digest, b"");
        assert_eq!(read.text(), "abc");
        // A body that nobody asked for, but the one that was signed.
        let read = send(
            &mut client,
            "GET",
            "/bucket/key",
            "UNSIGNED-PAYLOAD",
            b"abc",
        );
        assert_eq!(read.text(), "abc");
    }
    let read = send(&mut client, "GET", "/bucket/key", OF_ABC, b"abc");
    assert_eq!(read.text(), "abc");
    let gone = send(&mut client, "DELETE", "/bucket/key", OF_ABC, b"abc");
    assert_eq!(gone.status, 204);
}
