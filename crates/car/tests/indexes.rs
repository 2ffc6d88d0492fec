//! Indexes of any size: every digest is found, no other is, and damage is seen.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs
)]

use std::collections::BTreeMap;
use std::convert::Infallible;

use billet_block::{Digest, sha256};
use billet_car::{
    CarError, INDEX_ENTRY_BYTES, INDEX_HEAD_BYTES_MAX, IndexEntry, IndexKind, IndexLayout,
    decode_index, encode_index, index_head, lookup,
};
use proptest::prelude::*;

const KINDS: [IndexKind; 2] = [IndexKind::Sorted, IndexKind::MultihashSorted];

fn digest(n: u64) -> Digest {
    sha256(&n.to_le_bytes())
}

fn entry(n: u64) -> IndexEntry {
    IndexEntry {
        digest: digest(n),
        offset: n * 1000,
    }
}

#[test]
fn every_count_up_to_a_few_hundred() {
    for kind in KINDS {
        for count in (0..40).chain([255, 256, 257]) {
            let index = encode_index(kind, (0..count).map(entry).collect());
            for n in 0..count {
                assert_eq!(lookup(&index, &digest(n)).unwrap(), Some(n * 1000));
            }
            for n in count..count + 20 {
                assert_eq!(lookup(&index, &digest(n)).unwrap(), None);
            }
            assert_eq!(lookup(&index, &[0; 32]).unwrap(), None);
            assert_eq!(lookup(&index, &[255; 32]).unwrap(), None);
        }
    }
}

#[test]
fn an_empty_index_has_no_groups() {
    assert_eq!(
        encode_index(IndexKind::MultihashSorted, vec![]),
        [0x81, 8, 0, 0, 0, 0]
    );
    assert_eq!(
        encode_index(IndexKind::Sorted, vec![]),
        [0x80, 8, 0, 0, 0, 0]
    );
    assert_eq!(decode_index(&[0x80, 8, 0, 0, 0, 0]).unwrap(), vec![]);
}

#[test]
fn a_lookup_in_a_file_reads_few_entries() {
    let count = 100_000;
    let index = encode_index(IndexKind::MultihashSorted, (0..count).map(entry).collect());
    let layout = IndexLayout::parse(&index[..INDEX_HEAD_BYTES_MAX], index.len() as u64).unwrap();
    assert_eq!(
        (layout.count, layout.total_bytes()),
        (count, index.len() as u64)
    );
    for n in [0, 1, 77, 99_999, 100_000] {
        let mut reads = 0;
        let found = layout.find(&digest(n), |offset| {
            reads += 1;
            let at = usize::try_from(offset).unwrap();
            Ok::<_, Infallible>(*index[at..].first_chunk::<INDEX_ENTRY_BYTES>().unwrap())
        });
        assert_eq!(found.unwrap(), (n < count).then_some(n * 1000));
        assert!(reads <= 17, "{reads} reads");
    }
    let failed = layout.find(&digest(0), |_| Err("the disk"));
    assert_eq!(failed, Err("the disk"));
}

#[test]
fn lies_about_counts_and_kinds_are_refused() {
    for kind in KINDS {
        let good = encode_index(kind, (0..5).map(entry).collect());
        for length in 0..good.len() {
            assert!(decode_index(&good[..length]).is_err(), "cut to {length}");
            assert!(lookup(&good[..length], &digest(0)).is_err());
        }
        assert!(decode_index(&[good.as_slice(), &[0]].concat()).is_err());
        let head_bytes = index_head(kind, 5).len();
        for at in 0..head_bytes {
            for value in [good[at] ^ 1, good[at] ^ 0x80, 0xff] {
                let mut bad = good.clone();
                bad[at] = value;
                assert!(decode_index(&bad).is_err(), "byte {at} as {value}");
            }
        }
        let mut swapped = good.clone();
        swapped[head_bytes..].rotate_left(INDEX_ENTRY_BYTES);
        let order = Err(CarError::Malformed("an index out of order"));
        assert_eq!(decode_index(&swapped), order);
        let mut twice = good.clone();
        twice.copy_within(
            head_bytes..head_bytes + INDEX_ENTRY_BYTES,
            head_bytes + INDEX_ENTRY_BYTES,
        );
        assert_eq!(decode_index(&twice), order);
    }
    let vast = index_head(IndexKind::Sorted, u64::MAX / 40);
    assert!(IndexLayout::parse(&vast, vast.len() as u64).is_err());
    assert!(IndexLayout::parse(&vast, u64::MAX).is_err());
    assert!(matches!(
        decode_index(&[0x82, 8, 0, 0, 0, 0]),
        Err(CarError::Unsupported(_))
    ));
}

proptest! {
    #[test]
    fn of_equal_digests_the_first_in_the_file_stays(
        pairs in proptest::collection::vec((0_u64..30, any::<u64>()), 0..80),
        shuffled in any::<bool>(),
    ) {
        let mut model: BTreeMap<Digest, u64> = BTreeMap::new();
        for (n, offset) in &pairs {
            let lowest = model.entry(digest(*n)).or_insert(*offset);
            *lowest = (*lowest).min(*offset);
        }
        let mut entries: Vec<IndexEntry> = pairs
            .iter()
            .map(|(n, offset)| IndexEntry { digest: digest(*n), offset: *offset })
            .collect();
        if shuffled {
            entries.reverse();
        }
        let index = encode_index(IndexKind::MultihashSorted, entries);
        let decoded: BTreeMap<Digest, u64> =
            decode_index(&index).unwrap().into_iter().map(|e| (e.digest, e.offset)).collect();
        prop_assert_eq!(decoded, model);
    }
}
