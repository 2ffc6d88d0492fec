//! A commit record and the file it is kept in: its CID, then the record as DAG-CBOR.
//!
//! Must never take a record whose bytes are not those of its name.

use billet_block::{CID_BYTES, CborError, Cid, Codec};
use serde::{Deserialize, Serialize};
use serde_bytes::ByteBuf;

/// One commit of a log: all that it changes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Record {
    /// The log's name.
    pub log: String,
    /// The space of its blocks from this commit on.
    pub space: String,
    /// Counts from 1.
    pub seq: u64,
    /// The record before; none for the first.
    pub prev: Option<Cid>,
    /// The tree's root.
    pub root: Cid,
    /// The state block.
    pub state: Cid,
    /// Unix milliseconds of the newest commit that changed root or state.
    pub time: u64,
    /// Rows to set and to delete, in order.
    pub rows: Vec<RowChange>,
    /// Claims whose blocks the root reaches from now on.
    pub adopt: Vec<u64>,
    /// Claims that a row keeps from now on.
    pub hold: Vec<u64>,
    /// Claims let go.
    pub discard: Vec<u64>,
}

/// A row that is set, or deleted where `value` is none.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RowChange {
    /// The row's key.
    pub key: ByteBuf,
    /// Its new value.
    pub value: Option<ByteBuf>,
}

/// Why a file is not a record.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RecordError {
    /// The bytes are not those of the name before them.
    #[error("a damaged commit record")]
    Damaged,
    /// The bytes are as they were written, but no record of this version.
    #[error("no commit record: {0}")]
    Malformed(#[from] CborError),
}

/// The record's CID and the content of its file.
///
/// # Errors
/// `TooLong` for a record longer than a block may be.
pub fn write_record(record: &Record) -> Result<(Cid, Vec<u8>), CborError> {
    let body = billet_block::encode(record)?;
    if body.len() > billet_block::BLOCK_BYTES_MAX {
        return Err(CborError::TooLong(body.len()));
    }
    let cid = Cid::of(Codec::DagCbor, &body);
    let mut file = Vec::with_capacity(CID_BYTES + body.len());
    file.extend_from_slice(&cid.to_bytes());
    file.extend_from_slice(&body);
    Ok((cid, file))
}

/// Reads the content of a record's file.
///
/// # Errors
/// As [`RecordError`] says.
pub fn read_record(file: &[u8]) -> Result<(Cid, Record), RecordError> {
    let (name, body) = file
        .split_first_chunk::<CID_BYTES>()
        .ok_or(RecordError::Damaged)?;
    let cid = Cid::from_bytes(name).map_err(|_| RecordError::Damaged)?;
    if cid.codec() != Codec::DagCbor || !cid.matches(body) {
        return Err(RecordError::Damaged);
    }
    Ok((cid, billet_block::decode(body)?))
}
