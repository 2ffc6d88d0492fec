//! Every way a presigned URL can be wrong gets the code, the text and the fields that AWS sends. A
//! URL that is refused here must never reach the key holder.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs
)]

mod signing;

use billet_s3::auth::{Presented, with_hoisted};
use billet_s3::error::{Code, S3Error};
use billet_s3::head::RequestHead;
use billet_s3::payload::Payload;
use signing::{EMPTY_SHA256, HOST, assert_error, field, parse, refusal};

const URL: &str = "X-Amz-Algorithm=AWS4-HMAC-SHA256\
                   &X-Amz-Credential=AKIAIOSFODNN7EXAMPLE%2F20130524%2Fus-east-1%2Fs3\
                   %2Faws4_request&X-Amz-Date=20130524T000000Z&X-Amz-Expires=900\
                   &X-Amz-SignedHeaders=host&X-Amz-Signature=\
                   aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404";

fn head(query: &str) -> RequestHead {
    RequestHead::new("PUT", "/key", Some(query)).with_header("host", HOST)
}

fn refused(from: &str, to: &str) -> S3Error {
    assert!(URL.contains(from));
    refusal(&head(&URL.replace(from, to)))
}

#[test]
fn algorithms() {
    assert_error(
        &refused("AWS4-HMAC-SHA256", "AWS4-SHA256"),
        Code::AuthorizationQueryParametersError,
        "X-Amz-Algorithm only supports \"AWS4-HMAC-SHA256 and AWS4-ECDSA-P256-SHA256\"",
    );
    assert_error(
        &refused("AWS4-HMAC-SHA256", "AWS4-ECDSA-P256-SHA256"),
        Code::AuthorizationQueryParametersError,
        "X-Amz-Algorithm only supports \"AWS4-HMAC-SHA256\"",
    );
    let old = "AWSAccessKeyId=AKIA&Expires=1369353600&Signature=my-signature";
    assert_error(
        &refusal(&head(old)),
        Code::InvalidRequest,
        "The authorization mechanism you have provided is not supported. Please use \
         AWS4-HMAC-SHA256.",
    );
}

#[test]
fn missing_parameters() {
    let names = [
        "Algorithm",
        "Credential",
        "Date",
        "Expires",
        "SignedHeaders",
        "Signature",
    ];
    for name in names.map(|name| format!("X-Amz-{name}=")) {
        let without: Vec<_> = URL
            .split('&')
            .filter(|pair| !pair.starts_with(&name))
            .collect();
        let empty = URL
            .split('&')
            .map(|pair| if pair.starts_with(&name) { &name } else { pair });
        let other_case = URL.replace(&name, &name.to_lowercase());
        for query in [
            without.join("&"),
            empty.collect::<Vec<_>>().join("&"),
            other_case,
        ] {
            assert_error(
                &refusal(&head(&query)),
                Code::AuthorizationQueryParametersError,
                "Query-string authentication version 4 requires the X-Amz-Algorithm, \
                 X-Amz-Credential, X-Amz-Signature, X-Amz-Date, X-Amz-SignedHeaders, and \
                 X-Amz-Expires parameters.",
            );
        }
    }
}

#[test]
fn credentials() {
    let scope = "AKIAIOSFODNN7EXAMPLE%2F20130524%2Fus-east-1%2Fs3%2Faws4_request";
    let prefix = "Error parsing the X-Amz-Credential parameter; ";
    for (to, detail) in [
        (
            "access/hello/world",
            "the Credential is mal-formed; expecting \
             \"<YOUR-AKID>/YYYYMMDD/REGION/SERVICE/aws4_request\".",
        ),
        (
            "access/20130524/us-east-1/s3/aws5_request",
            "incorrect terminal \"aws5_request\". This endpoint uses \"aws4_request\".",
        ),
        (
            "access/20130524/us-east-1/sns/aws4_request",
            "incorrect service \"sns\". This endpoint belongs to \"s3\".",
        ),
        (
            "access/20130524/us-west-1/s3/aws4_request",
            "the region \"us-west-1\" is wrong; expecting \"us-east-1\"",
        ),
        (
            "access/32234Z34/us-east-1/s3/aws4_request",
            "incorrect date format \"32234Z34\". This date in the credential must be in the format \
             \"yyyyMMdd\".",
        ),
    ] {
        let error = refused(scope, to);
        let message = format!("{prefix}{detail}");
        assert_error(&error, Code::AuthorizationQueryParametersError, &message);
        assert!(error.fields.is_empty());
    }
    assert_error(
        &refused(scope, "access/20060102/us-east-1/s3/aws4_request"),
        Code::AuthorizationQueryParametersError,
        "Invalid credential date \"20060102\". This date is not the same as X-Amz-Date: \
         \"20130524\".",
    );
}

#[test]
fn dates_and_lives() {
    assert_error(
        &refused("20130524T000000Z", "20130524"),
        Code::AuthorizationQueryParametersError,
        "X-Amz-Date must be in the ISO8601 Long Format \"yyyyMMdd'T'HHmmss'Z'\"",
    );
    let too_large = "X-Amz-Expires must be less than a week (in seconds); that is, the given \
                     X-Amz-Expires must be less than 604800 seconds";
    for (to, message) in [
        ("invalid_value", "X-Amz-Expires should be a number"),
        ("-", "X-Amz-Expires should be a number"),
        ("%2B5", "X-Amz-Expires should be a number"),
        ("-3", "X-Amz-Expires must be non-negative"),
        ("0", "X-Amz-Expires must be at least one second"),
        ("604801", too_large),
        ("99999999999999999999999", too_large),
    ] {
        let error = refused("Expires=900", &format!("Expires={to}"));
        assert_error(&error, Code::AuthorizationQueryParametersError, message);
    }
    assert!(parse(&head(&URL.replace("=900", "=604800"))).is_ok());
    assert!(parse(&head(&URL.replace("=900", "=1"))).is_ok());
}

#[test]
fn tokens_come_with_temporary_keys_only() {
    let query = format!("{URL}&X-Amz-Security-Token=my_token");
    assert_error(
        &refusal(&head(&query)),
        Code::InvalidToken,
        "The provided token is malformed or otherwise invalid.",
    );
    let presented = parse(&head(&query.replace("AKIA", "ASIA"))).unwrap();
    let claim = presented.signed().unwrap().claims().next().unwrap();
    assert_eq!(claim.session_token.as_deref(), Some("my_token"));
}

#[test]
fn amz_headers_have_to_be_signed() {
    let error = refusal(
        &head(URL)
            .with_header("X-Amz-Copy-Source", "source-bucket/source-key")
            .with_header("X-Amz-Tagging", "a=b"),
    );
    let text = "There were headers present in the request which were not signed";
    assert_error(&error, Code::AccessDenied, text);
    assert_eq!(
        field(&error, "HeadersNotSigned"),
        Some("x-amz-copy-source, x-amz-tagging")
    );
    assert!(parse(&head(URL).with_header("Content-Type", "text/plain")).is_ok());
    let error = refused("SignedHeaders=host", "SignedHeaders=host%3Bhost");
    assert_eq!(error.code, Code::AuthorizationQueryParametersError);
}

#[test]
fn what_a_url_says_about_its_body() {
    let payload = |query: &str| parse(&head(query)).map(|found| *found.payload());
    assert_eq!(payload(URL), Ok(Payload::Unsigned));
    let digest = format!("{URL}&X-Amz-Content-Sha256={EMPTY_SHA256}");
    assert!(matches!(payload(&digest), Ok(Payload::Digest(_))));
    let streamed = format!("{URL}&X-Amz-Content-Sha256=STREAMING-AWS4-HMAC-SHA256-PAYLOAD");
    assert_eq!(payload(&streamed).unwrap_err().code, Code::InvalidRequest);
    let signed_header = digest.replace("=host", "=host%3Bx-amz-content-sha256");
    let both = head(&signed_header).with_header("x-amz-content-sha256", "UNSIGNED-PAYLOAD");
    assert_eq!(refusal(&both).code, Code::InvalidRequest);
}

#[test]
fn hoisted_headers_become_headers() {
    let query = format!("{URL}&X-Amz-Meta-Color=dark%20red&x-amz-acl=private&x-id=PutObject");
    let hoisted = with_hoisted(&head(&query)).unwrap();
    let mut names: Vec<_> = hoisted.headers().map(|(name, _)| name).collect();
    names.sort_unstable();
    assert_eq!(names, ["host", "x-amz-acl", "x-amz-meta-color"]);
    assert_eq!(hoisted.once("x-amz-meta-color"), Ok(Some("dark red")));
    for query in [
        "x-amz-acl=a&x-amz-acl=a",
        "x-amz-acl=a&X-Amz-Acl=b",
        "x-amz-acl=a%0d%0ab:c",
    ] {
        assert_eq!(
            with_hoisted(&head(query)).unwrap_err().code,
            Code::InvalidRequest
        );
    }
    let beside = head("x-amz-acl=a").with_header("x-amz-acl", "a");
    assert_eq!(
        with_hoisted(&beside).unwrap_err().code,
        Code::InvalidRequest
    );
    assert!(matches!(
        parse(&head("x-amz-acl=a")),
        Ok(Presented::Anonymous(_))
    ));
}
