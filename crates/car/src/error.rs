//! What can be wrong with an archive. Must hold no bytes of it.

/// Why an archive or an index could not be written or read. Bytes that merely end too early are
/// not an error of a parser; [`crate::Parsed`] says `Incomplete`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CarError {
    /// Not the form of an archive: damage, or something else altogether.
    #[error("not a CAR: {0}")]
    Malformed(&'static str),
    /// A section of no bytes: what the unwritten end of a file looks like.
    #[error("an empty section in a CAR")]
    EmptySection,
    /// A well-formed archive with something in it that Billet has no name for: a block or root of
    /// another CID version, codec or hash, an index of another hash.
    #[error("a CAR with {0}")]
    Unsupported(&'static str),
    /// More than the limits of this crate allow.
    #[error("too long for a CAR: {0}")]
    TooLong(&'static str),
    /// The input ended before the archive did.
    #[error("a CAR that ends too early")]
    Truncated,
}
