//! What of each log is on the network, and where blocks are there.
//!
//! Must never move a published position but forward, to a record of its own log (I7).

use billet_block::Cid;
use billet_segment::{Head, Record};
use billet_shard::{Place, Published, ShipKey};

use super::{damaged, unreadable};
use crate::store::lock;
use crate::{Store, StoreError};

/// More spaces than this that have one block are not told.
const SPACES_MAX: usize = 16;

/// A log here and on the network.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShipPosition {
    /// The log.
    pub log: String,
    /// Where it stands here.
    pub head: Head,
    /// What of it is on the network.
    pub published: Option<Published>,
}

/// Where a block is on the network.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Located {
    /// Under whose authority.
    pub space: String,
    /// In which shard, and where in it.
    pub place: Place,
}

impl Store {
    /// Logs in the order of their names, those after `after`, at most `limit`, 1,000 at most.
    ///
    /// # Errors
    /// `Unavailable`.
    pub fn ship_positions(
        &self,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<ShipPosition>, StoreError> {
        let with_published = |(log, head): (String, Head)| {
            let published = self.published(&log)?;
            Ok(ShipPosition {
                log,
                head,
                published,
            })
        };
        let heads = self.heads("", after, limit)?;
        heads.into_iter().map(with_published).collect()
    }

    /// What of `log` is on the network.
    ///
    /// # Errors
    /// `Unavailable`.
    pub fn published(&self, log: &str) -> Result<Option<Published>, StoreError> {
        let key = ShipKey::Published(log.to_owned());
        let row = self.ship_value(&key)?;
        let row = row.map(|row| Published::from_bytes(&row));
        Ok(row.transpose().map_err(damaged(&key.to_bytes()))?)
    }

    /// Everything under `commit`, a record of `log`, is on the network. The same once more
    /// changes nothing.
    ///
    /// # Errors
    /// `Conflict` for an older record than the published one; `Invalid` for what is no record of
    /// this log; `NotFound` for one that is not here; `Full`, `Unavailable`, `Fatal`.
    pub fn publish(&self, log: &str, commit: &Cid) -> Result<(), StoreError> {
        self.check_alive()?;
        let other = || StoreError::Invalid(format!("{commit} is no commit of {log}"));
        let head = self.newest(log)?.ok_or(StoreError::NotFound)?;
        let record = self.block(commit)?;
        let record = Record::from_bytes(&record).map_err(|_| other())?;
        // Only a commit writes a record, and a log's seq is used once: so it is in the chain.
        let is_head = record.seq == head.seq;
        if record.log != log || record.seq > head.seq || is_head != (*commit == head.commit) {
            return Err(other());
        }
        let mut ship = lock(&self.ship);
        match self.published(log)? {
            Some(now) if now.seq == record.seq && now.commit == *commit => return Ok(()),
            // I7
            Some(now) if now.seq >= record.seq => return Err(StoreError::Conflict),
            _ => {}
        }
        let row = Published {
            seq: record.seq,
            commit: *commit,
            root: record.root,
            state: record.state,
        };
        let key = ShipKey::Published(log.to_owned());
        self.ship_batch(&[(key.to_bytes(), Some(row.to_bytes()))])?;
        ship.is_sweep_due = true;
        Ok(())
    }

    /// Where accepted shards have a block, in at most 16 spaces.
    ///
    /// # Errors
    /// `Unavailable`.
    pub fn locate(&self, cid: &Cid) -> Result<Vec<Located>, StoreError> {
        let rows = self.ship_scan(&ShipKey::places(cid.digest()), None, SPACES_MAX)?;
        let mut out = Vec::with_capacity(rows.len());
        for (key, value) in rows {
            let place = Place::from_bytes(&value).map_err(|error| unreadable(&key, error))?;
            match ShipKey::parse(&key) {
                Ok(ShipKey::Place { space, .. }) => out.push(Located { space, place }),
                Ok(_) => {}
                Err(error) => return Err(unreadable(&key, error)),
            }
        }
        Ok(out)
    }

    /// Whether the network has a block for a space.
    pub(super) fn is_shipped(&self, space: &str, cid: &Cid) -> Result<bool, StoreError> {
        let key = ShipKey::Place {
            digest: *cid.digest(),
            space: space.to_owned(),
        };
        Ok(self.ship_value(&key)?.is_some())
    }
}
