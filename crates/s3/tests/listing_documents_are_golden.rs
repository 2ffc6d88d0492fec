//! The documents of listings, written out in full; any key in them is read back as clients do.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs
)]

use billet_s3::checksum::{Algorithm, Checksum, Type};
use billet_s3::list::encode_token;
use billet_s3::operation::{
    ListMultipartUploads, ListObjectVersions, ListObjects, ListObjectsV2, ListParts, Listing,
};
use billet_s3::xml::response::{
    ListMultipartUploadsResult, ListObjectVersionsResult, ListObjectsResult, ListObjectsV2Result,
    ListPartsResult, ListedBucket, ListedObject, ListedPart, ListedUpload, ListedVersion,
    ObjectLine, Owner, UploadLine, VersionLine, list_buckets,
};
use proptest::prelude::*;

const XML: &str = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n";
const NS: &str = "xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"";
const TIME_MS: u64 = 1_784_636_594_567;
const OWNER: &str = "<ID>75aa57f0</ID><DisplayName>o&amp;o</DisplayName>";

fn owner() -> Owner {
    Owner {
        id: "75aa57f0".to_owned(),
        name: "o&o".to_owned(),
    }
}

fn listing(encode_url: bool) -> Listing {
    Listing {
        prefix: "p+".to_owned(),
        delimiter: Some("/".to_owned()),
        max_keys: 3,
        encode_url,
    }
}

fn object(key: &str) -> ListedObject {
    ListedObject {
        key: key.to_owned(),
        modified_ms: TIME_MS,
        etag: "abc".to_owned(),
        size_bytes: 7,
        checksum: Some((Algorithm::Crc64Nvme, Type::FullObject)),
    }
}

fn lines() -> Vec<ObjectLine> {
    vec![
        ObjectLine::Object(object("p+q r")),
        ObjectLine::Prefix("p+dir/".to_owned()),
    ]
}

#[test]
fn buckets() {
    let buckets = [ListedBucket {
        name: "b-1".to_owned(),
        created_ms: TIME_MS,
        region: "us-east-1".to_owned(),
    }];
    assert_eq!(
        list_buckets(&owner(), &buckets, "b", Some("b-1")),
        format!(
            "{XML}<ListAllMyBucketsResult {NS}><Owner>{OWNER}</Owner><Buckets><Bucket>\
             <Name>b-1</Name><CreationDate>2026-07-21T12:23:14.567Z</CreationDate>\
             <BucketRegion>us-east-1</BucketRegion></Bucket></Buckets>\
             <ContinuationToken>AWItMQ</ContinuationToken><Prefix>b</Prefix>\
             </ListAllMyBucketsResult>"
        )
    );
    assert_eq!(
        list_buckets(&owner(), &[], "", None),
        format!(
            "{XML}<ListAllMyBucketsResult {NS}><Owner>{OWNER}</Owner><Buckets></Buckets>\
             </ListAllMyBucketsResult>"
        )
    );
}

fn v1(encode_url: bool, truncated: bool) -> String {
    let request = ListObjects {
        listing: listing(encode_url),
        marker: "p+a".to_owned(),
    };
    let (owner, lines) = (owner(), lines());
    ListObjectsResult {
        bucket: "b-1",
        request: &request,
        lines: &lines,
        truncated,
        owner: &owner,
    }
    .to_xml()
}

#[test]
fn objects_in_the_first_version() {
    assert_eq!(
        v1(true, true),
        format!(
            "{XML}<ListBucketResult {NS}><Name>b-1</Name><Prefix>p%2B</Prefix>\
             <Marker>p%2Ba</Marker><NextMarker>p%2Bdir/</NextMarker><MaxKeys>3</MaxKeys>\
             <Delimiter>/</Delimiter><EncodingType>url</EncodingType>\
             <IsTruncated>true</IsTruncated><Contents><Key>p%2Bq%20r</Key>\
             <LastModified>2026-07-21T12:23:14.567Z</LastModified><ETag>&quot;abc&quot;</ETag>\
             <ChecksumAlgorithm>CRC64NVME</ChecksumAlgorithm>\
             <ChecksumType>FULL_OBJECT</ChecksumType><Size>7</Size><Owner>{OWNER}</Owner>\
             <StorageClass>STANDARD</StorageClass></Contents>\
             <CommonPrefixes><Prefix>p%2Bdir/</Prefix></CommonPrefixes></ListBucketResult>"
        )
    );
    let plain = v1(false, false);
    assert!(plain.contains("<Key>p+q r</Key>"));
    assert!(plain.contains("<Prefix>p+</Prefix>"));
    assert!(!plain.contains("EncodingType") && !plain.contains("NextMarker"));
}

#[test]
fn the_next_marker_needs_a_delimiter() {
    let request = ListObjects {
        listing: Listing {
            delimiter: None,
            ..listing(false)
        },
        marker: String::new(),
    };
    let (owner, lines) = (owner(), lines());
    let result = ListObjectsResult {
        bucket: "b-1",
        request: &request,
        lines: &lines,
        truncated: true,
        owner: &owner,
    };
    let document = result.to_xml();
    assert!(document.contains("<IsTruncated>true</IsTruncated>"));
    assert!(!document.contains("NextMarker"));
    assert!(!document.contains("Delimiter"));
}

#[test]
fn objects_in_the_second_version() {
    let mut request = ListObjectsV2 {
        listing: listing(true),
        continuation_token: Some("tok".to_owned()),
        start_after: Some("p+0".to_owned()),
        after: None,
        fetch_owner: false,
    };
    let (owner, lines) = (owner(), lines());
    let token = encode_token("p+dir/");
    let document = |request: &ListObjectsV2, truncated| {
        ListObjectsV2Result {
            bucket: "b-1",
            request,
            lines: &lines,
            truncated,
            owner: &owner,
        }
        .to_xml()
    };
    assert_eq!(
        document(&request, true),
        format!(
            "{XML}<ListBucketResult {NS}><Name>b-1</Name><Prefix>p%2B</Prefix>\
             <ContinuationToken>tok</ContinuationToken>\
             <NextContinuationToken>{token}</NextContinuationToken>\
             <StartAfter>p%2B0</StartAfter><KeyCount>2</KeyCount><MaxKeys>3</MaxKeys>\
             <Delimiter>/</Delimiter><EncodingType>url</EncodingType>\
             <IsTruncated>true</IsTruncated><Contents><Key>p%2Bq%20r</Key>\
             <LastModified>2026-07-21T12:23:14.567Z</LastModified><ETag>&quot;abc&quot;</ETag>\
             <ChecksumAlgorithm>CRC64NVME</ChecksumAlgorithm>\
             <ChecksumType>FULL_OBJECT</ChecksumType><Size>7</Size>\
             <StorageClass>STANDARD</StorageClass></Contents>\
             <CommonPrefixes><Prefix>p%2Bdir/</Prefix></CommonPrefixes></ListBucketResult>"
        )
    );
    request.fetch_owner = true;
    request.continuation_token = None;
    let owned = document(&request, false);
    assert!(owned.contains(&format!("<Owner>{OWNER}</Owner>")));
    assert!(owned.contains("<IsTruncated>false</IsTruncated>"));
    assert!(!owned.contains("ContinuationToken"));
}

#[test]
fn an_empty_page_is_never_truncated() {
    let request = ListObjectsV2 {
        listing: Listing {
            max_keys: 0,
            ..listing(false)
        },
        continuation_token: None,
        start_after: None,
        after: None,
        fetch_owner: false,
    };
    let owner = owner();
    let result = ListObjectsV2Result {
        bucket: "b-1",
        request: &request,
        lines: &[],
        truncated: true,
        owner: &owner,
    };
    let document = result.to_xml();
    assert!(document.contains("<KeyCount>0</KeyCount><MaxKeys>0</MaxKeys>"));
    assert!(document.contains("<IsTruncated>false</IsTruncated>"));
}

#[test]
fn versions_and_markers() {
    let request = ListObjectVersions {
        listing: listing(false),
        key_marker: "k0".to_owned(),
        version_id_marker: None,
    };
    let marker = ListedVersion {
        object: ListedObject {
            checksum: None,
            ..object("gone")
        },
        version_id: "v2".to_owned(),
        is_latest: true,
        is_delete_marker: true,
    };
    let lines = [
        VersionLine::unversioned(ObjectLine::Prefix("p/".to_owned())),
        VersionLine::Version(marker),
        VersionLine::unversioned(ObjectLine::Object(object("k"))),
    ];
    let owner = owner();
    let result = ListObjectVersionsResult {
        bucket: "b-1",
        request: &request,
        lines: &lines,
        truncated: true,
        owner: &owner,
    };
    assert_eq!(
        result.to_xml(),
        format!(
            "{XML}<ListVersionsResult {NS}><Name>b-1</Name><Prefix>p+</Prefix>\
             <KeyMarker>k0</KeyMarker><VersionIdMarker></VersionIdMarker>\
             <NextKeyMarker>k</NextKeyMarker><NextVersionIdMarker>null</NextVersionIdMarker>\
             <MaxKeys>3</MaxKeys><Delimiter>/</Delimiter><IsTruncated>true</IsTruncated>\
             <DeleteMarker><Key>gone</Key><VersionId>v2</VersionId><IsLatest>true</IsLatest>\
             <LastModified>2026-07-21T12:23:14.567Z</LastModified><Owner>{OWNER}</Owner>\
             </DeleteMarker><Version><Key>k</Key><VersionId>null</VersionId>\
             <IsLatest>true</IsLatest><LastModified>2026-07-21T12:23:14.567Z</LastModified>\
             <ETag>&quot;abc&quot;</ETag><ChecksumAlgorithm>CRC64NVME</ChecksumAlgorithm>\
             <ChecksumType>FULL_OBJECT</ChecksumType><Size>7</Size><Owner>{OWNER}</Owner>\
             <StorageClass>STANDARD</StorageClass></Version>\
             <CommonPrefixes><Prefix>p/</Prefix></CommonPrefixes></ListVersionsResult>"
        )
    );
}

#[test]
fn uploads() {
    let request = ListMultipartUploads {
        listing: listing(true),
        key_marker: "k+0".to_owned(),
        upload_id_marker: Some("u0".to_owned()),
    };
    let lines = [
        UploadLine::Prefix("p+/".to_owned()),
        UploadLine::Upload(ListedUpload {
            key: "p+x".to_owned(),
            upload_id: "u1".to_owned(),
            initiator: owner(),
            initiated_ms: TIME_MS,
            checksum: Some((Algorithm::Sha256, Type::Composite)),
        }),
    ];
    let owner = owner();
    let result = ListMultipartUploadsResult {
        bucket: "b-1",
        request: &request,
        lines: &lines,
        truncated: true,
        owner: &owner,
    };
    assert_eq!(
        result.to_xml(),
        format!(
            "{XML}<ListMultipartUploadsResult {NS}><Bucket>b-1</Bucket>\
             <KeyMarker>k%2B0</KeyMarker><UploadIdMarker>u0</UploadIdMarker>\
             <NextKeyMarker>p%2Bx</NextKeyMarker><NextUploadIdMarker>u1</NextUploadIdMarker>\
             <Delimiter>/</Delimiter><Prefix>p%2B</Prefix><EncodingType>url</EncodingType>\
             <MaxUploads>3</MaxUploads><IsTruncated>true</IsTruncated><Upload><Key>p%2Bx</Key>\
             <UploadId>u1</UploadId><Initiator>{OWNER}</Initiator><Owner>{OWNER}</Owner>\
             <StorageClass>STANDARD</StorageClass>\
             <Initiated>2026-07-21T12:23:14.567Z</Initiated>\
             <ChecksumAlgorithm>SHA256</ChecksumAlgorithm>\
             <ChecksumType>COMPOSITE</ChecksumType></Upload>\
             <CommonPrefixes><Prefix>p%2B/</Prefix></CommonPrefixes>\
             </ListMultipartUploadsResult>"
        )
    );
}

#[test]
fn parts() {
    let request = ListParts {
        upload_id: "u1".to_owned(),
        part_number_marker: 1,
        max_parts: 1,
        encode_url: false,
    };
    let parts = [ListedPart {
        number: 2,
        modified_ms: TIME_MS,
        etag: "\"abc\"".to_owned(),
        size_bytes: 5,
        checksum: Checksum::new(Algorithm::Crc32, &[0, 1, 2, 3]),
    }];
    let owner = owner();
    let result = ListPartsResult {
        bucket: "b-1",
        key: "a<b",
        request: &request,
        initiator: &owner,
        owner: &owner,
        checksum: Some((Algorithm::Crc32, Type::Composite)),
        parts: &parts,
        truncated: true,
    };
    assert_eq!(
        result.to_xml(),
        format!(
            "{XML}<ListPartsResult {NS}><Bucket>b-1</Bucket><Key>a&lt;b</Key>\
             <UploadId>u1</UploadId><Initiator>{OWNER}</Initiator><Owner>{OWNER}</Owner>\
             <StorageClass>STANDARD</StorageClass><PartNumberMarker>1</PartNumberMarker>\
             <NextPartNumberMarker>2</NextPartNumberMarker><MaxParts>1</MaxParts>\
             <IsTruncated>true</IsTruncated><ChecksumAlgorithm>CRC32</ChecksumAlgorithm>\
             <ChecksumType>COMPOSITE</ChecksumType><Part><PartNumber>2</PartNumber>\
             <LastModified>2026-07-21T12:23:14.567Z</LastModified><ETag>&quot;abc&quot;</ETag>\
             <Size>5</Size><ChecksumCRC32>AAECAw==</ChecksumCRC32></Part></ListPartsResult>"
        )
    );
}

/// What a client reads between `<Key>` and `</Key>`: references resolved by hand.
fn key_of(document: &str) -> String {
    let inner = document
        .split_once("<Key>")
        .unwrap()
        .1
        .split_once("</Key>")
        .unwrap()
        .0;
    let mut out = String::new();
    let mut rest = inner;
    while let Some((before, after)) = rest.split_once('&') {
        let (name, after) = after.split_once(';').unwrap();
        out.push_str(before);
        out.push(match name {
            "lt" => '<',
            "gt" => '>',
            "amp" => '&',
            "quot" => '"',
            number => {
                let hex = number.strip_prefix("#x").unwrap();
                char::from_u32(u32::from_str_radix(hex, 16).unwrap()).unwrap()
            }
        });
        rest = after;
    }
    out.push_str(rest);
    out
}

fn document_of(key: &str, encode_url: bool) -> String {
    let request = ListObjects {
        listing: listing(encode_url),
        marker: String::new(),
    };
    let (owner, lines) = (owner(), [ObjectLine::Object(object(key))]);
    let result = ListObjectsResult {
        bucket: "b-1",
        request: &request,
        lines: &lines,
        truncated: false,
        owner: &owner,
    };
    result.to_xml()
}

#[test]
fn control_characters_go_out_as_references() {
    let document = document_of("a\u{1}\t\r\n\u{fffe}b", false);
    assert!(document.contains("<Key>a&#x1;&#x9;&#xd;&#xa;&#xfffe;b</Key>"));
}

proptest! {
    #[test]
    fn a_client_reads_any_key_back(key in "[^\u{0}]{1,60}") {
        prop_assert_eq!(key_of(&document_of(&key, false)), key.clone());
        let encoded = key_of(&document_of(&key, true));
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~/%".contains(&byte);
        prop_assert!(encoded.bytes().all(plain));
        // As clients decode it that take a plus for a space, and as those that do not.
        let decoded = percent_encoding::percent_decode_str(&encoded).decode_utf8().unwrap();
        prop_assert_eq!(decoded, key);
    }
}
