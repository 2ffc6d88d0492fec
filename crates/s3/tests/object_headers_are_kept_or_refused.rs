//! Headers that describe an object are kept as they came; those that ask for what is not offered
//! are refused by name and never ignored.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs
)]

mod routing;

use std::collections::BTreeMap;

use billet_s3::checksum::Algorithm;
use billet_s3::condition::WriteCondition;
use billet_s3::headers::{expected_bucket_owner, expected_source_bucket_owner};
use billet_s3::operation::{
    CompleteMultipartUpload, CopyObject, MetadataDirective, PutObject, require_null_version,
};
use billet_s3::query::Query;
use billet_s3::range::CopyRange;
use billet_s3::target::{Domains, Target};
use billet_s3::{Code, ObjectAction, Operation, RequestHead, Result, S3Error, route};
use routing::send_at;

/// 2026-11-21T12:00:00Z
const NOW_MS: u64 = 1_795_262_400_000;

type Headers<'a> = &'a [(&'a str, &'a str)];

fn send(method: &str, path: &str, headers: Headers<'_>) -> Result<ObjectAction> {
    match send_at(NOW_MS, method, path, headers)? {
        Operation::Object { action, .. } => Ok(action),
        other => panic!("{}", other.name()),
    }
}

fn put(headers: Headers<'_>) -> Result<PutObject> {
    send("PUT", "/bucket/key", headers).map(|action| match action {
        ObjectAction::PutObject(put) => *put,
        other => panic!("{other:?}"),
    })
}

fn copy(headers: Headers<'_>) -> Result<CopyObject> {
    let mut all = vec![("x-amz-copy-source", "/other/source")];
    all.extend_from_slice(headers);
    send("PUT", "/bucket/key", &all).map(|action| match action {
        ObjectAction::CopyObject(copy) => *copy,
        other => panic!("{other:?}"),
    })
}

fn field(error: &S3Error, name: &str) -> String {
    let found = error.fields.iter().find(|(each, _)| *each == name);
    found.map(|(_, value)| value.clone()).unwrap_or_default()
}

#[test]
fn system_headers() {
    let put = put(&[
        ("Content-Type", "text/plain; charset=utf-8"),
        ("Cache-Control", "no-cache"),
        ("cache-control", "max-age=0"),
        ("Content-Disposition", "attachment; filename=\"é\""),
        ("Content-Encoding", "aws-chunked, gzip"),
        ("Content-Language", "de, en"),
        ("Expires", "never"),
        ("x-amz-website-redirect-location", "/elsewhere"),
    ])
    .unwrap();
    let headers = put.headers;
    assert_eq!(
        headers.content_type.as_deref(),
        Some("text/plain; charset=utf-8")
    );
    assert_eq!(headers.cache_control.as_deref(), Some("no-cache,max-age=0"));
    assert_eq!(
        headers.content_disposition.as_deref(),
        Some("attachment; filename=\"é\"")
    );
    assert_eq!(headers.content_encoding.as_deref(), Some("gzip"));
    assert_eq!(headers.content_language.as_deref(), Some("de, en"));
    assert_eq!(headers.expires.as_deref(), Some("never"));
    assert_eq!(
        headers.website_redirect_location.as_deref(),
        Some("/elsewhere")
    );
}

#[test]
fn the_framing_is_no_coding() {
    let coding = |value: &str| {
        put(&[("content-encoding", value)])
            .unwrap()
            .headers
            .content_encoding
    };
    assert_eq!(coding("aws-chunked"), None);
    assert_eq!(coding("AWS-Chunked"), None);
    assert_eq!(coding("gzip,aws-chunked"), Some("gzip".to_owned()));
    assert_eq!(coding("gzip, aws-chunked, br"), Some("gzip,br".to_owned()));
    assert_eq!(coding(""), None);
}

#[test]
fn user_metadata_is_joined_in_wire_order() {
    let put = put(&[
        ("x-amz-meta-Key", "value-1"),
        ("x-amz-meta-kEy", "value-2"),
        ("X-AMZ-META-KEY", "value-3"),
        ("x-amz-meta-empty", ""),
        ("x-amz-meta-utf", "grüße 😀"),
    ])
    .unwrap();
    let expected = [
        ("empty", ""),
        ("key", "value-1,value-2,value-3"),
        ("utf", "grüße 😀"),
    ];
    let expected: BTreeMap<_, _> = expected
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect();
    assert_eq!(put.headers.metadata, expected);
}

#[test]
fn user_metadata_ends_at_2048_bytes() {
    let fits = "v".repeat(2048 - 3);
    assert!(put(&[("x-amz-meta-key", &fits)]).is_ok());
    let error = put(&[("x-amz-meta-key", &format!("{fits}v"))]).unwrap_err();
    assert_eq!(error.code, Code::MetadataTooLarge);
    assert_eq!(field(&error, "Size"), "2049");
    assert_eq!(field(&error, "MaxSizeAllowed"), "2048");
    // The comma of a joined header counts.
    let error = put(&[("x-amz-meta-key", &fits), ("x-amz-meta-key", "")]).unwrap_err();
    assert_eq!(field(&error, "Size"), "2049");
}

#[test]
fn values_that_no_header_may_have() {
    for value in ["a\u{1}b", "a\nb", "a\u{7f}"] {
        let error = put(&[("x-amz-meta-k", value)]).unwrap_err();
        assert_eq!(error.code, Code::InvalidRequest);
    }
    let mut head = RequestHead::new("PUT", "/bucket/key", None);
    head.push_header("x-amz-meta-k", vec![0xff, 0xfe]);
    let target = Target::parse(None, "/bucket/key", &Domains::default()).unwrap();
    let error = route(&head, &target, &Query::default(), NOW_MS).unwrap_err();
    assert_eq!(error.code, Code::InvalidRequest);
    let error = put(&[("x-amz-website-redirect-location", "ftp://x")]).unwrap_err();
    assert_eq!(error.code, Code::InvalidRedirectLocation);
    let error = put(&[("content-type", "a/b"), ("content-type", "c/d")]).unwrap_err();
    assert_eq!(error.code, Code::InvalidRequest);
}

#[test]
fn features_that_are_not_offered_name_their_header() {
    let headers = [
        ("x-amz-server-side-encryption", "AES256"),
        ("x-amz-server-side-encryption", "aws:kms"),
        ("x-amz-server-side-encryption-customer-algorithm", "AES256"),
        ("x-amz-copy-source-server-side-encryption-customer-key", "x"),
        ("x-amz-tagging", "a=b"),
        ("x-amz-write-offset-bytes", "0"),
    ];
    for (name, value) in headers {
        for error in [
            put(&[(name, value)]).unwrap_err(),
            copy(&[(name, value)]).unwrap_err(),
        ] {
            assert_eq!(error.code, Code::NotImplemented, "{name}");
            assert_eq!(field(&error, "Header"), name);
        }
    }
    let customer = [("x-amz-server-side-encryption-customer-key", "x")];
    for (method, path) in [
        ("GET", "/bucket/key"),
        ("HEAD", "/bucket/key"),
        ("PUT", "/bucket/key?partNumber=1&uploadId=u"),
        ("POST", "/bucket/key?uploadId=u"),
        ("POST", "/bucket/key?uploads"),
    ] {
        let error = send(method, path, &customer).unwrap_err();
        assert_eq!(error.code, Code::NotImplemented, "{method} {path}");
    }
    assert!(put(&[("x-amz-tagging", "")]).is_ok());
    assert!(put(&[("x-amz-storage-class", "STANDARD")]).is_ok());
    let error = put(&[("x-amz-storage-class", "GLACIER")]).unwrap_err();
    assert_eq!(error.code, Code::InvalidStorageClass);
}

#[test]
fn acls_are_off() {
    for acl in ["private", "bucket-owner-full-control", ""] {
        assert!(put(&[("x-amz-acl", acl)]).is_ok(), "{acl}");
    }
    for acl in [
        "public-read",
        "public-read-write",
        "authenticated-read",
        "aws-exec-read",
    ] {
        let error = put(&[("x-amz-acl", acl)]).unwrap_err();
        assert_eq!(error.code, Code::AccessControlListNotSupported, "{acl}");
    }
    assert_eq!(
        put(&[("x-amz-acl", "odd")]).unwrap_err().code,
        Code::InvalidArgument
    );
    let error = put(&[("x-amz-grant-read", "id=x")]).unwrap_err();
    assert_eq!(error.code, Code::AccessControlListNotSupported);
    let error = put(&[("x-amz-grant-read", "id=x"), ("x-amz-acl", "private")]).unwrap_err();
    assert_eq!(error.code, Code::InvalidRequest);
}

#[test]
fn object_lock_headers_are_checked_then_refused() {
    const UNTIL: &str = "x-amz-object-lock-retain-until-date";
    const MODE: &str = "x-amz-object-lock-mode";
    const HOLD: &str = "x-amz-object-lock-legal-hold";
    const LATER: &str = "2026-11-22T12:00:00Z";
    let both = "x-amz-object-lock-retain-until-date and x-amz-object-lock-mode must both be \
                supplied.";
    let cases: &[(Headers<'_>, &str, &str)] = &[
        (&[(UNTIL, LATER)], both, MODE),
        (&[(MODE, "GOVERNANCE")], both, UNTIL),
        (
            &[(UNTIL, "invalid_date"), (MODE, "GOVERNANCE")],
            "The retain until date must be provided in ISO 8601 format",
            UNTIL,
        ),
        (
            &[(UNTIL, "2026-11-20T12:00:00Z"), (MODE, "GOVERNANCE")],
            "The retain until date must be in the future!",
            UNTIL,
        ),
        (
            &[(UNTIL, LATER), (MODE, "invalid_mode")],
            "Unknown wormMode directive.",
            MODE,
        ),
        (
            &[(HOLD, "invalid_status")],
            "Legal Hold must be either of 'ON' or 'OFF'",
            HOLD,
        ),
    ];
    for (headers, message, name) in cases {
        let error = put(headers).unwrap_err();
        assert_eq!(error.code, Code::InvalidArgument);
        assert_eq!(error.message, *message);
        assert_eq!(field(&error, "ArgumentName"), *name);
    }
    for headers in [
        &[(UNTIL, LATER), (MODE, "COMPLIANCE")][..],
        &[(HOLD, "ON")][..],
    ] {
        let error = put(headers).unwrap_err();
        assert_eq!(error.code, Code::InvalidRequest);
        assert_eq!(error.message, "Bucket is missing ObjectLockConfiguration");
    }
}

#[test]
fn copies_have_directives() {
    let plain = copy(&[("content-type", "text/plain")]).unwrap();
    assert_eq!(
        (plain.source.bucket.as_str(), plain.source.key.as_str()),
        ("other", "source")
    );
    assert_eq!(plain.metadata, MetadataDirective::Copy);
    let replaced = copy(&[
        ("x-amz-metadata-directive", "REPLACE"),
        ("x-amz-tagging-directive", "REPLACE"),
        ("x-amz-meta-a", "b"),
        ("x-amz-checksum-algorithm", "sha256"),
        ("if-none-match", "*"),
    ])
    .unwrap();
    let MetadataDirective::Replace(headers) = replaced.metadata else {
        panic!("not replaced")
    };
    assert_eq!(headers.metadata["a"], "b");
    assert_eq!(replaced.checksum_algorithm, Some(Algorithm::Sha256));
    assert_eq!(replaced.condition, Some(WriteCondition::Absent));
    for (header, message) in [
        ("x-amz-metadata-directive", "Unknown metadata directive."),
        ("x-amz-tagging-directive", "Unknown tagging directive."),
    ] {
        let error = copy(&[(header, "invalid")]).unwrap_err();
        assert_eq!(error.message, message);
        assert_eq!(field(&error, "ArgumentValue"), "invalid");
    }
}

#[test]
fn parts_have_numbers() {
    let part = |query: &str, headers: Headers<'_>| {
        send(
            "PUT",
            &format!("/bucket/key?uploadId=u&partNumber={query}"),
            headers,
        )
    };
    for number in ["1", "10000"] {
        let ObjectAction::UploadPart(part) = part(number, &[]).unwrap() else {
            panic!()
        };
        assert_eq!(part.part_number.to_string(), number);
        assert_eq!(part.upload_id, "u");
    }
    for number in ["0", "-1", "10001", "x", ""] {
        let error = part(number, &[]).unwrap_err();
        assert_eq!(
            error.message,
            "Part number must be an integer between 1 and 10000, inclusive."
        );
        assert_eq!(field(&error, "ArgumentName"), "partNumber");
    }
    let headers = [
        ("x-amz-copy-source", "b-b/k"),
        ("x-amz-copy-source-range", "bytes=1-2"),
    ];
    let ObjectAction::UploadPartCopy(copy) = part("3", &headers).unwrap() else {
        panic!()
    };
    assert_eq!(copy.part.part_number, 3);
    assert_eq!(copy.range, Some(CopyRange { first: 1, last: 2 }));
    assert_eq!(copy.source().unwrap().key, "k");
}

#[test]
fn completion_has_a_size_and_conditions() {
    let complete = |headers: Headers<'_>| {
        send("POST", "/bucket/key?uploadId=u", headers).map(|action| match action {
            ObjectAction::CompleteMultipartUpload(complete) => complete,
            other => panic!("{other:?}"),
        })
    };
    let parsed = complete(&[("x-amz-mp-object-size", "5"), ("if-match", "\"e\"")]).unwrap();
    assert_eq!(parsed.object_size_bytes, Some(5));
    assert_eq!(parsed.condition, Some(WriteCondition::Etag("e".to_owned())));
    let error = complete(&[("x-amz-mp-object-size", "-32")]).unwrap_err();
    assert_eq!(
        error.message,
        "Value for x-amz-mp-object-size header is less than zero: '-32'"
    );
    let error = complete(&[("x-amz-mp-object-size", "x")]).unwrap_err();
    assert_eq!(
        error.message,
        "Value for x-amz-mp-object-size header is invalid: 'x'"
    );
    // As the conformance suite has it: first what there is, then what the client said.
    let error = CompleteMultipartUpload::size_mismatch(213_123, 24_117_248);
    assert_eq!(error.code, Code::InvalidRequest);
    assert_eq!(
        error.message,
        "The provided 'x-amz-mp-object-size' header value 24117248 does not match what was \
         computed: 213123"
    );
}

#[test]
fn reads_have_parts_ranges_and_overrides() {
    let get = |query: &str, headers: Headers<'_>| {
        send("GET", &format!("/bucket/key?{query}"), headers).map(|action| match action {
            ObjectAction::GetObject(get) => *get,
            other => panic!("{other:?}"),
        })
    };
    let read = get(
        "versionId=null&response-content-type=a%2Fb&response-expires=&response-cache-control=x",
        &[("range", " bytes=0-1 "), ("x-amz-checksum-mode", "enabled")],
    )
    .unwrap();
    assert_eq!(read.range.as_deref(), Some("bytes=0-1"));
    assert!(read.checksum_mode);
    assert_eq!(read.version_id.as_deref(), Some("null"));
    assert_eq!(
        read.overrides.headers,
        [
            ("cache-control", "x".to_owned()),
            ("content-type", "a/b".to_owned())
        ]
    );
    assert_eq!(read.overrides.get("content-type"), Some("a/b"));
    let repeated = get("", &[("range", "bytes=0-1"), ("range", "bytes=2-3")]).unwrap();
    assert_eq!(repeated.range, None);
    assert_eq!(get("partNumber=2", &[]).unwrap().part_number, Some(2));
    assert!(get("partNumber=0", &[]).is_err());
    let error = get("partNumber=1", &[("range", "bytes=0-9")]).unwrap_err();
    assert_eq!(
        error.message,
        "Cannot specify both Range header and partNumber query parameter"
    );
    let error = get("", &[("x-amz-checksum-mode", "maybe")]).unwrap_err();
    assert_eq!(
        error.message,
        "Value for x-amz-checksum-mode header is invalid."
    );
    let error = get("response-content-type=a%0D%0Ab", &[]).unwrap_err();
    assert_eq!(error.code, Code::InvalidArgument);
    let error = get("versionId=", &[]).unwrap_err();
    assert_eq!(error.message, "Version id cannot be the empty string");
}

#[test]
fn deletes_never_ignore_a_condition() {
    let delete = |headers: Headers<'_>| send("DELETE", "/bucket/key?versionId=null", headers);
    let ObjectAction::DeleteObject(parsed) = delete(&[("if-match", "\"e\"")]).unwrap() else {
        panic!()
    };
    assert_eq!(parsed.condition, Some(WriteCondition::Etag("e".to_owned())));
    assert_eq!(parsed.version_id.as_deref(), Some("null"));
    for name in ["x-amz-if-match-size", "x-amz-if-match-last-modified-time"] {
        let error = delete(&[(name, "1")]).unwrap_err();
        assert_eq!(error.code, Code::NotImplemented);
        assert_eq!(field(&error, "Header"), name);
    }
    let abort = [("x-amz-if-match-initiated-time", "x")];
    let error = send("DELETE", "/bucket/key?uploadId=u", &abort).unwrap_err();
    assert_eq!(error.code, Code::NotImplemented);
}

#[test]
fn only_the_null_version_exists() {
    require_null_version("k", None).unwrap();
    require_null_version("k", Some("null")).unwrap();
    let error = require_null_version("k", Some("v")).unwrap_err();
    assert_eq!(error.code, Code::NoSuchVersion);
    assert_eq!(
        error.fields,
        [("Key", "k".to_owned()), ("VersionId", "v".to_owned())]
    );
}

#[test]
fn attributes_must_be_named() {
    let get = |headers: Headers<'_>| send("GET", "/bucket/key?attributes", headers);
    let headers = [
        ("x-amz-object-attributes", "ETag,Checksum, ObjectParts"),
        ("x-amz-object-attributes", "ObjectSize"),
        ("x-amz-max-parts", "5"),
        ("x-amz-part-number-marker", "2"),
    ];
    let ObjectAction::GetObjectAttributes(wanted) = get(&headers).unwrap() else {
        panic!()
    };
    assert!(wanted.etag && wanted.checksum && wanted.object_parts && wanted.object_size);
    assert!(!wanted.storage_class);
    assert_eq!((wanted.max_parts, wanted.part_number_marker), (5, 2));
    let error = get(&[("x-amz-object-attributes", "ETag,invalid_attr")]).unwrap_err();
    assert_eq!(error.message, "Invalid attribute name specified.");
    for headers in [&[][..], &[("x-amz-object-attributes", "")][..]] {
        let ObjectAction::GetObjectAttributes(wanted) = get(headers).unwrap() else {
            panic!()
        };
        // Asked once the bucket is known to exist.
        let error = wanted.require_any().unwrap_err();
        assert_eq!(
            error.message,
            "The x-amz-object-attributes header specifying the attributes to be retrieved is \
             either missing or empty"
        );
    }
}

#[test]
fn expected_owners() {
    let head = RequestHead::new("GET", "/", None)
        .with_header("x-amz-expected-bucket-owner", "123456789012")
        .with_header("x-amz-source-expected-bucket-owner", "");
    assert_eq!(expected_bucket_owner(&head).unwrap(), Some("123456789012"));
    assert_eq!(expected_source_bucket_owner(&head).unwrap(), None);
}
