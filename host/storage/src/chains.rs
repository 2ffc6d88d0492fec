//! Walking the commits of each log, and what they hold.
//!
//! Must never change anything, nor hold more of a chain than the claims it let go of.

use std::collections::BTreeSet;

use billet_segment::{
    ClaimId, HEAD_PREFIX, HELD_PREFIX, Head, HeldClaim, Record, held_key, name_after,
};
use billet_shard::Keep;

use crate::check::{Finding, FindingKind, Watch};
use crate::{Store, StoreError};

const PAGE_ROWS: usize = 1_000;

/// Claims that are remembered of a chain; behind so many nothing is said about claims.
const RELEASED_MAX: usize = 1 << 20;

/// Claims that later commits let go of.
#[derive(Default)]
struct Released(BTreeSet<ClaimId>);

impl Released {
    fn add(&mut self, claim: ClaimId) {
        if self.0.len() < RELEASED_MAX {
            self.0.insert(claim);
        }
    }

    fn may_have(&self, claim: ClaimId) -> bool {
        self.0.len() >= RELEASED_MAX || self.0.contains(&claim)
    }
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
                if let Some(what) = self.walk_chain(log, &head, watch) {
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

    fn walk_chain(&self, log: &str, head: &Head, watch: &mut dyn Watch) -> Option<String> {
        let (mut next, mut seq) = (Some(head.commit), head.seq);
        let mut released = Released::default();
        while let Some(commit) = next {
            let record = match self.record(&commit) {
                Ok(record) => record,
                // Where the catalog is let go of once it is shipped, old records go with it.
                Err(StoreError::NotFound) if self.may_be_gone(log, seq) => return None,
                Err(error) => return Some(format!("commit {seq}, {commit}: {error}")),
            };
            if record.log != log || record.seq != seq {
                return Some(format!("{commit} is not commit {seq} of this log"));
            }
            if let Some(claim) = self.lost_claim(&record, &mut released) {
                // A commit since may have let go of it.
                let now = self.newest(log).ok().flatten();
                if now.is_some_and(|now| now.seq == head.seq) {
                    watch.found(Finding {
                        kind: FindingKind::NoClaim,
                        log: Some(log.to_owned()),
                        path: None,
                        what: format!("commit {seq} holds the claim {claim:x}, whose row is gone"),
                    });
                }
            }
            next = record.prev;
            seq = seq.saturating_sub(1);
            if seq.is_multiple_of(1 << 12) && !watch.progress(0, 0) {
                return None;
            }
        }
        (seq > 0).then(|| format!("no commit before {}", seq + 1))
    }

    /// A claim that this record holds, that no later one let go of, and that has no row.
    fn lost_claim(&self, record: &Record, released: &mut Released) -> Option<ClaimId> {
        let adopted = record.adopt.iter().map(|adopted| adopted.claim);
        for claim in adopted.chain(record.discard.iter().copied()) {
            released.add(claim);
        }
        let mut held = record.hold.iter().map(|held| held.claim);
        held.find(|claim| {
            !released.may_have(*claim) && matches!(self.value(&held_key(*claim)), Ok(None))
        })
    }

    fn may_be_gone(&self, log: &str, seq: u64) -> bool {
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
