//! Names and numbers in their one form: what is written comes back, all else is refused.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs
)]

use billet_block::{
    Block, CID_BYTES, Cid, CidError, Codec, VARINT_BYTES_MAX, VarintError, read_varint, sha256,
    varint_bytes, write_varint,
};
use proptest::prelude::*;

const CODECS: [Codec; 3] = [Codec::Raw, Codec::DagPb, Codec::DagCbor];

#[test]
fn the_empty_block_has_its_known_names() {
    // SHA-256 of nothing, as every implementation of IPFS names it.
    let raw = "bafkreihdwdcefgh4dqkjv67uzcmw7ojee6xedzdetojuzjevtenxquvyku";
    let block = Block::new(Codec::Raw, vec![]);
    assert_eq!(block.cid.to_string(), raw);
    assert_eq!(raw.parse::<Cid>().unwrap(), block.cid);
    assert_eq!(format!("{:?}", block.cid), raw);
    assert_eq!(
        hex::encode(block.cid.to_bytes()),
        "01551220e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    );
    assert!(block.cid.matches(b""));
    assert!(!block.cid.matches(b"\0"));
}

#[test]
fn every_changed_head_byte_is_refused_or_another_codec() {
    for codec in CODECS {
        let cid = Cid::of(codec, b"some bytes");
        let good = cid.to_bytes();
        assert_eq!(Cid::from_bytes(&good).unwrap(), cid);
        for at in 0..4 {
            for value in 0..=255 {
                let mut bytes = good;
                bytes[at] = value;
                match Cid::from_bytes(&bytes) {
                    Ok(other) => {
                        assert!(at == 1 || other == cid);
                        assert_eq!(other.to_bytes(), bytes);
                    }
                    Err(CidError::Unsupported) => assert!(at == 1 || at == 2, "byte {at}"),
                    Err(CidError::Malformed(_)) => {}
                    Err(error) => panic!("{error}"),
                }
            }
        }
        for length in 0..CID_BYTES {
            let result = Cid::from_bytes(&good[..length]);
            assert!(
                matches!(result, Err(CidError::Malformed(_))),
                "{length} bytes"
            );
        }
        let longer = Cid::from_bytes(&[&good[..], &[0]].concat());
        assert!(matches!(longer, Err(CidError::Malformed(_))));
    }
}

#[test]
fn other_kinds_are_told_from_nonsense() {
    let v0 = [&[0x12, 32][..], &sha256(b"")].concat();
    let identity = [1, 0x55, 0, 0];
    let sha512 = [&[1, 0x55, 0x13, 64][..], &[7; 64]].concat();
    for bytes in [v0.as_slice(), &identity, &sha512] {
        assert_eq!(Cid::from_bytes(bytes), Err(CidError::Unsupported));
    }
    let v0_text = "QmbWqxBEKC3P8tqsKc98xmWNzrzDtRLMiMPL8wBuTGsMnR";
    assert_eq!(v0_text.parse::<Cid>(), Err(CidError::Unsupported));
    let text = Cid::of(Codec::DagPb, b"").to_string();
    for text in [
        format!("/ipfs/{text}"),
        format!("https://example.com/ipfs/{text}"),
        format!("{text}/a"),
        format!(" {text}"),
        format!("{text}\n"),
        text[..text.len() - 1].to_owned(),
        text[1..].to_owned(),
        String::new(),
        ".".to_owned(),
    ] {
        assert!(
            matches!(text.parse::<Cid>(), Err(CidError::Malformed(_))),
            "{text:?}"
        );
    }
}

#[test]
fn names_order_by_codec_and_digest_like_their_bytes() {
    let mut cids: Vec<Cid> = (0..50_u8)
        .flat_map(|n| CODECS.map(|codec| Cid::of(codec, &[n])))
        .collect();
    cids.sort();
    assert!(cids.is_sorted_by_key(Cid::to_bytes));
}

#[test]
fn numbers_around_every_length() {
    for bits in 0..64 {
        for value in [
            (1_u64 << bits) - 1,
            1 << bits,
            (1 << bits) + 1,
            u64::MAX >> bits,
        ] {
            let mut bytes = Vec::new();
            write_varint(&mut bytes, value);
            assert_eq!(bytes.len(), varint_bytes(value), "{value}");
            assert!(bytes.len() <= VARINT_BYTES_MAX);
            assert_eq!(read_varint(&bytes), Ok(Some((value, bytes.len()))));
            for cut in 0..bytes.len() {
                assert_eq!(read_varint(&bytes[..cut]), Ok(None));
            }
            // The same number with a needless byte.
            let last = bytes.len() - 1;
            bytes[last] |= 0x80;
            bytes.push(0);
            assert_eq!(read_varint(&bytes), Err(VarintError), "{value}");
        }
    }
}

#[test]
fn ten_bytes_hold_no_more_than_64_bits() {
    for last in 0..=255 {
        let bytes = [&[0xff; 9][..], &[last]].concat();
        let fits = last == 1;
        assert_eq!(read_varint(&bytes).is_ok(), fits, "{last}");
        assert_eq!(
            read_varint(&[&[0x80; 9][..], &[last]].concat()).is_ok(),
            fits,
            "{last}"
        );
    }
}

proptest! {
    #[test]
    fn a_number_read_is_written_the_same(bytes in proptest::collection::vec(any::<u8>(), 0..12)) {
        if let Ok(Some((value, length))) = read_varint(&bytes) {
            let mut again = Vec::new();
            write_varint(&mut again, value);
            prop_assert_eq!(&again, &bytes[..length]);
        }
    }
}
