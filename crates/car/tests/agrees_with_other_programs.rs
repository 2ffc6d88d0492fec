//! Archives and indexes that other programs wrote, read and written again byte for byte.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs
)]

mod common;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use billet_block::{Block, Cid};
use billet_car::{
    CARV2_HEAD_BYTES, CarV2, Header, IndexEntry, IndexKind, IndexLayout, Item, Parsed,
    decode_index, encode_index, frame_bytes, frame_header, lookup, parse_frame,
};
use common::{read, vector};

const ROOT: &str = "bafyreicx2f37l4kigqlwmxduo66gt72q27svyxht3nnocktfrsf5ykgbwa";

fn entries(car: &[u8]) -> Vec<IndexEntry> {
    let entry = |item: Item| match item {
        Item::Block { cid, offset, .. } => Some(IndexEntry {
            digest: *cid.digest(),
            offset,
        }),
        Item::Header(_) => None,
    };
    read(car, 100)
        .unwrap()
        .into_iter()
        .filter_map(entry)
        .collect()
}

#[test]
fn carv1_by_slices() {
    let Some(car) = vector("carv1") else { return };
    let Parsed::Whole((header, mut at)) = Header::parse(&car).unwrap() else {
        panic!("the header is there");
    };
    assert_eq!((header.roots.len(), at), (1, 59));
    assert_eq!(header.roots[0].to_string(), ROOT);
    let mut again = header.encode().unwrap();
    let mut count = 0;
    while at < car.len() {
        let Parsed::Whole(frame) = parse_frame(&car[at..]).unwrap() else {
            panic!("the section at {at} is there");
        };
        let payload = &car[at..][frame.payload.clone()];
        assert!(frame.cid.matches(payload));
        assert_eq!(frame.length, frame_bytes(payload.len()));
        again.extend(frame_header(&frame.cid, payload.len()).unwrap());
        again.extend(payload);
        at += frame.length;
        count += 1;
    }
    assert_eq!(count, 7);
    assert_eq!(again, car);
}

#[test]
fn both_versions_in_pieces_of_any_length() {
    let Some(car) = vector("carv1") else { return };
    let expected = read(&car, car.len()).unwrap();
    assert_eq!(expected.len(), 8);
    for name in ["carv1", "carv2_with_0401", "carv2_no_index"] {
        let bytes = vector(name).unwrap();
        for piece_bytes in 1..=bytes.len() {
            assert_eq!(
                read(&bytes, piece_bytes).unwrap(),
                expected,
                "{name} by {piece_bytes}"
            );
        }
    }
}

#[test]
fn both_indexes() {
    let Some(car) = vector("carv1") else { return };
    let mut entries = entries(&car);
    for (kind, name) in [
        (IndexKind::MultihashSorted, "multihash_index_sorted_0401"),
        (IndexKind::Sorted, "index_sorted_0400"),
    ] {
        let index = vector(name).unwrap();
        assert_eq!(encode_index(kind, entries.clone()), index);
        for entry in &entries {
            assert_eq!(lookup(&index, &entry.digest).unwrap(), Some(entry.offset));
        }
        assert_eq!(lookup(&index, &[7; 32]).unwrap(), None);
        let layout = IndexLayout::parse(&index[..30], index.len() as u64).unwrap();
        assert_eq!(layout.count, 7);
        entries.sort();
        assert_eq!(decode_index(&index).unwrap(), entries);
        entries.reverse();
    }
}

#[test]
fn carv2_from_its_parts() {
    let Some(car) = vector("carv1") else { return };
    let index = vector("multihash_index_sorted_0401").unwrap();
    let head = CarV2::around(car.len() as u64, true);
    let whole = [&head.encode(), car.as_slice(), &index].concat();
    assert_eq!(whole, vector("carv2_with_0401").unwrap());
    assert_eq!(CarV2::parse(&whole).unwrap(), head);
    assert_eq!(
        usize::try_from(head.index_offset.unwrap()).unwrap(),
        whole.len() - index.len()
    );

    let head = CarV2::around(car.len() as u64, false);
    let whole = [&head.encode(), car.as_slice()].concat();
    assert_eq!(whole, vector("carv2_no_index").unwrap());
    assert_eq!(CarV2::parse(&whole[..CARV2_HEAD_BYTES]).unwrap(), head);
}

#[test]
fn archives_of_shard_indexes() {
    let Some(vectors) = billet_vectors::json("car/sharded-dag-index-0.1.json") else {
        return;
    };
    for name in ["storacha_js", "fil_forge"] {
        let text = vectors[name]["archive_base64"].as_str().unwrap();
        let car = BASE64_STANDARD.decode(text).unwrap();
        let mut items = read(&car, 64).unwrap().into_iter();
        let Some(Item::Header(header)) = items.next() else {
            panic!("a header comes first");
        };
        let blocks: Vec<Block> = items
            .map(|item| match item {
                Item::Block { cid, bytes, .. } => Block { cid, bytes },
                Item::Header(_) => panic!("one header is enough"),
            })
            .collect();
        assert_eq!(blocks.len(), 2);
        assert!(blocks.iter().all(|block| block.cid.matches(&block.bytes)));
        let root: Cid = header.roots[0];
        assert!(blocks.iter().any(|block| block.cid == root));
        let mut again = header.encode().unwrap();
        for block in &blocks {
            again.extend(frame_header(&block.cid, block.bytes.len()).unwrap());
            again.extend(&block.bytes);
        }
        assert_eq!(again, car);
    }
}
