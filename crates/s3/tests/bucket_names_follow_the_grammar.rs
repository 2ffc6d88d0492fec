//! Names of buckets: what is addressable, and what may be created.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs
)]

use billet_s3::Code;
use billet_s3::bucket_name::{check, check_new, is_well_formed};

#[test]
fn well_formed_names() {
    let longest = "a".repeat(63);
    for name in [
        "abc",
        "a-b",
        "a.b",
        "a.b.c.d",
        "1.2.3.4.5",
        "my--bucket",
        "0x0",
        &longest,
    ] {
        assert!(is_well_formed(name), "{name}");
    }
}

#[test]
fn ill_formed_names() {
    let too_long = "a".repeat(64);
    let names = [
        "",
        "a",
        "ab",
        &too_long,
        "Abc",
        "a_b",
        "-ab",
        "ab-",
        ".ab",
        "ab.",
        "a..b",
        "a.-b",
        "a-.b",
        "1.2.3.4",
        "999.999.999.999",
        "a b",
        "a/b",
        "é-bucket",
        "a\u{0}b",
        "*abc",
    ];
    for name in names {
        let error = check(name).unwrap_err();
        assert_eq!(error.code, Code::InvalidBucketName, "{name}");
        assert_eq!(error.fields, [("BucketName", name.to_owned())]);
    }
}

#[test]
fn reserved_names_are_addressable_but_not_creatable() {
    for name in [
        "xn--abc",
        "sthree-x",
        "foo-s3alias",
        "foo--ol-s3",
        "foo--x-s3",
        "foo.mrap",
    ] {
        assert!(check(name).is_ok(), "{name}");
        assert_eq!(
            check_new(name).unwrap_err().code,
            Code::InvalidBucketName,
            "{name}"
        );
    }
    assert!(check_new("plain-name").is_ok());
}
