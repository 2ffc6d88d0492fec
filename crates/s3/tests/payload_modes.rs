//! Each value of `x-amz-content-sha256` means one thing, and what is not known is refused. The
//! length of a body comes from the header that belongs to its framing, and no other.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs
)]

mod signing;

use billet_s3::error::Code;
use billet_s3::head::RequestHead;
use billet_s3::payload::{MAX_UPLOAD_BYTES, Payload, body_length_bytes, stored_encoding};
use signing::{EMPTY_SHA256, assert_error, field};

#[test]
fn known_values() {
    for (value, payload) in [
        ("UNSIGNED-PAYLOAD", Payload::Unsigned),
        (
            "STREAMING-AWS4-HMAC-SHA256-PAYLOAD",
            Payload::StreamingSigned,
        ),
        (
            "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER",
            Payload::StreamingSignedTrailer,
        ),
        (
            "STREAMING-UNSIGNED-PAYLOAD-TRAILER",
            Payload::StreamingUnsignedTrailer,
        ),
    ] {
        assert_eq!(Payload::parse(value), Ok(payload));
        assert_eq!(payload.is_framed(), value.starts_with("STREAMING-"));
        assert_eq!(payload.is_chunk_signed(), value.contains("HMAC"));
        let plain = payload.require_plain();
        assert_eq!(plain.is_ok(), !payload.is_framed());
        if let Err(error) = plain {
            let text = "The value of x-amz-content-sha256 header is invalid.";
            assert_error(&error, Code::InvalidRequest, text);
        }
    }
}

#[test]
fn digests() {
    let empty = Payload::parse(EMPTY_SHA256).unwrap();
    assert_eq!(Payload::parse(&EMPTY_SHA256.to_uppercase()), Ok(empty));
    let Payload::Digest(digest) = empty else {
        panic!("{empty:?}")
    };
    assert_eq!(empty.check_sha256(&digest), Ok(()));
    let error = empty.check_sha256(&[0; 32]).unwrap_err();
    assert_error(
        &error,
        Code::XAmzContentSha256Mismatch,
        "The provided 'x-amz-content-sha256' header does not match what was computed.",
    );
    assert_eq!(
        field(&error, "ClientComputedContentSHA256"),
        Some(EMPTY_SHA256)
    );
    assert_eq!(
        field(&error, "S3ComputedContentSHA256"),
        Some("0".repeat(64).as_str())
    );
    assert_eq!(Payload::Unsigned.check_sha256(&[0; 32]), Ok(()));
}

#[test]
fn unknown_values_are_never_taken_for_plain() {
    for value in [
        "",
        "unsigned-payload",
        "UNSIGNED-PAYLOAD ",
        "STREAMING",
        "STREAMING-",
        "STREAMING-UNSIGNED-PAYLOAD",
        "STREAMING-AWS4-HMAC-SHA512-PAYLOAD",
        "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER-",
        &EMPTY_SHA256[1..],
        &format!("{EMPTY_SHA256}0"),
        &EMPTY_SHA256.replace('e', "g"),
    ] {
        let error = Payload::parse(value).unwrap_err();
        assert_eq!(error.code, Code::InvalidArgument, "{value}");
        assert!(
            error
                .message
                .starts_with("x-amz-content-sha256 must be UNSIGNED-PAYLOAD,")
        );
    }
    for value in [
        "STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD",
        "STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD-TRAILER",
    ] {
        let error = Payload::parse(value).unwrap_err();
        let text = format!("The chunk encoding algorithm {value} is not supported.");
        assert_error(&error, Code::NotImplemented, &text);
    }
}

#[test]
fn lengths() {
    let framed = "x-amz-decoded-content-length";
    for (payload, name, other) in [
        (Payload::Unsigned, "content-length", framed),
        (Payload::Digest([0; 32]), "content-length", framed),
        (Payload::StreamingSigned, framed, "content-length"),
        (Payload::StreamingUnsignedTrailer, framed, "content-length"),
    ] {
        let length = |value: &str| {
            let head = RequestHead::new("PUT", "/key", None)
                .with_header(name, value)
                .with_header(other, "77");
            body_length_bytes(&head, &payload)
        };
        assert_eq!(length("0"), Ok(0));
        assert_eq!(length("00012"), Ok(12));
        assert_eq!(length(&MAX_UPLOAD_BYTES.to_string()), Ok(MAX_UPLOAD_BYTES));
        for value in ["", "abc", "12x", "-1", "+1", "1.0", "0x10", "1 2"] {
            let error = length(value).unwrap_err();
            let text = "You must provide the Content-Length HTTP header.";
            assert_error(&error, Code::MissingContentLength, text);
        }
        for value in [
            &(MAX_UPLOAD_BYTES + 1).to_string(),
            "99999999999999999999999999",
        ] {
            let error = length(value).unwrap_err();
            assert_eq!(error.code, Code::EntityTooLarge);
            assert_eq!(field(&error, "MaxSizeAllowed"), Some("5368709120"));
        }
        let missing = RequestHead::new("PUT", "/key", None).with_header(other, "77");
        let error = body_length_bytes(&missing, &payload).unwrap_err();
        assert_eq!(error.code, Code::MissingContentLength);
        let twice = missing.with_header(name, "1").with_header(name, "1");
        let error = body_length_bytes(&twice, &payload).unwrap_err();
        assert_eq!(error.code, Code::InvalidRequest);
    }
}

#[test]
fn the_framing_is_not_stored_as_an_encoding() {
    for (given, stored) in [
        ("aws-chunked", None),
        ("AWS-Chunked", None),
        ("", None),
        ("gzip", Some("gzip")),
        ("aws-chunked,gzip", Some("gzip")),
        ("gzip, aws-chunked", Some("gzip")),
        ("br, gzip", Some("br,gzip")),
        ("aws-chunked, aws-chunked", None),
        ("xaws-chunked", Some("xaws-chunked")),
    ] {
        assert_eq!(stored_encoding(given).as_deref(), stored);
    }
}
