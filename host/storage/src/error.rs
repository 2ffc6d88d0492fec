//! What can go wrong, by what the caller does about it.

use billet_block::Cid;
use billet_segment::{ClaimError, RowError};

use crate::KvError;

/// Why the store did not do it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// No such log, block, row or claim.
    #[error("not found")]
    NotFound,
    /// Somebody else committed first: read the head again.
    #[error("another commit came first")]
    Conflict,
    /// The block's bytes are damaged or lost; never served.
    #[error("the block {0} is damaged")]
    Corrupt(Cid),
    /// No room: reads go on, and the same call works again once there is room.
    #[error("no room on the disk")]
    Full,
    /// Too much at once: try again later.
    #[error("too much at once")]
    Busy {
        /// When, in milliseconds.
        retry_after_ms: u32,
    },
    /// The disk does not do it now, the log is damaged, or the store is closed.
    #[error("unavailable: {0}")]
    Unavailable(String),
    /// The system has no more open files or memory for this process now: nothing is known of what
    /// was asked for.
    #[error("the system is at a limit: {0}")]
    Exhausted(String),
    /// The caller broke an obligation; the text says which.
    #[error("invalid: {0}")]
    Invalid(String),
    /// A sync failed: end the process. Every later call answers the same.
    #[error("the process must end: {0}")]
    Fatal(String),
}

impl StoreError {
    /// What a failed call of the disk means, other than of a sync.
    pub(crate) fn of_disk(error: &std::io::Error) -> Self {
        if is_full(error) {
            Self::Full
        } else if is_exhausted(error) {
            Self::Exhausted(error.to_string())
        } else {
            Self::Unavailable(error.to_string())
        }
    }

    /// The same, saying of which file.
    pub(crate) fn of_file(path: &str, error: &std::io::Error) -> Self {
        match Self::of_disk(error) {
            Self::Unavailable(text) => Self::Unavailable(format!("{path}: {text}")),
            Self::Exhausted(text) => Self::Exhausted(format!("{path}: {text}")),
            other => other,
        }
    }
}

/// Whether an error says that there is no room.
pub(crate) fn is_full(error: &std::io::Error) -> bool {
    use std::io::ErrorKind::{QuotaExceeded, StorageFull};
    matches!(error.kind(), StorageFull | QuotaExceeded)
}

/// Whether an error says that the process or the system is at a limit, and nothing of the file.
pub(crate) fn is_exhausted(error: &std::io::Error) -> bool {
    use rustix::io::Errno;
    let limits = [Errno::MFILE, Errno::NFILE, Errno::NOMEM];
    Errno::from_io_error(error).is_some_and(|error| limits.contains(&error))
}

impl From<ClaimError> for StoreError {
    fn from(error: ClaimError) -> Self {
        match error {
            ClaimError::Unknown => Self::NotFound,
            ClaimError::OtherSpace => Self::Invalid(error.to_string()),
        }
    }
}

impl From<RowError> for StoreError {
    fn from(error: RowError) -> Self {
        Self::Unavailable(error.to_string())
    }
}

/// Why a store could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Another process has it.
    #[error("the storage root {0} is in use by another process")]
    Locked(String),
    /// Written by a newer program.
    #[error("the store has schema {found}, this program knows {known}")]
    Newer {
        /// What the store has.
        found: String,
        /// What this program writes.
        known: String,
    },
    /// A setting that was pinned at first start is another one now.
    #[error("{name} was {pinned:?} when this store was made and is {now:?} now")]
    Pinned {
        /// The setting.
        name: String,
        /// Its value at first start.
        pinned: String,
        /// Its value now.
        now: String,
    },
    /// A key that nobody writes.
    #[error(transparent)]
    Key(#[from] billet_segment::IdError),
    /// A row that cannot be read.
    #[error(transparent)]
    Row(#[from] RowError),
    /// The table of keys does not work.
    #[error(transparent)]
    Kv(#[from] KvError),
    /// The disk does not work.
    #[error("{what}: {error}")]
    Disk {
        /// What was tried.
        what: String,
        /// What was answered.
        error: std::io::Error,
    },
    /// Recovery could not be finished.
    #[error(transparent)]
    Store(#[from] StoreError),
}
