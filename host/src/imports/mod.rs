//! The contract's imports, one file an interface. They turn the guests' words into the store's and
//! back; what they do is behind them.
//!
//! Must never block the thread that polls an instance.

pub(crate) mod blocks;
pub(crate) mod bodies;
pub(crate) mod bucket;
pub(crate) mod config;
pub(crate) mod credentials;

#[allow(
    unreachable_pub,
    reason = "generated code names its resource as public"
)]
pub mod digest;
pub(crate) mod durability;
pub(crate) mod get;
pub(crate) mod journal;
pub(crate) mod put;
pub(crate) mod rows;

use billet_block::Cid;
use tokio::task::JoinError;

use crate::bindings::billet::store::types::{self, StoreError};
use crate::buffers::{NoBuffer, RETRY_MS};
use crate::guest::Guest;

impl types::Host for Guest {}

/// Items that a list of a call may have at most, where the contract says 1,000.
pub(crate) const PAGE_MAX: u32 = 1_000;

pub(crate) fn unknown_algorithm(algorithm: &str) -> StoreError {
    StoreError::Invalid(format!("no digest {algorithm:?} here"))
}

pub(crate) fn invalid(text: &str) -> StoreError {
    StoreError::Invalid(text.to_owned())
}

/// The name of a block as the contract writes it.
pub(crate) fn parse_cid(bytes: &[u8]) -> Result<Cid, StoreError> {
    Cid::from_bytes(bytes).map_err(|error| StoreError::Invalid(format!("not a CID: {error}")))
}

impl From<NoBuffer> for StoreError {
    fn from(NoBuffer: NoBuffer) -> Self {
        Self::Busy(RETRY_MS)
    }
}

/// A task of the host that panicked; the runtime's end looks the same.
pub(crate) fn task_ended(error: &JoinError) -> StoreError {
    tracing::error!(%error, "a task of the host ended early");
    StoreError::Unavailable
}
