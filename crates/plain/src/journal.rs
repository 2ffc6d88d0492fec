//! What one instance remembers of a log, and the rules that a commit must keep.
//!
//! Must never move but along the chain of records, and never decide on anything but the newest one
//! that it has seen: whether that is the newest there is, only linking the next one tells.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;

use billet_block::Cid;
use serde::{Deserialize, Serialize};

use crate::claims::Claims;
use crate::recorded::{Record, RowChange};

/// Most bytes of a row's key.
pub const ROW_KEY_BYTES_MAX: usize = 1280;
/// Most bytes of a row's value.
pub const ROW_VALUE_BYTES_MAX: usize = 4096;
/// Most bytes of all rows of a log: an instance holds them in memory.
pub const ROWS_BYTES_MAX: u64 = 256 << 20;
/// A checkpoint is due so many commits after the one before.
pub const CHECKPOINT_COMMITS: u64 = 256;

/// Where a log stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Position {
    /// The space of its blocks.
    pub space: String,
    /// The number of the newest record.
    pub seq: u64,
    /// Its CID.
    pub commit: Cid,
    /// The tree's root.
    pub root: Cid,
    /// The state block.
    pub state: Cid,
    /// Unix milliseconds of the newest commit that changed root or state.
    pub time: u64,
}

/// What a commit makes of the head.
#[derive(Clone, Debug)]
pub struct Change {
    /// The space from now on.
    pub space: String,
    /// The tree's root.
    pub root: Cid,
    /// The state block.
    pub state: Cid,
    /// Unix milliseconds.
    pub time: u64,
}

/// A commit that somebody asks for.
#[derive(Clone, Debug, Default)]
pub struct Draft {
    /// The record that must be the newest; none where there must be none.
    pub expect: Option<Cid>,
    /// None where only rows and claims change.
    pub change: Option<Change>,
    /// Claims for the root.
    pub adopt: Vec<u64>,
    /// Claims for a row.
    pub hold: Vec<u64>,
    /// Claims to let go.
    pub discard: Vec<u64>,
    /// Rows to set and to delete.
    pub rows: Vec<RowChange>,
}

/// Why a commit cannot be made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Refused {
    /// Another record is the newest.
    #[error("somebody else committed first")]
    Conflict,
    /// A claim that is not known.
    #[error("no such claim")]
    UnknownClaim,
    /// The log's rows have grown too large.
    #[error("no room for more rows")]
    Full,
    /// The caller broke a rule.
    #[error("{0}")]
    Invalid(&'static str),
}

/// A record does not continue the chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a record that does not continue its log")]
pub struct ChainError;

/// One log up to a record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Journal {
    log: String,
    pub(crate) newest: Option<Position>,
    pub(crate) rows: BTreeMap<Vec<u8>, Vec<u8>>,
    pub(crate) rows_bytes: u64,
    /// Held claims with their spaces.
    pub(crate) held: BTreeMap<u64, String>,
    pub(crate) checkpoint_seq: u64,
    listed_seq: u64,
}

impl Journal {
    /// A log before its first record.
    pub fn new(log: &str) -> Self {
        Self {
            log: log.to_owned(),
            newest: None,
            rows: BTreeMap::new(),
            rows_bytes: 0,
            held: BTreeMap::new(),
            checkpoint_seq: 0,
            listed_seq: 0,
        }
    }

    /// The log's name.
    pub fn log(&self) -> &str {
        &self.log
    }

    /// The newest record that was followed.
    pub fn newest(&self) -> Option<&Position> {
        self.newest.as_ref()
    }

    /// The number that the next record will have.
    pub fn next_seq(&self) -> u64 {
        self.newest
            .as_ref()
            .map_or(1, |newest| newest.seq.saturating_add(1))
    }

    /// Whether a checkpoint should be written now.
    pub fn is_checkpoint_due(&self) -> bool {
        self.next_seq()
            .saturating_sub(1)
            .saturating_sub(self.checkpoint_seq)
            >= CHECKPOINT_COMMITS
    }

    /// Notes that a checkpoint of commit `seq` lies on disk, or need not be tried again so soon.
    pub fn set_checkpoint(&mut self, seq: u64) {
        self.checkpoint_seq = self.checkpoint_seq.max(seq);
    }

    /// Notes that record `seq` was linked, as a listing shows; records have no gap, so that each
    /// one before it was linked, too.
    pub fn set_listed(&mut self, seq: u64) {
        self.listed_seq = self.listed_seq.max(seq);
    }

    /// Whether record `seq` was linked: where it cannot be found it is lost, and not the log's end.
    pub fn is_listed(&self, seq: u64) -> bool {
        seq <= self.listed_seq
    }

    /// The value of a row.
    pub fn row(&self, key: &[u8]) -> Option<&[u8]> {
        self.rows.get(key).map(Vec::as_slice)
    }

    /// Rows whose key begins with `prefix` and is greater than `after`, in order.
    pub fn scan<'a>(
        &'a self,
        prefix: &'a [u8],
        after: Option<&'a [u8]>,
    ) -> impl Iterator<Item = (&'a [u8], &'a [u8])> {
        let from = match after {
            Some(after) if after >= prefix => Bound::Excluded(after),
            _ => Bound::Included(prefix),
        };
        self.rows
            .range::<[u8], _>((from, Bound::Unbounded))
            .take_while(move |(key, _)| key.starts_with(prefix))
            .map(|(key, value)| (key.as_slice(), value.as_slice()))
    }

    /// The record that `draft` asks for, on top of the newest one seen.
    ///
    /// # Errors
    /// As [`Refused`] says.
    pub fn draft(&self, draft: Draft, claims: &Claims) -> Result<Record, Refused> {
        let newest = self.newest.as_ref();
        let is_newest = draft.expect == newest.map(|newest| newest.commit);
        if !is_newest || self.is_listed(self.next_seq()) {
            return Err(Refused::Conflict);
        }
        let change = match (draft.change, newest) {
            (Some(change), _) => change,
            (None, Some(newest)) => Change {
                space: newest.space.clone(),
                root: newest.root,
                state: newest.state,
                time: newest.time,
            },
            (None, None) => return Err(Refused::Invalid("a log begins with a root and a state")),
        };
        if newest.is_some_and(|newest| change.time < newest.time) {
            return Err(Refused::Invalid("the time goes back"));
        }
        self.check_claims(
            &draft.adopt,
            &draft.hold,
            &draft.discard,
            &change.space,
            claims,
        )?;
        self.check_rows(&draft.rows)?;
        Ok(Record {
            log: self.log.clone(),
            space: change.space,
            seq: self.next_seq(),
            prev: draft.expect,
            root: change.root,
            state: change.state,
            time: change.time,
            rows: draft.rows,
            adopt: draft.adopt,
            hold: draft.hold,
            discard: draft.discard,
        })
    }

    /// Each claim is known, named once, and of the log's space where the log is to keep it.
    fn check_claims(
        &self,
        adopt: &[u64],
        hold: &[u64],
        discard: &[u64],
        space: &str,
        claims: &Claims,
    ) -> Result<(), Refused> {
        let mut seen = BTreeSet::new();
        let kept = adopt.iter().chain(hold).map(|id| (id, true));
        for (id, kept) in kept.chain(discard.iter().map(|id| (id, false))) {
            if !seen.insert(id) {
                return Err(Refused::Invalid("a claim is named twice"));
            }
            let held = self.held.get(id).map(String::as_str);
            let Some(owner) = held.or_else(|| claims.space(*id)) else {
                return Err(Refused::UnknownClaim);
            };
            if kept && owner != space {
                return Err(Refused::Invalid("a claim of another space"));
            }
        }
        Ok(())
    }

    fn check_rows(&self, rows: &[RowChange]) -> Result<(), Refused> {
        let mut bytes = self.rows_bytes;
        // What the rows named so far come to.
        let mut drafted: BTreeMap<&[u8], Option<&[u8]>> = BTreeMap::new();
        for row in rows {
            let (key, value) = (row.key.as_slice(), row.value.as_deref().map(Vec::as_slice));
            if value.is_some_and(|value| is_too_long(key, value)) {
                return Err(Refused::Invalid("a row is too long"));
            }
            let before = drafted.insert(key, value);
            let before = before.unwrap_or_else(|| self.row(key));
            let [freed, taken] =
                [before, value].map(|value| value.map_or(0, |value| row_bytes(key, value)));
            bytes = bytes.saturating_add(taken).saturating_sub(freed);
        }
        // Changes that make the whole no larger are always taken.
        if bytes > ROWS_BYTES_MAX && bytes > self.rows_bytes {
            return Err(Refused::Full);
        }
        Ok(())
    }

    /// Takes the next record of the chain.
    ///
    /// # Errors
    /// When it is not the next one: another log, another number, another predecessor, or a time
    /// that goes back.
    pub fn follow(&mut self, commit: Cid, record: Record) -> Result<(), ChainError> {
        let newest = self.newest.as_ref();
        let continues = record.log == self.log
            && record.seq == self.next_seq()
            && record.prev == newest.map(|newest| newest.commit)
            && newest.is_none_or(|newest| record.time >= newest.time);
        if !continues {
            return Err(ChainError);
        }
        for id in record.adopt.iter().chain(&record.discard) {
            self.held.remove(id);
        }
        for id in &record.hold {
            self.held.insert(*id, record.space.clone());
        }
        for row in record.rows {
            let key = row.key.into_vec();
            let value = row.value.map(serde_bytes::ByteBuf::into_vec);
            self.set_row(key, value);
        }
        self.newest = Some(Position {
            space: record.space,
            seq: record.seq,
            commit,
            root: record.root,
            state: record.state,
            time: record.time,
        });
        Ok(())
    }

    pub(crate) fn set_row(&mut self, key: Vec<u8>, value: Option<Vec<u8>>) {
        let length = key.len() as u64;
        let before = match value {
            Some(value) => {
                self.rows_bytes = self.rows_bytes.saturating_add(row_bytes(&key, &value));
                self.rows.insert(key, value)
            }
            None => self.rows.remove(&key),
        };
        if let Some(before) = before {
            let freed = length.saturating_add(before.len() as u64);
            self.rows_bytes = self.rows_bytes.saturating_sub(freed);
        }
    }
}

fn is_too_long(key: &[u8], value: &[u8]) -> bool {
    key.len() > ROW_KEY_BYTES_MAX || value.len() > ROW_VALUE_BYTES_MAX
}

fn row_bytes(key: &[u8], value: &[u8]) -> u64 {
    (key.len() as u64).saturating_add(value.len() as u64)
}
