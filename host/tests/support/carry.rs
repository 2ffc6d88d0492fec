//! The command line of `billet` against a folder, and a bucket to carry about.
//!
//! Must never pass over an exit status.

use std::path::Path;
use std::process::{Command, Output};

use billet_client::{Body, Client, Request, Response};

/// Bytes that differ everywhere, other ones for each size.
pub fn content(size: usize) -> Vec<u8> {
    let mut state = size as u64 + 1;
    let mut next = || {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (state >> 56) as u8
    };
    (0..size).map(|_| next()).collect()
}

/// Runs `billet` over a folder.
pub fn billet(store: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_billet"));
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("BILLET_") {
            command.env_remove(name);
        }
    }
    let command = command.args(arguments).arg("--data-dir").arg(store);
    command.output().unwrap()
}

/// Runs `billet`, which must end with this status; its standard output.
pub fn ends(status: i32, store: &Path, arguments: &[&str]) -> String {
    let output = billet(store, arguments);
    let (out, err) = (
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr),
    );
    assert_eq!(
        output.status.code(),
        Some(status),
        "{arguments:?}\n{out}\n{err}"
    );
    out.into_owned()
}

/// The root of a bucket.
pub fn root(store: &Path, bucket: &str) -> String {
    let line = ends(0, store, &["bucket", "root", bucket, "--json"]);
    let line: serde_json::Value = serde_json::from_str(&line).unwrap();
    line["root"].as_str().unwrap().to_owned()
}

/// Sends a request that must succeed.
pub fn send(client: &mut Client, request: Request<'_>) -> Response {
    let path = request.path.to_owned();
    let answer = client.send(request).unwrap();
    assert!(answer.status < 300, "{path}: {}", answer.text());
    answer
}

/// PUT of an object.
pub fn put(client: &mut Client, path: &str, bytes: &[u8]) {
    let body = Body::Bytes(bytes);
    let method = "PUT";
    send(
        client,
        Request {
            method,
            path,
            body,
            ..Request::default()
        },
    );
}
