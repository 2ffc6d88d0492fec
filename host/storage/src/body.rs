//! Bodies on their way in: leaves appended to the shared open segment of the data plane.
//!
//! Must never share a frame outside the open segment and the space it was written for.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use billet_block::{Cid, Codec, LEAF_BYTES_MAX};
use billet_segment::{ClaimId, Content, Frame, Range, check_space};

use crate::stage::{frame_head, frame_of};
use crate::store::lock;
use crate::writing::{Current, Writer};
use crate::{Store, StoreError};

/// Smaller blocks are copied behind their frame's head, to be written in one call.
const COPIED_BYTES_MAX: usize = 64 << 10;

/// A body under way. Dropping it lets go of all that it wrote.
pub struct BodyWriter {
    store: Arc<Store>,
    space: Arc<str>,
    /// For each segment the bytes from the body's first frame in it to its last.
    ranges: BTreeMap<u64, Range>,
}

impl Store {
    /// Begins a body in `space`.
    ///
    /// # Errors
    /// `Invalid` for a name that no space may have; `Busy` while too much waits to be shipped.
    pub fn begin_body(self: &Arc<Self>, space: &str) -> Result<BodyWriter, StoreError> {
        check_space(space).map_err(StoreError::Invalid)?;
        self.check_alive()?;
        self.check_backlog()?;
        let store = Arc::clone(self);
        Ok(BodyWriter {
            store,
            space: Arc::from(space),
            ranges: BTreeMap::new(),
        })
    }
}

impl BodyWriter {
    /// Appends a leaf of at most 1 MiB. `cid` must be its name: the caller hashed it, outside of
    /// any lock.
    ///
    /// # Errors
    /// `Full`, `Unavailable`, `Fatal`; `Invalid` for a leaf that is too long or not raw.
    pub fn append(&mut self, cid: Cid, bytes: &[u8]) -> Result<(), StoreError> {
        let leaf = Leaf::new(cid, bytes)?;
        let store = Arc::clone(&self.store);
        store.check_alive()?;
        let mut data = lock(&store.data);
        if self.shares(&data, &leaf.frame) {
            return Ok(());
        }
        let current = store.ensure_open(&mut data)?;
        let offset = match leaf.append_now(&store, current) {
            Some(offset) => offset,
            None => leaf.append(&store, current)?,
        };
        let is_full = self.add(&mut data, leaf, offset);
        drop(data);
        if is_full {
            store.seal_full()?;
        }
        Ok(())
    }

    /// The same where that takes no wait for the disk: whether it was done.
    ///
    /// # Errors
    /// As [`BodyWriter::append`].
    pub fn append_now(&mut self, cid: Cid, bytes: &[u8]) -> Result<bool, StoreError> {
        let leaf = Leaf::new(cid, bytes)?;
        let store = Arc::clone(&self.store);
        store.check_alive()?;
        let Ok(mut data) = store.data.try_lock() else {
            return Ok(false);
        };
        if self.shares(&data, &leaf.frame) {
            return Ok(true);
        }
        let offset = match &mut data.current {
            Some(current) => leaf.append_now(&store, current),
            None => None,
        };
        if let Some(offset) = offset {
            // One that is full now is sealed after the next group, or by the next tick.
            self.add(&mut data, leaf, offset);
        }
        Ok(offset.is_some())
    }

    /// Whether a frame of the open segment serves this body, too.
    fn shares(&mut self, data: &Writer, frame: &Frame) -> bool {
        let Some(current) = &data.current else {
            return false;
        };
        let shared = current.segment.shared(&frame.cid, &self.space);
        if let Some(shared) = &shared {
            self.cover(current.segment.id.number, shared);
        }
        shared.is_some()
    }

    /// Names a leaf that was appended. Whether the segment is full.
    fn add(&mut self, data: &mut Writer, leaf: Leaf<'_>, offset: u64) -> bool {
        let Some(current) = &data.current else {
            return false;
        };
        let frame = Frame {
            offset,
            ..leaf.frame
        };
        let bytes = frame.end().saturating_sub(offset);
        self.store.backlog_bytes.fetch_add(bytes, Ordering::Relaxed);
        current.segment.add(&[frame], &self.space);
        self.cover(current.segment.id.number, &frame);
        let is_full = current.end >= self.store.config.seal_bytes;
        if is_full && let Some(current) = data.current.take() {
            data.full.push(current);
        }
        is_full
    }

    fn cover(&mut self, segment: u64, frame: &Frame) {
        let (start, end) = (frame.offset, frame.end());
        match self.ranges.get_mut(&segment) {
            Some(range) => {
                range.start = range.start.min(start);
                range.end = range.end.max(end);
            }
            None => {
                self.store.with_book(|book| book.enter(segment));
                self.ranges.insert(
                    segment,
                    Range {
                        segment,
                        start,
                        end,
                    },
                );
            }
        }
    }

    /// Ends the body. The claim waits for a commit for 15 minutes from now on.
    ///
    /// # Errors
    /// `Fatal`.
    pub fn finish(mut self) -> Result<ClaimId, StoreError> {
        self.store.check_alive()?;
        let ranges = std::mem::take(&mut self.ranges).into_values().collect();
        let now_ms = self.store.clock.now_ms();
        let content = Content::Placed(ranges);
        self.store
            .with_book(|book| book.claim(&self.space, now_ms, content))
    }
}

/// A leaf to be appended.
struct Leaf<'a> {
    frame: Frame,
    /// The head of its frame; behind it the bytes of a small one.
    head: Vec<u8>,
    /// The bytes of a large one.
    bytes: Option<&'a [u8]>,
}

impl<'a> Leaf<'a> {
    fn new(cid: Cid, bytes: &'a [u8]) -> Result<Self, StoreError> {
        if cid.codec() != Codec::Raw || bytes.len() > LEAF_BYTES_MAX {
            return Err(StoreError::Invalid(format!("{cid} is no leaf")));
        }
        let frame = frame_of(cid, bytes, 0);
        let mut head = frame_head(&cid, bytes)?;
        let is_small = bytes.len() <= COPIED_BYTES_MAX;
        if is_small {
            head.extend_from_slice(bytes);
        }
        let bytes = (!is_small).then_some(bytes);
        Ok(Self { frame, head, bytes })
    }

    fn append_now(&self, store: &Store, current: &mut Current) -> Option<u64> {
        let is_small = self.bytes.is_none();
        is_small.then(|| store.append_now(current, &self.head))?
    }

    fn append(&self, store: &Store, current: &mut Current) -> Result<u64, StoreError> {
        match self.bytes {
            Some(bytes) => store.append(current, &[&self.head, bytes]),
            None => store.append(current, &[&self.head]),
        }
    }
}

impl Drop for BodyWriter {
    fn drop(&mut self) {
        if !self.ranges.is_empty() {
            let segments = self.ranges.keys().copied();
            self.store.with_book(|book| book.leave(segments));
        }
    }
}

impl std::fmt::Debug for BodyWriter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("BodyWriter")
            .field("ranges", &self.ranges)
            .finish_non_exhaustive()
    }
}
