//! A Bloom filter over digests: ten bits a digest, about one false answer in a hundred.
//!
//! Must never answer that a digest is absent when it was added.

use billet_block::Digest;

const BITS_EACH: usize = 10;
const PROBES: u64 = 7;

/// Which digests may be present. The empty filter says yes to everything.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    bits: Vec<u8>,
}

impl Filter {
    /// A filter over some digests.
    pub fn of<'a>(digests: impl ExactSizeIterator<Item = &'a Digest>) -> Self {
        let mut bits = vec![0_u8; (digests.len() * BITS_EACH).div_ceil(8).max(8)];
        for digest in digests {
            for bit in probes(digest, bits.len()) {
                if let Some(byte) = bits.get_mut(bit / 8) {
                    *byte |= 1 << (bit % 8);
                }
            }
        }
        Self { bits }
    }

    /// Whether the digest may be present.
    pub fn may_have(&self, digest: &Digest) -> bool {
        self.bits.is_empty()
            || probes(digest, self.bits.len()).all(|bit| {
                self.bits
                    .get(bit / 8)
                    .is_some_and(|byte| byte & (1 << (bit % 8)) != 0)
            })
    }

    /// The bytes as they stand in a file.
    pub fn bytes(&self) -> &[u8] {
        &self.bits
    }

    /// A filter from a file's bytes.
    pub fn from_bytes(bits: Vec<u8>) -> Self {
        Self { bits }
    }
}

/// Bits to look at: a digest is random already, so two of its words are enough.
fn probes(digest: &Digest, bytes: usize) -> impl Iterator<Item = usize> {
    let word = |at: usize| {
        digest
            .get(at..at + 8)
            .and_then(|word| word.try_into().ok())
            .map_or(0, u64::from_le_bytes)
    };
    let (first, step) = (word(0), word(8) | 1);
    let bits = (bytes as u64 * 8).max(1);
    (0..PROBES).map(move |probe| (first.wrapping_add(probe.wrapping_mul(step)) % bits) as usize)
}
