//! The life of a segment, as one table.
//!
//! Must never have a wildcard: a new state or event is to be thought about in every row.

use serde::{Deserialize, Serialize};

/// Where a segment is in its life. Every state but `Absent` is written under the segment's key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// No key, and so no file.
    Absent,
    /// The file may exist, and holds nothing that counts.
    Opening,
    /// File and directory entry are durable; blocks are appended.
    Open,
    /// Never written again.
    Sealed,
    /// Sealed, and being copied into another.
    Compacting,
    /// Nothing in it counts any more; its files are being unlinked.
    Pruning,
}

/// What may happen to a segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// A number was taken for a new file.
    Reserve,
    /// File and directory entry are durable.
    Created,
    /// The file is whole, cut and durable.
    Seal,
    /// Its living blocks are to be copied.
    Compact,
    /// Nothing claims it any more.
    Release,
    /// Its files are gone, durably.
    Unlinked,
}

/// An event that a segment in this state cannot have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{event:?} cannot happen to a segment that is {state:?}")]
pub struct Forbidden {
    /// Where the segment is.
    pub state: State,
    /// What was to happen.
    pub event: Event,
}

impl State {
    /// All states.
    pub const ALL: [Self; 6] = [
        Self::Absent,
        Self::Opening,
        Self::Open,
        Self::Sealed,
        Self::Compacting,
        Self::Pruning,
    ];

    /// The state after `event`.
    ///
    /// # Errors
    /// For an event that has no place here.
    pub const fn step(self, event: Event) -> Result<Self, Forbidden> {
        use Event::{Compact, Created, Release, Reserve, Seal, Unlinked};
        let forbidden = Err(Forbidden { state: self, event });
        match self {
            Self::Absent => match event {
                Reserve => Ok(Self::Opening),
                Created | Seal | Compact | Release | Unlinked => forbidden,
            },
            Self::Opening => match event {
                Created => Ok(Self::Open),
                Release => Ok(Self::Pruning),
                Reserve | Seal | Compact | Unlinked => forbidden,
            },
            Self::Open => match event {
                Seal => Ok(Self::Sealed),
                Release => Ok(Self::Pruning),
                Reserve | Created | Compact | Unlinked => forbidden,
            },
            Self::Sealed => match event {
                Compact => Ok(Self::Compacting),
                Release => Ok(Self::Pruning),
                Reserve | Created | Seal | Unlinked => forbidden,
            },
            Self::Compacting => match event {
                Release => Ok(Self::Pruning),
                Reserve | Created | Seal | Compact | Unlinked => forbidden,
            },
            Self::Pruning => match event {
                Unlinked => Ok(Self::Absent),
                Reserve | Created | Seal | Compact | Release => forbidden,
            },
        }
    }

    /// Whether readers may look into the segment.
    pub const fn is_readable(self) -> bool {
        match self {
            Self::Open | Self::Sealed | Self::Compacting => true,
            Self::Absent | Self::Opening | Self::Pruning => false,
        }
    }
}
