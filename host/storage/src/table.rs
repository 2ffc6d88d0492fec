//! Finding blocks in sealed segments: a filter and a sorted table each.
//!
//! Must never hold a place that is not in the segment's checksums, nor trust a file whose own
//! checksum is wrong.

use std::sync::Arc;

use billet_block::{Cid, Digest};
use billet_car::{IndexEntry, IndexKind, decode_index, encode_index};
use billet_segment::{Frame, Sum, Sums, crc};

use crate::File;

const FILTER_BITS_EACH: usize = 10;
const FILTER_PROBES: u64 = 7;

/// A Bloom filter: about one digest in a hundred is thought to be there without being.
pub(crate) struct Filter {
    bits: Vec<u64>,
}

impl Filter {
    fn of<'a>(digests: impl ExactSizeIterator<Item = &'a Digest>) -> Self {
        let words = (digests.len() * FILTER_BITS_EACH).div_ceil(64).max(1);
        let mut filter = Self {
            bits: vec![0; words],
        };
        for digest in digests {
            for bit in filter.places(digest) {
                if let Some(word) = filter.bits.get_mut((bit / 64) as usize) {
                    *word |= 1 << (bit % 64);
                }
            }
        }
        filter
    }

    pub(crate) fn may_have(&self, digest: &Digest) -> bool {
        self.places(digest).all(|bit| {
            let word = self.bits.get((bit / 64) as usize);
            word.is_some_and(|word| word & (1 << (bit % 64)) != 0)
        })
    }

    /// The digest is random already: two of its words give all places.
    fn places(&self, digest: &Digest) -> impl Iterator<Item = u64> + use<> {
        let (words, _) = digest.as_chunks::<8>();
        let word = |index: usize| words.get(index).copied().map_or(0, u64::from_le_bytes);
        let (first, step) = (word(0), word(1) | 1);
        let bits = self.bits.len() as u64 * 64;
        (0..FILTER_PROBES).map(move |probe| first.wrapping_add(probe.wrapping_mul(step)) % bits)
    }
}

/// One block in a table.
#[derive(Clone, Copy)]
struct Place {
    digest: Digest,
    sum: Sum,
}

/// All blocks of a sealed segment, by digest, and its file.
pub(crate) struct Table {
    pub(crate) file: Arc<dyn File>,
    places: Vec<Place>,
}

/// The bytes of the two files beside a CAR.
pub(crate) struct Sidecars {
    pub(crate) idx: Vec<u8>,
    pub(crate) sum: Vec<u8>,
}

impl Table {
    /// The table of these frames.
    pub(crate) fn of_frames(file: Arc<dyn File>, frames: &[Frame]) -> Self {
        let mut places: Vec<_> = frames
            .iter()
            .map(|frame| Place {
                digest: *frame.cid.digest(),
                sum: sum_of(frame),
            })
            .collect();
        places.sort_unstable_by_key(|place| (place.digest, place.sum.offset));
        places.dedup_by_key(|place| place.digest);
        Self { file, places }
    }

    /// The table that two files say, if they are whole and of a CAR of so many bytes.
    pub(crate) fn of_sidecars(
        file: Arc<dyn File>,
        sidecars: &Sidecars,
        car_bytes: u64,
    ) -> Option<Self> {
        let sums = Sums::decode(&sidecars.sum).ok()?;
        if sums.car_bytes != car_bytes || sums.idx_crc != crc(&sidecars.idx) {
            return None;
        }
        let entries = decode_index(&sidecars.idx).ok()?;
        let place = |entry: IndexEntry| {
            Some(Place {
                digest: entry.digest,
                sum: sums.at(entry.offset)?,
            })
        };
        let places = entries.into_iter().map(place).collect::<Option<_>>()?;
        Some(Self { file, places })
    }

    pub(crate) fn get(&self, cid: &Cid) -> Option<Frame> {
        let index = self
            .places
            .binary_search_by_key(cid.digest(), |place| place.digest)
            .ok()?;
        let Sum {
            offset,
            length,
            crc,
        } = self.places.get(index)?.sum;
        Some(Frame {
            cid: *cid,
            offset,
            length,
            crc,
        })
    }

    pub(crate) fn filter(&self) -> Filter {
        Filter::of(self.places.iter().map(|place| &place.digest))
    }

    /// What it takes in memory, the open file counted in.
    pub(crate) fn bytes(&self) -> usize {
        4096 + self.places.len() * size_of::<Place>()
    }
}

/// What is to be written beside a CAR of these frames.
pub(crate) fn sidecars_of(frames: &[Frame], car_bytes: u64) -> Sidecars {
    let entry = |frame: &Frame| IndexEntry {
        digest: *frame.cid.digest(),
        offset: frame.offset,
    };
    let entries = frames.iter().map(entry).collect();
    let idx = encode_index(IndexKind::MultihashSorted, entries);
    let sums = frames.iter().map(sum_of).collect();
    let sum = Sums {
        car_bytes,
        idx_crc: crc(&idx),
        sums,
    }
    .encode();
    Sidecars { idx, sum }
}

fn sum_of(frame: &Frame) -> Sum {
    Sum {
        offset: frame.offset,
        length: frame.length,
        crc: frame.crc,
    }
}
