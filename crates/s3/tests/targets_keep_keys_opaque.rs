//! Hosts and paths become buckets and keys, decoded once, with nothing normalised.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs
)]

use billet_s3::target::{Domains, KEY_MAX_BYTES, Target};
use billet_s3::{Code, Result};
use proptest::prelude::*;

fn domains() -> Domains {
    Domains::new(["s3.example.com", "example.com", ".Other.Test."])
}

fn path_style(path: &str) -> Result<Target> {
    Target::parse(Some("127.0.0.1:9000"), path, &domains())
}

fn target(bucket: &str, key: &str) -> Target {
    let some = |text: &str| (!text.is_empty()).then(|| text.to_owned());
    Target {
        bucket: some(bucket),
        key: some(key),
    }
}

#[test]
fn path_style_targets() {
    let cases = [
        ("/", "", ""),
        ("/bucket", "bucket", ""),
        ("/bucket/", "bucket", ""),
        ("/bucket//", "bucket", "/"),
        ("/bucket///", "bucket", "//"),
        ("/bucket/key", "bucket", "key"),
        ("/bucket//lead", "bucket", "/lead"),
        ("/bucket/dir/", "bucket", "dir/"),
        ("/bucket/a//b", "bucket", "a//b"),
        ("/bucket/a/../x", "bucket", "a/../x"),
        ("/bucket/..", "bucket", ".."),
        ("/bucket/.", "bucket", "."),
        ("/bucket/a/./b", "bucket", "a/./b"),
        ("/bucket/p+q", "bucket", "p+q"),
        ("/bucket/p%2Bq", "bucket", "p+q"),
        ("/bucket/p%20q", "bucket", "p q"),
        ("/bucket/%252F", "bucket", "%2F"),
        ("/bucket/%2Flead", "bucket", "/lead"),
        ("/bucket/%2e%2E/x", "bucket", "../x"),
        ("/bucket/a%3Fb%23c", "bucket", "a?b#c"),
        ("/bucket/%01%7F", "bucket", "\u{1}\u{7f}"),
        ("/bucket/%E2%82%AC%F0%9F%98%80", "bucket", "€😀"),
        ("/bucket/€", "bucket", "€"),
        ("/my%2Dbucket/k", "my-bucket", "k"),
        ("/a.b-c.d9/k", "a.b-c.d9", "k"),
    ];
    for (path, bucket, key) in cases {
        assert_eq!(path_style(path).unwrap(), target(bucket, key), "{path}");
    }
}

#[test]
fn virtual_hosts_name_the_bucket() {
    let cases = [
        ("bucket.s3.example.com", "/", "bucket", ""),
        ("bucket.s3.example.com", "/key", "bucket", "key"),
        ("bucket.s3.example.com", "//", "bucket", "/"),
        ("bucket.s3.example.com", "//lead", "bucket", "/lead"),
        ("BUCKET.S3.Example.COM:8443", "/K", "bucket", "K"),
        (
            "my.dotted.bucket.s3.example.com.",
            "/k",
            "my.dotted.bucket",
            "k",
        ),
        ("bucket.other.test:80", "/k", "bucket", "k"),
        ("s3.example.com", "/bucket/k", "bucket", "k"),
        ("example.com:9000", "/bucket/k", "bucket", "k"),
        ("other.host", "/bucket/k", "bucket", "k"),
        ("nots3.example.com.evil", "/bucket/k", "bucket", "k"),
        ("10.0.0.1:9000", "/bucket/k", "bucket", "k"),
        ("[::1]:9000", "/bucket/k", "bucket", "k"),
        ("localhost", "/bucket/k", "bucket", "k"),
        ("", "/bucket/k", "bucket", "k"),
    ];
    for (host, path, bucket, key) in cases {
        let parsed = Target::parse(Some(host), path, &domains()).unwrap();
        assert_eq!(parsed, target(bucket, key), "{host} {path}");
    }
    let without = Target::parse(None, "/bucket/k", &domains()).unwrap();
    assert_eq!(without, target("bucket", "k"));
}

#[test]
fn unreadable_targets_are_refused() {
    let cases = [
        ("", Code::InvalidUri),
        ("bucket", Code::InvalidUri),
        ("*", Code::InvalidUri),
        ("/bucket/%", Code::InvalidUri),
        ("/bucket/%2", Code::InvalidUri),
        ("/bucket/%zz", Code::InvalidUri),
        ("/bucket/%+1", Code::InvalidUri),
        ("/bucket/%FF", Code::InvalidUri),
        ("/bucket/%C3%28", Code::InvalidUri),
        ("/bucket/%ED%A0%80", Code::InvalidUri),
        ("/bucket/a%00b", Code::InvalidUri),
        ("/%zz/k", Code::InvalidUri),
        ("//k", Code::InvalidBucketName),
        ("/ab", Code::InvalidBucketName),
        ("/Bucket/k", Code::InvalidBucketName),
        ("/bucket%2Fk", Code::InvalidBucketName),
        ("/../k", Code::InvalidBucketName),
        ("/192.168.0.1/k", Code::InvalidBucketName),
    ];
    for (path, code) in cases {
        assert_eq!(path_style(path).unwrap_err().code, code, "{path}");
    }
    for host in [
        "a b",
        "b@s3.example.com",
        "b/s3.example.com",
        "h:x",
        "h:123456",
        "[::1",
        "é.com",
    ] {
        let error = Target::parse(Some(host), "/", &domains()).unwrap_err();
        assert_eq!(error.code, Code::BadRequest, "{host}");
    }
    let error = Target::parse(Some("a..s3.example.com"), "/", &domains()).unwrap_err();
    assert_eq!(error.code, Code::InvalidBucketName);
}

#[test]
fn keys_end_at_1024_bytes_not_characters() {
    let longest = "é".repeat(KEY_MAX_BYTES / 2);
    let parsed = path_style(&format!("/bucket/{longest}")).unwrap();
    assert_eq!(parsed.key.unwrap().len(), 1024);
    let error = path_style(&format!("/bucket/{longest}a")).unwrap_err();
    assert_eq!(error.code, Code::KeyTooLongError);
    assert_eq!(
        error.fields,
        [
            ("Size", "1025".to_owned()),
            ("MaxSizeAllowed", "1024".to_owned())
        ]
    );
    // Escapes count as what they stand for.
    assert!(path_style(&format!("/bucket/{}", "%41".repeat(1024))).is_ok());
}

proptest! {
    #[test]
    fn any_key_survives_the_round_trip(key in "[^\u{0}]{1,200}") {
        let target = target("some.bucket-1", &key);
        let path = target.to_raw_path();
        prop_assert!(path.bytes().all(|byte| byte.is_ascii_graphic()));
        prop_assert_eq!(path_style(&path).unwrap(), target);
    }

    #[test]
    fn parsing_never_panics_and_never_breaks_the_grammar(
        host in proptest::option::of(".{0,60}"),
        path in "(/[a-z.]{0,9})?/?([ -~]|%[0-9A-Fa-f]{2}|[^\u{0}]){0,40}",
    ) {
        if let Ok(target) = Target::parse(host.as_deref(), &path, &domains()) {
            prop_assert!(target.bucket.is_some() || target.key.is_none());
            if let Some(key) = target.key {
                prop_assert!((1..=KEY_MAX_BYTES).contains(&key.len()));
                prop_assert!(!key.contains('\0'));
            }
        }
    }
}
