//! Buffers of 1 MiB that are used again, so that no leaf costs fresh pages.
//!
//! Must never hand one buffer to two users.

use std::sync::{Arc, Mutex, PoisonError};

use crate::body::LEAF_BYTES;

/// Buffers kept at most; more are made and thrown away.
const KEPT_MAX: usize = 64;

/// The buffers that nobody uses.
#[derive(Debug, Default)]
pub struct Pool(Mutex<Vec<Vec<u8>>>);

impl Pool {
    /// An empty buffer with room for a leaf.
    pub fn take_empty(self: &Arc<Self>) -> Buffer {
        let mut buffer = self.take();
        buffer.bytes.clear();
        buffer
    }

    /// A buffer with room for a leaf and whatever is in it, which spares zeroing it.
    pub fn take(self: &Arc<Self>) -> Buffer {
        let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let bytes = kept.unwrap_or_else(|| Vec::with_capacity(LEAF_BYTES));
        Buffer {
            bytes,
            pool: Arc::clone(self),
        }
    }
}

/// A buffer on loan.
#[derive(Debug)]
pub struct Buffer {
    /// What is in it.
    pub bytes: Vec<u8>,
    pool: Arc<Pool>,
}

impl AsRef<[u8]> for Buffer {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        let bytes = std::mem::take(&mut self.bytes);
        let mut kept = self.pool.0.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.len() < KEPT_MAX {
            kept.push(bytes);
        }
    }
}
