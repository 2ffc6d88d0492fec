//! ACLs are switched off: the ACL that is told can be put back, by its document or by its canned
//! name, and every other one is refused and changes nothing.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs
)]

use std::path::Path;

use billet_client::daemon::Daemon;
use billet_client::{Body, Client, Request, Response};

/// MD5 of nothing.
const OF_NOTHING: &str = "1B2M2Y8AsgTpgAmY7PhCfg==";

fn put(client: &mut Client, path: &str, header: Option<(&str, &str)>, body: &str) -> Response {
    let headers: Vec<_> = header.into_iter().collect();
    let answer = client.send(Request {
        method: "PUT",
        path,
        query: &[("acl", "")],
        headers: &headers,
        body: Body::Bytes(body.as_bytes()),
    });
    answer.unwrap()
}

fn told(client: &mut Client, path: &str) -> String {
    let answer = client.send(Request {
        method: "GET",
        path,
        query: &[("acl", "")],
        ..Request::default()
    });
    let answer = answer.unwrap();
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer.text()
}

fn refused(answer: &Response, status: u16, code: &str) {
    assert_eq!(answer.status, status, "{}", answer.text());
    assert_eq!(answer.element("Code").as_deref(), Some(code));
}

#[test]
fn the_one_acl_can_be_put_again() {
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let program = Path::new(env!("CARGO_BIN_EXE_billet"));
    let daemon = Daemon::start(program, &folder.path().join("store"), &[]).unwrap();
    let mut client = daemon.client();
    assert_eq!(client.put("/bucket", b"").unwrap().status, 200);
    assert_eq!(client.put("/bucket/key", b"abc").unwrap().status, 200);
    let other = "AccessControlListNotSupported";
    let mut document = String::new();
    for path in ["/bucket", "/bucket/key"] {
        document = told(&mut client, path);
        for (header, body) in [
            (None, document.as_str()),
            (Some(("x-amz-acl", "private")), ""),
            (Some(("x-amz-acl", "bucket-owner-full-control")), ""),
        ] {
            let taken = put(&mut client, path, header, body);
            assert_eq!((taken.status, taken.text()), (200, String::new()), "{path}");
        }
        let public = put(&mut client, path, Some(("x-amz-acl", "public-read")), "");
        refused(&public, 400, other);
        let lesser = document.replace("FULL_CONTROL", "READ");
        refused(&put(&mut client, path, None, &lesser), 400, other);
        refused(
            &put(&mut client, path, None, ""),
            400,
            "MissingSecurityHeader",
        );
        let cut = &document[..document.len() - 1];
        refused(&put(&mut client, path, None, cut), 400, "MalformedACLError");
        let wrong = Some(("content-md5", OF_NOTHING));
        refused(&put(&mut client, path, wrong, &document), 400, "BadDigest");
        assert_eq!(told(&mut client, path), document);
    }
    for (version, status) in [("null", 200), ("other", 404)] {
        for (method, header) in [("GET", None), ("PUT", Some(("x-amz-acl", "private")))] {
            let headers: Vec<_> = header.into_iter().collect();
            let answer = client.send(Request {
                method,
                path: "/bucket/key",
                query: &[("acl", ""), ("versionId", version)],
                headers: &headers,
                ..Request::default()
            });
            assert_eq!(answer.unwrap().status, status, "{method} {version}");
        }
    }
    assert_eq!(client.get("/bucket/key").unwrap().text(), "abc");
    refused(
        &put(&mut client, "/bucket/none", None, &document),
        404,
        "NoSuchKey",
    );
    refused(
        &put(&mut client, "/none", None, &document),
        404,
        "NoSuchBucket",
    );
}
