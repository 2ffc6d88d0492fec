//! Commit records, checksums and rows: one form each, and every change of a byte is noticed.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
#![allow(clippy::indexing_slicing, missing_docs)]

use billet_block::{Cid, Codec};
use billet_segment::{
    Claimed, Head, HeldClaim, Pin, Position, Range, Record, RecordError, RowChange, SegmentRow,
    State, Sum, Sums, crc, is_record,
};

fn record() -> Record {
    let cid = |text: &str| Cid::of(Codec::DagCbor, text.as_bytes());
    Record {
        log: "bucket".to_owned(),
        space: "did:key:z6Mk".to_owned(),
        seq: 7,
        prev: Some(cid("prev")),
        root: cid("root"),
        state: cid("state"),
        time_ms: 1_700_000_000_000,
        data: vec![Range {
            segment: 3,
            start: 18,
            end: 99,
        }],
        durable: Position {
            segment: 4,
            end: 18,
        },
        rows: vec![
            RowChange {
                key: vec![0, 255].into(),
                value: Some(vec![1].into()),
            },
            RowChange {
                key: vec![].into(),
                value: None,
            },
        ],
        adopt: vec![Claimed {
            claim: 1 << 40,
            segments: vec![3],
            pin: None,
        }],
        hold: vec![Claimed {
            claim: 2,
            segments: vec![],
            pin: Some(Pin {
                log: "source".to_owned(),
                seq: 9,
            }),
        }],
        discard: vec![5, u64::MAX],
    }
}

#[test]
fn a_record_has_one_form() {
    let bytes = record().to_bytes().unwrap();
    assert!(is_record(&bytes));
    assert_eq!(Record::from_bytes(&bytes), Ok(record()));
    assert!(
        bytes.starts_with(b"\xa1\x70/billet/commit/1\xad"),
        "a union of 13 fields"
    );
    for at in 0..bytes.len() {
        for bit in 0..8 {
            let mut changed = bytes.clone();
            changed[at] ^= 1 << bit;
            if let Ok(other) = Record::from_bytes(&changed) {
                assert_ne!(other, record(), "byte {at}");
                assert_eq!(other.to_bytes().unwrap(), changed, "byte {at}");
            }
        }
        assert!(Record::from_bytes(&bytes[..at]).is_err());
    }
    let mut longer = bytes.clone();
    longer.push(0);
    assert!(Record::from_bytes(&longer).is_err());
}

#[test]
fn the_bytes_of_a_small_record_are_pinned() {
    let cid = Cid::of(Codec::DagCbor, b"");
    let small = Record {
        log: "b".to_owned(),
        space: "s".to_owned(),
        seq: 1,
        prev: None,
        root: cid,
        state: cid,
        time_ms: 2,
        data: vec![],
        durable: Position {
            segment: 0,
            end: 18,
        },
        rows: vec![],
        adopt: vec![],
        hold: vec![],
        discard: vec![],
    };
    // Keys by length, then bytes, as DAG-CBOR wants it; written out by hand.
    let link = "d82a58250001711220e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
    let expected = [
        "a1702f62696c6c65742f636f6d6d69742f31ad",
        "636c6f676162",
        "6373657101",
        "646461746180",
        "64686f6c6480",
        "6470726576f6",
        "64726f6f74",
        link,
        "64726f777380",
        "6474696d6502",
        "6561646f707480",
        "6573706163656173",
        "657374617465",
        link,
        "676469736361726480",
        "6764757261626c65a263656e6412677365676d656e7400",
    ]
    .concat()
    .replace(' ', "");
    assert_eq!(hex::encode(small.to_bytes().unwrap()), expected);
}

#[test]
fn a_newer_record_is_told_by_name() {
    let newer = billet_block::encode(&std::collections::BTreeMap::from([("/billet/commit/2", 1)]));
    let newer = newer.unwrap();
    assert!(is_record(&newer), "and so may not be staged");
    let refused = Record::from_bytes(&newer);
    assert_eq!(
        refused,
        Err(RecordError::Newer("/billet/commit/2".to_owned()))
    );
    assert!(!is_record(b"\xa1\x61a\x01") && !is_record(b"") && !is_record(b"\xa1\x70/billet"));
}

#[test]
fn checksums_refuse_every_change_of_themselves() {
    let sum = |offset| Sum {
        offset,
        length: offset as u32 * 2,
        crc: offset * 3,
    };
    let sums = Sums {
        car_bytes: 77,
        idx_crc: 5,
        sums: [18, 90, 300].map(sum).to_vec(),
    };
    let bytes = sums.encode();
    assert_eq!(bytes.len(), 34 + 3 * 20 + 8);
    assert_eq!(Sums::decode(&bytes), Ok(sums.clone()));
    assert_eq!((sums.at(90), sums.at(91)), (Some(sum(90)), None));
    for at in 0..bytes.len() {
        for bit in 0..8 {
            let mut changed = bytes.clone();
            changed[at] ^= 1 << bit;
            assert!(Sums::decode(&changed).is_err(), "byte {at}");
        }
        assert!(Sums::decode(&bytes[..at]).is_err());
    }
    // The check value of CRC-64/NVME in the catalogue of CRCs.
    assert_eq!(crc(b"123456789"), 0xae8b_1486_0a79_9888);
}

#[test]
fn rows_read_only_what_they_write() {
    let mut segment = SegmentRow::new(State::Sealed);
    segment.logs.insert("b".to_owned(), 4);
    let cid = Cid::of(Codec::DagCbor, b"x");
    let head = Head {
        space: "s".to_owned(),
        seq: 1,
        commit: cid,
        root: cid,
        state: cid,
        time_ms: 3,
        segment: 9,
    };
    let (log, space) = ("b".to_owned(), "s".to_owned());
    let held = HeldClaim {
        log,
        space,
        segments: vec![1, 2],
        pin: None,
    };
    assert_eq!(
        SegmentRow::from_bytes(b"k", &segment.to_bytes()),
        Ok(segment.clone())
    );
    assert_eq!(Head::from_bytes(b"k", &head.to_bytes()), Ok(head.clone()));
    assert_eq!(
        HeldClaim::from_bytes(b"k", &held.to_bytes()),
        Ok(held.clone())
    );
    let refused = Head::from_bytes(b"head/b", &held.to_bytes())
        .unwrap_err()
        .to_string();
    assert!(refused.contains("head/b"), "{refused}");
    assert!(!segment.may_go(0, 0), "a log adopted something");
    segment.logs.clear();
    assert!(segment.may_go(0, 0) && !segment.may_go(1, 0) && !segment.may_go(0, 1));
}
