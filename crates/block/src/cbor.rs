//! Strict DAG-CBOR: one value, one encoding.
//!
//! Must never accept bytes that [`encode`] would not have written: a block that can be written in
//! two ways has two names.

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::limits::BLOCK_BYTES_MAX;
use crate::shape::check_shape;

/// Why a value could not be read or written.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CborError {
    /// Not DAG-CBOR, or not of the expected shape.
    #[error("not the expected DAG-CBOR: {0}")]
    Malformed(String),
    /// Readable, but not in the one canonical form.
    #[error("DAG-CBOR that is not in canonical form")]
    NotCanonical,
    /// More bytes than a block may have.
    #[error("{0} bytes are too many for a block")]
    TooLong(usize),
}

/// Writes a value in canonical form.
///
/// # Errors
/// `Malformed` for a value that DAG-CBOR does not have (a map with keys that are not text, a NaN).
pub fn encode<T: Serialize>(value: &T) -> Result<Vec<u8>, CborError> {
    serde_ipld_dagcbor::to_vec(value).map_err(|error| CborError::Malformed(error.to_string()))
}

/// Reads a value, refusing everything that is not its one encoding: another map order, longer
/// integers, unknown fields, trailing bytes; and lists and maps in each other past
/// [`crate::DEPTH_MAX`], which [`encode`] does not look at.
///
/// # Errors
/// As the variants of [`CborError`] say.
pub fn decode<T: DeserializeOwned + Serialize>(bytes: &[u8]) -> Result<T, CborError> {
    if bytes.len() > BLOCK_BYTES_MAX {
        return Err(CborError::TooLong(bytes.len()));
    }
    check_shape(bytes)?;
    let value: T = serde_ipld_dagcbor::from_slice(bytes)
        .map_err(|error| CborError::Malformed(error.to_string()))?;
    if encode(&value)? != bytes {
        return Err(CborError::NotCanonical);
    }
    Ok(value)
}
