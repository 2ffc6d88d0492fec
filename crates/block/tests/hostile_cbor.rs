//! Bytes that are not the one encoding of a value: an error each, and never more work or memory
//! than the bytes themselves are worth.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs
)]

use std::collections::BTreeMap;

use billet_block::{BLOCK_BYTES_MAX, CborError, Cid, Codec, DEPTH_MAX, decode, encode};
use ipld_core::ipld::Ipld;
use proptest::prelude::*;
use serde::{Deserialize, Serialize};

#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Strict {
    a: u64,
    link: Option<Cid>,
}

/// Passes over fields it does not know, which makes the decoder skip values of any shape.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Lax {
    a: u64,
}

fn unhex(text: &str) -> Vec<u8> {
    hex::decode(text.replace(' ', "")).unwrap()
}

/// As any value, as a struct, as a list and as text keys: all of them must say no.
fn assert_refused(bytes: &[u8], what: &str) {
    assert!(decode::<Ipld>(bytes).is_err(), "{what}");
    assert!(decode::<Strict>(bytes).is_err(), "{what}");
    assert!(decode::<Lax>(bytes).is_err(), "{what}");
    assert!(decode::<Vec<u64>>(bytes).is_err(), "{what}");
    assert!(
        decode::<BTreeMap<String, Vec<u8>>>(bytes).is_err(),
        "{what}"
    );
}

#[test]
fn forms_that_are_not_the_one_form() {
    let cases = [
        ("nothing", ""),
        ("two values", "0101"),
        ("a value and a byte", "a1616101 00"),
        ("a long small integer", "1817"),
        ("a long 16-bit integer", "1900ff"),
        ("a long 32-bit integer", "1a0000ffff"),
        ("a long 64-bit integer", "1b00000000ffffffff"),
        ("a long negative integer", "3800"),
        ("a long text length", "78016100"),
        ("a long byte length", "580100"),
        ("a long list length", "980101"),
        ("a long map length", "b801616101"),
        ("a big integer", "c249010000000000000000"),
        ("an endless list", "9f01ff"),
        ("an endless map", "bf616101ff"),
        ("endless text", "7f6161ff"),
        ("endless bytes", "5f4161ff"),
        ("keys out of order", "a2 6162 01 6161 02"),
        ("a longer key first", "a2 626161 01 6162 02"),
        ("a key twice", "a2 6161 01 6161 02"),
        ("a key that is a number", "a1 01 01"),
        ("a key that is bytes", "a1 4161 01"),
        ("text that is not UTF-8", "61ff"),
        ("text of half a surrogate pair", "63eda080"),
        ("undefined", "f7"),
        ("a simple value", "e0"),
        ("a long simple value", "f820"),
        ("a half float", "f93c00"),
        ("a single float", "fa3f800000"),
        ("not a number", "fb7ff8000000000000"),
        ("infinity", "fb7ff0000000000000"),
        ("minus nothing", "fb8000000000000000"),
        ("a date", "c000"),
        ("a long tag", "d9002a 45 0001550000"),
        ("a break", "ff"),
        ("reserved", "1c"),
    ];
    for (what, text) in cases {
        assert_refused(&unhex(text), what);
    }
}

#[test]
fn links_that_are_none() {
    let cid = hex::encode(Cid::of(Codec::DagCbor, b"").to_bytes());
    let strict = |link: &str| decode::<Strict>(&unhex(&format!("a2 6161 01 646c696e6b {link}")));
    let good = strict(&format!("d82a 5825 00 {cid}")).unwrap();
    assert_eq!(good.link, Some(Cid::of(Codec::DagCbor, b"")));
    let seven = "07".repeat(32);
    let cases = [
        ("without its zero", format!("d82a 5824 {cid}")),
        ("with a one", format!("d82a 5825 01 {cid}")),
        ("cut", format!("d82a 5824 00 {}", &cid[..70])),
        ("with a byte behind", format!("d82a 5826 00 {cid} 00")),
        ("as text", "d82a 6101".to_owned()),
        ("as a list", "d82a 80".to_owned()),
        ("as bytes", format!("5825 00 {cid}")),
        ("empty", "d82a 40".to_owned()),
        ("of version 0", format!("d82a 5823 00 1220 {seven}")),
        (
            "of another codec",
            format!("d82a 5825 00 01 51 1220 {seven}"),
        ),
        (
            "of another hash",
            format!("d82a 5825 00 01 71 1e20 {seven}"),
        ),
        (
            "with a long codec",
            format!("d82a 5826 00 01 f100 1220 {seven}"),
        ),
        ("of no digest", "d82a 45 00 01550000".to_owned()),
        ("in two tags", format!("d82a d82a 5825 00 {cid}")),
    ];
    for (what, link) in cases {
        assert!(strict(&link).is_err(), "a link {what}");
    }
}

#[test]
fn lengths_that_are_not_there() {
    for head in ["5b", "7b", "9b", "bb"] {
        for length in ["ffffffffffffffff", "7fffffffffffffff", "0000000100000000"] {
            assert_refused(&unhex(&format!("{head}{length}")), "a vast length");
            let in_map = unhex(&format!("a2 6161 01 6162 {head}{length}"));
            assert_refused(&in_map, "a vast length in a field");
            let links = unhex(&format!("a2 6161 01 646c696e6b {head}{length}"));
            assert_refused(&links, "a vast length for a link");
        }
    }
    // Each list says it is vast and holds one more such list: room for all of them must not be
    // made before the bytes run out, so the outline refuses them and not the decoder.
    for open in ["9affffffff", "ba7fffffff6161", "d82a9affffffff"] {
        let error = decode::<Ipld>(&unhex(&open.repeat(20))).unwrap_err();
        assert_eq!(
            error,
            CborError::Malformed("fewer items than a length says".to_owned())
        );
    }
}

#[test]
fn nesting_that_would_exhaust_the_stack() {
    for (what, open) in [
        ("lists", "81"),
        ("maps", "a16161"),
        ("tags", "d82a"),
        ("endless", "9f"),
    ] {
        for depth in [300, 10_000, BLOCK_BYTES_MAX / 4] {
            let bytes = unhex(&format!("{}01", open.repeat(depth)));
            assert_refused(&bytes, what);
            let in_field = [&unhex("a2 6161 01 6162")[..], &bytes].concat();
            assert_refused(&in_field, what);
        }
    }
}

#[test]
fn the_deepest_value_that_may_be() {
    let nested = |lists: usize, maps: usize| {
        let inner = if lists > 0 {
            "80".to_owned()
        } else {
            "a0".to_owned()
        };
        let outer = "81".repeat(lists.saturating_sub(1));
        let maps = "a16161".repeat(if lists > 0 { maps } else { maps - 1 });
        decode::<Ipld>(&unhex(&format!("{maps}{outer}{inner}")))
    };
    assert!(nested(DEPTH_MAX, 0).is_ok());
    assert!(nested(0, DEPTH_MAX).is_ok());
    assert!(nested(20, DEPTH_MAX - 20).is_ok());
    // An empty list or map holds nothing, so it may be one deeper.
    assert!(nested(DEPTH_MAX + 1, 0).is_ok());
    assert!(matches!(
        nested(DEPTH_MAX + 2, 0),
        Err(CborError::Malformed(_))
    ));
    assert!(matches!(
        nested(0, DEPTH_MAX + 2),
        Err(CborError::Malformed(_))
    ));
    // Depth is about what is open, not about how many there were.
    let wide = format!("98c8{}", "81818101".repeat(200));
    assert!(decode::<Ipld>(&unhex(&wide)).is_ok());
}

#[test]
fn unknown_and_missing_fields() {
    assert_eq!(decode::<Lax>(&unhex("a1 6161 01")).unwrap(), Lax { a: 1 });
    assert_eq!(
        decode::<Lax>(&unhex("a2 6161 01 6162 02")),
        Err(CborError::NotCanonical)
    );
    assert!(matches!(
        decode::<Lax>(&unhex("a0")),
        Err(CborError::Malformed(_))
    ));
    assert!(matches!(
        decode::<Strict>(&unhex("a2 6161 01 6162 02")),
        Err(CborError::Malformed(_))
    ));
    // A field that may be null must say so.
    assert_eq!(
        decode::<Strict>(&unhex("a1 6161 01")),
        Err(CborError::NotCanonical)
    );
    assert_eq!(
        decode::<Strict>(&unhex("a2 6161 01 646c696e6b f6"))
            .unwrap()
            .link,
        None
    );
}

#[test]
fn more_bytes_than_a_block_has() {
    let bytes = |length| encode(&Ipld::Bytes(vec![0; length])).unwrap();
    let fits = bytes(BLOCK_BYTES_MAX - 5);
    assert_eq!(fits.len(), BLOCK_BYTES_MAX);
    assert!(decode::<Ipld>(&fits).is_ok());
    let over = bytes(BLOCK_BYTES_MAX - 4);
    assert_eq!(
        decode::<Ipld>(&over),
        Err(CborError::TooLong(BLOCK_BYTES_MAX + 1))
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn whatever_is_read_is_written_the_same(
        bytes in proptest::collection::vec(any::<u8>(), 0..60),
    ) {
        if let Ok(value) = decode::<Ipld>(&bytes) {
            prop_assert_eq!(encode(&value).unwrap(), bytes);
        }
    }

    #[test]
    fn one_changed_byte_is_an_error_or_another_value(at in 0_usize..55, flip in 1_u8..=255) {
        let value = Strict { a: 77, link: Some(Cid::of(Codec::Raw, b"x")) };
        let mut bytes = encode(&value).unwrap();
        let at = at % bytes.len();
        bytes[at] ^= flip;
        if let Ok(other) = decode::<Strict>(&bytes) {
            prop_assert_ne!(other, value);
        }
    }
}
