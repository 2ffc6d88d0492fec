//! Every way an `Authorization` header can be wrong gets the code, the text and the fields that
//! AWS sends. A request that is refused here must never reach the key holder.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs
)]

mod signing;

use billet_s3::auth::Refusal;
use billet_s3::error::{Code, S3Error};
use billet_s3::head::RequestHead;
use signing::{ACCESS_KEY, EMPTY_SHA256, HOST, STAMP, assert_error, field, parse, refusal};

const SIGNED: &str = "host;x-amz-content-sha256;x-amz-date";
const MAC: &str = "5fb279ae552098ea7c5c807df54cdb159e74939e19449b29831552639ec34b29";

fn head_with(authorization: &str) -> RequestHead {
    RequestHead::new("GET", "/", None)
        .with_header("host", HOST)
        .with_header("x-amz-date", STAMP)
        .with_header("x-amz-content-sha256", EMPTY_SHA256)
        .with_header("authorization", authorization)
}

fn with_scope(scope: &str) -> S3Error {
    refusal(&head_with(&format!(
        "AWS4-HMAC-SHA256 Credential={scope},SignedHeaders={SIGNED},Signature={MAC}"
    )))
}

fn good() -> String {
    signing::authorization(SIGNED, MAC)
}

#[test]
fn mechanisms() {
    let text = "Authorization header is invalid -- one and only one ' ' (space) required.";
    for value in ["invalid_header", "", "AWS4-HMAC-SHA256"] {
        let error = refusal(&head_with(value));
        assert_error(&error, Code::InvalidArgument, text);
        assert_eq!(field(&error, "ArgumentName"), Some("Authorization"));
        assert_eq!(field(&error, "ArgumentValue").unwrap_or_default(), value);
    }
    let error = refusal(&head_with(
        &good().replace("AWS4-HMAC-SHA256", "AWS2-HMAC-SHA1"),
    ));
    assert_error(
        &error,
        Code::InvalidArgument,
        "Unsupported Authorization Type",
    );
    assert_eq!(field(&error, "ArgumentValue"), Some("AWS2-HMAC-SHA1"));
    for value in [
        "AWS seed_signature".to_owned(),
        good().replace("HMAC-", "ECDSA-P256-"),
    ] {
        assert_error(
            &refusal(&head_with(&value)),
            Code::InvalidRequest,
            "The authorization mechanism you have provided is not supported. Please use \
             AWS4-HMAC-SHA256.",
        );
    }
}

#[test]
fn components() {
    let three = "the authorization header requires three components: Credential, SignedHeaders, \
                 and Signature.";
    for (value, detail) in [
        (
            good().replace(&format!("SignedHeaders={SIGNED},"), ""),
            three,
        ),
        (format!("{},More=1", good()), three),
        (
            good().replace("SignedHeaders=", "SignedHeaders-"),
            "the authorization component \"SignedHeaders-host;x-amz-content-sha256;x-amz-date\" is \
             malformed.",
        ),
        (
            good().replace("Credential=", "missing_creds="),
            "missing Credential.",
        ),
        (
            good().replace("SignedHeaders=", "missing="),
            "missing SignedHeaders.",
        ),
        (
            good().replace("Signature=", "missing="),
            "missing Signature.",
        ),
        (
            good().replace("Credential=", "Signature="),
            "missing Credential.",
        ),
    ] {
        assert_error(
            &refusal(&head_with(&value)),
            Code::AuthorizationHeaderMalformed,
            &format!("The authorization header is malformed; {detail}"),
        );
    }
}

#[test]
fn credentials() {
    let malformed = "the Credential is mal-formed; expecting \
                     \"<YOUR-AKID>/YYYYMMDD/REGION/SERVICE/aws4_request\".";
    for (scope, detail) in [
        ("access/32234/us-east-1/s3/extra/things", malformed),
        ("access/20130524/us-east-1/s3", malformed),
        ("/20130524/us-east-1/s3/aws4_request", malformed),
        ("", malformed),
        (
            "access/32234/us-east-1/s3/aws_request",
            "incorrect terminal \"aws_request\". This endpoint uses \"aws4_request\".",
        ),
        (
            "access/32234/us-east-1/ec2/aws4_request",
            "incorrect service \"ec2\". This endpoint belongs to \"s3\".",
        ),
        (
            "access/3223423234/us-east-1/s3/aws4_request",
            "incorrect date format \"3223423234\". This date in the credential must be in the \
             format \"yyyyMMdd\".",
        ),
        (
            "access/201305240/us-east-1/s3/aws4_request",
            "incorrect date format \"201305240\". This date in the credential must be in the \
             format \"yyyyMMdd\".",
        ),
        (
            "access/20130230/us-east-1/s3/aws4_request",
            "incorrect date format \"20130230\". This date in the credential must be in the \
             format \"yyyyMMdd\".",
        ),
        (
            "access/20130523/us-east-1/s3/aws4_request",
            "The authorization header is malformed; Invalid credential date. Date is not the same \
             as X-Amz-Date.",
        ),
    ] {
        let error = with_scope(scope);
        let message = format!("The authorization header is malformed; {detail}");
        assert_error(&error, Code::AuthorizationHeaderMalformed, &message);
        assert!(error.fields.is_empty());
    }
    let error = with_scope("access/20130524/us-west-1/s3/aws4_request");
    assert_error(
        &error,
        Code::AuthorizationHeaderMalformed,
        "The authorization header is malformed; the region \"us-west-1\" is wrong; expecting \
         \"us-east-1\"",
    );
    assert_eq!(field(&error, "Region"), Some("us-east-1"));
    let long = "A".repeat(129);
    let error = with_scope(&format!("{long}/20130524/us-east-1/s3/aws4_request"));
    assert_eq!(error.code, Code::InvalidAccessKeyId);
}

#[test]
fn an_empty_region_is_accepted_where_configured() {
    let head = head_with(&good().replace("us-east-1", ""));
    assert_eq!(refusal(&head).code, Code::AuthorizationHeaderMalformed);
    let mut policy = signing::policy();
    policy.regions.push(String::new());
    let presented = billet_s3::auth::parse(&head, signing::EXAMPLE_MS, &policy).unwrap();
    let claim = presented.signed().unwrap().claims().next().unwrap();
    assert!(claim.message.contains("\n20130524//s3/aws4_request\n"));
}

#[test]
fn dates() {
    for date in [
        "",
        "03032006",
        "20130524T000000",
        "20130524T246000Z",
        "20130524T000060Z",
        "20130524T0000001Z",
    ] {
        let head = RequestHead::new("GET", "/", None)
            .with_header("host", HOST)
            .with_header("x-amz-date", date)
            .with_header("x-amz-content-sha256", EMPTY_SHA256)
            .with_header("authorization", good());
        assert_error(
            &refusal(&head),
            Code::AccessDenied,
            "AWS authentication requires a valid Date or x-amz-date header.",
        );
    }
    let head = RequestHead::new("GET", "/", None)
        .with_header("host", HOST)
        .with_header("date", STAMP)
        .with_header("x-amz-content-sha256", EMPTY_SHA256)
        .with_header(
            "authorization",
            signing::authorization("host;x-amz-content-sha256", MAC),
        );
    assert!(parse(&head).is_ok());
}

#[test]
fn the_body_has_to_be_spoken_for() {
    let without = |value: Option<&str>| {
        let mut head = RequestHead::new("PUT", "/", None)
            .with_header("host", HOST)
            .with_header("x-amz-date", STAMP)
            .with_header("authorization", good());
        if let Some(value) = value {
            head.push_header("x-amz-content-sha256", value);
        }
        head
    };
    for missing in [None, Some("")] {
        assert_error(
            &refusal(&without(missing)),
            Code::InvalidRequest,
            "Missing required header for this request: x-amz-content-sha256",
        );
    }
    let error = refusal(&without(Some("invalid_sha256")));
    assert_eq!(error.code, Code::InvalidArgument);
    assert_eq!(field(&error, "ArgumentName"), Some("x-amz-content-sha256"));
    assert_eq!(field(&error, "ArgumentValue"), Some("invalid_sha256"));
}

#[test]
fn amz_headers_and_host_have_to_be_signed() {
    let head = head_with(&good())
        .with_header("X-Amz-Tagging", "a=b")
        .with_header("X-Amz-Tagging", "c=d")
        .with_header("X-Amz-Copy-Source", "source-bucket/source-key")
        .with_header("Content-Type", "text/plain")
        .with_header("X-Custom-Header", "value");
    let error = refusal(&head);
    let text = "There were headers present in the request which were not signed";
    assert_error(&error, Code::AccessDenied, text);
    assert_eq!(
        field(&error, "HeadersNotSigned"),
        Some("x-amz-copy-source, x-amz-tagging")
    );

    let unsigned_host = signing::authorization("x-amz-content-sha256;x-amz-date", MAC);
    let error = refusal(&head_with(&unsigned_host));
    assert_error(&error, Code::AccessDenied, text);
    assert_eq!(field(&error, "HeadersNotSigned"), Some("host"));
}

#[test]
fn the_list_of_signed_headers_has_one_form() {
    for list in [
        "x-amz-date;x-amz-content-sha256;host",
        "host;host;x-amz-content-sha256;x-amz-date",
        "Host;x-amz-content-sha256;x-amz-date",
        "host;;x-amz-content-sha256;x-amz-date",
        "",
    ] {
        let error = refusal(&head_with(&signing::authorization(list, MAC)));
        assert_eq!(error.code, Code::AuthorizationHeaderMalformed, "{list}");
    }
    // A header that was signed and did not come cannot be verified by anybody.
    let list = "host;x-amz-acl;x-amz-content-sha256;x-amz-date";
    let error = refusal(&head_with(&signing::authorization(list, MAC)));
    assert_eq!(error.code, Code::SignatureDoesNotMatch);
}

#[test]
fn what_is_no_signature_is_a_wrong_one() {
    for mac in [
        "",
        "signature",
        &MAC[1..],
        &format!("{MAC}0"),
        &MAC.to_uppercase(),
    ] {
        let error = refusal(&head_with(&signing::authorization(SIGNED, mac)));
        assert_eq!(error.code, Code::SignatureDoesNotMatch, "{mac}");
    }
}

#[test]
fn a_token_needs_a_temporary_key() {
    let list = "host;x-amz-content-sha256;x-amz-date;x-amz-security-token";
    let authorization = signing::authorization(list, MAC);
    let head = head_with(&authorization).with_header("x-amz-security-token", "token");
    assert_eq!(refusal(&head).code, Code::InvalidToken);
    let head = head_with(&authorization.replace("AKIA", "ASIA"))
        .with_header("x-amz-security-token", "token");
    let claim = parse(&head)
        .unwrap()
        .signed()
        .unwrap()
        .claims()
        .next()
        .unwrap();
    assert_eq!(claim.session_token.as_deref(), Some("token"));
}

#[test]
fn the_key_holders_answers() {
    let presented = parse(&head_with(&good())).unwrap();
    let signed = presented.signed().unwrap();
    for why in [Refusal::UnknownKey, Refusal::Disabled] {
        let error = signed.refused(why);
        let text = "The AWS Access Key Id you provided does not exist in our records.";
        assert_error(&error, Code::InvalidAccessKeyId, text);
        assert_eq!(field(&error, "AWSAccessKeyId"), Some(ACCESS_KEY));
    }
    assert_eq!(signed.refused(Refusal::Expired).code, Code::ExpiredToken);
    let error = signed.refused(Refusal::Mismatch);
    assert_error(
        &error,
        Code::SignatureDoesNotMatch,
        "The request signature we calculated does not match the signature you provided. Check \
         your key and signing method.",
    );
    assert_eq!(field(&error, "SignatureProvided"), Some(MAC));
    assert_eq!(
        field(&error, "CanonicalRequest").unwrap(),
        format!(
            "GET\n/\n\nhost:{HOST}\nx-amz-content-sha256:{EMPTY_SHA256}\nx-amz-date:{STAMP}\n\n\
             {SIGNED}\n{EMPTY_SHA256}"
        )
    );
}
