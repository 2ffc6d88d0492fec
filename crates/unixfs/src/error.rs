//! What can be wrong with a file. Must hold no text of a body.

use billet_block::Cid;

/// Why a file could not be built or read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum UnixfsError {
    /// The caller asked for what a file cannot be: a leaf of another kind or length, a range
    /// outside of the file. Nothing has changed.
    #[error("{0}")]
    Invalid(&'static str),
    /// A block that is not a node of a file of this profile, or not in its one encoding.
    #[error("not a node of a UnixFS file: {0}")]
    NotNode(&'static str),
    /// A block that is not what the link to it says: no node, other sizes, nested too deeply.
    #[error("{0} is not what the link to it says")]
    Mismatch(Cid),
}
