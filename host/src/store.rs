//! The store behind the components, as the imports see it: plain values, no WebAssembly.
//!
//! One trait stands between the imports and the disk, so that tests can put something else behind
//! it. Must never promise more than the contract's `billet:store`.

use std::pin::Pin;

use billet_block::{Block, Cid};
use bytes::Bytes;

/// What `put`, `stage` or `pin` left behind; never used twice.
pub type ClaimId = u64;

/// Why the store did not do it, by what the caller does about it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    /// No such log, block, row or claim.
    #[error("not found")]
    NotFound,
    /// Somebody else committed first.
    #[error("somebody else committed first")]
    Conflict,
    /// The block's bytes are damaged.
    #[error("block {0} is damaged")]
    Corrupt(Cid),
    /// No room on the disk.
    #[error("the disk is full")]
    Full,
    /// Too much at once.
    #[error("too much at once")]
    Busy,
    /// Cannot be done now.
    #[error("unavailable")]
    Unavailable,
    /// The caller broke an obligation.
    #[error("{0}")]
    Invalid(String),
}

/// Where a log stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Head {
    /// The log's name.
    pub log: String,
    /// The space its blocks belong to.
    pub space: String,
    /// Counts commits from 1.
    pub seq: u64,
    /// The newest commit record.
    pub commit: Cid,
    /// The tree's root.
    pub root: Cid,
    /// The state block.
    pub state: Cid,
    /// Unix milliseconds of the newest commit that changed root or state.
    pub time_ms: u64,
}

/// What a commit makes of a log's head.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewHead {
    /// The space its blocks belong to.
    pub space: String,
    /// The tree's root.
    pub root: Cid,
    /// The state block.
    pub state: Cid,
    /// Unix milliseconds, not below the head's.
    pub time_ms: u64,
}

/// A key and its value, or none where the row is to be deleted.
pub type RowChange = (Vec<u8>, Option<Vec<u8>>);

/// One commit.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Commit {
    /// The log's name.
    pub log: String,
    /// The record that must be the newest; none for a log without one.
    pub expect: Option<Cid>,
    /// None when only rows and claims change.
    pub change: Option<NewHead>,
    /// Claims that become part of what the root reaches.
    pub adopt: Vec<ClaimId>,
    /// Claims that a row keeps.
    pub hold: Vec<ClaimId>,
    /// Claims to let go of.
    pub discard: Vec<ClaimId>,
    /// Rows to set or delete.
    pub rows: Vec<RowChange>,
}

/// The answer of a commit: its record and its number.
pub type Committing<'a> =
    Pin<Box<dyn Future<Output = Result<(Cid, u64), Failure>> + Send + 'a>>;

/// The store. All calls but `commit` and `cached_block` may block on the disk.
pub trait Backend: Send + Sync + 'static {
    /// A claim over a body that is yet empty. Does not block.
    ///
    /// # Errors
    /// `Invalid` for a space that cannot be.
    fn open_body(&self, space: &str) -> Result<ClaimId, Failure>;

    /// Appends a raw leaf, which its CID names, to a body.
    ///
    /// # Errors
    /// `Full`, `NotFound` for an unknown claim.
    fn append_leaf(&self, claim: ClaimId, cid: Cid, bytes: &[u8]) -> Result<(), Failure>;

    /// Lets go of pending claims; unknown ones are passed over.
    fn let_go(&self, claims: &[ClaimId]);

    /// `length` bytes from `offset` on of a block that was checked as a whole, appended to `into`.
    ///
    /// # Errors
    /// `NotFound`, `Corrupt`, `Invalid` for a range outside the block.
    fn read_leaf(
        &self,
        cid: Cid,
        offset: u64,
        length: usize,
        into: &mut Vec<u8>,
    ) -> Result<(), Failure>;

    /// Claims blocks that their CIDs name.
    ///
    /// # Errors
    /// `Full`.
    fn stage(&self, space: &str, blocks: Vec<Block>) -> Result<ClaimId, Failure>;

    /// A block that is in memory, checked when it got there. Does not block.
    fn cached_block(&self, cid: &Cid) -> Option<Bytes>;

    /// A block of either plane, checked.
    ///
    /// # Errors
    /// `NotFound`, `Corrupt`.
    fn read_block(&self, cid: Cid) -> Result<Bytes, Failure>;

    /// Unix milliseconds, never below the log's newest commit, and where the log stands.
    ///
    /// # Errors
    /// `Unavailable` when the catalog cannot be read.
    fn head(&self, log: &str) -> Result<(u64, Option<Head>), Failure>;

    /// Heads in order of names, those after `after`.
    ///
    /// # Errors
    /// `Unavailable` when the catalog cannot be read.
    fn heads(&self, after: Option<&str>, limit: usize) -> Result<Vec<Head>, Failure>;

    /// Commits, durably. Does not block: the future resolves when the group is on the disk.
    fn commit(&self, commit: Commit) -> Committing<'_>;

    /// A claim over all that is reachable from a log's head, and that head.
    ///
    /// # Errors
    /// `NotFound` for a log without a commit.
    fn pin(&self, log: &str) -> Result<(ClaimId, Head), Failure>;

    /// The value of a row.
    ///
    /// # Errors
    /// `Unavailable` when the catalog cannot be read.
    fn row(&self, log: &str, key: &[u8]) -> Result<Option<Vec<u8>>, Failure>;

    /// Rows of a prefix in order of keys, those after `after`.
    ///
    /// # Errors
    /// `Unavailable` when the catalog cannot be read.
    fn scan(
        &self,
        log: &str,
        prefix: &[u8],
        after: Option<&[u8]>,
        limit: usize,
    ) -> Result<Vec<(Vec<u8>, Vec<u8>)>, Failure>;

    /// Numbers for whoever watches, by name.
    fn gauges(&self) -> Vec<(String, u64)>;

    /// Seals what is open; the last call.
    ///
    /// # Errors
    /// `Unavailable` when the disk did not take it; nothing that was acknowledged is lost.
    fn close(&self) -> Result<(), Failure>;
}

/// The store as everybody shares it.
pub type Store = dyn Backend;
