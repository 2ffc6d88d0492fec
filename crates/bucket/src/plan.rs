//! What one commit will do, with room for the claims that staging gives.
//!
//! Must never name a claim twice, nor let go of one that a row still holds.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use billet_block::{Block, Cid};
use billet_manifest::{CompletedRow, ManifestError, Object, PartRow, UploadRow, Value};
use billet_tree::Applied;

use crate::refusal::{Refusal, StoreError};
use crate::{Caches, Decoded};

/// What the store calls blocks that no commit has named yet, or that a row holds.
pub type Claim = u64;

/// Most bytes of the blocks that are staged in one call.
pub const STAGE_BYTES_MAX: usize = 3 << 20;

/// A claim that is known, or that staging will give.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum ClaimRef {
    /// Known.
    Given(Claim),
    /// By the index of the stage.
    Stage(usize),
}

/// What becomes of a claim.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    Adopt,
    Hold,
    Drop,
}

/// A row to be written.
#[derive(Clone, Debug)]
pub(crate) enum NewRow {
    /// With what it holds.
    Upload(UploadRow, Vec<ClaimRef>),
    /// With the claim of its leaves and those of its nodes.
    Part(PartRow, ClaimRef, Vec<ClaimRef>),
    /// A note.
    Completed(CompletedRow),
}

impl NewRow {
    /// The value, with the claims that staging gave.
    pub(crate) fn encode(&self, staged: &[Claim]) -> Result<Vec<u8>, ManifestError> {
        let known = |claim: &ClaimRef| resolve(*claim, staged);
        match self {
            Self::Upload(row, claims) => {
                let mut row = row.clone();
                row.claims = claims.iter().map(known).collect();
                row.to_bytes()
            }
            Self::Part(row, body, claims) => {
                let mut row = row.clone();
                row.body = known(body);
                row.claims = claims.iter().map(known).collect();
                row.to_bytes()
            }
            Self::Completed(row) => row.to_bytes(),
        }
    }
}

/// A stage that was not done counts as the longest number there is.
fn resolve(claim: ClaimRef, staged: &[Claim]) -> Claim {
    match claim {
        ClaimRef::Given(claim) => claim,
        ClaimRef::Stage(index) => staged.get(index).copied().unwrap_or(Claim::MAX),
    }
}

/// What came of an op that was done, besides the commit it is in.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Outcome {
    /// Whether the key was there before.
    pub existed: bool,
    /// The object, after put, copy and complete.
    pub object: Option<Arc<Object>>,
    /// The upload's id, after create-upload.
    pub upload: Option<String>,
}

/// What a commit makes of the log's head.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// The space of its blocks.
    pub space: String,
    /// The tree's root.
    pub root: Cid,
    /// The state block.
    pub state: Cid,
    /// Unix milliseconds.
    pub time_ms: u64,
}

/// What to commit.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Commit {
    /// None when root and state stay.
    pub change: Option<Change>,
    /// Claims that become part of what the root reaches.
    pub adopt: Vec<Claim>,
    /// Claims that rows keep.
    pub hold: Vec<Claim>,
    /// Held claims that no row keeps any more.
    pub discard: Vec<Claim>,
    /// Rows to set or to delete.
    pub rows: Vec<(Vec<u8>, Option<Vec<u8>>)>,
}

/// The effect of a list of ops.
#[derive(Debug)]
pub struct Plan {
    /// One for each op, in order.
    pub outcomes: Vec<Result<Outcome, Refusal>>,
    /// The space to stage blocks in.
    pub space: String,
    /// Lists of blocks, each to be staged by one call, in order.
    pub stages: Vec<Vec<Block>>,
    /// The tree's root afterwards.
    pub root: Cid,
    /// Unix milliseconds of the commit.
    pub time_ms: u64,
    pub(crate) release: Vec<Claim>,
    pub(crate) change: Option<Change>,
    pub(crate) fates: BTreeMap<ClaimRef, Fate>,
    pub(crate) held: BTreeSet<Claim>,
    pub(crate) rows: BTreeMap<Vec<u8>, Option<NewRow>>,
    pub(crate) applied: Option<Applied>,
    pub(crate) values: Vec<(Cid, Decoded, usize)>,
}

impl Plan {
    /// Whether there is nothing to commit.
    pub fn is_empty(&self) -> bool {
        let keeps = |fate: &Fate| *fate != Fate::Drop;
        let drops_held = self.dropped().any(|claim| self.held.contains(&claim));
        self.change.is_none()
            && self.rows.is_empty()
            && !drops_held
            && !self.fates.values().any(keeps)
    }

    fn dropped(&self) -> impl Iterator<Item = Claim> {
        self.fates
            .iter()
            .filter_map(|(claim, fate)| match (claim, fate) {
                (ClaimRef::Given(claim), Fate::Drop) => Some(*claim),
                _ => None,
            })
    }

    /// The commit, once each of the stages has its claim.
    ///
    /// # Errors
    /// `Invalid` when a row has no room for its claims.
    pub fn commit(&self, staged: &[Claim]) -> Result<Commit, StoreError> {
        let mut commit = Commit {
            change: self.change.clone(),
            ..Commit::default()
        };
        for (claim, fate) in &self.fates {
            let known = resolve(*claim, staged);
            let list = match fate {
                Fate::Adopt => &mut commit.adopt,
                Fate::Hold => &mut commit.hold,
                Fate::Drop if self.held.contains(&known) => &mut commit.discard,
                Fate::Drop => continue,
            };
            list.push(known);
        }
        for (key, row) in &self.rows {
            let value = row.as_ref().map(|row| row.encode(staged)).transpose();
            let value = value.map_err(|error| StoreError::Invalid(error.to_string()))?;
            commit.rows.push((key.clone(), value));
        }
        Ok(commit)
    }

    /// Pending claims that the commit does not name: to be let go of afterwards.
    pub fn release(&self, staged: &[Claim]) -> Vec<Claim> {
        let mut release = self.release.clone();
        for (claim, fate) in &self.fates {
            let known = resolve(*claim, staged);
            if *fate == Fate::Drop && !self.held.contains(&known) {
                release.push(known);
            }
        }
        release
    }

    /// Keeps what will be read next.
    pub fn remember(&self, caches: &Caches) {
        if let Some(applied) = &self.applied {
            caches.nodes.adopt(applied);
        }
        for (cid, value, bytes) in &self.values {
            caches.keep(*cid, value.clone(), *bytes);
        }
    }
}

/// Cuts blocks into lists that can be staged by one call each.
pub(crate) fn cut(blocks: Vec<Block>) -> Vec<Vec<Block>> {
    let mut stages: Vec<Vec<Block>> = Vec::new();
    let mut bytes = STAGE_BYTES_MAX + 1;
    for block in blocks {
        let length = block.bytes.len() + 64;
        if bytes + length > STAGE_BYTES_MAX {
            stages.push(Vec::new());
            bytes = 0;
        }
        bytes += length;
        if let Some(stage) = stages.last_mut() {
            stage.push(block);
        }
    }
    stages
}
