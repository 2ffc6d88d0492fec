//! What leaves for the network: recipes of shards, their life, where blocks are, notes.
//!
//! All of it is rows of the durable table and none of it is in the journal: a batch of rows is
//! the one effect of each step. A block's place is a row under its digest, written in the batch
//! that accepts its shard: no lookup needs memory, no other file can be out of step with the
//! shard's state. Must never call a shard accepted before the places of its blocks are durable
//! (I5), nor move a published position anywhere but forward (I7).

mod notes;
mod pack;
mod publish;
mod read;
mod retire;
mod shards;

use std::collections::BTreeMap;

use billet_block::CborError;
use billet_segment::RowError;
use billet_shard::{DueRow, ShipKey, Totals};

use crate::book::Account;
use crate::store::lock;
use crate::{KvChange, OpenError, Store, StoreError};

pub use notes::NoteChange;
pub use pack::{Packed, Packer};
pub use publish::{Located, ShipPosition};
pub use read::ShardReader;
pub use retire::Progress;
pub use shards::ShardInfo;

/// The key of the number of the next shard.
const SHARDS_KEY: &[u8] = b"meta/shards";
/// The key of the totals.
const TOTALS_KEY: &[u8] = b"meta/shipped";

/// What is known of shipping in memory; locked for as long as a row is changed.
pub(crate) struct Shipping {
    next: u64,
    pub(crate) totals: Totals,
    waiting_shards: u64,
    waiting_bytes: u64,
    /// Something changed that may let segments go.
    is_sweep_due: bool,
    swept_ms: u64,
}

impl Default for Shipping {
    fn default() -> Self {
        Self {
            next: 1,
            totals: Totals::default(),
            waiting_shards: 0,
            waiting_bytes: 0,
            is_sweep_due: true,
            swept_ms: 0,
        }
    }
}

impl Shipping {
    fn enter(&mut self, bytes: u64) {
        self.waiting_shards += 1;
        self.waiting_bytes += bytes;
    }

    const fn leave(&mut self, bytes: u64) {
        self.waiting_shards = self.waiting_shards.saturating_sub(1);
        self.waiting_bytes = self.waiting_bytes.saturating_sub(bytes);
        self.is_sweep_due = true;
    }
}

/// A row that cannot be read.
fn damaged(key: &[u8]) -> impl FnOnce(CborError) -> RowError {
    let key = String::from_utf8_lossy(key).into_owned();
    move |error| RowError { key, error }
}

fn unreadable(key: &[u8], error: impl std::fmt::Display) -> StoreError {
    let key = String::from_utf8_lossy(key);
    StoreError::Unavailable(format!("the row {key:?} cannot be read: {error}"))
}

impl Store {
    /// Reads what earlier processes left, and counts unsent shards into their segments.
    pub(crate) fn load_shipping(
        &self,
        accounts: &mut BTreeMap<u64, Account>,
    ) -> Result<(), OpenError> {
        let mut ship = lock(&self.ship);
        *ship = Shipping::default();
        if let Some(next) = self
            .kv
            .get(SHARDS_KEY)?
            .and_then(|next| next.try_into().ok())
        {
            ship.next = u64::from_le_bytes(next);
        }
        if let Some(totals) = self.kv.get(TOTALS_KEY)? {
            ship.totals = Totals::from_bytes(&totals).map_err(damaged(TOTALS_KEY))?;
        }
        for (key, value) in self.all(ShipKey::DUE)? {
            let due = DueRow::from_bytes(&value).map_err(damaged(&key))?;
            ship.enter(due.size);
            for segment in &due.segments {
                if let Some(account) = accounts.get_mut(segment) {
                    account.due += 1;
                }
            }
        }
        Ok(())
    }

    fn ship_value(&self, key: &ShipKey) -> Result<Option<Vec<u8>>, StoreError> {
        let value = self.kv.get(&key.to_bytes());
        value.map_err(|error| StoreError::Unavailable(error.to_string()))
    }

    fn ship_batch(&self, changes: &[KvChange]) -> Result<(), StoreError> {
        self.kv
            .batch(changes)
            .map_err(|error| self.batch_error(error))
    }

    /// Lets segments go as far as this shard kept them.
    fn leave_due(&self, segments: impl IntoIterator<Item = u64>) {
        self.with_book(|book| {
            for segment in segments {
                if let Some(account) = book.accounts.get_mut(&segment) {
                    account.due = account.due.saturating_sub(1);
                }
            }
        });
    }
}
