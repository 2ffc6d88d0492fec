//! A signed request is taken within a quarter of an hour of its time, a presigned URL from a
//! quarter of an hour before it to its end. Neither may be taken a millisecond outside.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs
)]

mod signing;

use billet_s3::auth::parse;
use billet_s3::error::Code;
use billet_s3::head::RequestHead;
use signing::{EMPTY_SHA256, EXAMPLE_MS, HOST, STAMP, assert_error, field, policy};

const MAC: &str = "aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404";

#[test]
fn header() {
    let list = "host;x-amz-content-sha256;x-amz-date";
    let head = RequestHead::new("GET", "/", None)
        .with_header("host", HOST)
        .with_header("x-amz-date", STAMP)
        .with_header("x-amz-content-sha256", EMPTY_SHA256)
        .with_header("authorization", signing::authorization(list, MAC));
    for inside in [EXAMPLE_MS - 900_000, EXAMPLE_MS, EXAMPLE_MS + 900_000] {
        assert!(parse(&head, inside, &policy()).is_ok());
    }
    for outside in [0, EXAMPLE_MS - 900_001, EXAMPLE_MS + 900_001, u64::MAX] {
        let error = parse(&head, outside, &policy()).unwrap_err();
        assert_error(
            &error,
            Code::RequestTimeTooSkewed,
            "The difference between the request time and the current time is too large.",
        );
        assert_eq!(field(&error, "MaxAllowedSkewMilliseconds"), Some("900000"));
        assert_eq!(field(&error, "RequestTime"), Some(STAMP));
    }
    let error = parse(&head, EXAMPLE_MS + 901_000, &policy()).unwrap_err();
    assert_eq!(field(&error, "ServerTime"), Some("2013-05-24T00:15:01Z"));
}

#[test]
fn presigned() {
    let query = format!(
        "X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AKIAIOSFODNN7EXAMPLE/{}\
         &X-Amz-Date={STAMP}&X-Amz-Expires=60&X-Amz-SignedHeaders=host&X-Amz-Signature={MAC}",
        signing::SCOPE
    );
    let head = RequestHead::new("GET", "/", Some(&query)).with_header("host", HOST);
    for inside in [EXAMPLE_MS - 900_000, EXAMPLE_MS, EXAMPLE_MS + 60_000] {
        assert!(parse(&head, inside, &policy()).is_ok());
    }
    for early in [0, EXAMPLE_MS - 900_001] {
        let error = parse(&head, early, &policy()).unwrap_err();
        assert_error(&error, Code::AccessDenied, "Request is not valid yet.");
    }
    for late in [EXAMPLE_MS + 60_001, EXAMPLE_MS + 900_000, u64::MAX] {
        let error = parse(&head, late, &policy()).unwrap_err();
        assert_error(&error, Code::AccessDenied, "Request has expired.");
        assert_eq!(field(&error, "X-Amz-Expires"), Some("60"));
        assert_eq!(field(&error, "Expires"), Some("2013-05-24T00:01:00Z"));
        assert!(field(&error, "ServerTime").is_some());
    }
}
