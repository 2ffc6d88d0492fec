//! From method, path, query and headers to one operation, and never to another than was asked for.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs
)]

mod routing;

use billet_s3::operation::Fixed;
use billet_s3::query::Query;
use billet_s3::target::{Domains, Target};
use billet_s3::{BucketAction, Code, ObjectAction, Operation, RequestHead, S3Error, route};
use proptest::prelude::*;
use routing::send;

#[test]
fn every_operation_has_its_request() {
    let cases = [
        ("GET", "/", "ListBuckets"),
        ("GET", "/?x-id=ListBuckets", "ListBuckets"),
        ("PUT", "/bucket", "CreateBucket"),
        ("PUT", "/bucket/", "CreateBucket"),
        ("HEAD", "/bucket", "HeadBucket"),
        ("DELETE", "/bucket", "DeleteBucket"),
        ("GET", "/bucket?location", "GetBucketLocation"),
        ("GET", "/bucket?location=", "GetBucketLocation"),
        ("GET", "/bucket", "ListObjects"),
        ("GET", "/bucket?prefix=policy", "ListObjects"),
        ("GET", "/bucket?list-type=1", "ListObjects"),
        ("GET", "/bucket?unknown=1", "ListObjects"),
        ("GET", "/bucket?list-type=2", "ListObjectsV2"),
        ("GET", "/bucket?versions", "ListObjectVersions"),
        ("GET", "/bucket?uploads", "ListMultipartUploads"),
        ("POST", "/bucket?delete", "DeleteObjects"),
        ("GET", "/bucket?acl", "GetBucketAcl"),
        ("PUT", "/bucket?acl", "PutBucketAcl"),
        ("GET", "/bucket?tagging", "GetBucketTagging"),
        ("PUT", "/bucket?tagging", "PutBucketTagging"),
        ("DELETE", "/bucket?tagging", "DeleteBucketTagging"),
        ("GET", "/bucket/key", "GetObject"),
        ("GET", "/bucket/key?partNumber=1", "GetObject"),
        ("HEAD", "/bucket/key", "HeadObject"),
        ("HEAD", "/bucket/key?tagging", "HeadObject"),
        ("PUT", "/bucket/key", "PutObject"),
        ("PUT", "/bucket/key?x-id=PutObject", "PutObject"),
        ("PUT", "/bucket//", "PutObject"),
        ("PUT", "/bucket/dir/", "PutObject"),
        ("DELETE", "/bucket/key", "DeleteObject"),
        ("DELETE", "/bucket//", "DeleteObject"),
        ("POST", "/bucket/key?uploads", "CreateMultipartUpload"),
        ("PUT", "/bucket/key?partNumber=1&uploadId=u", "UploadPart"),
        ("POST", "/bucket/key?uploadId=u", "CompleteMultipartUpload"),
        ("DELETE", "/bucket/key?uploadId=u", "AbortMultipartUpload"),
        ("GET", "/bucket/key?uploadId=u", "ListParts"),
        ("GET", "/bucket/key?acl", "GetObjectAcl"),
        ("PUT", "/bucket/key?acl", "PutObjectAcl"),
    ];
    for (method, path, name) in cases {
        assert_eq!(
            send(method, path, &[]).unwrap().name(),
            name,
            "{method} {path}"
        );
    }
    let source = [("x-amz-copy-source", "bucket/source")];
    assert_eq!(
        send("PUT", "/bucket/key", &source).unwrap().name(),
        "CopyObject"
    );
    let part = send("PUT", "/bucket/key?uploadId=u&partNumber=2", &source).unwrap();
    assert_eq!(part.name(), "UploadPartCopy");
    let attributes = [("x-amz-object-attributes", "ETag")];
    let found = send("GET", "/bucket/key?attributes", &attributes).unwrap();
    assert_eq!(found.name(), "GetObjectAttributes");
}

fn fixed(method: &str, path: &str) -> Fixed {
    match send(method, path, &[]).unwrap() {
        Operation::Bucket {
            action: BucketAction::NotConfigured(answer),
            ..
        }
        | Operation::Object {
            action: ObjectAction::NotConfigured(answer),
            ..
        } => answer,
        other => panic!("{method} {path} is {}", other.name()),
    }
}

fn fixed_error(method: &str, path: &str) -> S3Error {
    match fixed(method, path) {
        Fixed::Error(error) => error,
        other => panic!("{method} {path}: {other:?}"),
    }
}

#[test]
fn unset_configurations_answer_their_own_code() {
    let cases = [
        ("policy", "NoSuchBucketPolicy"),
        ("policyStatus", "NoSuchBucketPolicy"),
        ("cors", "NoSuchCORSConfiguration"),
        ("website", "NoSuchWebsiteConfiguration"),
        ("lifecycle", "NoSuchLifecycleConfiguration"),
        ("replication", "ReplicationConfigurationNotFoundError"),
        (
            "encryption",
            "ServerSideEncryptionConfigurationNotFoundError",
        ),
        ("object-lock", "ObjectLockConfigurationNotFoundError"),
        ("publicAccessBlock", "NoSuchPublicAccessBlockConfiguration"),
        ("analytics&id=a", "NoSuchConfiguration"),
        ("metrics&id=a", "NoSuchConfiguration"),
    ];
    for (query, code) in cases {
        let error = fixed_error("GET", &format!("/bucket?{query}"));
        assert_eq!(error.code.name(), code, "{query}");
        assert_eq!(error.status(), 404, "{query}");
        assert_eq!(error.fields, [("BucketName", "bucket".to_owned())]);
    }
}

#[test]
fn defaults_are_documents() {
    const OPEN: &str = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<";
    const NAMESPACE: &str = " xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">";
    let cases = [
        ("versioning", "VersioningConfiguration", ""),
        ("logging", "BucketLoggingStatus", ""),
        ("accelerate", "AccelerateConfiguration", ""),
        ("notification", "NotificationConfiguration", ""),
        (
            "requestPayment",
            "RequestPaymentConfiguration",
            "<Payer>BucketOwner</Payer>",
        ),
        (
            "ownershipControls",
            "OwnershipControls",
            "<Rule><ObjectOwnership>BucketOwnerEnforced</ObjectOwnership></Rule>",
        ),
        (
            "inventory",
            "ListInventoryConfigurationsResult",
            "<IsTruncated>false</IsTruncated>",
        ),
    ];
    for (query, root, inner) in cases {
        let expected = format!("{OPEN}{root}{NAMESPACE}{inner}</{root}>");
        assert_eq!(
            fixed("GET", &format!("/bucket?{query}")),
            Fixed::Document(expected)
        );
    }
}

#[test]
fn writes_of_what_is_not_offered_are_refused() {
    let names = [
        "policy",
        "policyStatus",
        "cors",
        "website",
        "lifecycle",
        "replication",
        "encryption",
        "object-lock",
        "publicAccessBlock",
        "ownershipControls",
        "versioning",
        "logging",
        "accelerate",
        "notification",
        "requestPayment",
        "analytics",
        "inventory",
        "metrics",
        "intelligent-tiering",
        "metadataTable",
        "metadataConfiguration",
        "session",
        "abac",
    ];
    for name in names {
        for method in ["PUT", "POST"] {
            let error = fixed_error(method, &format!("/bucket?{name}&id=x"));
            assert_eq!(error.code, Code::NotImplemented, "{method} {name}");
        }
    }
    for name in [
        "policy",
        "cors",
        "website",
        "lifecycle",
        "replication",
        "encryption",
    ] {
        assert_eq!(
            fixed("DELETE", &format!("/bucket?{name}")),
            Fixed::NoContent,
            "{name}"
        );
    }
    for name in [
        "versioning",
        "ownershipControls",
        "object-lock",
        "notification",
    ] {
        let error = fixed_error("DELETE", &format!("/bucket?{name}"));
        assert_eq!(error.code, Code::NotImplemented, "{name}");
    }
    for name in [
        "torrent",
        "restore",
        "select&select-type=2",
        "renameObject",
        "encryption",
    ] {
        for method in ["GET", "PUT", "POST", "DELETE"] {
            let error = fixed_error(method, &format!("/bucket/key?{name}"));
            assert_eq!(error.code, Code::NotImplemented, "{method} {name}");
        }
    }
}

#[test]
fn tags_and_locks_of_what_has_none() {
    assert!(matches!(
        fixed("GET", "/bucket/key?tagging"),
        Fixed::Document(_)
    ));
    assert_eq!(fixed("DELETE", "/bucket/key?tagging"), Fixed::NoContent);
    assert_eq!(
        fixed_error("PUT", "/bucket/key?tagging").code,
        Code::NotImplemented
    );
    for name in ["retention", "legal-hold"] {
        for method in ["GET", "PUT"] {
            let error = fixed_error(method, &format!("/bucket/key?{name}"));
            assert_eq!(error.code, Code::InvalidRequest);
            assert_eq!(error.message, "Bucket is missing Object Lock Configuration");
        }
    }
}

/// Each of these would, routed by method alone, create or destroy something.
#[test]
fn nothing_falls_through() {
    let bucket = [
        "acl",
        "uploads",
        "versions",
        "location",
        "uploadId=u",
        "partNumber=1",
        "versionId=v",
        "delete",
        "list-type=2",
        "retention",
        "legal-hold",
        "attributes",
    ];
    for query in bucket {
        for method in ["PUT", "DELETE"] {
            if (method, query) == ("PUT", "acl") {
                continue;
            }
            let error = send(method, &format!("/bucket?{query}"), &[]).unwrap_err();
            assert_eq!(error.code, Code::MethodNotAllowed, "{method} {query}");
            assert_eq!(error.fields[1], ("ResourceType", "BUCKET".to_owned()));
        }
    }
    for query in [
        "uploads",
        "versions",
        "attributes",
        "policy",
        "versioning",
        "delete",
    ] {
        for method in ["PUT", "DELETE"] {
            let error = send(method, &format!("/bucket/key?{query}"), &[]).unwrap_err();
            assert_eq!(error.code, Code::MethodNotAllowed, "{method} {query}");
        }
    }
    for query in ["acl", "retention", "legal-hold"] {
        let error = send("DELETE", &format!("/bucket/key?{query}"), &[]).unwrap_err();
        assert_eq!(error.code, Code::MethodNotAllowed, "{query}");
    }
}

/// What only a bucket has is nothing that a key's bytes answer or may be replaced by.
#[test]
fn what_a_bucket_has_is_no_sub_resource_of_a_key() {
    for query in [
        "abac",
        "accelerate",
        "analytics",
        "cors",
        "inventory&id=1",
        "lifecycle",
        "logging",
        "metrics",
        "notification",
        "object-lock",
        "ownershipControls",
        "policy",
        "policyStatus",
        "publicAccessBlock",
        "replication",
        "requestPayment",
        "versioning",
        "website",
    ] {
        for method in ["GET", "PUT", "DELETE"] {
            let error = send(method, &format!("/bucket/key?{query}"), &[]).unwrap_err();
            assert_eq!(error.code, Code::MethodNotAllowed, "{method} {query}");
            assert_eq!(error.fields[1], ("ResourceType", "OBJECT".to_owned()));
        }
    }
}

#[test]
fn refusals_of_the_router() {
    let field = |error: &S3Error, name: &str| {
        let found = error.fields.iter().find(|(each, _)| *each == name);
        found.map(|(_, value)| value.clone()).unwrap_or_default()
    };
    let cases = [
        ("POST", "/", "SERVICE"),
        ("PUT", "/", "SERVICE"),
        ("DELETE", "/", "SERVICE"),
        ("HEAD", "/", "SERVICE"),
        ("PATCH", "/bucket", "BUCKET"),
        ("POST", "/bucket/object", "SERVICE"),
        ("PATCH", "/bucket/object", "OBJECT"),
        ("get", "/bucket/object", "OBJECT"),
        ("PUT", "/bucket/object?uploadId=u", "UPLOAD"),
    ];
    for (method, path, resource) in cases {
        let error = send(method, path, &[]).unwrap_err();
        assert_eq!(error.code, Code::MethodNotAllowed, "{method} {path}");
        assert_eq!(field(&error, "Method"), method);
        assert_eq!(field(&error, "ResourceType"), resource, "{method} {path}");
    }
    let upload = send("PUT", "/bucket/object?uploadId=u", &[]).unwrap_err();
    assert_eq!(upload.allow, Some("DELETE, POST, GET"));
    let error = send("PUT", "/bucket/object?partNumber=1", &[]).unwrap_err();
    assert_eq!(
        error.message,
        "This operation does not accept partNumber without uploadId"
    );
    assert_eq!(field(&error, "ArgumentValue"), "partNumber");
    let error = send("GET", "/bucket/object?uploads", &[]).unwrap_err();
    assert_eq!(
        error.message,
        "Key is not expected for the GET method ?uploads subresource"
    );
    let error = send("GET", "/bucket/object?versions", &[]).unwrap_err();
    assert_eq!(
        error.message,
        "There is no such thing as the ?versions sub-resource for a key"
    );
}

#[test]
fn copy_sources_belong_to_copies() {
    let source = [("x-amz-copy-source", "bucket/object")];
    for path in ["/", "/bucket", "/bucket/object"] {
        for method in ["GET", "HEAD", "DELETE", "POST"] {
            let path = if method == "POST" {
                format!("{path}?uploadId=x")
            } else {
                path.into()
            };
            let error = send(method, &path, &source).unwrap_err();
            assert_eq!(error.code, Code::InvalidArgument, "{method} {path}");
            assert_eq!(
                error.message,
                "You can only specify a copy source header for copy requests."
            );
            assert_eq!(
                error.fields[1],
                ("ArgumentValue", "bucket/object".to_owned())
            );
        }
    }
}

#[test]
fn form_uploads_and_mistaken_posts() {
    let form = [("content-type", "multipart/form-data; boundary=x")];
    assert_eq!(
        send("POST", "/bucket", &form).unwrap_err().code,
        Code::NotImplemented
    );
    let error = send("POST", "/bucket", &[("content-type", "text/plain")]).unwrap_err();
    assert_eq!(error.code, Code::PreconditionFailed);
    assert_eq!(
        error.fields,
        [(
            "Condition",
            "Bucket POST must be of the enclosure-type multipart/form-data".to_owned()
        )]
    );
}

#[test]
fn preflights_are_refused_by_kind() {
    let error = send("OPTIONS", "/bucket", &[]).unwrap_err();
    assert_eq!(
        error.message,
        "Insufficient information. Origin request header needed."
    );
    let odd = [
        ("origin", "http://a"),
        ("access-control-request-method", "BREW"),
    ];
    let error = send("OPTIONS", "/bucket/key", &odd).unwrap_err();
    assert_eq!(error.message, "Invalid Access-Control-Request-Method: BREW");
    let good = [
        ("origin", "http://a"),
        ("access-control-request-method", "PUT"),
    ];
    let error = send("OPTIONS", "/bucket/key", &good).unwrap_err();
    assert_eq!(error.code, Code::AccessForbidden);
    assert_eq!(
        error.fields,
        [
            ("Method", "PUT".to_owned()),
            ("ResourceType", "OBJECT".to_owned())
        ]
    );
}

proptest! {
    #[test]
    fn routing_never_panics(
        method in "(GET|PUT|POST|DELETE|HEAD|OPTIONS|[A-Z]{1,5})",
        path in "/(bucket(/[ -~]{0,9})?)?",
        query in "([a-zA-Z-]{0,12}(=[ -~]{0,12})?&?){0,4}",
        name in "(range|if-[a-z-]{0,12}|x-amz-[a-z-]{0,24}|content-type)",
        value in proptest::collection::vec(any::<u8>(), 0..40),
    ) {
        let path = path.replace('?', "");
        let mut head = RequestHead::new(&method, &path, Some(&query));
        head.push_header(&name, value);
        if let (Ok(target), Ok(query)) =
            (Target::parse(None, &path, &Domains::default()), Query::parse(Some(&query)))
        {
            let _ = route(&head, &target, &query, 0);
        }
    }
}
