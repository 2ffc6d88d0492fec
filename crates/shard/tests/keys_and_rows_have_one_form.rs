//! Keys, rows and pages of recipes are read back as they were written, and nothing else is read.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
#![allow(clippy::indexing_slicing, missing_docs)]

use billet_block::{Cid, Codec};
use billet_segment::Plane;
use billet_shard::{
    DueRow, PAGE_SLOTS, PageError, Place, Published, Recipe, ShardRow, ShardState, ShipKey, Totals,
    decode_page, encode_page,
};
use proptest::prelude::*;
use serde_bytes::ByteArray;

fn keys() -> impl Strategy<Value = ShipKey> {
    let name = "[^\0]{1,60}";
    prop_oneof![
        any::<u64>().prop_map(ShipKey::Shard),
        any::<u64>().prop_map(ShipKey::Due),
        any::<u64>().prop_map(ShipKey::Step),
        any::<u64>().prop_map(ShipKey::Commitment),
        any::<(u64, u16)>().prop_map(|(shard, page)| ShipKey::Recipe { shard, page }),
        any::<(u64, u16)>().prop_map(|(shard, slot)| ShipKey::Inline { shard, slot }),
        (any::<[u8; 32]>(), name).prop_map(|(digest, space)| ShipKey::Place { digest, space }),
        name.prop_map(ShipKey::Published),
        name.prop_map(ShipKey::Note),
    ]
}

proptest! {
    #[test]
    fn a_key_is_read_back(one in keys(), other in keys()) {
        prop_assert_eq!(ShipKey::parse(&one.to_bytes()), Ok(one.clone()));
        prop_assert_eq!(one == other, one.to_bytes() == other.to_bytes());
    }

    #[test]
    fn what_is_read_is_written_so(key in keys(), at: usize, byte: u8) {
        let mut bytes = key.to_bytes();
        let at = at % bytes.len();
        bytes[at] = byte;
        if let Ok(key) = ShipKey::parse(&bytes) {
            prop_assert_eq!(key.to_bytes(), bytes);
        }
    }

    #[test]
    fn a_page_is_read_back(lengths in prop::collection::vec(0u32..2_000_000, 1..40), cut: usize) {
        let mut recipe = Recipe::default();
        for (index, length) in lengths.iter().enumerate() {
            recipe.push(Cid::of(Codec::Raw, &index.to_le_bytes()), *length);
        }
        let bytes = encode_page(recipe.slots());
        let whole = decode_page(&bytes);
        prop_assert_eq!(whole.as_deref(), Ok(recipe.slots()));
        let cut = cut % bytes.len();
        let read = decode_page(&bytes[..cut]);
        prop_assert!(read.is_err() || read.unwrap() == recipe.slots()[..cut / 48]);
    }
}

#[test]
fn keys_of_one_kind_stand_together_in_order() {
    let numbers = [0, 1, 9, 10, 99, 1 << 40, u64::MAX];
    let keys: Vec<_> = numbers.map(|n| ShipKey::Shard(n).to_bytes()).to_vec();
    assert!(keys.is_sorted());
    assert_eq!(keys[2], b"shard/00000000000000000009");
    let prefixes: [&[u8]; 4] = [
        ShipKey::SHARDS,
        ShipKey::DUE,
        ShipKey::PUBLISHED,
        ShipKey::NOTES,
    ];
    for (one, key) in [
        (0, ShipKey::Shard(1)),
        (1, ShipKey::Due(1)),
        (2, ShipKey::Published("shard/".to_owned())),
        (3, ShipKey::Note("published/".to_owned())),
        (9, ShipKey::Step(1)),
        (9, ShipKey::Recipe { shard: 1, page: 1 }),
    ] {
        for (index, prefix) in prefixes.iter().enumerate() {
            assert_eq!(key.to_bytes().starts_with(prefix), index == one, "{key:?}");
        }
    }
}

#[test]
fn near_misses_are_refused() {
    for bytes in [
        &b""[..],
        b"shard/",
        b"shard/1",
        b"shard/0000000000000000000a",
        b"shard/99999999999999999999",
        b"shard-recipe/00000000000000000001",
        b"shard-recipe/00000000000000000001/70000",
        b"shard-recipe/00000000000000000001/0001",
        b"place/short",
        b"place/00112233445566778899aabbccddeeff",
        b"published/",
        b"note/",
        b"note/a\0b",
        b"head/x",
    ] {
        assert!(
            ShipKey::parse(bytes).is_err(),
            "{}",
            String::from_utf8_lossy(bytes)
        );
    }
}

#[test]
fn rows_are_read_back_and_nothing_longer_is() {
    let cid = Cid::of(Codec::DagCbor, b"root");
    let shard = ShardRow {
        state: ShardState::Uploading,
        space: "did:key:z".to_owned(),
        plane: Plane::Catalog,
        window: u64::MAX,
        digest: ByteArray::new([7; 32]),
        size: 1 << 40,
        blocks: 8_000,
        inline: 1,
        root: cid,
    };
    let bytes = shard.to_bytes();
    assert_eq!(ShardRow::from_bytes(&bytes), Ok(shard));
    assert!(ShardRow::from_bytes(&bytes[..bytes.len() - 1]).is_err());
    let due = DueRow {
        segments: vec![1, 2],
        size: 9,
    };
    assert_eq!(DueRow::from_bytes(&due.to_bytes()), Ok(due));
    let published = Published {
        seq: 3,
        commit: cid,
        root: cid,
        state: cid,
    };
    assert_eq!(Published::from_bytes(&published.to_bytes()), Ok(published));
    let totals = Totals {
        shards: 1,
        bytes: 2,
        blocks: 3,
        retired_segments: 4,
        retired_bytes: 5,
    };
    assert_eq!(Totals::from_bytes(&totals.to_bytes()), Ok(totals));
    let place = Place {
        shard: 1,
        offset: 2,
        length: 3,
    };
    let mut bytes = place.to_bytes();
    assert_eq!(Place::from_bytes(&bytes), Ok(place));
    bytes.push(0);
    assert!(Place::from_bytes(&bytes).is_err());
}

#[test]
fn pages_that_no_recipe_has_are_refused() {
    let mut recipe = Recipe::default();
    for index in 0..=PAGE_SLOTS as u64 {
        recipe.push(Cid::of(Codec::Raw, &index.to_le_bytes()), 1);
    }
    let bytes = encode_page(recipe.slots());
    assert_eq!(decode_page(&bytes), Err(PageError::Length(bytes.len())));
    assert_eq!(decode_page(b""), Err(PageError::Length(0)));
    let (one, two) = (recipe.slots()[0], recipe.slots()[1]);
    assert_eq!(
        decode_page(&encode_page(&[two, one])),
        Err(PageError::Order)
    );
    assert_eq!(
        decode_page(&encode_page(&[one, one])),
        Err(PageError::Order)
    );
    let mut early = one;
    early.offset = 4;
    assert_eq!(decode_page(&encode_page(&[early])), Err(PageError::Order));
}
