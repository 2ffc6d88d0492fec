//! `billet:store/blocks`: blocks of the catalog plane. Must never serve what was not checked.

use std::sync::Arc;

use billet_block::Cid;
use billet_storage::Store;
use bytes::Bytes;
use wasmtime::component::Accessor;

use super::{invalid, parse_cid};
use crate::bindings::billet::store::blocks::{self, Answer};
use crate::bindings::billet::store::types::StoreError;
use crate::guest::{Guest, Host};
use crate::storage::Storage;

/// CIDs that one call may ask for.
const CIDS_MAX: usize = 4_096;
/// Bytes of blocks that one call may carry.
const LIST_BYTES_MAX: usize = 4 << 20;

impl blocks::Host for Guest {}

impl blocks::HostWithStore<Guest> for Host {
    async fn stage(
        accessor: &Accessor<Guest, Self>,
        space: String,
        blocks: Vec<blocks::Block>,
    ) -> wasmtime::Result<Result<u64, StoreError>> {
        let storage = accessor.with(|mut access| Arc::clone(&access.get().effects.storage));
        let blocks = match checked(blocks) {
            Ok(blocks) => blocks,
            Err(error) => return Ok(Err(error)),
        };
        Ok(storage.run(move |store| store.stage(&space, blocks)).await)
    }

    async fn get_many(
        accessor: &Accessor<Guest, Self>,
        cids: Vec<Vec<u8>>,
        max_bytes: u32,
    ) -> wasmtime::Result<Result<Vec<Answer>, StoreError>> {
        let storage = accessor.with(|mut access| Arc::clone(&access.get().effects.storage));
        Ok(get_many(&storage, cids, max_bytes).await)
    }
}

/// Blocks within the limits. The store checks that they are what their CIDs say.
fn checked(blocks: Vec<blocks::Block>) -> Result<Vec<(Cid, Bytes)>, StoreError> {
    let bytes = blocks
        .iter()
        .fold(0_usize, |sum, block| sum.saturating_add(block.bytes.len()));
    if bytes > LIST_BYTES_MAX {
        return Err(invalid("more than 4 MiB of blocks"));
    }
    blocks
        .into_iter()
        .map(|block| Ok((parse_cid(&block.cid)?, Bytes::from(block.bytes))))
        .collect()
}

async fn get_many(
    storage: &Storage,
    cids: Vec<Vec<u8>>,
    max_bytes: u32,
) -> Result<Vec<Answer>, StoreError> {
    if cids.len() > CIDS_MAX {
        return Err(invalid("too many CIDs"));
    }
    let max_bytes = usize::try_from(max_bytes)
        .unwrap_or(usize::MAX)
        .min(LIST_BYTES_MAX);
    let cids = cids
        .iter()
        .map(|cid| parse_cid(cid))
        .collect::<Result<Vec<_>, _>>()?;
    storage
        .run(move |store| get_all(store, &cids, max_bytes))
        .await
}

fn get_all(
    store: &Store,
    cids: &[Cid],
    max_bytes: usize,
) -> Result<Vec<Answer>, billet_storage::StoreError> {
    use billet_storage::StoreError::{Corrupt, NotFound};
    let mut answers = Vec::with_capacity(cids.len());
    let mut room = max_bytes;
    for cid in cids {
        if room == 0 && !answers.is_empty() {
            answers.push(Answer::Skipped);
            continue;
        }
        answers.push(match store.block(cid) {
            Ok(found) if found.len() <= room || answers.is_empty() => {
                room = room.saturating_sub(found.len());
                Answer::Found(found.to_vec())
            }
            Ok(_) => Answer::Skipped,
            Err(NotFound) => Answer::NotFound,
            Err(Corrupt(cid)) => {
                tracing::error!(%cid, "a block is damaged");
                Answer::Corrupt
            }
            Err(error) => return Err(error),
        });
    }
    Ok(answers)
}
