//! Claims that no commit has taken yet.
//!
//! Must never give out a number twice, and never know a claim that was taken, let go or is too old.

use std::collections::BTreeMap;

use billet_block::Cid;

use crate::{Pin, Range};

/// A claim's number. The upper 24 bits count the starts of the store.
pub type ClaimId = u64;

/// How long a claim may wait for a commit.
pub const CLAIM_AGE_MAX_MS: u64 = 15 * 60 * 1000;

/// Staged blocks of more bytes than this are appended at once instead of being kept in memory.
pub const STAGED_IN_MEMORY_BYTES_MAX: usize = 4 << 20;

const COUNTER_BITS: u32 = 40;

/// Why a claim cannot be taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ClaimError {
    /// Never made, or taken, let go or expired.
    #[error("a claim that is not known")]
    Unknown,
    /// Made in another space.
    #[error("a claim of another space")]
    OtherSpace,
}

/// What a claim is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Content<B> {
    /// Bytes in files, at most one range a segment.
    Placed(Vec<Range>),
    /// Blocks in memory, to be written by the commit that takes the claim.
    Staged(Vec<(Cid, B)>),
    /// All that a log reaches.
    Pinned(Pin),
}

/// A claim that waits for a commit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pending<B> {
    /// The space of its blocks.
    pub space: String,
    /// When it was made or renewed, Unix milliseconds.
    pub since_ms: u64,
    /// What it is about.
    pub content: Content<B>,
}

/// All claims that wait; `B` are the bytes of a block.
#[derive(Clone, Debug)]
pub struct Claims<B> {
    next: ClaimId,
    end: ClaimId,
    pending: BTreeMap<ClaimId, Pending<B>>,
}

impl<B> Claims<B> {
    /// No claims, with the numbers of start `epoch`: no two starts may have the same.
    pub const fn new(epoch: u64) -> Self {
        let next = epoch << COUNTER_BITS;
        Self {
            next,
            end: next | ((1 << COUNTER_BITS) - 1),
            pending: BTreeMap::new(),
        }
    }

    /// A new claim; `None` when this start's numbers are used up.
    pub fn add(&mut self, space: &str, now_ms: u64, content: Content<B>) -> Option<ClaimId> {
        if self.next == self.end {
            return None;
        }
        self.next += 1;
        let pending = Pending {
            space: space.to_owned(),
            since_ms: now_ms,
            content,
        };
        self.pending.insert(self.next, pending);
        Some(self.next)
    }

    /// A claim, if it can still be taken in `space`.
    ///
    /// # Errors
    /// As the variants of [`ClaimError`] say.
    pub fn check(
        &self,
        claim: ClaimId,
        space: &str,
        now_ms: u64,
    ) -> Result<&Pending<B>, ClaimError> {
        let pending = self.get(claim, now_ms).ok_or(ClaimError::Unknown)?;
        if pending.space == space {
            Ok(pending)
        } else {
            Err(ClaimError::OtherSpace)
        }
    }

    /// A claim, if it can still be taken.
    pub fn get(&self, claim: ClaimId, now_ms: u64) -> Option<&Pending<B>> {
        self.pending
            .get(&claim)
            .filter(|pending| !is_old(pending, now_ms))
    }

    /// Has a claim wait anew; whether it can still be taken.
    pub fn renew(&mut self, claim: ClaimId, now_ms: u64) -> bool {
        let pending = self.pending.get_mut(&claim);
        let pending = pending.filter(|pending| !is_old(pending, now_ms));
        pending.is_some_and(|pending| {
            pending.since_ms = now_ms;
            true
        })
    }

    /// Forgets a claim, because a commit took it or nobody will.
    pub fn remove(&mut self, claim: ClaimId) -> Option<Pending<B>> {
        self.pending.remove(&claim)
    }

    /// Forgets the claims that are too old, and gives them back.
    pub fn expire(&mut self, now_ms: u64) -> Vec<Pending<B>> {
        let old = self
            .pending
            .iter()
            .filter(|(_, pending)| is_old(pending, now_ms));
        let old: Vec<_> = old.map(|(claim, _)| *claim).collect();
        old.iter()
            .filter_map(|claim| self.pending.remove(claim))
            .collect()
    }

    /// All claims that were not taken, in the order of their numbers.
    pub fn iter(&self) -> impl Iterator<Item = (ClaimId, &Pending<B>)> {
        self.pending
            .iter()
            .map(|(claim, pending)| (*claim, pending))
    }
}

const fn is_old<B>(pending: &Pending<B>, now_ms: u64) -> bool {
    now_ms.saturating_sub(pending.since_ms) > CLAIM_AGE_MAX_MS
}
