//! The composed component under a stock host: buckets, objects, ranges, listings, uploads in
//! parts, and who may not.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs
)]

mod common;

use billet_client::{Body, Client, Request};
use common::{bytes, expect, start};
use md5::{Digest as _, Md5};

#[test]
fn objects_come_back_as_they_were_put() {
    let folder = tempfile::tempdir().unwrap();
    let process = start(folder.path(), 16, 128);
    let mut client = process.client();
    expect(404, &client.get("/first/key").unwrap());
    expect(200, &client.put("/first", b"").unwrap());
    let leaf = 1 << 20;
    for (at, size) in [0, 1, 4096, leaf - 1, leaf, leaf + 1, 3 * leaf + 77]
        .into_iter()
        .enumerate()
    {
        let path = format!("/first/object {at}");
        let body = bytes(at as u64, size);
        let put = client.put(&path, &body).unwrap();
        expect(200, &put);
        let etag = format!("\"{}\"", hex::encode(Md5::digest(&body)));
        assert_eq!(put.header("etag"), Some(etag.as_str()));
        let got = client.get(&path).unwrap();
        expect(200, &got);
        assert_eq!(got.header("etag"), Some(etag.as_str()));
        assert_eq!(
            got.header("content-length"),
            Some(size.to_string().as_str())
        );
        assert!(got.body == body, "{size} bytes differ");
    }
    let range = range(&mut client, "/first/object 6", "bytes=1048570-2097160");
    assert!(range == bytes(6, 3 * leaf + 77)[1_048_570..=2_097_160]);
    expect(204, &client.delete("/first/object 6").unwrap());
    expect(404, &client.get("/first/object 6").unwrap());
    assert_eq!(list(&mut client, "/first").len(), 6);
    expect(409, &client.delete("/first").unwrap());
}

fn range(client: &mut Client, path: &str, range: &str) -> Vec<u8> {
    let response = client
        .send(Request {
            method: "GET",
            path,
            headers: &[("range", range)],
            ..Request::default()
        })
        .unwrap();
    expect(206, &response);
    response.body
}

fn list(client: &mut Client, path: &str) -> Vec<String> {
    let query = &[("list-type", "2")];
    let response = client
        .send(Request {
            method: "GET",
            path,
            query,
            ..Request::default()
        })
        .unwrap();
    expect(200, &response);
    let text = response.text();
    text.split("<Key>")
        .skip(1)
        .map(|rest| rest.split('<').next().unwrap().to_owned())
        .collect()
}

#[test]
fn an_upload_in_parts_spans_instances() {
    let folder = tempfile::tempdir().unwrap();
    // A new instance for each request: nothing that a part needs may live in one.
    let process = start(folder.path(), 1, 1);
    let mut client = process.client();
    expect(200, &client.put("/parts", b"").unwrap());
    let path = "/parts/large";
    let begun = client
        .send(Request {
            method: "POST",
            path,
            query: &[("uploads", "")],
            ..Request::default()
        })
        .unwrap();
    expect(200, &begun);
    let upload = begun.element("UploadId").unwrap();
    let mut whole = Vec::new();
    let mut named = String::new();
    for (number, size) in [(1, 5 << 20), (2, (5 << 20) + 1), (3, 9)] {
        let part = bytes(number, size);
        let number = number.to_string();
        let query = &[
            ("partNumber", number.as_str()),
            ("uploadId", upload.as_str()),
        ];
        let put = client
            .send(Request {
                method: "PUT",
                path,
                query,
                body: Body::Bytes(&part),
                ..Request::default()
            })
            .unwrap();
        expect(200, &put);
        let etag = put.header("etag").unwrap();
        named += &format!("<Part><PartNumber>{number}</PartNumber><ETag>{etag}</ETag></Part>");
        whole.extend(part);
    }
    let document = format!("<CompleteMultipartUpload>{named}</CompleteMultipartUpload>");
    let done = client
        .send(Request {
            method: "POST",
            path,
            query: &[("uploadId", upload.as_str())],
            body: Body::Bytes(document.as_bytes()),
            ..Request::default()
        })
        .unwrap();
    expect(200, &done);
    assert!(
        done.element("ETag").unwrap().contains("-3"),
        "{}",
        done.text()
    );
    let got = client.get(path).unwrap();
    expect(200, &got);
    assert!(got.body == whole);
}

#[test]
fn buckets_are_found_without_a_map() {
    let folder = tempfile::tempdir().unwrap();
    let process = start(folder.path(), 4, 8);
    let mut client = process.client();
    for name in ["zebra", "apple", "m.n"] {
        expect(200, &client.put(&format!("/{name}"), b"").unwrap());
    }
    expect(204, &client.delete("/zebra").unwrap());
    let response = client.get("/").unwrap();
    expect(200, &response);
    let text = response.text();
    let names: Vec<&str> = text
        .split("<Name>")
        .skip(1)
        .map(|rest| rest.split('<').next().unwrap())
        .collect();
    assert_eq!(names, ["apple", "m.n"]);
    expect(200, &client.put("/zebra", b"").unwrap());
    drop(process);
    assert_eq!(
        common::follow(folder.path(), "zebra").newest().unwrap().seq,
        3
    );
}

#[test]
fn only_the_holder_of_the_key_gets_in() {
    let folder = tempfile::tempdir().unwrap();
    let process = start(folder.path(), 16, 128);
    let refused = process
        .client_with("another-secret")
        .put("/first", b"")
        .unwrap();
    expect(403, &refused);
    assert_eq!(
        refused.element("Code").as_deref(),
        Some("SignatureDoesNotMatch")
    );
    assert!(!folder.path().join("logs").exists());
}

#[test]
fn a_damaged_leaf_is_never_served() {
    let folder = tempfile::tempdir().unwrap();
    let process = start(folder.path(), 16, 128);
    let mut client = process.client();
    expect(200, &client.put("/first", b"").unwrap());
    let body = bytes(5, (2 << 20) + 5);
    expect(200, &client.put("/first/key", &body).unwrap());
    for (leaf, served) in [(&body[2 << 20..], 2 << 20), (&body[..1 << 20], 0)] {
        flip(folder.path(), leaf);
        let mut got = Vec::new();
        let request = Request {
            method: "GET",
            path: "/first/key",
            ..Request::default()
        };
        let answer = process.client().send_to(request, &mut got);
        let whole = answer.is_ok_and(|response| response.status == 200);
        assert!(!whole, "a damaged body ended as if it were whole");
        assert!(got.len() <= served && body.starts_with(&got));
    }
    // The same bytes again put it right.
    expect(200, &client.put("/first/other", &body).unwrap());
    assert!(client.get("/first/key").unwrap().body == body);
}

/// Flips a bit of the block file whose content is `leaf`.
fn flip(folder: &std::path::Path, leaf: &[u8]) {
    let folders = std::fs::read_dir(folder.join("blocks")).unwrap();
    let files = folders.flat_map(|folder| std::fs::read_dir(folder.unwrap().path()).unwrap());
    let file = files.map(|file| file.unwrap().path());
    let path = file
        .into_iter()
        .find(|path| std::fs::read(path).unwrap() == leaf)
        .unwrap();
    let mut content = leaf.to_vec();
    content[leaf.len() / 2] ^= 1;
    std::fs::write(path, content).unwrap();
}
