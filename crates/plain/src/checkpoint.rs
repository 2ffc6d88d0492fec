//! A log's rows and held claims as of one commit, in one file, so that a new instance reads some
//! hundred records and not all.
//!
//! The file is a hint: whoever reads it must look whether the record it names is there. It must
//! never be taken where its last 32 bytes are not the SHA-256 of all before them.

use billet_block::{CborError, read_varint, sha256, varint_bytes, write_varint};
use serde::{Deserialize, Serialize};

use crate::journal::{Journal, Position};

/// Why a file is not a checkpoint. Reading the log from its beginning gives the same.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CheckpointError {
    /// Cut off or changed.
    #[error("a damaged checkpoint")]
    Damaged,
    /// Whole, but of another log or another version.
    #[error("a checkpoint of something else")]
    Other,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Head {
    log: String,
    position: Position,
    /// How many held claims and rows follow.
    held: u64,
    rows: u64,
}

const SUM_BYTES: usize = 32;

/// The content of a checkpoint's file, none for a log without a commit: the head as DAG-CBOR, then
/// held claims (id, space), then rows (key, value), each with its length before it.
///
/// # Errors
/// None that is known; the head is always DAG-CBOR.
pub fn write_checkpoint(journal: &Journal) -> Result<Option<Vec<u8>>, CborError> {
    let Some(position) = journal.newest() else {
        return Ok(None);
    };
    let head = billet_block::encode(&Head {
        log: journal.log().to_owned(),
        position: position.clone(),
        held: journal.held.len() as u64,
        rows: journal.rows.len() as u64,
    })?;
    let mut file = Vec::with_capacity(capacity(journal, &head));
    put(&mut file, &head);
    for (id, space) in &journal.held {
        write_varint(&mut file, *id);
        put(&mut file, space.as_bytes());
    }
    for (key, value) in &journal.rows {
        put(&mut file, key);
        put(&mut file, value);
    }
    let sum = sha256(&file);
    file.extend_from_slice(&sum);
    Ok(Some(file))
}

/// Reads what [`write_checkpoint`] wrote for the same log.
///
/// # Errors
/// As [`CheckpointError`] says.
pub fn read_checkpoint(log: &str, file: &[u8]) -> Result<Journal, CheckpointError> {
    let (mut rest, sum) = file
        .split_last_chunk::<SUM_BYTES>()
        .ok_or(CheckpointError::Damaged)?;
    if sha256(rest) != *sum {
        return Err(CheckpointError::Damaged);
    }
    let head: Head = billet_block::decode(take(&mut rest)?).map_err(|_| CheckpointError::Other)?;
    if head.log != log {
        return Err(CheckpointError::Other);
    }
    let mut journal = Journal::new(log);
    journal.checkpoint_seq = head.position.seq;
    journal.newest = Some(head.position);
    for _ in 0..head.held {
        let id = number(&mut rest)?;
        let space = std::str::from_utf8(take(&mut rest)?).map_err(|_| CheckpointError::Other)?;
        journal.held.insert(id, space.to_owned());
    }
    for _ in 0..head.rows {
        let key = take(&mut rest)?.to_vec();
        let value = take(&mut rest)?.to_vec();
        journal.set_row(key, Some(value));
    }
    if rest.is_empty() {
        Ok(journal)
    } else {
        Err(CheckpointError::Other)
    }
}

fn capacity(journal: &Journal, head: &[u8]) -> usize {
    let lengths = journal.rows.len().saturating_mul(6);
    let held = journal.held.len().saturating_mul(32);
    usize::try_from(journal.rows_bytes)
        .unwrap_or(usize::MAX)
        .saturating_add(lengths)
        .saturating_add(held)
        .saturating_add(head.len())
        .saturating_add(varint_bytes(u64::MAX))
        .saturating_add(SUM_BYTES)
}

fn put(file: &mut Vec<u8>, bytes: &[u8]) {
    write_varint(file, bytes.len() as u64);
    file.extend_from_slice(bytes);
}

fn number(rest: &mut &[u8]) -> Result<u64, CheckpointError> {
    let Ok(Some((value, taken))) = read_varint(rest) else {
        return Err(CheckpointError::Other);
    };
    *rest = rest.get(taken..).unwrap_or_default();
    Ok(value)
}

fn take<'a>(rest: &mut &'a [u8]) -> Result<&'a [u8], CheckpointError> {
    let length = usize::try_from(number(rest)?).map_err(|_| CheckpointError::Other)?;
    let (taken, behind) = rest
        .split_at_checked(length)
        .ok_or(CheckpointError::Other)?;
    *rest = behind;
    Ok(taken)
}
