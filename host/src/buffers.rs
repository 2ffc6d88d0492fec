//! The one pool of buffers for bodies, both ways (I8): whatever clients do, no more memory than
//! this holds bytes of bodies.
//!
//! A buffer is taken for one leaf and given back by being dropped. Small leaves do not take one:
//! they are bounded by the number of requests. Must never hand out more than its peer's share.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::peers::Peer;

/// The size of a buffer: that of the largest leaf.
pub(crate) const BUFFER_BYTES: usize = 1 << 20;

/// Leaves up to this size live in memory of their own.
pub(crate) const SMALL_BYTES_MAX: usize = 64 << 10;

const WAIT_MS_MAX: u64 = 1_000;

/// What a client is told when no buffer was free.
pub(crate) const RETRY_MS: u32 = 1_000;

/// No buffer became free in time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct NoBuffer;

/// Buffers that are lent to bodies.
#[derive(Debug)]
pub(crate) struct Buffers {
    free: Mutex<Vec<Vec<u8>>>,
    permits: Arc<Semaphore>,
    count: usize,
    refused: AtomicUsize,
}

/// Memory for one leaf; it goes back to the pool when it is dropped.
#[derive(Debug)]
pub(crate) struct Buffer {
    bytes: Vec<u8>,
    /// None for a small one.
    lent: Option<Lent>,
}

#[derive(Debug)]
struct Lent {
    pool: Arc<Buffers>,
    _permit: OwnedSemaphorePermit,
    _share: Option<OwnedSemaphorePermit>,
}

impl Buffers {
    /// A pool of `count` buffers; their memory is allocated when it is first used.
    pub(crate) fn new(count: usize) -> Self {
        Self {
            free: Mutex::default(),
            permits: Arc::new(Semaphore::new(count)),
            count,
            refused: AtomicUsize::new(0),
        }
    }

    /// Buffers in use, buffers in all, and how often none was free.
    pub(crate) fn usage(&self) -> (usize, usize, usize) {
        let used = self.count.saturating_sub(self.permits.available_permits());
        (used, self.count, self.refused.load(Ordering::Relaxed))
    }

    /// Memory for `bytes` bytes of a leaf. It holds whatever it was last used for, so that a read
    /// need not fill it with zeros first: whoever takes it clears it or writes over all of it.
    ///
    /// # Errors
    /// When none was free within a second.
    pub(crate) async fn take(
        self: Arc<Self>,
        bytes: usize,
        peer: Option<Arc<Peer>>,
    ) -> Result<Buffer, NoBuffer> {
        if bytes <= SMALL_BYTES_MAX {
            return Ok(Buffer {
                bytes: Vec::with_capacity(bytes),
                lent: None,
            });
        }
        let wait = Duration::from_millis(WAIT_MS_MAX);
        let permits = async {
            let share = match &peer {
                Some(peer) => Some(Arc::clone(&peer.buffers).acquire_owned().await.ok()?),
                None => None,
            };
            Some((Arc::clone(&self.permits).acquire_owned().await.ok()?, share))
        };
        let Ok(Some((permit, share))) = tokio::time::timeout(wait, permits).await else {
            self.refused.fetch_add(1, Ordering::Relaxed);
            return Err(NoBuffer);
        };
        let free = self
            .free
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .pop();
        let bytes = free.unwrap_or_else(|| Vec::with_capacity(BUFFER_BYTES));
        let lent = Lent {
            pool: self,
            _permit: permit,
            _share: share,
        };
        Ok(Buffer {
            bytes,
            lent: Some(lent),
        })
    }
}

impl Buffer {
    /// The bytes, to be filled. Must not grow beyond what was asked for.
    pub(crate) fn bytes_mut(&mut self) -> &mut Vec<u8> {
        &mut self.bytes
    }
}

impl AsRef<[u8]> for Buffer {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        let Some(lent) = self.lent.take() else { return };
        let bytes = std::mem::take(&mut self.bytes);
        lent.pool
            .free
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(bytes);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_buffer_comes_back_and_none_is_told_after_a_second() {
        let pool = Arc::new(Buffers::new(2));
        let first = Arc::clone(&pool).take(BUFFER_BYTES, None).await.unwrap();
        let second = Arc::clone(&pool).take(BUFFER_BYTES, None).await.unwrap();
        let small = Arc::clone(&pool).take(10, None).await.unwrap();
        assert_eq!(pool.usage(), (2, 2, 0));
        let third = Arc::clone(&pool).take(BUFFER_BYTES, None).await;
        assert_eq!(third.unwrap_err(), NoBuffer);
        drop((first, small));
        let mut third = Arc::clone(&pool).take(BUFFER_BYTES, None).await.unwrap();
        assert!(third.bytes_mut().capacity() >= BUFFER_BYTES);
        drop((second, third));
        assert_eq!(pool.usage(), (0, 2, 1));
    }

    /// A buffer is not cleared when it is lent again: what fills it has to.
    #[tokio::test]
    async fn a_failed_read_leaves_nothing_of_whoever_had_the_buffer_before() {
        let folder = tempfile::tempdir().unwrap();
        let settings = crate::settings::Settings::local(folder.path().to_owned());
        let storage = crate::storage::Storage::open(&settings).unwrap();
        let pool = Arc::new(Buffers::new(1));
        let mut buffer = Arc::clone(&pool).take(BUFFER_BYTES, None).await.unwrap();
        buffer.bytes_mut().extend_from_slice(b"somebody else's");
        drop(buffer);
        let mut buffer = Arc::clone(&pool).take(BUFFER_BYTES, None).await.unwrap();
        assert_eq!(buffer.as_ref(), b"somebody else's", "the same memory");
        let absent = billet_block::Cid::of(billet_block::Codec::Raw, b"never stored");
        let (found, buffer) = storage
            .run(move |store| {
                let found = store.read_leaf(&absent, buffer.bytes_mut());
                Ok((found, buffer))
            })
            .await
            .unwrap();
        assert!(found.is_err());
        assert!(buffer.as_ref().is_empty());
    }
}
