//! The life of a shard after it was packed.
//!
//! Must never forget a step that was recorded, nor accept a shard without its commitment.

use billet_segment::Pair;
use billet_shard::{
    DueRow, PAGE_SLOTS, Place, ShardEvent, ShardRow, ShardState, ShipKey, Slot, decode_page,
};

use super::pack::inline_key;
use super::{TOTALS_KEY, damaged, unreadable};
use crate::store::lock;
use crate::{KvChange, Store, StoreError};

/// Most rows of one answer.
const PAGE_ROWS_MAX: usize = 1_000;
/// Most bytes of a recorded step and of a commitment.
const STEP_BYTES_MAX: usize = 256 << 10;

/// A shard with its number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShardInfo {
    /// The number.
    pub number: u64,
    /// All else.
    pub row: ShardRow,
}

impl Store {
    /// A shard.
    ///
    /// # Errors
    /// `NotFound`; `Unavailable`.
    pub fn shard(&self, number: u64) -> Result<ShardInfo, StoreError> {
        let key = ShipKey::Shard(number);
        let value = self.ship_value(&key)?.ok_or(StoreError::NotFound)?;
        let row = ShardRow::from_bytes(&value).map_err(damaged(&key.to_bytes()))?;
        Ok(ShardInfo { number, row })
    }

    /// Shards in the order of their numbers, those after `after`, at most `limit`, 1,000 at most;
    /// all, or those that are not accepted yet.
    ///
    /// # Errors
    /// `Unavailable`.
    pub fn shards(
        &self,
        is_due: bool,
        after: Option<u64>,
        limit: usize,
    ) -> Result<Vec<ShardInfo>, StoreError> {
        let (prefix, kind): (&[u8], fn(u64) -> ShipKey) = if is_due {
            (ShipKey::DUE, ShipKey::Due)
        } else {
            (ShipKey::SHARDS, ShipKey::Shard)
        };
        let after = after.map(|after| kind(after).to_bytes());
        let mut out = Vec::new();
        for (key, _) in self.ship_scan(prefix, after.as_deref(), limit)? {
            let number = match ShipKey::parse(&key) {
                Ok(ShipKey::Shard(number) | ShipKey::Due(number)) => number,
                Ok(_) => continue,
                Err(error) => return Err(unreadable(&key, error)),
            };
            match self.shard(number) {
                Ok(shard) => out.push(shard),
                // It went between the two looks.
                Err(StoreError::NotFound) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(out)
    }

    /// The slots of a shard that stand at or behind byte `from` of its CAR, in order, at most
    /// `limit`, 1,000 at most.
    ///
    /// # Errors
    /// `NotFound` for an unknown shard; `Unavailable`.
    pub fn entries(&self, shard: u64, from: u64, limit: usize) -> Result<Vec<Slot>, StoreError> {
        let limit = limit.min(PAGE_ROWS_MAX);
        let pages = pages(&self.shard(shard)?.row);
        let mut out = Vec::new();
        for page in 0..pages {
            let slots = self.page(shard, page)?;
            out.extend(slots.into_iter().filter(|slot| slot.offset >= from));
            if out.len() >= limit {
                break;
            }
        }
        out.truncate(limit);
        Ok(out)
    }

    /// A page of a shard's recipe.
    pub(super) fn page(&self, shard: u64, page: u16) -> Result<Vec<Slot>, StoreError> {
        let key = ShipKey::Recipe { shard, page };
        let value = self.ship_value(&key)?.ok_or(StoreError::NotFound)?;
        decode_page(&value).map_err(|error| unreadable(&key.to_bytes(), error))
    }

    /// Makes the state of an upload durable before its next step; at most 256 KiB.
    ///
    /// # Errors
    /// `NotFound`; `Invalid` for a shard that is accepted and for a longer state; `Full`, `Fatal`.
    pub fn record_step(&self, shard: u64, state: &[u8]) -> Result<(), StoreError> {
        self.check_alive()?;
        check_length(state)?;
        let _ship = lock(&self.ship);
        let mut row = self.shard(shard)?.row;
        let mut changes: Vec<KvChange> =
            vec![(ShipKey::Step(shard).to_bytes(), Some(state.to_vec()))];
        let next = next(row.state, ShardEvent::Step)?;
        if next != row.state {
            row.state = next;
            changes.push((ShipKey::Shard(shard).to_bytes(), Some(row.to_bytes())));
        }
        self.ship_batch(&changes)
    }

    /// What [`Store::record_step`] recorded last; none before the first time and once the shard
    /// is accepted.
    ///
    /// # Errors
    /// `NotFound` for an unknown shard; `Unavailable`.
    pub fn step(&self, shard: u64) -> Result<Option<Vec<u8>>, StoreError> {
        self.shard(shard)?;
        self.ship_value(&ShipKey::Step(shard))
    }

    /// The network took a shard, as the commitment (at most 256 KiB) says. Once more with the
    /// same changes nothing.
    ///
    /// # Errors
    /// `NotFound`; `Conflict` for another commitment than before; `Invalid` for a longer one;
    /// `Full`, `Fatal`.
    pub fn accept(&self, shard: u64, commitment: &[u8]) -> Result<(), StoreError> {
        self.check_alive()?;
        check_length(commitment)?;
        let mut ship = lock(&self.ship);
        let mut row = self.shard(shard)?.row;
        if row.state == ShardState::Accepted {
            let is_same = self.commitment(shard)? == commitment;
            return is_same.then_some(()).ok_or(StoreError::Conflict);
        }
        row.state = next(row.state, ShardEvent::Accept)?;
        let due = self.due_row(shard)?;
        let mut totals = ship.totals;
        totals.shards += 1;
        totals.bytes += row.size;
        totals.blocks += u64::from(row.blocks);
        // I5: the places of all its blocks are in the batch that calls it accepted.
        let mut changes = self.places_of(shard, &row)?;
        let commitment_key = ShipKey::Commitment(shard).to_bytes();
        changes.push((commitment_key, Some(commitment.to_vec())));
        changes.push((ShipKey::Shard(shard).to_bytes(), Some(row.to_bytes())));
        changes.push((TOTALS_KEY.to_vec(), Some(totals.to_bytes())));
        changes.extend(unsent_rows(shard, &row));
        self.ship_batch(&changes)?;
        ship.totals = totals;
        ship.leave(due.size);
        self.leave_due(due.segments);
        Ok(())
    }

    fn places_of(&self, shard: u64, row: &ShardRow) -> Result<Vec<KvChange>, StoreError> {
        let mut changes = Vec::new();
        for page in 0..pages(row) {
            for slot in self.page(shard, page)? {
                let key = ShipKey::Place {
                    digest: *slot.cid.digest(),
                    space: row.space.clone(),
                };
                let place = Place {
                    shard,
                    offset: slot.offset,
                    length: slot.length,
                };
                changes.push((key.to_bytes(), Some(place.to_bytes())));
            }
        }
        Ok(changes)
    }

    /// The commitment of an accepted shard.
    ///
    /// # Errors
    /// `NotFound`; `Unavailable`.
    pub fn commitment(&self, shard: u64) -> Result<Vec<u8>, StoreError> {
        let commitment = self.ship_value(&ShipKey::Commitment(shard))?;
        commitment.ok_or(StoreError::NotFound)
    }

    /// Drops a shard that is not accepted, as if it had never been packed. An unknown one is
    /// passed over.
    ///
    /// # Errors
    /// `Invalid` for an accepted one; `Full`, `Fatal`.
    pub fn forget(&self, shard: u64) -> Result<(), StoreError> {
        self.check_alive()?;
        let mut ship = lock(&self.ship);
        let row = match self.shard(shard) {
            Ok(shard) => shard.row,
            Err(StoreError::NotFound) => return Ok(()),
            Err(error) => return Err(error),
        };
        next(row.state, ShardEvent::Forget)?;
        let due = self.due_row(shard)?;
        let mut changes: Vec<KvChange> = vec![(ShipKey::Shard(shard).to_bytes(), None)];
        let recipe = (0..pages(&row)).map(|page| ShipKey::Recipe { shard, page });
        changes.extend(recipe.map(|key| (key.to_bytes(), None)));
        changes.extend(unsent_rows(shard, &row));
        self.ship_batch(&changes)?;
        ship.leave(due.size);
        self.leave_due(due.segments);
        Ok(())
    }

    fn due_row(&self, shard: u64) -> Result<DueRow, StoreError> {
        let key = ShipKey::Due(shard);
        let value = self.ship_value(&key)?.ok_or(StoreError::NotFound)?;
        Ok(DueRow::from_bytes(&value).map_err(damaged(&key.to_bytes()))?)
    }

    pub(super) fn ship_scan(
        &self,
        prefix: &[u8],
        after: Option<&[u8]>,
        limit: usize,
    ) -> Result<Vec<Pair>, StoreError> {
        let pairs = self.kv.scan(prefix, after, limit.min(PAGE_ROWS_MAX));
        pairs.map_err(|error| StoreError::Unavailable(error.to_string()))
    }
}

/// How many pages a shard's recipe has.
pub(super) fn pages(row: &ShardRow) -> u16 {
    u16::try_from((row.blocks as usize).div_ceil(PAGE_SLOTS)).unwrap_or(u16::MAX)
}

/// Deletes what only an unsent shard has.
fn unsent_rows(shard: u64, row: &ShardRow) -> Vec<KvChange> {
    let first = row.blocks.saturating_sub(row.inline) as usize;
    let inline = (first..row.blocks as usize).map(|slot| inline_key(shard, slot));
    let keys = [ShipKey::Due(shard), ShipKey::Step(shard)];
    let keys = keys.into_iter().chain(inline);
    keys.map(|key| (key.to_bytes(), None)).collect()
}

fn next(state: ShardState, event: ShardEvent) -> Result<ShardState, StoreError> {
    let next = state.step(event);
    next.map_err(|error| StoreError::Invalid(error.to_string()))
}

fn check_length(bytes: &[u8]) -> Result<(), StoreError> {
    if bytes.len() <= STEP_BYTES_MAX {
        return Ok(());
    }
    let problem = format!("{} bytes, {STEP_BYTES_MAX} at most", bytes.len());
    Err(StoreError::Invalid(problem))
}
