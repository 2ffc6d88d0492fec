//! Errors carry AWS's codes, statuses, texts and extra fields. The expectations are AWS's wire
//! facts, written out here again and never read from the table under test.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs
)]

use billet_s3::{Code, Resource, S3Error};

/// Names and values of extra elements.
type Fields<'a> = &'a [(&'a str, &'a str)];

/// Code, status and text as clients see them.
const FACTS: &[(Code, &str, u16, &str)] = &[
    (Code::AccessDenied, "AccessDenied", 403, "Access Denied."),
    (
        Code::BadDigest,
        "BadDigest",
        400,
        "The Content-MD5 you specified did not match what we received.",
    ),
    (
        Code::BucketAlreadyOwnedByYou,
        "BucketAlreadyOwnedByYou",
        409,
        "Your previous request to create the named bucket succeeded and you already own it.",
    ),
    (
        Code::BucketNotEmpty,
        "BucketNotEmpty",
        409,
        "The bucket you tried to delete is not empty.",
    ),
    (
        Code::InvalidAccessKeyId,
        "InvalidAccessKeyId",
        403,
        "The AWS Access Key Id you provided does not exist in our records.",
    ),
    (
        Code::InvalidBucketName,
        "InvalidBucketName",
        400,
        "The specified bucket is not valid.",
    ),
    (
        Code::InvalidPart,
        "InvalidPart",
        400,
        "One or more of the specified parts could not be found.  The part may not have been \
         uploaded, or the specified entity tag may not match the part's entity tag.",
    ),
    (
        Code::InvalidPartOrder,
        "InvalidPartOrder",
        400,
        "The list of parts was not in ascending order. Parts must be ordered by part number.",
    ),
    (
        Code::InvalidRange,
        "InvalidRange",
        416,
        "The requested range is not satisfiable",
    ),
    (
        Code::KeyTooLongError,
        "KeyTooLongError",
        400,
        "Your key is too long.",
    ),
    (
        Code::MalformedXml,
        "MalformedXML",
        400,
        "The XML you provided was not well-formed or did not validate against our \
         published schema.",
    ),
    (
        Code::MetadataTooLarge,
        "MetadataTooLarge",
        400,
        "Your metadata headers exceed the maximum allowed metadata size",
    ),
    (
        Code::MethodNotAllowed,
        "MethodNotAllowed",
        405,
        "The specified method is not allowed against this resource.",
    ),
    (
        Code::MissingContentLength,
        "MissingContentLength",
        411,
        "You must provide the Content-Length HTTP header.",
    ),
    (
        Code::NoSuchBucket,
        "NoSuchBucket",
        404,
        "The specified bucket does not exist.",
    ),
    (
        Code::NoSuchKey,
        "NoSuchKey",
        404,
        "The specified key does not exist.",
    ),
    (
        Code::NoSuchUpload,
        "NoSuchUpload",
        404,
        "The specified multipart upload does not exist. The upload ID may be invalid, or the \
         upload may have been aborted or completed.",
    ),
    (
        Code::NotImplemented,
        "NotImplemented",
        501,
        "A header you provided implies functionality that is not implemented.",
    ),
    (Code::NotModified, "NotModified", 304, "Not Modified"),
    (
        Code::PreconditionFailed,
        "PreconditionFailed",
        412,
        "At least one of the pre-conditions you specified did not hold.",
    ),
    (
        Code::RequestTimeTooSkewed,
        "RequestTimeTooSkewed",
        403,
        "The difference between the request time and the current time is too large.",
    ),
    (
        Code::SignatureDoesNotMatch,
        "SignatureDoesNotMatch",
        403,
        "The request signature we calculated does not match the signature you provided. \
         Check your key and signing method.",
    ),
    (
        Code::SlowDown,
        "SlowDown",
        503,
        "Please reduce your request rate.",
    ),
    (
        Code::XAmzContentSha256Mismatch,
        "XAmzContentSHA256Mismatch",
        400,
        "The provided 'x-amz-content-sha256' header does not match what was computed.",
    ),
];

#[test]
fn codes_are_what_clients_compare() {
    for (code, name, status, message) in FACTS {
        assert_eq!(code.name(), *name);
        assert_eq!(code.status(), *status, "{name}");
        assert_eq!(code.message(), *message, "{name}");
    }
}

#[test]
fn names_are_unique_and_statuses_are_errors() {
    let mut names: Vec<_> = Code::ALL.iter().map(|code| code.name()).collect();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), Code::ALL.len());
    for code in Code::ALL {
        assert!((300..=599).contains(&code.status()), "{}", code.name());
        assert!(!code.message().is_empty(), "{}", code.name());
    }
}

#[test]
fn the_document_has_fields_between_message_and_resource() {
    let error = S3Error::invalid_range("bytes=9-", 5);
    assert_eq!(
        error.to_xml("/b/a&b", "4442587FB7D0A2F9", "aG9zdA=="),
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n\
         <Error><Code>InvalidRange</Code>\
         <Message>The requested range is not satisfiable</Message>\
         <RangeRequested>bytes=9-</RangeRequested><ActualObjectSize>5</ActualObjectSize>\
         <Resource>/b/a&amp;b</Resource><RequestId>4442587FB7D0A2F9</RequestId>\
         <HostId>aG9zdA==</HostId></Error>"
    );
}

#[test]
fn a_late_error_has_no_declaration() {
    let document = S3Error::new(Code::InternalError).to_xml_tail("", "r", "h");
    assert_eq!(
        document,
        "<Error><Code>InternalError</Code>\
         <Message>We encountered an internal error, please try again.</Message>\
         <RequestId>r</RequestId><HostId>h</HostId></Error>"
    );
}

fn assert_fields(cases: &[(S3Error, &str, Fields<'_>)]) {
    for (error, name, fields) in cases {
        assert_eq!(error.code.name(), *name);
        let found: Vec<_> = error
            .fields
            .iter()
            .map(|(name, value)| (*name, value.as_str()))
            .collect();
        assert_eq!(found, *fields, "{name}");
    }
}

#[test]
fn errors_of_names_carry_the_fields_aws_sends() {
    assert_fields(&[
        (
            S3Error::invalid_argument("max-keys", "x", "text"),
            "InvalidArgument",
            &[("ArgumentName", "max-keys"), ("ArgumentValue", "x")],
        ),
        (
            S3Error::invalid_argument("a", "", "t"),
            "InvalidArgument",
            &[("ArgumentName", "a")],
        ),
        (
            S3Error::method_not_allowed("PUT", Resource::Upload, Some("GET")),
            "MethodNotAllowed",
            &[("Method", "PUT"), ("ResourceType", "UPLOAD")],
        ),
        (
            S3Error::of_bucket(Code::NoSuchBucket, "b"),
            "NoSuchBucket",
            &[("BucketName", "b")],
        ),
        (S3Error::no_such_key("k"), "NoSuchKey", &[("Key", "k")]),
        (
            S3Error::no_such_version("k", "v"),
            "NoSuchVersion",
            &[("Key", "k"), ("VersionId", "v")],
        ),
        (
            S3Error::no_such_upload("u"),
            "NoSuchUpload",
            &[("UploadId", "u")],
        ),
        (
            S3Error::precondition_failed("If-Match"),
            "PreconditionFailed",
            &[("Condition", "If-Match")],
        ),
    ]);
}

#[test]
fn errors_of_sizes_carry_the_fields_aws_sends() {
    assert_fields(&[
        (
            S3Error::invalid_part_number(5, 3),
            "InvalidPartNumber",
            &[("ActualPartCount", "3"), ("PartNumberRequested", "5")],
        ),
        (
            S3Error::invalid_part("u", 2, "e"),
            "InvalidPart",
            &[("UploadId", "u"), ("PartNumber", "2"), ("ETag", "e")],
        ),
        (
            S3Error::entity_too_small(1, 5, 2, "e"),
            "EntityTooSmall",
            &[
                ("ProposedSize", "1"),
                ("MinSizeAllowed", "5"),
                ("PartNumber", "2"),
                ("ETag", "e"),
            ],
        ),
        (
            S3Error::entity_too_large(6, 5),
            "EntityTooLarge",
            &[("ProposedSize", "6"), ("MaxSizeAllowed", "5")],
        ),
        (
            S3Error::key_too_long(1025, 1024),
            "KeyTooLongError",
            &[("Size", "1025"), ("MaxSizeAllowed", "1024")],
        ),
        (
            S3Error::metadata_too_large(2049, 2048),
            "MetadataTooLarge",
            &[("Size", "2049"), ("MaxSizeAllowed", "2048")],
        ),
        (
            S3Error::bad_digest("c", "e"),
            "BadDigest",
            &[("CalculatedDigest", "c"), ("ExpectedDigest", "e")],
        ),
    ]);
}
