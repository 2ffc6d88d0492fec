//! The commit record: one block that says what a commit did.
//!
//! Must never be read from a form that it would not be written in.

use std::collections::BTreeMap;

use billet_block::{CborError, Cid, decode, encode};
use serde::{Deserialize, Serialize};
use serde_bytes::ByteBuf;

/// The key of the union around a record: its format.
pub const COMMIT_FORMAT: &str = "/billet/commit/1";

/// Most bytes of a row's key.
pub const ROW_KEY_BYTES_MAX: usize = 1280;

/// Most bytes of a row's value.
pub const ROW_VALUE_BYTES_MAX: usize = 4096;

/// Why some bytes are no commit record.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RecordError {
    /// Not a record of this format in its canonical form.
    #[error(transparent)]
    Malformed(#[from] CborError),
    /// A record in a format of this name, which is not known here.
    #[error("a record of the unknown format {0:?}")]
    Newer(String),
}

/// Bytes of a segment's file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Range {
    /// The segment's number.
    pub segment: u64,
    /// The first byte.
    pub start: u64,
    /// Behind the last byte.
    pub end: u64,
}

/// How far the catalog was durable.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Position {
    /// The segment's number.
    pub segment: u64,
    /// All bytes before this one are durable.
    pub end: u64,
}

/// One row set, or deleted where `value` is none.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RowChange {
    /// At most [`ROW_KEY_BYTES_MAX`] bytes.
    pub key: ByteBuf,
    /// At most [`ROW_VALUE_BYTES_MAX`] bytes.
    pub value: Option<ByteBuf>,
}

/// What a pin covers: all that a log reached at a commit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pin {
    /// Whose commit.
    pub log: String,
    /// Which commit.
    pub seq: u64,
}

/// A claim that a commit took, with what it lies in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Claimed {
    /// The claim.
    pub claim: u64,
    /// Numbers of the segments that hold its blocks, rising. The record's own segment is only
    /// among them for a claim that is held.
    pub segments: Vec<u64>,
    /// For a pin, what it covers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pin: Option<Pin>,
}

/// A commit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Record {
    /// The bucket's journal.
    pub log: String,
    /// The space of its blocks.
    pub space: String,
    /// Counts commits of the log from 1.
    pub seq: u64,
    /// The record before, none for the first.
    pub prev: Option<Cid>,
    /// The tree's root.
    pub root: Cid,
    /// The state block.
    pub state: Cid,
    /// Unix milliseconds of the newest commit that changed root or state.
    #[serde(rename = "time")]
    pub time_ms: u64,
    /// Where the bytes of its claims lie that were in a file before the record was written.
    pub data: Vec<Range>,
    /// How far the catalog was durable when the record was written; always of its own segment.
    pub durable: Position,
    /// Rows set or deleted.
    pub rows: Vec<RowChange>,
    /// Claims that the root reaches from now on.
    pub adopt: Vec<Claimed>,
    /// Claims that a row keeps.
    pub hold: Vec<Claimed>,
    /// Held claims that are let go.
    pub discard: Vec<u64>,
}

impl Record {
    /// The canonical bytes of the block.
    ///
    /// # Errors
    /// `TooLong` for more than a block may have.
    pub fn to_bytes(&self) -> Result<Vec<u8>, RecordError> {
        let bytes = encode(&BTreeMap::from([(COMMIT_FORMAT, self)]))?;
        if bytes.len() > billet_block::BLOCK_BYTES_MAX {
            return Err(CborError::TooLong(bytes.len()).into());
        }
        Ok(bytes)
    }

    /// Reads a record.
    ///
    /// # Errors
    /// As the variants of [`RecordError`] say.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, RecordError> {
        if let Some(format) = format_of(bytes)
            && format != COMMIT_FORMAT
        {
            return Err(RecordError::Newer(format.to_owned()));
        }
        let mut union: BTreeMap<String, Self> = decode(bytes)?;
        match (union.remove(COMMIT_FORMAT), union.is_empty()) {
            (Some(record), true) => Ok(record),
            _ => Err(CborError::Malformed("not one entry".to_owned()).into()),
        }
    }
}

/// Whether bytes claim to be a commit record, of this format or a newer one.
pub fn is_record(bytes: &[u8]) -> bool {
    format_of(bytes).is_some()
}

/// The format that a block names, where it is one of commit records.
fn format_of(bytes: &[u8]) -> Option<&str> {
    let (length, rest) = match bytes {
        [0xa1, head @ 0x60..=0x77, rest @ ..] => (usize::from(head & 0x1f), rest),
        _ => return None,
    };
    let format = str::from_utf8(rest.get(..length)?).ok()?;
    format.starts_with("/billet/commit/").then_some(format)
}
