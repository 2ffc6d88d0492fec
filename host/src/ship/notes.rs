//! `billet:ship/notes`: the shipper's small durable map. Must never show what is not durable.

use std::sync::Arc;

use wasmtime::component::Accessor;

use super::bindings::billet::ship::notes::{self, Change, Note};
use crate::bindings::billet::store::types::StoreError;
use crate::guest::{Guest, Host};
use crate::imports::PAGE_MAX;
use crate::storage::Storage;

impl notes::Host for Guest {}

type Answer<T> = wasmtime::Result<Result<T, StoreError>>;

fn storage(accessor: &Accessor<Guest, Host>) -> Arc<Storage> {
    accessor.with(|mut access| Arc::clone(&access.get().effects.storage))
}

impl notes::HostWithStore<Guest> for Host {
    async fn get(accessor: &Accessor<Guest, Self>, key: String) -> Answer<Option<Vec<u8>>> {
        Ok(storage(accessor).run(move |store| store.note(&key)).await)
    }

    async fn scan(
        accessor: &Accessor<Guest, Self>,
        prefix: String,
        after: Option<String>,
        limit: u32,
    ) -> Answer<Vec<Note>> {
        let limit = usize::try_from(limit.min(PAGE_MAX)).unwrap_or(0);
        let found = storage(accessor)
            .run(move |store| store.notes(&prefix, after.as_deref(), limit))
            .await;
        let note = |(key, value)| Note { key, value };
        Ok(found.map(|notes| notes.into_iter().map(note).collect()))
    }

    async fn set(accessor: &Accessor<Guest, Self>, changes: Vec<Change>) -> Answer<()> {
        let changes: Vec<_> = changes
            .into_iter()
            .map(|change| (change.key, change.value))
            .collect();
        let storage = storage(accessor);
        let done = storage.run(move |store| store.set_notes(&changes));
        Ok(done.await)
    }
}
