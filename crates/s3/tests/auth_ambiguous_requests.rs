//! A request that can be read in two ways is refused, never guessed at. None of these may come out
//! as anonymous, nor with one of two values picked.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs
)]

mod signing;

use billet_s3::auth::Presented;
use billet_s3::error::Code;
use billet_s3::head::RequestHead;
use billet_s3::payload::Payload;
use signing::{EMPTY_SHA256, HOST, STAMP, field, parse, refusal};

const MAC: &str = "aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404";
const LIST: &str = "host;x-amz-content-sha256;x-amz-date";

fn signed(query: Option<&str>) -> RequestHead {
    RequestHead::new("PUT", "/key", query)
        .with_header("host", HOST)
        .with_header("x-amz-content-sha256", EMPTY_SHA256)
        .with_header("x-amz-date", STAMP)
        .with_header("authorization", signing::authorization(LIST, MAC))
}

fn url(more: &str) -> RequestHead {
    let query = format!(
        "X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AKIAIOSFODNN7EXAMPLE/{}\
         &X-Amz-Date={STAMP}&X-Amz-Expires=900&X-Amz-SignedHeaders=host\
         &X-Amz-Signature={MAC}{more}",
        signing::SCOPE
    );
    RequestHead::new("PUT", "/key", Some(&query)).with_header("host", HOST)
}

#[test]
fn two_mechanisms_at_once() {
    assert!(matches!(parse(&signed(None)), Ok(Presented::Header(_))));
    assert!(matches!(parse(&url("")), Ok(Presented::Query(_))));
    for query in [
        "X-Amz-Signature=1",
        "X-Amz-Algorithm=AWS4-HMAC-SHA256",
        "x-amz-signature=1",
        "X-Amz-Credential",
        "%58-Amz-Signature=1",
        "Signature=1",
        "AWSAccessKeyId=1",
    ] {
        let error = refusal(&signed(Some(query)));
        assert_eq!(error.code, Code::InvalidArgument, "{query}");
        assert!(
            error
                .message
                .starts_with("Only one auth mechanism allowed;")
        );
        assert_eq!(field(&error, "ArgumentName"), Some("Authorization"));
    }
    let both = url("").with_header("authorization", "");
    assert_eq!(refusal(&both).code, Code::InvalidArgument);
}

#[test]
fn a_half_presigned_url_is_not_anonymous() {
    for query in [
        "X-Amz-Expires=5",
        "X-Amz-SignedHeaders=host",
        "x-amz-credential=a",
        "X-AMZ-DATE=20130524T000000Z",
        "%78-amz-signature=1",
    ] {
        let head = RequestHead::new("GET", "/key", Some(query)).with_header("host", HOST);
        assert_eq!(
            refusal(&head).code,
            Code::AuthorizationQueryParametersError,
            "{query}"
        );
    }
}

#[test]
fn parameters_given_twice() {
    for more in [
        format!("&X-Amz-Signature={MAC}"),
        "&X-Amz-Expires=900".to_owned(),
        "&X-Amz-Algorithm=AWS4-HMAC-SHA256".to_owned(),
        format!("&X-Amz-Date={STAMP}"),
        "&X-Amz-SignedHeaders=host".to_owned(),
        "&X-Amz-Credential=".to_owned(),
        "&X-Amz-Security-Token=a&X-Amz-Security-Token=a".to_owned(),
        "&X-Amz-Content-Sha256=UNSIGNED-PAYLOAD&X-Amz-Content-Sha256=UNSIGNED-PAYLOAD".to_owned(),
    ] {
        let error = refusal(&url(&more));
        assert_eq!(
            error.code,
            Code::AuthorizationQueryParametersError,
            "{more}"
        );
    }
}

#[test]
fn headers_given_twice() {
    for (name, value) in [
        ("authorization", "AWS4-HMAC-SHA256 other"),
        ("x-amz-date", STAMP),
        ("x-amz-content-sha256", EMPTY_SHA256),
        ("Host", HOST),
        ("x-amz-security-token", "a"),
    ] {
        let mut head = signed(None).with_header(name, value);
        if name == "x-amz-security-token" {
            head.push_header(name, value);
        }
        assert_eq!(refusal(&head).code, Code::InvalidRequest, "{name}");
    }
    let anonymous = RequestHead::new("PUT", "/key", None)
        .with_header("x-amz-content-sha256", EMPTY_SHA256)
        .with_header("x-amz-content-sha256", "UNSIGNED-PAYLOAD");
    assert_eq!(refusal(&anonymous).code, Code::InvalidRequest);
}

#[test]
fn bytes_that_are_not_text() {
    for name in ["authorization", "x-amz-date", "x-amz-content-sha256"] {
        let head = RequestHead::new("PUT", "/key", None)
            .with_header("host", HOST)
            .with_header("authorization", signing::authorization(LIST, MAC));
        let mut bad = RequestHead::new("PUT", "/key", None).with_header("host", HOST);
        for (each, value) in head.headers().filter(|(each, _)| *each != name) {
            bad.push_header(each, value);
        }
        bad.push_header(name, [0xff, 0xfe]);
        assert!(parse(&bad).is_err(), "{name}");
    }
}

#[test]
fn targets_that_cannot_be_decoded() {
    for (path, query) in [
        ("/a%", None),
        ("/a%4", None),
        ("/a%zz", None),
        ("/a%+1", None),
        ("/a%ff", None),
        ("/a", Some("b=%")),
        ("/a", Some("%g0=b")),
        ("/a", Some("b=%ff")),
    ] {
        let mut head = RequestHead::new("GET", path, query);
        for (name, value) in signed(None).headers() {
            head.push_header(name, value);
        }
        assert_eq!(refusal(&head).code, Code::InvalidUri, "{path} {query:?}");
    }
}

#[test]
fn anonymous_bodies() {
    let payload = |value: &str| {
        let head = RequestHead::new("PUT", "/key", None).with_header("x-amz-content-sha256", value);
        parse(&head).map(|presented| match presented {
            Presented::Anonymous(payload) => payload,
            other => panic!("{other:?}"),
        })
    };
    assert_eq!(payload(""), Ok(Payload::Unsigned));
    assert_eq!(payload("UNSIGNED-PAYLOAD"), Ok(Payload::Unsigned));
    let unsigned = "STREAMING-UNSIGNED-PAYLOAD-TRAILER";
    assert_eq!(payload(unsigned), Ok(Payload::StreamingUnsignedTrailer));
    for value in [
        "STREAMING-AWS4-HMAC-SHA256-PAYLOAD",
        "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER",
    ] {
        let error = payload(value).unwrap_err();
        assert_eq!(error.code, Code::InvalidRequest);
        assert!(
            error
                .message
                .starts_with("Anonymous requests don't support")
        );
    }
}
