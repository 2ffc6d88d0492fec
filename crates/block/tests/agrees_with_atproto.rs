//! The data-model vectors of atproto: bytes that others wrote, and names that are none.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs
)]

use base64::Engine as _;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use billet_block::{Cid, CidError, Codec, decode, encode};
use ipld_core::ipld::Ipld;
use serde_json::Value;

/// The vectors write base64 without padding.
fn unbase64(text: &str) -> Vec<u8> {
    let lax = GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
    GeneralPurpose::new(&STANDARD, lax).decode(text).unwrap()
}

/// The value that the JSON of the vectors stands for; `None` where it does not stand for one.
fn to_ipld(json: &Value) -> Option<Ipld> {
    Some(match json {
        Value::Null => Ipld::Null,
        Value::Bool(value) => Ipld::Bool(*value),
        Value::Number(number) => match number.as_i64() {
            Some(integer) => Ipld::Integer(integer.into()),
            None => Ipld::Float(number.as_f64()?),
        },
        Value::String(text) => Ipld::String(text.clone()),
        Value::Array(values) => Ipld::List(values.iter().map(to_ipld).collect::<Option<_>>()?),
        Value::Object(map) if map.contains_key("$link") && map.len() == 1 => {
            Ipld::Link(map["$link"].as_str()?.parse::<Cid>().ok()?.into())
        }
        Value::Object(map) if map.contains_key("$bytes") && map.len() == 1 => {
            Ipld::Bytes(unbase64(map["$bytes"].as_str()?))
        }
        Value::Object(map) => {
            let pair = |(key, value): (&String, &Value)| Some((key.clone(), to_ipld(value)?));
            Ipld::Map(map.iter().map(pair).collect::<Option<_>>()?)
        }
    })
}

#[test]
fn fixtures_have_these_bytes_and_names() {
    let Some(fixtures) = billet_vectors::json("data-model/data-model-fixtures.json") else {
        return;
    };
    let fixtures = fixtures.as_array().unwrap();
    assert_eq!(fixtures.len(), 3);
    for fixture in fixtures {
        let bytes = unbase64(fixture["cbor_base64"].as_str().unwrap());
        let value = to_ipld(&fixture["json"]).unwrap();
        assert_eq!(encode(&value).unwrap(), bytes);
        assert_eq!(decode::<Ipld>(&bytes).unwrap(), value);
        let name = fixture["cid"].as_str().unwrap();
        assert_eq!(Cid::of(Codec::DagCbor, &bytes).to_string(), name);
    }
}

#[test]
fn valid_values_come_back() {
    let Some(cases) = billet_vectors::json("data-model/data-model-valid.json") else {
        return;
    };
    let cases = cases.as_array().unwrap();
    assert_eq!(cases.len(), 5);
    for case in cases {
        let value = to_ipld(&case["json"]).unwrap();
        let bytes = encode(&value).unwrap();
        assert_eq!(decode::<Ipld>(&bytes).unwrap(), value, "{}", case["note"]);
    }
}

fn lines(text: &str) -> impl Iterator<Item = &str> {
    text.lines()
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
}

#[test]
fn names_that_are_none() {
    let Some(text) = billet_vectors::text("data-model/cid_syntax_invalid.txt") else {
        return;
    };
    let mut count = 0;
    for line in lines(&text) {
        assert!(line.parse::<Cid>().is_err(), "{line:?}");
        count += 1;
    }
    assert_eq!(count, 10);
}

#[test]
fn names_of_blocks_in_any_base() {
    let Some(text) = billet_vectors::text("data-model/cid_syntax_valid.txt") else {
        return;
    };
    // The list is about the alphabet only: three of its lines are not CIDs once decoded.
    let not_cids = [
        "mBcDxtdWx0aWhhc2g+",
        "z7x3CtScH765HvShXT",
        "7134036155352661643226414134664076",
    ];
    let mut count = 0;
    for line in lines(&text) {
        count += 1;
        let parsed = line.parse::<Cid>();
        if not_cids.contains(&line) {
            assert!(matches!(parsed, Err(CidError::Malformed(_))), "{line}");
            continue;
        }
        let cid = parsed.unwrap();
        assert_eq!(cid.codec(), Codec::DagPb);
        assert_eq!(Cid::from_bytes(&cid.to_bytes()).unwrap(), cid);
        assert!(line.starts_with('b') == (cid.to_string() == line));
    }
    assert_eq!(count, 8);
}
