//! The bytes of a shard's CAR, made from its recipe and local blocks.
//!
//! Must never give a byte of a block that was not checked on this read (I6), nor hold more than
//! one page of the recipe and one block.

use std::sync::Arc;

use billet_shard::{CAR_HEADER_BYTES, ShardRow, Slot};

use super::pack::{header_of, inline_key};
use super::shards::pages;
use crate::stage::frame_head;
use crate::{Store, StoreError};

/// A part of a shard's CAR, read piece by piece.
pub struct ShardReader {
    store: Arc<Store>,
    number: u64,
    row: ShardRow,
    /// The next byte to give.
    at: u64,
    /// Behind the last byte to give.
    end: u64,
    page: u16,
    /// Slots of the page before `page`, in reverse, that were not looked at.
    slots: Vec<Slot>,
    /// The index of the next slot, over the whole shard.
    slot: usize,
    is_header_done: bool,
}

impl Store {
    /// Reads `length` bytes from `offset` on of a shard's CAR.
    ///
    /// # Errors
    /// `NotFound` for an unknown shard; `Invalid` for bytes beyond its end.
    pub fn read_shard(
        self: &Arc<Self>,
        shard: u64,
        offset: u64,
        length: u64,
    ) -> Result<ShardReader, StoreError> {
        let row = self.shard(shard)?.row;
        let end = offset.checked_add(length).filter(|end| *end <= row.size);
        let beyond = || StoreError::Invalid(format!("shard {shard} is shorter than that"));
        Ok(ShardReader {
            store: Arc::clone(self),
            number: shard,
            at: offset,
            end: end.ok_or_else(beyond)?,
            row,
            page: 0,
            slots: Vec::new(),
            slot: 0,
            is_header_done: false,
        })
    }
}

impl ShardReader {
    /// Bytes that are still to come.
    pub const fn left(&self) -> u64 {
        self.end - self.at
    }

    /// The next piece, at most one block and its head, in `out` instead of what that held. False
    /// once nothing is left; `out` is empty then and only then.
    ///
    /// # Errors
    /// `NotFound` and `Corrupt` for a block that is not here any more; `Unavailable`, `Fatal`.
    pub fn next(&mut self, out: &mut Vec<u8>) -> Result<bool, StoreError> {
        out.clear();
        while self.at < self.end {
            let start = if self.is_header_done {
                let Some((index, slot)) = self.next_slot()? else {
                    return Err(StoreError::Unavailable("a recipe is cut off".to_owned()));
                };
                if slot.end() <= self.at {
                    continue;
                }
                self.read_slot(index, &slot, out)?;
                slot.start()
            } else {
                self.is_header_done = true;
                if self.at >= CAR_HEADER_BYTES {
                    continue;
                }
                out.extend(header_of(self.row.root)?);
                0
            };
            self.trim(start, out);
            return Ok(true);
        }
        Ok(false)
    }

    /// Cuts off what was not asked for of bytes that begin at `start`.
    fn trim(&mut self, start: u64, out: &mut Vec<u8>) {
        let end = start + out.len() as u64;
        let stop = end.min(self.end);
        out.truncate(usize::try_from(stop - start).unwrap_or(usize::MAX));
        out.drain(..usize::try_from(self.at - start).unwrap_or(0));
        self.at = stop;
    }

    fn next_slot(&mut self) -> Result<Option<(usize, Slot)>, StoreError> {
        if self.slots.is_empty() && self.page < pages(&self.row) {
            self.slots = self.store.page(self.number, self.page)?;
            self.slots.reverse();
            self.page += 1;
        }
        let index = self.slot;
        self.slot += 1;
        Ok(self.slots.pop().map(|slot| (index, slot)))
    }

    fn read_slot(&self, index: usize, slot: &Slot, out: &mut Vec<u8>) -> Result<(), StoreError> {
        let mut block = Vec::new();
        if index >= self.row.blocks.saturating_sub(self.row.inline) as usize {
            let key = inline_key(self.number, index);
            block = self.store.ship_value(&key)?.ok_or(StoreError::NotFound)?;
            if !slot.cid.matches(&block) {
                return Err(StoreError::Corrupt(slot.cid));
            }
        } else {
            self.store.read_leaf(&slot.cid, &mut block)?;
        }
        if block.len() != slot.length as usize {
            return Err(StoreError::Corrupt(slot.cid));
        }
        out.extend(frame_head(&slot.cid, &block)?);
        out.append(&mut block);
        Ok(())
    }
}

impl std::fmt::Debug for ShardReader {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ShardReader")
            .field("number", &self.number)
            .field("at", &self.at)
            .field("end", &self.end)
            .finish_non_exhaustive()
    }
}
