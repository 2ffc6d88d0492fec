//! Letting go of local segments, once the network has what is in them.
//!
//! Must never let a segment go that the rule of `billet_shard::Reach` keeps, that has the newest
//! record of a log, or that a shard is still to be sent from.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::Ordering;

use billet_segment::{Content, PIN_PREFIX, Plane, SegmentId, SegmentRow, State, parse_pin_key};
use billet_shard::{Keep, Rank, Reach, Totals};

use super::{Shipping, TOTALS_KEY};
use crate::store::lock;
use crate::{KvChange, Retain, Store, StoreError};

/// Without a reason to look, segments are looked through again after this.
const SWEEP_MS: u64 = 10_000;
/// When to try again while too much waits to be shipped.
const RETRY_AFTER_MS: u32 = 1_000;
const PAGE_ROWS: usize = 1_000;

/// Figures of shipping.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// Since the storage root was made.
    pub totals: Totals,
    /// Shards that are not accepted yet.
    pub waiting_shards: u64,
    /// Bytes of their CARs.
    pub waiting_bytes: u64,
    /// Bytes of bodies that may not go yet, as of the last sweep and with what came since.
    pub backlog_bytes: u64,
}

/// A segment that is looked at.
struct Candidate {
    id: SegmentId,
    row: SegmentRow,
    is_committed: bool,
}

/// What decides about segments, looked up once a sweep.
struct Judge<'a> {
    store: &'a Store,
    reach: Reach,
    published: BTreeMap<String, u64>,
}

impl Judge<'_> {
    fn published(&mut self, log: &str) -> Result<u64, StoreError> {
        if let Some(seq) = self.published.get(log) {
            return Ok(*seq);
        }
        let seq = self.store.published(log)?.map_or(0, |row| row.seq);
        self.published.insert(log.to_owned(), seq);
        Ok(seq)
    }

    fn may_go(&mut self, candidate: &Candidate) -> Result<bool, StoreError> {
        if !candidate.is_committed || self.store.book().has_lost_blocks {
            return Ok(false);
        }
        let reach = std::mem::take(&mut self.reach);
        let may_go = reach.may_go(&candidate.row, |log| self.published(log));
        self.reach = reach;
        Ok(may_go? && !self.has_newest(candidate)?)
    }

    /// Whether a log's newest record is in the segment: a head never outlives its record.
    fn has_newest(&self, candidate: &Candidate) -> Result<bool, StoreError> {
        if candidate.id.plane != Plane::Catalog {
            return Ok(false);
        }
        for log in candidate.row.logs.keys() {
            let head = self.store.newest(log)?;
            if head.is_some_and(|head| head.segment == candidate.id.number) {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

impl Store {
    /// Figures of shipping.
    pub fn progress(&self) -> Progress {
        let ship = lock(&self.ship);
        Progress {
            totals: ship.totals,
            waiting_shards: ship.waiting_shards,
            waiting_bytes: ship.waiting_bytes,
            backlog_bytes: self.backlog_bytes.load(Ordering::Relaxed),
        }
    }

    /// I8: refuses more while too many bytes may not go yet.
    pub(crate) fn check_backlog(&self) -> Result<(), StoreError> {
        if self.backlog_bytes.load(Ordering::Relaxed) < self.config.retain.backlog_bytes_max {
            return Ok(());
        }
        Err(StoreError::Busy {
            retry_after_ms: RETRY_AFTER_MS,
        })
    }

    fn is_sweep_due(&self, ship: &Shipping) -> bool {
        let since_ms = self.clock.now_ms().abs_diff(ship.swept_ms);
        self.config.retain != Retain::default() && (ship.is_sweep_due || since_ms >= SWEEP_MS)
    }

    /// The open data segment is closed when all of it may go: open ones do not.
    pub(crate) fn close_shipped(&self) -> Result<(), StoreError> {
        if !self.is_sweep_due(&lock(&self.ship)) {
            return Ok(());
        }
        let mut judge = self.judge()?;
        let mut data = lock(&self.data);
        let Some(current) = &data.current else {
            return Ok(());
        };
        let rank = Rank {
            newer: 0,
            bytes: current.end,
        };
        let candidate = self.candidate(current.segment.id.number);
        let candidate = candidate.filter(|candidate| !candidate.row.logs.is_empty());
        if !self.config.retain.data.keeps(rank)
            && let Some(candidate) = candidate
            && judge.may_go(&candidate)?
        {
            let current = data.current.take();
            data.full.extend(current);
        }
        Ok(())
    }

    /// Finds the segments that may go, and counts the bytes that may not. Whoever calls this has
    /// the catalog: no commit comes in between.
    pub(crate) fn sweep(&self) -> Result<(), StoreError> {
        {
            let mut ship = lock(&self.ship);
            if !self.is_sweep_due(&ship) {
                return Ok(());
            }
            ship.is_sweep_due = false;
            ship.swept_ms = self.clock.now_ms();
        }
        let mut judge = self.judge()?;
        let mut retiring = BTreeSet::new();
        for (plane, keep) in [
            (Plane::Data, self.config.retain.data),
            (Plane::Catalog, self.config.retain.catalog),
        ] {
            let staying = self.sweep_plane(&mut judge, plane, keep, &mut retiring)?;
            if plane == Plane::Data {
                self.backlog_bytes.store(staying, Ordering::Relaxed);
            }
        }
        self.with_book(|book| book.retiring = retiring);
        Ok(())
    }

    /// Adds the segments of a plane that go; gives the bytes of those that may not.
    fn sweep_plane(
        &self,
        judge: &mut Judge<'_>,
        plane: Plane,
        keep: Keep,
        retiring: &mut BTreeSet<u64>,
    ) -> Result<u64, StoreError> {
        let mut staying = 0;
        if plane == Plane::Data {
            for (number, bytes) in self.unsealed_bodies() {
                let candidate = self.candidate(number);
                let may_go = candidate.map(|candidate| judge.may_go(&candidate));
                if may_go.transpose()? == Some(false) {
                    staying += bytes;
                }
            }
        } else if keep == Keep::All {
            return Ok(staying);
        }
        let numbers: Vec<u64> = {
            let book = self.book();
            let sealed = |id: &SegmentId, state| id.plane == plane && state == State::Sealed;
            let accounts = book.accounts.values().rev();
            let accounts = accounts.filter(|account| sealed(&account.id, account.row.state));
            accounts.map(|account| account.id.number).collect()
        };
        let mut rank = Rank::default();
        for number in numbers {
            let Some(candidate) = self.candidate(number) else {
                continue;
            };
            rank.bytes += candidate.row.bytes;
            if judge.may_go(&candidate)? {
                lock(&self.readers).found_free(number, candidate.row.bytes);
                if !keep.keeps(rank) {
                    retiring.insert(number);
                }
            } else {
                lock(&self.readers).forget(number);
                staying += candidate.row.bytes;
            }
            rank.newer += 1;
        }
        Ok(staying)
    }

    /// Data segments that are not sealed, with their bytes.
    fn unsealed_bodies(&self) -> Vec<(u64, u64)> {
        let data = lock(&self.data);
        let unsealed = data.current.iter().chain(&data.full);
        let unsealed = unsealed.map(|current| (current.segment.id.number, current.end));
        unsealed.collect()
    }

    fn candidate(&self, number: u64) -> Option<Candidate> {
        let book = self.book();
        let account = book.accounts.get(&number)?;
        Some(Candidate {
            id: account.id,
            row: account.row.clone(),
            is_committed: account.is_committed(),
        })
    }

    /// Looks up who pinned what.
    fn judge(&self) -> Result<Judge<'_>, StoreError> {
        let mut reach = Reach::default();
        {
            let book = self.book();
            book.held_pins.values().for_each(|log| reach.pinned(log));
            for (_, pending) in book.claims.iter() {
                if let Content::Pinned(pin) = &pending.content {
                    reach.pinned(&pin.log);
                }
            }
        }
        let mut after: Option<Vec<u8>> = None;
        loop {
            let page = self.scan(PIN_PREFIX, after.as_deref(), PAGE_ROWS)?;
            for (key, value) in &page {
                let seq = value.as_slice().try_into().map(u64::from_le_bytes);
                // What cannot be read keeps what it may have been about.
                match (parse_pin_key(key), seq) {
                    (Some((source, adopter)), Ok(seq)) => reach.adopted(source, adopter, seq),
                    (Some((source, _)), Err(_)) => reach.pinned(source),
                    (None, _) => {}
                }
            }
            match page.last() {
                Some((key, _)) if page.len() == PAGE_ROWS => after = Some(key.clone()),
                _ => break,
            }
        }
        Ok(Judge {
            store: self,
            reach,
            published: BTreeMap::new(),
        })
    }

    /// Counts what goes because it was shipped into the batch that lets it go.
    pub(crate) fn count_retired(
        &self,
        mut totals: Totals,
        rows: &[(SegmentId, SegmentRow)],
        changes: &mut Vec<KvChange>,
    ) -> Totals {
        let book = self.book();
        let sealed = |id: &&SegmentId| {
            let account = book.accounts.get(&id.number);
            account.is_some_and(|account| account.row.state == State::Sealed)
        };
        let goes = rows.iter().filter(|(id, row)| {
            sealed(&id) && !row.logs.is_empty() && book.retiring.contains(&id.number)
        });
        let (count, bytes) = goes.fold((0, 0), |(count, bytes), (_, row)| {
            (count + 1, bytes + row.bytes)
        });
        if count > 0 {
            totals.retired_segments += count;
            totals.retired_bytes += bytes;
            changes.push((TOTALS_KEY.to_vec(), Some(totals.to_bytes())));
        }
        totals
    }
}
