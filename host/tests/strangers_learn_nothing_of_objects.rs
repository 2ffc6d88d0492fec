//! Whoever owns another's bucket not is told the same of every key in it, whether it is there or
//! not, whatever is asked of it.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs
)]

use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use billet_client::daemon::Daemon;
use billet_client::{Client, Keys, Request, Response};

const ACCESS: &str = "AKIDSTRANGER";
const SECRET: &str = "a-secret-of-somebody-else";

/// Parts of the query and a header that make a kind of question.
type Question = (
    &'static str,
    &'static [(&'static str, &'static str)],
    &'static [(&'static str, &'static str)],
);

const QUESTIONS: &[Question] = &[
    ("GET", &[], &[]),
    ("HEAD", &[], &[]),
    ("GET", &[], &[("range", "bytes=0-1")]),
    ("GET", &[], &[("if-none-match", "*")]),
    ("GET", &[("partNumber", "1")], &[]),
    ("GET", &[("versionId", "null")], &[]),
    ("GET", &[("versionId", "other")], &[]),
    ("GET", &[("acl", "")], &[]),
    ("GET", &[("tagging", "")], &[]),
    (
        "GET",
        &[("attributes", "")],
        &[("x-amz-object-attributes", "ETag")],
    ),
    ("PUT", &[], &[("if-none-match", "*")]),
    ("DELETE", &[], &[]),
];

fn ask(client: &mut Client, path: &str, (method, query, headers): Question) -> Response {
    let request = Request {
        method,
        path,
        query,
        headers,
        ..Request::default()
    };
    client.send(request).unwrap()
}

/// What an answer says, without the names that every answer has of its own.
fn said(answer: &Response, path: &str) -> (u16, String) {
    let mut text = answer.text().replace(path, "PATH");
    for name in ["RequestId", "HostId"] {
        if let Some(value) = answer.element(name) {
            text = text.replace(&value, name);
        }
    }
    (answer.status, text)
}

#[test]
fn strangers_learn_nothing_of_objects() {
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let store = folder.path().join("store");
    std::fs::create_dir(&store).unwrap();
    let file = store.join("credentials.toml");
    let id = format!("access_key_id = \"{ACCESS}\"");
    let secret = format!("secret_access_key = \"{SECRET}\"");
    let pair = format!("[[key]]\n{id}\n{secret}\nowner = \"other\"\n");
    std::fs::write(&file, pair).unwrap();
    std::fs::set_permissions(&file, PermissionsExt::from_mode(0o600)).unwrap();
    let daemon = Daemon::start(Path::new(env!("CARGO_BIN_EXE_billet")), &store, &[]).unwrap();
    let mut owner = daemon.client();
    let keys = Keys {
        access: ACCESS.to_owned(),
        secret: SECRET.to_owned(),
        region: "us-east-1".to_owned(),
    };
    let mut stranger = Client::new(daemon.address, keys);
    assert_eq!(owner.put("/bucket", b"").unwrap().status, 200);
    assert_eq!(owner.put("/bucket/there", b"abc").unwrap().status, 200);
    assert_eq!(stranger.put("/mine", b"").unwrap().status, 200);
    for question in QUESTIONS {
        let there = said(
            &ask(&mut stranger, "/bucket/there", *question),
            "/bucket/there",
        );
        let absent = said(
            &ask(&mut stranger, "/bucket/absent", *question),
            "/bucket/absent",
        );
        assert_eq!(there, absent, "{question:?}");
        assert_eq!(there.0, 403, "{question:?}: {}", there.1);
    }
    for source in ["/bucket/there", "/bucket/absent"] {
        let headers = &[("x-amz-copy-source", source)];
        let request = Request {
            method: "PUT",
            path: "/mine/copy",
            headers,
            ..Request::default()
        };
        let answer = stranger.send(request).unwrap();
        assert_eq!(answer.status, 403, "{source}: {}", answer.text());
    }
    assert_eq!(owner.get("/bucket/there").unwrap().text(), "abc");
}
