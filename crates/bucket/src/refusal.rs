//! Why something was not done, named by what the caller does about it.
//!
//! Must never carry a text that somebody has to parse.

use billet_block::Cid;
use billet_manifest::Object;

/// Why the store did not do it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// No such log, block, row or claim.
    #[error("not found")]
    NotFound,
    /// Somebody else committed first: decide anew.
    #[error("somebody else committed first")]
    Conflict,
    /// The block is damaged: never serve it.
    #[error("{0} is damaged")]
    Corrupt(Cid),
    /// No room.
    #[error("no room")]
    Full,
    /// Too much at once: again after so many milliseconds.
    #[error("busy for {0} ms")]
    Busy(u32),
    /// The host cannot do that now, or not at all.
    #[error("unavailable")]
    Unavailable,
    /// Somebody broke an obligation; do not retry.
    #[error("{0}")]
    Invalid(String),
}

/// Why a change or a look-up was refused. Nothing changed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// There is no such bucket, or it was deleted.
    #[error("no such bucket")]
    NoSuchBucket,
    /// A live bucket has that name; its owner's canonical id.
    #[error("a bucket of {0} has that name")]
    BucketExists(String),
    /// A key is there.
    #[error("the bucket is not empty")]
    BucketNotEmpty,
    /// No such key.
    #[error("no such key")]
    NoSuchKey,
    /// No such upload.
    #[error("no such upload")]
    NoSuchUpload,
    /// A condition failed; its name.
    #[error("{0} does not hold")]
    PreconditionFailed(&'static str),
    /// A condition on the source of a copy failed; its name.
    #[error("{0} does not hold for the source")]
    SourcePreconditionFailed(&'static str),
    /// The source of a copy is missing.
    #[error("the source is missing")]
    NoSuchSource,
    /// The source of a copy is in another space.
    #[error("the source is in another space")]
    SourceElsewhere,
    /// A named part is not there or is another one.
    #[error("part {0} is not the named one")]
    InvalidPart(u32),
    /// Part numbers do not ascend.
    #[error("the parts do not ascend")]
    InvalidPartOrder,
    /// A part other than the last is too small.
    #[error("part {number} of {size} bytes is too small, {least} at least")]
    PartTooSmall {
        /// Its number.
        number: u32,
        /// Its bytes.
        size: u64,
        /// Least bytes of a part before others.
        least: u64,
        /// Its ETag, without quotes.
        etag: String,
    },
    /// What was declared of the whole is not so: `size` or an algorithm's name.
    #[error("another {0} than declared")]
    Mismatch(String),
    /// The upload was completed before; what came of it, without attributes and parts.
    #[error("completed before")]
    Completed(Box<Object>),
    /// The key is longer than 1,024 bytes.
    #[error("the key is too long")]
    KeyTooLong,
    /// The key would make a node of the tree too long.
    #[error("no room in the tree for this key")]
    TreeFull,
    /// The caller broke an obligation.
    #[error("{0}")]
    Invalid(String),
    /// The store did not do it.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Refusal {
    /// A broken obligation.
    pub(crate) fn invalid(text: impl Into<String>) -> Self {
        Self::Invalid(text.into())
    }
}
