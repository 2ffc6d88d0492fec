//! Between the words of the contract and those of the crates. Must never drop a field.

use billet_block::Cid;
use billet_plain::Position;

use crate::bindings::billet::store::types::StoreError;
use crate::bindings::exports::billet::store::journal;

/// A name as the contract writes it.
pub(crate) fn read_cid(bytes: &[u8]) -> Result<Cid, StoreError> {
    Cid::from_bytes(bytes).map_err(|error| StoreError::Invalid(error.to_string()))
}

pub(crate) fn write_cid(cid: &Cid) -> Vec<u8> {
    cid.to_bytes().to_vec()
}

pub(crate) fn write_position(log: &str, position: &Position) -> journal::Position {
    journal::Position {
        log: log.to_owned(),
        space: position.space.clone(),
        seq: position.seq,
        commit: write_cid(&position.commit),
        root: write_cid(&position.root),
        state: write_cid(&position.state),
        time_ms: position.time,
    }
}
