//! Sections and whole archives that are cut, damaged or lie about their lengths.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs
)]

mod common;

use billet_block::{BLOCK_BYTES_MAX, Block, CID_BYTES, Cid, Codec, write_varint};
use billet_car::{
    CarError, CarV2, FRAME_HEAD_BYTES_MAX, Item, Parsed, Reader, SECTION_BYTES_MAX, frame_bytes,
    frame_header, parse_frame, parse_frame_head,
};
use common::{archive, blocks, read};
use proptest::prelude::*;

fn section(section_bytes: u64, rest: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    write_varint(&mut out, section_bytes);
    out.extend(rest);
    out
}

#[test]
fn a_section_cut_anywhere_says_how_much_it_needs() {
    for block in blocks() {
        let head = frame_header(&block.cid, block.bytes.len()).unwrap();
        let whole = [head.as_slice(), &block.bytes].concat();
        assert_eq!(whole.len(), frame_bytes(block.bytes.len()));
        for cut in 0..whole.len() {
            let Parsed::Incomplete { bytes } = parse_frame(&whole[..cut]).unwrap() else {
                panic!("cut at {cut}");
            };
            assert!(bytes > cut && bytes <= whole.len());
            let has_head = cut >= head.len();
            let parsed = parse_frame_head(&whole[..cut]).unwrap();
            assert_eq!(matches!(parsed, Parsed::Whole(_)), has_head);
        }
        let Parsed::Whole(frame) = parse_frame(&[&whole, b"rest".as_slice()].concat()).unwrap()
        else {
            panic!("it is all there");
        };
        assert_eq!((frame.cid, frame.length), (block.cid, whole.len()));
        assert_eq!(frame.payload, head.len()..whole.len());
    }
}

#[test]
fn the_longest_block_and_one_byte_more() {
    let cid = Cid::of(Codec::Raw, b"");
    let head = frame_header(&cid, BLOCK_BYTES_MAX).unwrap();
    assert_eq!(head.len(), FRAME_HEAD_BYTES_MAX);
    assert!(matches!(parse_frame_head(&head).unwrap(), Parsed::Whole(_)));
    assert_eq!(
        frame_header(&cid, BLOCK_BYTES_MAX + 1),
        Err(CarError::TooLong("a block"))
    );
    let over = |bytes: usize| section(bytes as u64, &cid.to_bytes());
    let fits_section = over(CID_BYTES + BLOCK_BYTES_MAX + 1);
    assert_eq!(
        parse_frame_head(&fits_section),
        Err(CarError::TooLong("a block"))
    );
    let too_long = over(SECTION_BYTES_MAX + 1);
    assert_eq!(
        parse_frame_head(&too_long),
        Err(CarError::TooLong("a section"))
    );
    assert!(matches!(
        parse_frame(&section(u64::MAX, b"")),
        Err(CarError::TooLong(_))
    ));
}

#[test]
fn what_is_no_section() {
    let v0 = [&[0x12, 32][..], &[7; 32]].concat();
    let identity = [1, 0x55, 0, 2, 8, 9];
    let sha512 = [&[1, 0x55, 0x13, 64][..], &[7; 64]].concat();
    for cid in [v0.as_slice(), &identity, &sha512] {
        let bytes = section(cid.len() as u64, cid);
        assert!(matches!(parse_frame(&bytes), Err(CarError::Unsupported(_))));
    }
    let malformed = [
        section(100, &[2; 100]),
        section(1, &[1]),
        section(36, &[0; 36]),
        section(2, &[0x12, 33]),
        [&[0xa4, 0][..], &[1; 36]].concat(),
        vec![0xff; 10],
        [&[0xff; 9][..], &[0x7f]].concat(),
    ];
    for bytes in malformed {
        assert!(
            matches!(parse_frame(&bytes), Err(CarError::Malformed(_))),
            "{bytes:?}"
        );
    }
    // Ten bytes whose lost top bits would leave 36.
    let folded = [&[0xa4][..], &[0x80; 8], &[2], &blocks()[0].cid.to_bytes()].concat();
    assert!(matches!(parse_frame(&folded), Err(CarError::Malformed(_))));
    assert_eq!(parse_frame(&[0; 512]), Err(CarError::EmptySection));
}

#[test]
fn an_archive_cut_anywhere_is_whole_only_between_sections() {
    let blocks = blocks();
    let car = archive(&blocks);
    let ends: Vec<usize> = (0..=blocks.len())
        .map(|n| archive(&blocks[..n]).len())
        .collect();
    assert_eq!(ends.last(), Some(&car.len()));
    // The header depends on the first block, so the empty archive is not a prefix.
    let ends: Vec<usize> = ends[1..].iter().copied().chain([59]).collect();
    for cut in 0..=car.len() {
        let expected = ends.contains(&cut);
        assert_eq!(read(&car[..cut], 50).is_ok(), expected, "cut at {cut}");
        if !expected {
            assert_eq!(
                read(&car[..cut], 50),
                Err(CarError::Truncated),
                "cut at {cut}"
            );
        }
    }
}

#[test]
fn a_carv2_ends_where_it_says() {
    let car = archive(&blocks());
    let data_bytes = car.len() as u64;
    let expected = read(&car, 1000).unwrap();
    let with = |head: CarV2, gap: usize| {
        let bytes = [&head.encode()[..], &vec![9; gap], &car, b"trailing bytes"].concat();
        let by_one = read(&bytes, 1);
        assert_eq!(by_one, read(&bytes, bytes.len()));
        by_one
    };
    let around = CarV2::around(data_bytes, false);
    assert_eq!(with(around, 0).unwrap(), expected);
    let gap = CarV2 {
        data_offset: 151,
        fully_indexed: true,
        ..around
    };
    assert_eq!(CarV2::parse(&gap.encode()).unwrap(), gap);
    assert_eq!(with(gap, 100).unwrap(), expected);
    for data_bytes in [0, 1, 58, 60, data_bytes - 1, data_bytes + 1] {
        let result = with(
            CarV2 {
                data_bytes,
                ..around
            },
            0,
        );
        assert!(
            matches!(result, Err(CarError::Malformed(_))),
            "{data_bytes}"
        );
    }
    let result = with(
        CarV2 {
            data_bytes: data_bytes + 1000,
            ..around
        },
        0,
    );
    assert!(result.is_err());
    let head = CarV2 {
        data_bytes: data_bytes + 1,
        ..around
    }
    .encode();
    assert_eq!(
        read(&[&head, car.as_slice()].concat(), 7),
        Err(CarError::Truncated)
    );
}

#[test]
fn heads_of_carv2_that_cannot_be() {
    let good = CarV2::around(100, true);
    let bad = [
        CarV2 {
            data_offset: 50,
            ..good
        },
        CarV2 {
            data_offset: 52,
            ..good
        },
        CarV2 {
            data_bytes: u64::MAX,
            ..good
        },
        CarV2 {
            index_offset: Some(150),
            ..good
        },
        CarV2 {
            index_offset: Some(1),
            ..good
        },
    ];
    for head in bad {
        let result = CarV2::parse(&head.encode());
        assert!(matches!(result, Err(CarError::Malformed(_))), "{head:?}");
    }
    let mut bytes = good.encode();
    assert_eq!(CarV2::parse(&bytes[..50]), Err(CarError::Truncated));
    bytes[12] = 1;
    assert!(matches!(
        CarV2::parse(&bytes),
        Err(CarError::Unsupported(_))
    ));
    bytes[0] = 0;
    assert!(matches!(CarV2::parse(&bytes), Err(CarError::Malformed(_))));
}

#[test]
fn errors_stay_and_nothing_is_lost_before_them() {
    let mut car = archive(&blocks());
    let good = car.len();
    car.extend([0; 100]);
    let mut reader = Reader::new();
    reader.push(&car);
    for _ in 0..4 {
        assert!(reader.next_item().unwrap().is_some());
    }
    for _ in 0..3 {
        assert_eq!(reader.next_item(), Err(CarError::EmptySection));
    }
    assert_eq!(reader.finish(), Err(CarError::Truncated));
    assert_eq!(read(&car[..good], 3).unwrap().len(), 4);
}

proptest! {
    #[test]
    fn any_blocks_in_any_pieces(
        payloads in proptest::collection::vec(
            proptest::collection::vec(any::<u8>(), 0..600), 1..12),
        piece_bytes in 1_usize..2000,
    ) {
        let blocks: Vec<Block> =
            payloads.into_iter().map(|bytes| Block::new(Codec::Raw, bytes)).collect();
        let car = archive(&blocks);
        let items = read(&car, piece_bytes).unwrap();
        prop_assert_eq!(items.len(), blocks.len() + 1);
        for (item, block) in items[1..].iter().zip(&blocks) {
            let Item::Block { cid, offset, bytes } = item else {
                panic!("one header only");
            };
            prop_assert_eq!((cid, bytes), (&block.cid, &block.bytes));
            let at = usize::try_from(*offset).unwrap();
            let parsed = parse_frame(&car[at..]).unwrap();
            prop_assert!(matches!(parsed, Parsed::Whole(frame) if frame.cid == *cid));
        }
    }

    #[test]
    fn damage_never_panics_and_pieces_never_matter(
        at in any::<prop::sample::Index>(), value: u8, piece_bytes in 1_usize..500, v2: bool,
    ) {
        let mut car = archive(&blocks());
        if v2 {
            let head = CarV2::around(car.len() as u64, false);
            car = [&head.encode(), car.as_slice()].concat();
        }
        let at = at.index(car.len());
        car[at] = value;
        let whole = read(&car, car.len());
        let pieces = read(&car, piece_bytes);
        prop_assert_eq!(whole.is_ok(), pieces.is_ok());
        if let Ok(items) = whole {
            prop_assert_eq!(items, pieces.unwrap());
        }
    }
}
