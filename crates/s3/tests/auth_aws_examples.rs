//! AWS's published examples of header and query signatures verify with AWS's published secret. It
//! must never sign anything by itself: every signature here is quoted.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs
)]

mod signing;

use billet_s3::auth::Presented;
use billet_s3::head::RequestHead;
use signing::{ACCESS_KEY, EMPTY_SHA256, HOST, SCOPE, STAMP, authentic, parse};

fn request(method: &str, path: &str, query: Option<&str>, headers: &[(&str, &str)]) -> RequestHead {
    let mut head = RequestHead::new(method, path, query).with_header("Host", HOST);
    for (name, value) in headers {
        head.push_header(name, *value);
    }
    head
}

fn authorization(signed_headers: &str, signature: &str) -> String {
    format!(
        "AWS4-HMAC-SHA256 Credential={ACCESS_KEY}/{SCOPE},SignedHeaders={signed_headers},\
         Signature={signature}"
    )
}

fn assert_header(head: RequestHead, signed_headers: &str, signature: &str) {
    let good = head
        .clone()
        .with_header("Authorization", authorization(signed_headers, signature));
    let presented = parse(&good).unwrap();
    assert!(matches!(presented, Presented::Header(_)));
    assert!(authentic(&presented));
    let bad = signature.replacen(
        |_: char| true,
        if signature.starts_with('0') { "1" } else { "0" },
        1,
    );
    let bad = head.with_header("Authorization", authorization(signed_headers, &bad));
    assert!(!authentic(&parse(&bad).unwrap()));
}

#[test]
fn get_object() {
    let head = request(
        "GET",
        "/test.txt",
        None,
        &[
            ("Range", "bytes=0-9"),
            ("x-amz-content-sha256", EMPTY_SHA256),
            ("x-amz-date", STAMP),
        ],
    );
    assert_header(
        head,
        "host;range;x-amz-content-sha256;x-amz-date",
        "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41",
    );
}

#[test]
fn put_object() {
    let head = request(
        "PUT",
        "/test$file.text",
        None,
        &[
            ("Date", "Fri, 24 May 2013 00:00:00 GMT"),
            ("x-amz-date", STAMP),
            ("x-amz-storage-class", "REDUCED_REDUNDANCY"),
            (
                "x-amz-content-sha256",
                "44ce7dd67c959e0d3524ffac1771dfbba87d2b6b4b4e99e42034a8b803f8b072",
            ),
        ],
    );
    assert_header(
        head,
        "date;host;x-amz-content-sha256;x-amz-date;x-amz-storage-class",
        "98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd",
    );
}

#[test]
fn get_bucket_lifecycle() {
    let head = request(
        "GET",
        "/",
        Some("lifecycle"),
        &[
            ("x-amz-date", STAMP),
            ("x-amz-content-sha256", EMPTY_SHA256),
        ],
    );
    assert_header(
        head,
        "host;x-amz-content-sha256;x-amz-date",
        "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543",
    );
}

#[test]
fn list_objects() {
    let head = request(
        "GET",
        "/",
        Some("prefix=J&max-keys=2"),
        &[
            ("x-amz-date", STAMP),
            ("x-amz-content-sha256", EMPTY_SHA256),
        ],
    );
    assert_header(
        head,
        "host;x-amz-content-sha256;x-amz-date",
        "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7",
    );
}

#[test]
fn presigned_get() {
    let query = "X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AKIAIOSFODNN7EXAMPLE%2F20130524\
                 %2Fus-east-1%2Fs3%2Faws4_request&X-Amz-Date=20130524T000000Z&X-Amz-Expires=86400\
                 &X-Amz-SignedHeaders=host&X-Amz-Signature=\
                 aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404";
    let good = parse(&request("GET", "/test.txt", Some(query), &[])).unwrap();
    assert!(matches!(good, Presented::Query(_)));
    assert!(authentic(&good));
    for bad in ["86400", "f604d404", "us-east-1"].map(|part| match part {
        "86400" => query.replace(part, "86401"),
        "f604d404" => query.replace(part, "f604d405"),
        _ => query.replace("&X-Amz-Expires", "&x-id=GetObject&X-Amz-Expires"),
    }) {
        assert!(
            !authentic(&parse(&request("GET", "/test.txt", Some(&bad), &[])).unwrap()),
            "{bad}"
        );
    }
    assert!(!authentic(
        &parse(&request("PUT", "/test.txt", Some(query), &[])).unwrap()
    ));
    assert!(!authentic(
        &parse(&request("GET", "/test.TXT", Some(query), &[])).unwrap()
    ));
}
