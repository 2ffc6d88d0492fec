//! Walking the commits of each log, and what they hold.
//!
//! Must never change anything, nor hold more of a chain than the claims it let go of and which rows
//! it changed.

use std::collections::BTreeSet;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use billet_segment::{
    ClaimId, HEAD_PREFIX, HELD_PREFIX, Head, HeldClaim, Record, held_key, name_after, row_key,
};
use billet_shard::Keep;

use crate::book::head_of;
use crate::check::{Finding, FindingKind, Watch};
use crate::{Store, StoreError};

const PAGE_ROWS: usize = 1_000;

/// Claims, and rows, that are remembered of a chain; behind so many nothing is said about them.
const LATER_MAX: usize = 1 << 20;

/// Numbers of which so many are remembered.
#[derive(Default)]
struct Known(BTreeSet<u64>);

impl Known {
    fn add(&mut self, number: u64) {
        if self.0.len() < LATER_MAX {
            self.0.insert(number);
        }
    }

    fn may_have(&self, number: u64) -> bool {
        self.0.len() >= LATER_MAX || self.0.contains(&number)
    }
}

/// What commits did that are later than the one looked at.
#[derive(Default)]
struct Later {
    /// Claims that they let go of.
    released: Known,
    /// Rows that they changed, by a hash: where two have the same, nothing is said of the older.
    rows: Known,
}

/// What of a head is not as the record of its commit says.
fn differs(head: &Head, right: &Head) -> Option<String> {
    let parts = [
        ("space", head.space != right.space),
        ("root", head.root != right.root),
        ("state", head.state != right.state),
        ("time", head.time_ms != right.time_ms),
        ("segment", head.segment != right.segment),
    ];
    let other: Vec<_> = parts
        .iter()
        .filter(|(_, is)| *is)
        .map(|part| part.0)
        .collect();
    let (seq, commit) = (head.seq, head.commit);
    (!other.is_empty()).then(|| {
        let other = other.join(", ");
        format!("the head names commit {seq}, {commit}, whose record has another {other}")
    })
}

impl Store {
    /// Every head has all its records behind it.
    pub(crate) fn check_chains(&self, watch: &mut dyn Watch) -> Result<(), StoreError> {
        let mut after: Option<Vec<u8>> = None;
        loop {
            let page = self.scan(HEAD_PREFIX, after.as_deref(), PAGE_ROWS)?;
            after = page.last().map(|(key, _)| key.clone());
            for (key, value) in &page {
                let head = Head::from_bytes(key, value)?;
                let log = name_after(HEAD_PREFIX, key).unwrap_or_default();
                if let Some(what) = self.walk_chain(log, &head, watch)? {
                    let (kind, log) = (FindingKind::NoChain, Some(log.to_owned()));
                    let path = None;
                    watch.found(Finding {
                        kind,
                        log,
                        path,
                        what,
                    });
                }
            }
            if page.len() < PAGE_ROWS {
                return Ok(());
            }
        }
    }

    fn walk_chain(
        &self,
        log: &str,
        head: &Head,
        watch: &mut dyn Watch,
    ) -> Result<Option<String>, StoreError> {
        let (mut next, mut seq) = (Some(head.commit), head.seq);
        let mut later = Later::default();
        while let Some(commit) = next {
            let record = match self.record(&commit) {
                Ok(record) => record,
                // Where the catalog is let go of once it is shipped, old records go with it.
                Err(StoreError::NotFound) if self.may_be_gone(log, seq) => return Ok(None),
                Err(error @ (StoreError::Exhausted(_) | StoreError::Fatal(_))) => {
                    return Err(error);
                }
                Err(error) => return Ok(Some(format!("commit {seq}, {commit}: {error}"))),
            };
            if record.log != log || record.seq != seq {
                return Ok(Some(format!("{commit} is not commit {seq} of this log")));
            }
            let other = (commit == head.commit)
                .then(|| differs(head, &head_of(&record, commit)))
                .flatten();
            let other = other.map(|what| (FindingKind::OtherHead, what));
            let lost = self.lost_claim(&record, &mut later.released);
            let lost = lost.map(|claim| {
                let what = format!("commit {seq} holds the claim {claim:x}, whose row is gone");
                (FindingKind::NoClaim, what)
            });
            let rows = self.lost_rows(&record, &mut later.rows);
            let rows = rows.into_iter().map(|what| (FindingKind::NoRow, what));
            let all = other.into_iter().chain(lost).chain(rows);
            self.tell_lost(log, head, all, watch);
            next = record.prev;
            seq = seq.saturating_sub(1);
            if seq.is_multiple_of(1 << 12) && !watch.progress(0, 0) {
                return Ok(None);
            }
        }
        Ok((seq > 0).then(|| format!("no commit before {}", seq + 1)))
    }

    /// Tells what the table does not have, unless a commit since may have changed it.
    fn tell_lost(
        &self,
        log: &str,
        head: &Head,
        lost: impl Iterator<Item = (FindingKind, String)>,
        watch: &mut dyn Watch,
    ) {
        for (kind, what) in lost {
            let now = self.newest(log).ok().flatten();
            if now.is_some_and(|now| now.seq == head.seq) {
                watch.found(Finding {
                    kind,
                    log: Some(log.to_owned()),
                    path: None,
                    what,
                });
            }
        }
    }

    /// A claim that this record holds, that no later one let go of, and that has no row.
    fn lost_claim(&self, record: &Record, released: &mut Known) -> Option<ClaimId> {
        let adopted = record.adopt.iter().map(|adopted| adopted.claim);
        for claim in adopted.chain(record.discard.iter().copied()) {
            released.add(claim);
        }
        let mut held = record.hold.iter().map(|held| held.claim);
        held.find(|claim| {
            !released.may_have(*claim) && matches!(self.value(&held_key(*claim)), Ok(None))
        })
    }

    /// Rows that this record changed, that no later one did, and that are not as it left them.
    fn lost_rows(&self, record: &Record, later: &mut Known) -> Vec<String> {
        let mut lost = Vec::new();
        // The last change of a row counts.
        for change in record.rows.iter().rev() {
            let mut hasher = DefaultHasher::new();
            change.key.hash(&mut hasher);
            let row = hasher.finish();
            if later.may_have(row) {
                continue;
            }
            later.add(row);
            let Ok(found) = self.value(&row_key(&record.log, &change.key)) else {
                continue;
            };
            let what = match (found.as_deref(), change.value.as_deref()) {
                (found, set) if found == set.map(Vec::as_slice) => continue,
                (None, _) => "is gone",
                (Some(_), None) => "was deleted and is there",
                (Some(_), Some(_)) => "is another",
            };
            let (seq, key) = (record.seq, String::from_utf8_lossy(&change.key));
            lost.push(format!("the row {key:?} of commit {seq} {what}"));
        }
        lost
    }

    /// Whether the record of that commit may have gone with its segment, because what it made is
    /// on the network and the catalog is not kept here.
    pub fn may_be_gone(&self, log: &str, seq: u64) -> bool {
        self.config.retain.catalog != Keep::All
            && matches!(self.published(log), Ok(Some(published)) if seq <= published.seq)
    }

    /// What rows hold lies in segments that are there.
    pub(crate) fn check_claims(&self, watch: &mut dyn Watch) -> Result<(), StoreError> {
        let mut after: Option<Vec<u8>> = None;
        loop {
            let page = self.scan(HELD_PREFIX, after.as_deref(), PAGE_ROWS)?;
            after = page.last().map(|(key, _)| key.clone());
            let numbers: BTreeSet<u64> = {
                let book = self.book();
                book.accounts.keys().copied().collect()
            };
            for (key, value) in &page {
                let held = HeldClaim::from_bytes(key, value)?;
                // Both may have gone together since the page was read.
                let is_there = self.value(key)?.is_some();
                let gone = held.segments.iter().find(|n| !numbers.contains(n));
                if let Some(number) = gone.filter(|_| is_there) {
                    watch.found(Finding {
                        kind: FindingKind::NoClaim,
                        log: Some(held.log),
                        path: None,
                        what: format!("a held claim lies in segment {number}, which is gone"),
                    });
                }
            }
            if page.len() < PAGE_ROWS {
                return Ok(());
            }
        }
    }
}
