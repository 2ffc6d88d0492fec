//! Bodies that no store can share: each leaf of 1 MiB begins with a number of its own.
//!
//! Must never hold more than one leaf, however long the body is.

use sha2::{Digest, Sha256};

/// The longest leaf.
pub const LEAF_BYTES: usize = 1 << 20;

/// Makes bodies of one size.
#[derive(Clone, Debug)]
pub struct Bodies {
    leaf: Vec<u8>,
    size: u64,
    nonce: u64,
}

impl Bodies {
    /// Bodies of `size` bytes, unlike those of any other `nonce`.
    pub fn new(size: u64, nonce: u64) -> Self {
        let length = usize::try_from(size).unwrap_or(usize::MAX).min(LEAF_BYTES);
        let mut random = crate::random::Random::new(nonce);
        let leaf = std::iter::repeat_with(|| random.next().to_le_bytes())
            .flatten()
            .take(length);
        Self {
            leaf: leaf.collect(),
            size,
            nonce,
        }
    }

    /// The size of each body in bytes.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// How many leaves a body has.
    pub fn leaves(&self) -> u64 {
        self.size.div_ceil(LEAF_BYTES as u64)
    }

    /// A leaf of the body of that number; empty past the end.
    pub fn leaf(&mut self, body: u64, index: u64) -> &[u8] {
        let before = index.saturating_mul(LEAF_BYTES as u64);
        let left = usize::try_from(self.size.saturating_sub(before)).unwrap_or(usize::MAX);
        let stamps = [body ^ self.nonce, index].map(u64::to_le_bytes);
        for (byte, stamp) in self.leaf.iter_mut().zip(stamps.as_flattened()) {
            *byte = *stamp;
        }
        self.leaf.get(..left.min(LEAF_BYTES)).unwrap_or(&self.leaf)
    }

    /// The SHA-256 of a body in hexadecimal.
    pub fn sha256(&mut self, body: u64) -> String {
        let mut state = Sha256::new();
        for index in 0..self.leaves() {
            state.update(self.leaf(body, index));
        }
        hex::encode(state.finalize())
    }
}
