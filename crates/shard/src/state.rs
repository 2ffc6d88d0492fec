//! The life of a shard, as one table.
//!
//! Must never have a wildcard: a new state or event is to be thought about in every row.

use serde::{Deserialize, Serialize};

/// Where a shard is in its life. Every state but `Absent` is written under the shard's key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ShardState {
    /// No key.
    Absent,
    /// The recipe is durable; nothing was sent.
    Packed,
    /// A step of the upload was recorded.
    Uploading,
    /// The network has it; the locations of its blocks are durable.
    Accepted,
    /// To be taken off the network.
    Removing,
}

/// What may happen to a shard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ShardEvent {
    /// A recipe was made.
    Pack,
    /// A step of the upload is about to be taken.
    Step,
    /// The network took it.
    Accept,
    /// Nobody wants it sent any more.
    Forget,
    /// It is to leave the network.
    Remove,
    /// It left the network.
    Removed,
}

/// An event that a shard in this state cannot have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{event:?} cannot happen to a shard that is {state:?}")]
pub struct ShardForbidden {
    /// Where the shard is.
    pub state: ShardState,
    /// What was to happen.
    pub event: ShardEvent,
}

impl ShardState {
    /// All states.
    pub const ALL: [Self; 5] = [
        Self::Absent,
        Self::Packed,
        Self::Uploading,
        Self::Accepted,
        Self::Removing,
    ];

    /// The state after `event`.
    ///
    /// # Errors
    /// For an event that has no place here.
    pub const fn step(self, event: ShardEvent) -> Result<Self, ShardForbidden> {
        use ShardEvent::{Accept, Forget, Pack, Remove, Removed, Step};
        let forbidden = Err(ShardForbidden { state: self, event });
        match self {
            Self::Absent => match event {
                Pack => Ok(Self::Packed),
                Step | Accept | Forget | Remove | Removed => forbidden,
            },
            Self::Packed | Self::Uploading => match event {
                Step => Ok(Self::Uploading),
                Accept => Ok(Self::Accepted),
                Forget => Ok(Self::Absent),
                Pack | Remove | Removed => forbidden,
            },
            Self::Accepted => match event {
                Remove => Ok(Self::Removing),
                Pack | Step | Accept | Forget | Removed => forbidden,
            },
            Self::Removing => match event {
                Removed => Ok(Self::Absent),
                Pack | Step | Accept | Forget | Remove => forbidden,
            },
        }
    }

    /// Whether its blocks must stay here, because they are still to be sent.
    pub const fn is_due(self) -> bool {
        match self {
            Self::Packed | Self::Uploading => true,
            Self::Absent | Self::Accepted | Self::Removing => false,
        }
    }
}
