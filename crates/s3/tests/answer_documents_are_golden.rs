//! The documents of operations on buckets and objects, written out in full.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs
)]

use billet_s3::checksum::{Algorithm, Checksum, Type};
use billet_s3::tag::{Tag, TagOwner};
use billet_s3::xml::request;
use billet_s3::xml::response::{
    AttributeParts, AttributesResult, CompleteMultipartUploadResult, CopyResult, DECLARATION,
    Deleted, DeletedLine, ListedPart, Owner, access_control_policy, bucket_location,
    complete_multipart_upload, copy_object, copy_part, delete_objects, get_object_attributes,
    initiate_multipart_upload, tagging,
};
use billet_s3::{Code, S3Error};

const XML: &str = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n";
const NS: &str = "xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"";
const TIME_MS: u64 = 1_784_636_594_567;

fn crc32() -> Checksum {
    Checksum::new(Algorithm::Crc32, &[0, 1, 2, 3]).unwrap()
}

#[test]
fn location() {
    let empty = format!("{XML}<LocationConstraint {NS}></LocationConstraint>");
    assert_eq!(bucket_location("us-east-1"), empty);
    let other = format!("{XML}<LocationConstraint {NS}>eu-west-1</LocationConstraint>");
    assert_eq!(bucket_location("eu-west-1"), other);
}

#[test]
fn acl() {
    let owner = Owner {
        id: "i".to_owned(),
        name: "n".to_owned(),
    };
    assert_eq!(
        access_control_policy(&owner),
        format!(
            "{XML}<AccessControlPolicy {NS}><Owner><ID>i</ID><DisplayName>n</DisplayName></Owner>\
             <AccessControlList><Grant>\
             <Grantee xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\" \
             xsi:type=\"CanonicalUser\"><ID>i</ID><DisplayName>n</DisplayName></Grantee>\
             <Permission>FULL_CONTROL</Permission></Grant></AccessControlList>\
             </AccessControlPolicy>"
        )
    );
}

#[test]
fn tags_are_written_as_they_are_read() {
    let tags = [Tag {
        key: "a".to_owned(),
        value: "b c".to_owned(),
    }];
    let document = tagging(&tags);
    assert_eq!(
        document,
        format!(
            "{XML}<Tagging {NS}><TagSet><Tag><Key>a</Key><Value>b c</Value></Tag></TagSet>\
             </Tagging>"
        )
    );
    assert_eq!(
        request::tagging(document.as_bytes(), TagOwner::Bucket).unwrap(),
        tags
    );
}

#[test]
fn deletions() {
    let lines = [
        DeletedLine::Deleted(Deleted {
            key: "a&b".to_owned(),
            ..Deleted::default()
        }),
        DeletedLine::Deleted(Deleted {
            key: "v".to_owned(),
            version_id: Some("null".to_owned()),
            delete_marker: Some("m".to_owned()),
        }),
        DeletedLine::Failed {
            key: "c".to_owned(),
            version_id: Some("null".to_owned()),
            error: S3Error::new(Code::AccessDenied),
        },
    ];
    let failed = "<Error><Key>c</Key><VersionId>null</VersionId><Code>AccessDenied</Code>\
                  <Message>Access Denied.</Message></Error></DeleteResult>";
    assert_eq!(
        delete_objects(&lines, false),
        format!(
            "{XML}<DeleteResult {NS}><Deleted><Key>a&amp;b</Key></Deleted><Deleted><Key>v</Key>\
             <VersionId>null</VersionId><DeleteMarker>true</DeleteMarker>\
             <DeleteMarkerVersionId>m</DeleteMarkerVersionId></Deleted>{failed}"
        )
    );
    assert_eq!(
        delete_objects(&lines, true),
        format!("{XML}<DeleteResult {NS}>{failed}")
    );
}

#[test]
fn uploads_begin_and_end() {
    assert_eq!(
        initiate_multipart_upload("b-1", "k\"", "u"),
        format!(
            "{XML}<InitiateMultipartUploadResult {NS}><Bucket>b-1</Bucket><Key>k&quot;</Key>\
             <UploadId>u</UploadId></InitiateMultipartUploadResult>"
        )
    );
    let mut result = CompleteMultipartUploadResult {
        location: "http://h/b-1/k",
        bucket: "b-1",
        key: "k",
        etag: "abc-2",
        checksum: Some((crc32(), Type::Composite)),
        part_count: 2,
    };
    let document = complete_multipart_upload(&result);
    assert_eq!(
        document,
        format!(
            "{XML}<CompleteMultipartUploadResult {NS}><Location>http://h/b-1/k</Location>\
             <Bucket>b-1</Bucket><Key>k</Key><ETag>&quot;abc-2&quot;</ETag>\
             <ChecksumCRC32>AAECAw==-2</ChecksumCRC32><ChecksumType>COMPOSITE</ChecksumType>\
             </CompleteMultipartUploadResult>"
        )
    );
    assert!(document.starts_with(DECLARATION));
    result.checksum = Some((crc32(), Type::FullObject));
    let full = complete_multipart_upload(&result);
    assert!(full.contains("<ChecksumCRC32>AAECAw==</ChecksumCRC32>"));
}

#[test]
fn copies() {
    let result = CopyResult {
        etag: "\"abc\"".to_owned(),
        modified_ms: TIME_MS,
        checksum: Some((crc32(), Type::FullObject)),
        part_count: None,
    };
    let head = "<LastModified>2026-07-21T12:23:14.567Z</LastModified><ETag>&quot;abc&quot;</ETag>";
    let value = "<ChecksumCRC32>AAECAw==</ChecksumCRC32>";
    assert_eq!(
        copy_object(&result),
        format!(
            "{XML}<CopyObjectResult {NS}>{head}<ChecksumType>FULL_OBJECT</ChecksumType>{value}\
             </CopyObjectResult>"
        )
    );
    assert_eq!(
        copy_part(&result),
        format!("{XML}<CopyPartResult {NS}>{head}{value}</CopyPartResult>")
    );
}

#[test]
fn attributes() {
    let parts = [ListedPart {
        number: 1,
        modified_ms: TIME_MS,
        etag: "e".to_owned(),
        size_bytes: 5,
        checksum: Some(crc32()),
    }];
    let result = AttributesResult {
        etag: Some("\"abc-1\""),
        checksum: Some((crc32(), Type::Composite)),
        parts: Some(AttributeParts {
            total: 2,
            part_number_marker: 0,
            max_parts: 1,
            truncated: true,
            parts: &parts,
        }),
        storage_class: true,
        size_bytes: Some(9),
    };
    assert_eq!(
        get_object_attributes(&result),
        format!(
            "{XML}<GetObjectAttributesResponse {NS}><ETag>abc-1</ETag><Checksum>\
             <ChecksumCRC32>AAECAw==</ChecksumCRC32><ChecksumType>COMPOSITE</ChecksumType>\
             </Checksum><ObjectParts><PartsCount>2</PartsCount>\
             <PartNumberMarker>0</PartNumberMarker>\
             <NextPartNumberMarker>1</NextPartNumberMarker><MaxParts>1</MaxParts>\
             <IsTruncated>true</IsTruncated><Part><PartNumber>1</PartNumber><Size>5</Size>\
             <ChecksumCRC32>AAECAw==</ChecksumCRC32></Part></ObjectParts>\
             <StorageClass>STANDARD</StorageClass><ObjectSize>9</ObjectSize>\
             </GetObjectAttributesResponse>"
        )
    );
    assert_eq!(
        get_object_attributes(&AttributesResult::default()),
        format!("{XML}<GetObjectAttributesResponse {NS}></GetObjectAttributesResponse>")
    );
}

#[test]
fn every_algorithm_has_its_element() {
    for (algorithm, element) in [
        (Algorithm::Crc32, "ChecksumCRC32"),
        (Algorithm::Crc32c, "ChecksumCRC32C"),
        (Algorithm::Crc64Nvme, "ChecksumCRC64NVME"),
        (Algorithm::Md5, "ChecksumMD5"),
        (Algorithm::Sha1, "ChecksumSHA1"),
        (Algorithm::Sha256, "ChecksumSHA256"),
        (Algorithm::Sha512, "ChecksumSHA512"),
        (Algorithm::XxHash64, "ChecksumXXHASH64"),
        (Algorithm::XxHash3, "ChecksumXXHASH3"),
        (Algorithm::XxHash128, "ChecksumXXHASH128"),
    ] {
        let checksum = Checksum::new(algorithm, &vec![7; algorithm.length_bytes()]).unwrap();
        let written = format!("<{element}>{}</{element}>", checksum.to_base64());
        let copy = copy_object(&CopyResult {
            etag: "e".to_owned(),
            modified_ms: TIME_MS,
            checksum: Some((checksum.clone(), Type::FullObject)),
            part_count: None,
        });
        let attributes = get_object_attributes(&AttributesResult {
            checksum: Some((checksum.clone(), Type::FullObject)),
            ..AttributesResult::default()
        });
        let complete = complete_multipart_upload(&CompleteMultipartUploadResult {
            location: "l",
            bucket: "b",
            key: "k",
            etag: "e",
            checksum: Some((checksum, Type::FullObject)),
            part_count: 1,
        });
        for document in [copy, attributes, complete] {
            assert!(document.contains(&written), "{document}");
        }
    }
}
