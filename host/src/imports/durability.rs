//! `billet:store/durability`: how safe a commit is. Must never promise what was not done.

use std::sync::Arc;

use wasmtime::component::Accessor;

use crate::bindings::billet::store::durability::{self, Level};
use crate::bindings::billet::store::types::StoreError;
use crate::guest::{Guest, Host};

impl durability::Host for Guest {}

impl durability::HostWithStore<Guest> for Host {
    async fn settle(
        accessor: &Accessor<Guest, Self>,
        log: String,
        seq: u64,
        level: Level,
    ) -> wasmtime::Result<Result<(), StoreError>> {
        Ok(match level {
            // I1: what was told as committed is local already.
            Level::Local => Ok(()),
            Level::Network => {
                let effects = accessor.with(|mut access| Arc::clone(&access.get().effects));
                match effects.network.get() {
                    Some(network) => network.settle(&effects.storage, log, seq).await,
                    None => Err(StoreError::Unavailable),
                }
            }
        })
    }
}
