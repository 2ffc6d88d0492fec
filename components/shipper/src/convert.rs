//! Between the contract's records and those of the pure crates. Must never decide anything but
//! whether a record can be read.

use billet_block::{Cid, Digest};
use billet_forge::Failure;
use billet_ucan::Did;

use crate::bindings::billet::store::types::StoreError;

/// What the host's interfaces gave, or did not.
pub(crate) type Result<T> = std::result::Result<T, StoreError>;

pub(crate) fn invalid(what: impl ToString) -> StoreError {
    StoreError::Invalid(what.to_string())
}

pub(crate) fn cid(bytes: &[u8]) -> Result<Cid> {
    Cid::from_bytes(bytes).map_err(invalid)
}

pub(crate) fn digest(bytes: &[u8]) -> Result<Digest> {
    bytes
        .try_into()
        .map_err(|_| invalid("a digest of 32 bytes"))
}

pub(crate) fn did(text: &str) -> Result<Did> {
    text.parse().map_err(invalid)
}

/// What somebody who reads is told.
pub(crate) fn read_error(failure: &Failure) -> StoreError {
    match (failure, failure.name()) {
        (Failure::Impossible(what), _) => invalid(what),
        (_, "NotAllocated" | "NotFound") => StoreError::NotFound,
        _ => StoreError::Unavailable,
    }
}
