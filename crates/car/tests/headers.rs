//! Headers: any number of roots both ways, placeholders, and everything that is no header.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs
)]

use billet_block::{Cid, Codec};
use billet_car::{CarError, HEADER_BYTES_MAX, Header, Parsed};

fn roots(count: usize) -> Vec<Cid> {
    (0..count)
        .map(|i| Cid::of(Codec::DagCbor, &i.to_le_bytes()))
        .collect()
}

fn parse(hex: &str) -> Result<Parsed<(Header, usize)>, CarError> {
    Header::parse(&hex::decode(hex.replace(' ', "")).unwrap())
}

#[test]
fn any_number_of_roots_that_fits() {
    let lengths = [18, 59];
    for count in 0..40 {
        let header = Header {
            roots: roots(count),
        };
        let Ok(bytes) = header.encode() else {
            assert!(17 + count * 41 > HEADER_BYTES_MAX, "{count}");
            continue;
        };
        assert!(17 + count * 41 <= HEADER_BYTES_MAX, "{count}");
        if let Some(length) = lengths.get(count) {
            assert_eq!(bytes.len(), *length);
        }
        let whole = Parsed::Whole((header, bytes.len()));
        assert_eq!(Header::parse(&bytes).unwrap(), whole);
        let longer = [bytes.as_slice(), b"rest"].concat();
        assert_eq!(Header::parse(&longer).unwrap(), whole);
        for cut in 0..bytes.len() {
            let Parsed::Incomplete { bytes: needed } = Header::parse(&bytes[..cut]).unwrap() else {
                panic!("{count} roots cut at {cut}");
            };
            assert!(needed > cut && needed <= bytes.len());
        }
    }
    assert!(Header { roots: roots(300) }.encode().is_err());
}

#[test]
fn placeholders_are_no_roots() {
    // The header of a segment of the reference system, then one with a root behind it.
    let none = parse("19 a265726f6f747381 d82a450001550000 6776657273696f6e01").unwrap();
    assert_eq!(none, Parsed::Whole((Header::default(), 26)));
    let root = Cid::of(Codec::Raw, b"x");
    let link = format!("d82a582500{}", hex::encode(root.to_bytes()));
    let text = format!("42 a265726f6f747382 d82a450001550000 {link} 6776657273696f6e01");
    assert_eq!(
        parse(&text).unwrap(),
        Parsed::Whole((Header { roots: vec![root] }, 67))
    );
}

#[test]
fn what_is_no_header() {
    let bodies = [
        "",
        "a265726f6f747380 6776657273696f6e02",
        "a265726f6f747380 6776657273696f6ef6",
        "a265726f6f747380 6776657273696f6e01 00",
        "a265726f6f747380 6776657273696f6e1801",
        "a265726f6f74739800 6776657273696f6e01",
        "a265726f6f74739f ff 6776657273696f6e01",
        "a26776657273696f6e01 65726f6f747380",
        "a16776657273696f6e01",
        "a265726f6f747381 6776657273696f6e01",
        "a265726f6f747382 d82a450001550000 6776657273696f6e01",
        "a265726f6f747380 d82a450001550000 6776657273696f6e01",
        "a265726f6f747381 d82a58050001550000 6776657273696f6e01",
        "a265726f6f747381 d82b450001550000 6776657273696f6e01",
        "a265726f6f747381 d82a450101550000 6776657273696f6e01",
        "a265726f6f747381 d82a40 6776657273696f6e01",
        "a265726f6f747381 d82a58ff0001550000 6776657273696f6e01",
    ];
    for body in bodies {
        let bytes = hex::decode(body.replace(' ', "")).unwrap();
        let whole = [&[u8::try_from(bytes.len()).unwrap()][..], &bytes].concat();
        let result = Header::parse(&whole);
        assert!(
            matches!(result, Err(CarError::Malformed(_))),
            "{body}: {result:?}"
        );
    }
    for prefix in ["9100", "ffffffffffffffffff7f", "ffffffffffffffffffff01"] {
        let result = parse(&format!("{prefix} a265726f6f747380 6776657273696f6e01"));
        assert!(
            matches!(result, Err(CarError::Malformed(_))),
            "{prefix}: {result:?}"
        );
    }
    assert!(matches!(parse("8108"), Err(CarError::TooLong(_))));
    assert!(matches!(
        parse("ffffffffffffffffff01"),
        Err(CarError::TooLong(_))
    ));
}

#[test]
fn roots_without_a_name_here_are_told_apart() {
    let cid = format!("00 01 71 1b20 {}", "07".repeat(32));
    let keccak = format!("3a a265726f6f747381 d82a5825 {cid} 6776657273696f6e01");
    assert!(matches!(parse(&keccak), Err(CarError::Unsupported(_))));
    let v0 = format!(
        "38 a265726f6f747381 d82a5823 00 1220 {} 6776657273696f6e01",
        "07".repeat(32)
    );
    assert!(matches!(parse(&v0), Err(CarError::Unsupported(_))));
    assert!(matches!(
        parse("0a a16776657273696f6e02"),
        Err(CarError::Unsupported(_))
    ));
}
