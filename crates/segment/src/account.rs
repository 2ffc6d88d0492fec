//! What is kept about each segment, head and held claim between processes.
//!
//! Must never be the only place that knows a commit: it follows from the records.

use std::collections::BTreeMap;

use billet_block::{CborError, Cid, decode, encode};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::{Pin, State};

/// A row of the durable table that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the row {key:?} cannot be read: {error}")]
pub struct RowError {
    /// The row's key.
    pub key: String,
    /// What is wrong.
    pub error: CborError,
}

fn read<T: DeserializeOwned + Serialize>(key: &[u8], bytes: &[u8]) -> Result<T, RowError> {
    let key = || String::from_utf8_lossy(key).into_owned();
    decode(bytes).map_err(|error| RowError { key: key(), error })
}

fn write<T: Serialize>(value: &T) -> Vec<u8> {
    // Text, numbers and links only: these cannot fail to encode.
    encode(value).unwrap_or_default()
}

/// A segment, as of the last seal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SegmentRow {
    /// Never `absent`.
    pub state: State,
    /// Bytes of the CAR once it is sealed, 0 before.
    pub bytes: u64,
    /// Blocks in it once it is sealed, 0 before.
    pub blocks: u64,
    /// All bytes before this one are claimed by commits, so durable, whatever the file says.
    pub claimed: u64,
    /// For each log its newest commit that adopted something in here.
    pub logs: BTreeMap<String, u64>,
}

impl SegmentRow {
    /// A row with nothing in it yet.
    pub const fn new(state: State) -> Self {
        Self {
            state,
            bytes: 0,
            blocks: 0,
            claimed: 0,
            logs: BTreeMap::new(),
        }
    }

    /// The row's value.
    pub fn to_bytes(&self) -> Vec<u8> {
        write(self)
    }

    /// Reads the value under `key`.
    ///
    /// # Errors
    /// For anything that [`SegmentRow::to_bytes`] does not write.
    pub fn from_bytes(key: &[u8], bytes: &[u8]) -> Result<Self, RowError> {
        read(key, bytes)
    }

    /// Whether a segment with this row may go, while nothing is shipped: when no commit adopted
    /// anything in it and so many held and pending claims lie in it.
    pub fn may_go(&self, held: usize, pending: usize) -> bool {
        self.logs.is_empty() && held == 0 && pending == 0
    }
}

/// The newest commit of a log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Head {
    /// The space of its blocks.
    pub space: String,
    /// Counts commits from 1.
    pub seq: u64,
    /// The commit record.
    pub commit: Cid,
    /// The tree's root.
    pub root: Cid,
    /// The state block.
    pub state: Cid,
    /// Unix milliseconds of the newest commit that changed root or state.
    #[serde(rename = "time")]
    pub time_ms: u64,
    /// Number of the segment that has the record.
    pub segment: u64,
}

impl Head {
    /// The row's value.
    pub fn to_bytes(&self) -> Vec<u8> {
        write(self)
    }

    /// Reads the value under `key`.
    ///
    /// # Errors
    /// For anything that [`Head::to_bytes`] does not write.
    pub fn from_bytes(key: &[u8], bytes: &[u8]) -> Result<Self, RowError> {
        read(key, bytes)
    }
}

/// A claim that a row of a log keeps.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HeldClaim {
    /// Whose row.
    pub log: String,
    /// The space of its blocks.
    pub space: String,
    /// Numbers of the segments that hold its blocks.
    pub segments: Vec<u64>,
    /// For a pin, what it covers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pin: Option<Pin>,
}

impl HeldClaim {
    /// The row's value.
    pub fn to_bytes(&self) -> Vec<u8> {
        write(self)
    }

    /// Reads the value under `key`.
    ///
    /// # Errors
    /// For anything that [`HeldClaim::to_bytes`] does not write.
    pub fn from_bytes(key: &[u8], bytes: &[u8]) -> Result<Self, RowError> {
        read(key, bytes)
    }
}
