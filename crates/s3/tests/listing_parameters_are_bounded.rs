//! The parameters of all listings: page sizes, markers, tokens, encoding.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs
)]

use billet_s3::list::{decode_token, encode_token};
use billet_s3::operation::{
    ListBuckets, ListMultipartUploads, ListObjectVersions, ListObjects, ListObjectsV2, ListParts,
};
use billet_s3::query::Query;
use billet_s3::target::{Domains, Target};
use billet_s3::{BucketAction, Code, ObjectAction, Operation, RequestHead, Result, route};
use proptest::prelude::*;

fn get(path: &str) -> Result<Operation> {
    let (path, query) = path.split_once('?').unwrap();
    let target = Target::parse(None, path, &Domains::default())?;
    route(
        &RequestHead::new("GET", path, Some(query)),
        &target,
        &Query::parse(Some(query))?,
        0,
    )
}

fn bucket(query: &str) -> Result<BucketAction> {
    match get(&format!("/bucket?{query}"))? {
        Operation::Bucket { action, .. } => Ok(action),
        other => panic!("{}", other.name()),
    }
}

fn v1(query: &str) -> Result<ListObjects> {
    bucket(query).map(|action| match action {
        BucketAction::ListObjects(list) => list,
        other => panic!("{other:?}"),
    })
}

fn v2(query: &str) -> Result<ListObjectsV2> {
    bucket(&format!("list-type=2&{query}")).map(|action| match action {
        BucketAction::ListObjectsV2(list) => list,
        other => panic!("{other:?}"),
    })
}

fn versions(query: &str) -> Result<ListObjectVersions> {
    bucket(&format!("versions&{query}")).map(|action| match action {
        BucketAction::ListObjectVersions(list) => list,
        other => panic!("{other:?}"),
    })
}

fn uploads(query: &str) -> Result<ListMultipartUploads> {
    bucket(&format!("uploads&{query}")).map(|action| match action {
        BucketAction::ListMultipartUploads(list) => list,
        other => panic!("{other:?}"),
    })
}

fn parts(query: &str) -> Result<ListParts> {
    get(&format!("/bucket/key?uploadId=u&{query}")).map(|operation| match operation {
        Operation::Object {
            action: ObjectAction::ListParts(list),
            ..
        } => list,
        other => panic!("{}", other.name()),
    })
}

fn buckets(query: &str) -> Result<ListBuckets> {
    get(&format!("/?{query}")).map(|operation| match operation {
        Operation::ListBuckets(list) => list,
        other => panic!("{}", other.name()),
    })
}

#[test]
fn page_sizes() {
    for (value, size) in [
        ("", 1000),
        ("0", 0),
        ("1", 1),
        ("1000", 1000),
        ("2147483647", 1000),
    ] {
        assert_eq!(
            v1(&format!("max-keys={value}")).unwrap().listing.max_keys,
            size
        );
        assert_eq!(
            v2(&format!("max-keys={value}")).unwrap().listing.max_keys,
            size
        );
        assert_eq!(
            versions(&format!("max-keys={value}"))
                .unwrap()
                .listing
                .max_keys,
            size
        );
        assert_eq!(
            uploads(&format!("max-uploads={value}"))
                .unwrap()
                .listing
                .max_keys,
            size
        );
        assert_eq!(
            parts(&format!("max-parts={value}")).unwrap().max_parts,
            size
        );
    }
    assert_eq!(v1("").unwrap().listing.max_keys, 1000);
    assert_eq!(parts("part-number-marker=7").unwrap().part_number_marker, 7);
}

#[test]
fn numbers_that_are_none() {
    for value in [
        "x",
        "2147483648",
        "1.5",
        "0x1",
        " 1",
        "99999999999999999999",
    ] {
        let value = value.replace(' ', "%20");
        let error = v1(&format!("max-keys={value}")).unwrap_err();
        assert_eq!(error.code, Code::InvalidArgument, "{value}");
        assert_eq!(error.fields[0], ("ArgumentName", "max-keys".to_owned()));
    }
    let error = v2("max-keys=abc").unwrap_err();
    assert_eq!(
        error.message,
        "Provided abc not an integer or within integer range"
    );
    let error = v2("max-keys=-5").unwrap_err();
    assert_eq!(
        error.message,
        "Argument -5 must be an integer between 0 and 2147483647"
    );
    let error = uploads("max-uploads=-3").unwrap_err();
    assert_eq!(
        error.message,
        "Argument -3 must be an integer between 0 and 2147483647"
    );
    let error = parts("max-parts=-3").unwrap_err();
    assert_eq!(error.fields[0].1, "max-parts");
    let error = parts("part-number-marker=-3").unwrap_err();
    assert_eq!(
        error.message,
        "Argument -3 must be an integer between 0 and 2147483647"
    );
    let error = versions("max-keys=-123").unwrap_err();
    assert_eq!(error.message, "max-keys cannot be negative");
    assert_eq!(
        error.fields,
        [
            ("ArgumentName", "maxKeys".to_owned()),
            ("ArgumentValue", "-123".to_owned())
        ]
    );
}

#[test]
fn listing_buckets() {
    let list = buckets("").unwrap();
    assert_eq!(
        (list.max_buckets, list.after, list.prefix.as_str()),
        (10_000, None, "")
    );
    let token = encode_token("my-bucket");
    let list = buckets(&format!(
        "max-buckets=3&prefix=my&continuation-token={token}"
    ))
    .unwrap();
    assert_eq!(list.max_buckets, 3);
    assert_eq!(list.after.as_deref(), Some("my-bucket"));
    for value in ["0", "-3", "10001", "x"] {
        let error = buckets(&format!("max-buckets={value}")).unwrap_err();
        assert_eq!(
            error.message,
            "Argument max-buckets must be an integer between 1 and 10000."
        );
    }
}

#[test]
fn texts_are_decoded_and_kept() {
    let list = v1("prefix=a%2Bb+c&delimiter=%2F&marker=m%20n&encoding-type=url").unwrap();
    assert_eq!(list.listing.prefix, "a+b c");
    assert_eq!(list.listing.delimiter.as_deref(), Some("/"));
    assert_eq!(list.marker, "m n");
    assert!(list.listing.encode_url);
    let list = v1("delimiter=&encoding-type=").unwrap();
    assert_eq!(list.listing.delimiter, None);
    assert!(!list.listing.encode_url);
    let error = v1("encoding-type=utf").unwrap_err();
    assert_eq!(
        error.message,
        "Invalid Encoding Method specified in Request"
    );
    for query in ["prefix=%", "prefix=%zz", "prefix=%FF"] {
        assert_eq!(v1(query).unwrap_err().code, Code::InvalidUri, "{query}");
    }
    let many = "a&".repeat(65);
    assert_eq!(v1(&many).unwrap_err().code, Code::InvalidUri);
}

#[test]
fn where_a_second_version_listing_starts() {
    let token = encode_token("dir/");
    let list = v2(&format!(
        "start-after=a&continuation-token={token}&fetch-owner=TRUE"
    ))
    .unwrap();
    assert_eq!(list.after.as_deref(), Some("dir/"));
    assert_eq!(list.start_after.as_deref(), Some("a"));
    assert_eq!(list.continuation_token.as_deref(), Some(token.as_str()));
    assert!(list.fetch_owner);
    let list = v2("start-after=a&continuation-token=").unwrap();
    assert_eq!(list.after.as_deref(), Some("a"));
    assert_eq!(list.continuation_token.as_deref(), Some(""));
    assert!(!list.fetch_owner);
    let error = v2("continuation-token=garbage").unwrap_err();
    assert_eq!(
        error.message,
        "The continuation token provided is incorrect"
    );
    assert_eq!(
        error.fields[0],
        ("ArgumentName", "continuation-token".to_owned())
    );
}

#[test]
fn markers_of_versions_and_uploads() {
    let list = versions("key-marker=k&version-id-marker=null").unwrap();
    assert_eq!(list.key_marker, "k");
    assert_eq!(list.version_id_marker.as_deref(), Some("null"));
    let error = versions("version-id-marker=null").unwrap_err();
    assert_eq!(
        error.message,
        "A version-id marker cannot be specified without a key marker."
    );
    let list = uploads("key-marker=k&upload-id-marker=u").unwrap();
    assert_eq!(
        (list.key_marker.as_str(), list.upload_id_marker.as_deref()),
        ("k", Some("u"))
    );
}

#[test]
fn tokens_of_another_kind_are_refused() {
    for token in ["", "AA", "AQ=", "Ag", "AQ\u{e9}", "AQ+/", "Af8", "a b"] {
        assert!(decode_token(token).is_err(), "{token}");
    }
    assert_eq!(decode_token("AQ").unwrap(), "");
}

proptest! {
    #[test]
    fn tokens_bring_any_place_back(place in "\\PC{0,300}|[\u{0}-\u{1f}]{0,9}") {
        let token = encode_token(&place);
        prop_assert!(token.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_".contains(&b)));
        prop_assert_eq!(decode_token(&token).unwrap(), place);
    }

    #[test]
    fn tokens_never_panic(token in "\\PC{0,60}") {
        let _ = decode_token(&token);
    }
}
