//! A completion that takes longer than a client should hear nothing for begins as a success with
//! blanks after the declaration; what went wrong by then is told inside.

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

const PART: usize = 5 << 20;
const DECLARATION: &str = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n";

fn start(client: &mut Client, path: &str) -> (String, String) {
    let created = client.send(Request {
        method: "POST",
        path,
        query: &[("uploads", "")],
        ..Request::default()
    });
    let id = created.unwrap().element("UploadId").unwrap();
    let mut document = String::from("<CompleteMultipartUpload>");
    for number in ["1", "2", "3"] {
        let part = client.send(Request {
            method: "PUT",
            path,
            query: &[("partNumber", number), ("uploadId", &id)],
            body: Body::Repeat {
                block: &[1; 64 << 10],
                size: PART as u64,
            },
            ..Request::default()
        });
        let part = part.unwrap();
        let etag = part.header("etag").unwrap();
        document += &format!("<Part><PartNumber>{number}</PartNumber><ETag>{etag}</ETag></Part>");
    }
    (id, document + "</CompleteMultipartUpload>")
}

fn complete(
    client: &mut Client,
    path: &str,
    id: &str,
    document: &str,
    headers: &[(&str, &str)],
) -> Response {
    let answer = client.send(Request {
        method: "POST",
        path,
        query: &[("uploadId", id)],
        headers,
        body: Body::Bytes(document.as_bytes()),
    });
    answer.unwrap()
}

#[test]
fn long_completions_keep_the_connection_alive() {
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let program = Path::new(env!("CARGO_BIN_EXE_billet"));
    // With no patience at all, every completion takes too long.
    let set = ["--set", "limits.keep_alive_ms=0"];
    let daemon = Daemon::start(program, &folder.path().join("store"), &set).unwrap();
    let mut client = daemon.client();
    assert_eq!(client.put("/bucket", b"").unwrap().status, 200);
    let (id, document) = start(&mut client, "/bucket/key");
    let wrong = [("x-amz-mp-object-size", "1")];
    let failed = complete(&mut client, "/bucket/key", &id, &document, &wrong);
    let text = failed.text();
    assert_eq!(failed.status, 200, "{text}");
    assert_eq!(failed.element("Code").as_deref(), Some("InvalidRequest"));
    assert_eq!(
        failed.element("RequestId").as_deref(),
        failed.header("x-amz-request-id")
    );
    assert_eq!(client.get("/bucket/key").unwrap().status, 404);
    let done = complete(&mut client, "/bucket/key", &id, &document, &[]);
    let text = done.text();
    assert_eq!(done.status, 200, "{text}");
    let rest = text
        .strip_prefix(DECLARATION)
        .expect("the declaration first");
    assert!(rest.starts_with(' '), "no blank in {text:?}");
    assert!(
        rest.trim_start()
            .starts_with("<CompleteMultipartUploadResult ")
    );
    assert_eq!(text.matches("<?xml").count(), 1, "{text}");
    let etag = done.element("ETag").unwrap().replace("&quot;", "\"");
    let found = client.get("/bucket/key").unwrap();
    assert_eq!(found.header("etag"), Some(etag.as_str()));
    assert_eq!(found.body.len(), 3 * PART);
    // The same connection serves on, and the same completion has the same answer.
    let again = complete(&mut client, "/bucket/key", &id, &document, &[]);
    assert_eq!(again.element("ETag"), done.element("ETag"));
}

#[test]
fn short_completions_have_their_own_status() {
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let program = Path::new(env!("CARGO_BIN_EXE_billet"));
    let daemon = Daemon::start(program, &folder.path().join("store"), &[]).unwrap();
    let mut client = daemon.client();
    assert_eq!(client.put("/bucket", b"").unwrap().status, 200);
    let (id, document) = start(&mut client, "/bucket/key");
    let wrong = [("x-amz-mp-object-size", "1")];
    let failed = complete(&mut client, "/bucket/key", &id, &document, &wrong);
    assert_eq!(failed.status, 400);
    let done = complete(&mut client, "/bucket/key", &id, &document, &[]);
    assert_eq!(done.status, 200);
    assert!(done.header("content-length").is_some());
    assert!(done.header("x-billet-root").is_some());
}
