//! `billet:store/rows`: the ordered map inside a log. Must never write: commits do.

use std::sync::Arc;

use wasmtime::component::Accessor;

use super::PAGE_MAX;
use crate::bindings::billet::store::rows::{self, Row};
use crate::bindings::billet::store::types::StoreError;
use crate::guest::{Guest, Host};

impl rows::Host for Guest {}

impl rows::HostWithStore<Guest> for Host {
    async fn get(
        accessor: &Accessor<Guest, Self>,
        log: String,
        key: Vec<u8>,
    ) -> wasmtime::Result<Result<Option<Vec<u8>>, StoreError>> {
        let storage = accessor.with(|mut access| Arc::clone(&access.get().effects.storage));
        Ok(storage.run(move |store| store.row(&log, &key)).await)
    }

    async fn scan(
        accessor: &Accessor<Guest, Self>,
        log: String,
        prefix: Vec<u8>,
        after: Option<Vec<u8>>,
        limit: u32,
    ) -> wasmtime::Result<Result<Vec<Row>, StoreError>> {
        let storage = accessor.with(|mut access| Arc::clone(&access.get().effects.storage));
        let limit = usize::try_from(limit.min(PAGE_MAX)).unwrap_or(0);
        let found = storage.run(move |store| store.rows(&log, &prefix, after.as_deref(), limit));
        let row = |(key, value)| Row { key, value };
        Ok(found.await.map(|rows| rows.into_iter().map(row).collect()))
    }
}
