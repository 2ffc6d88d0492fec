//! Bodies on their way in: leaves appended to the shared open segment of the data plane.
//!
//! Must never share a frame outside the open segment and the space it was written for.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use billet_block::{Cid, Codec, LEAF_BYTES_MAX};
use billet_car::frame_header;
use billet_segment::{ClaimId, Content, Frame, Range, check_space, crc};

use crate::store::lock;
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
        if cid.codec() != Codec::Raw || bytes.len() > LEAF_BYTES_MAX {
            return Err(StoreError::Invalid(format!("{cid} is no leaf")));
        }
        self.store.check_alive()?;
        let invalid = |error: billet_car::CarError| StoreError::Invalid(error.to_string());
        let mut head = frame_header(&cid, bytes.len()).map_err(invalid)?;
        let crc = crc(bytes);
        let is_copied = bytes.len() <= COPIED_BYTES_MAX;
        if is_copied {
            head.extend_from_slice(bytes);
        }
        let parts: &[&[u8]] = if is_copied { &[&head] } else { &[&head, bytes] };
        let frame = Frame {
            cid,
            offset: 0,
            length: bytes.len() as u32,
            crc,
        };
        if self.append_frame(frame, parts)? {
            self.store.seal_full()?;
        }
        Ok(())
    }

    /// Whether a segment became full.
    fn append_frame(&mut self, mut frame: Frame, parts: &[&[u8]]) -> Result<bool, StoreError> {
        let store = Arc::clone(&self.store);
        let mut data = lock(&store.data);
        if let Some(current) = &data.current
            && let Some(shared) = current.segment.shared(&frame.cid, &self.space)
        {
            self.cover(current.segment.id.number, &shared);
            return Ok(false);
        }
        let current = store.ensure_open(&mut data)?;
        frame.offset = store.append(current, parts)?;
        let bytes: usize = parts.iter().map(|part| part.len()).sum();
        store
            .backlog_bytes
            .fetch_add(bytes as u64, Ordering::Relaxed);
        current.segment.add(&[frame], &self.space);
        self.cover(current.segment.id.number, &frame);
        let is_full = current.end >= store.config.seal_bytes;
        if is_full && let Some(current) = data.current.take() {
            data.full.push(current);
        }
        Ok(is_full)
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
