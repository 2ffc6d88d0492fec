//! The `x-amz-copy-source` header.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs
)]

use billet_s3::Code;
use billet_s3::copy_source::CopySource;
use proptest::prelude::*;

#[test]
fn readable_sources() {
    let cases = [
        ("bucket/key", "key", None),
        ("/bucket/key", "key", None),
        ("bucket//key", "/key", None),
        ("/bucket//", "/", None),
        ("bucket%2Fkey", "key", None),
        ("bucket/dir/a%20b", "dir/a b", None),
        ("bucket/a+b", "a b", None),
        ("bucket/a%2Bb", "a+b", None),
        ("bucket/%252F", "%2F", None),
        ("bucket/..", "..", None),
        ("bucket/a/../b", "a/../b", None),
        ("bucket/k?versionId=v1", "k", Some("v1")),
        ("bucket/k?versionId=null", "k", Some("null")),
        ("bucket/k?versionId=", "k", None),
        (
            "bucket/k?versionId=a?versionId=b",
            "k?versionId=a",
            Some("b"),
        ),
        ("bucket/k%3FversionId%3Da", "k?versionId=a", None),
        (
            "bucket/k%3FversionId%3Da?versionId=b",
            "k?versionId=a",
            Some("b"),
        ),
        ("bucket/k?x=y", "k?x=y", None),
    ];
    for (raw, key, version) in cases {
        let source = CopySource::parse(raw).unwrap();
        assert_eq!(source.bucket, "bucket", "{raw}");
        assert_eq!(source.key, key, "{raw}");
        assert_eq!(source.version_id.as_deref(), version, "{raw}");
    }
}

#[test]
fn unreadable_sources() {
    let encoding = "Invalid copy source encoding";
    let bucket = "Invalid copy source bucket name";
    let key = "Invalid copy source object key";
    let long = format!("bucket/{}", "k".repeat(1025));
    let cases = [
        ("bucket/%ZZ", encoding, "bucket/%ZZ"),
        ("100%/foo/bar/baz", encoding, "100%/foo/bar/baz"),
        ("bucket/%A/bar", encoding, "bucket/%A/bar"),
        ("%", encoding, "%"),
        ("bucket/%C3%", encoding, "bucket/%C3%"),
        ("bucket/%FF", encoding, "bucket/%FF"),
        ("192.168.1.1/foo", bucket, "192.168.1.1/foo"),
        ("my-buc@k&()t/obj", bucket, "my-buc@k&()t/obj"),
        ("", bucket, ""),
        ("//key", bucket, "/key"),
        ("bucket", key, ""),
        ("bucket/", key, ""),
        ("bucket/%00", key, "\0"),
        (long.as_str(), key, long.strip_prefix("bucket/").unwrap()),
    ];
    for (raw, message, value) in cases {
        let error = CopySource::parse(raw).unwrap_err();
        assert_eq!(error.code, Code::InvalidArgument, "{raw}");
        assert_eq!(error.message, message, "{raw}");
        assert_eq!(
            error.fields[0],
            ("ArgumentName", "x-amz-copy-source".to_owned())
        );
        if !value.is_empty() {
            assert_eq!(error.fields[1], ("ArgumentValue", value.to_owned()));
        }
    }
}

proptest! {
    #[test]
    fn parsing_never_panics(raw in "/?(bucket/)?[%/?=A-Za-z0-9+€ ]{0,40}(.versionId=.{0,5})?") {
        if let Ok(source) = CopySource::parse(&raw) {
            prop_assert!(!source.key.is_empty() && source.key.len() <= 1024);
        }
    }
}
