//! Blocks of the catalog on their way in.
//!
//! Must never take a block that is not what its name says, nor one that could be read as a commit
//! record: recovery would believe it.

use std::sync::Arc;

use billet_block::{BLOCK_BYTES_MAX, Cid};
use billet_car::frame_header;
use billet_segment::{
    ClaimId, Content, Frame, Range, STAGED_IN_MEMORY_BYTES_MAX, check_space, crc, is_record,
};
use bytes::Bytes;

use crate::store::lock;
use crate::writing::Writer;
use crate::{Store, StoreError};

/// When to try again after too much was staged.
const RETRY_AFTER_MS: u32 = 100;

impl Store {
    /// Claims blocks for a later commit. Up to 4 MiB they wait in memory, more are appended now.
    ///
    /// # Errors
    /// `Invalid` for a block that is too long, is not what its CID says or is a commit record;
    /// `Busy` when too much is staged already; `Full`, `Unavailable`, `Fatal`.
    pub fn stage(&self, space: &str, blocks: Vec<(Cid, Bytes)>) -> Result<ClaimId, StoreError> {
        check_space(space).map_err(StoreError::Invalid)?;
        self.check_alive()?;
        for (cid, bytes) in &blocks {
            check_block(cid, bytes)?;
        }
        let total: usize = blocks.iter().map(|(_, bytes)| bytes.len()).sum();
        let now_ms = self.clock.now_ms();
        if total > STAGED_IN_MEMORY_BYTES_MAX {
            let mut catalog = lock(&self.catalog);
            let range = self.append_staged(&mut catalog, space, &blocks)?;
            let content = Content::Placed(vec![range]);
            let claim = self.with_book(|book| {
                book.enter(range.segment);
                book.claim(space, now_ms, content)
            })?;
            self.seal_full_locked(&mut catalog)?;
            return Ok(claim);
        }
        self.with_book(|book| {
            // I8: what waits for commits is bounded.
            if book.staged_bytes + total > self.config.staged_bytes_max {
                return Err(StoreError::Busy {
                    retry_after_ms: RETRY_AFTER_MS,
                });
            }
            book.claim(space, now_ms, Content::Staged(blocks))
        })
    }

    fn append_staged(
        &self,
        catalog: &mut Writer,
        space: &str,
        blocks: &[(Cid, Bytes)],
    ) -> Result<Range, StoreError> {
        let current = self.ensure_open(catalog)?;
        let start = current.end;
        let mut frames = Vec::with_capacity(blocks.len());
        for (cid, bytes) in blocks {
            let head = frame_head(cid, bytes)?;
            match self.append(current, &[&head, bytes]) {
                Ok(offset) => frames.push(frame_of(*cid, bytes, offset)),
                Err(error) => {
                    current.end = start;
                    self.cut_back(current)?;
                    return Err(error);
                }
            }
        }
        current.segment.add(&frames, &Arc::from(space));
        Ok(Range {
            segment: current.segment.id.number,
            start,
            end: current.end,
        })
    }
}

fn check_block(cid: &Cid, bytes: &[u8]) -> Result<(), StoreError> {
    let problem = if bytes.len() > BLOCK_BYTES_MAX {
        "too long for a block"
    } else if is_record(bytes) {
        "a commit record, which only a commit may write"
    } else if !cid.matches(bytes) {
        "not what its CID says"
    } else {
        return Ok(());
    };
    Err(StoreError::Invalid(format!("the block {cid} is {problem}")))
}

pub(crate) fn frame_head(cid: &Cid, bytes: &[u8]) -> Result<Vec<u8>, StoreError> {
    frame_header(cid, bytes.len()).map_err(|error| StoreError::Invalid(error.to_string()))
}

/// The frame of a block at an offset. Blocks are at most 2 MiB.
pub(crate) fn frame_of(cid: Cid, bytes: &[u8], offset: u64) -> Frame {
    Frame {
        cid,
        offset,
        length: bytes.len() as u32,
        crc: crc(bytes),
    }
}
