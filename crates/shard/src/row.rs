//! The values under the keys of shipping.
//!
//! Must never be read from a form that they would not be written in.

use billet_block::{CborError, Cid, decode, encode};
use billet_segment::Plane;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_bytes::ByteArray;

use crate::ShardState;

fn write<T: Serialize>(value: &T) -> Vec<u8> {
    // Text, numbers, bytes and links only: these cannot fail to encode.
    encode(value).unwrap_or_default()
}

fn read<T: DeserializeOwned + Serialize>(bytes: &[u8]) -> Result<T, CborError> {
    decode(bytes)
}

macro_rules! rows {
    ($($row:ty),*) => {$(
        impl $row {
            /// The row's value.
            pub fn to_bytes(&self) -> Vec<u8> {
                write(self)
            }

            /// Reads the value.
            ///
            /// # Errors
            /// For anything that `to_bytes` does not write.
            pub fn from_bytes(bytes: &[u8]) -> Result<Self, CborError> {
                read(bytes)
            }
        }
    )*};
}

rows!(ShardRow, DueRow, Published, Totals);

/// A shard.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ShardRow {
    /// Never `absent`.
    pub state: ShardState,
    /// Whose blocks.
    pub space: String,
    /// Which of their blocks.
    pub plane: Plane,
    /// The shipper's number for what was packed together.
    pub window: u64,
    /// SHA-256 of the CAR.
    pub digest: ByteArray<32>,
    /// Bytes of the CAR.
    pub size: u64,
    /// Blocks in it.
    pub blocks: u32,
    /// Of those the last ones, which are in no segment.
    pub inline: u32,
    /// The root that its header names.
    pub root: Cid,
}

/// What a shard that is not accepted yet keeps from going.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DueRow {
    /// Numbers of the segments that hold its blocks, rising.
    pub segments: Vec<u64>,
    /// Bytes of the CAR.
    pub size: u64,
}

/// What of a log is on the network, all of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Published {
    /// Counts commits of the log.
    pub seq: u64,
    /// The commit record.
    pub commit: Cid,
    /// The tree's root.
    pub root: Cid,
    /// The state block.
    pub state: Cid,
}

/// Figures since the storage root was made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Totals {
    /// Accepted shards.
    pub shards: u64,
    /// Bytes of their CARs.
    pub bytes: u64,
    /// Blocks in them.
    pub blocks: u64,
    /// Segments that went because the network has all that was in them.
    pub retired_segments: u64,
    /// Bytes of those.
    pub retired_bytes: u64,
}

/// Bytes that are no place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a place of {0} bytes, not 20")]
pub struct PlaceError(pub usize);

/// Where a block is in an accepted shard.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// The shard.
    pub shard: u64,
    /// Of the payload in the CAR, in bytes.
    pub offset: u64,
    /// Bytes of the block.
    pub length: u32,
}

impl Place {
    /// The row's value: 20 bytes, numbers low byte first.
    pub fn to_bytes(&self) -> Vec<u8> {
        let (shard, offset) = (self.shard.to_le_bytes(), self.offset.to_le_bytes());
        [&shard[..], &offset[..], &self.length.to_le_bytes()[..]].concat()
    }

    /// Reads the value.
    ///
    /// # Errors
    /// For anything that is not 20 bytes long.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, PlaceError> {
        let read = || {
            let (shard, rest) = bytes.split_first_chunk()?;
            let (offset, rest) = rest.split_first_chunk()?;
            let length = rest.try_into().ok()?;
            Some(Self {
                shard: u64::from_le_bytes(*shard),
                offset: u64::from_le_bytes(*offset),
                length: u32::from_le_bytes(length),
            })
        };
        read().ok_or(PlaceError(bytes.len()))
    }
}
