//! `billet:store/blocks`: blocks of the catalog plane. Must never serve what was not checked.

use std::sync::Arc;

use billet_block::{BLOCK_BYTES_MAX, Block, Cid};
use wasmtime::component::Accessor;

use super::{invalid, parse_cid, task_ended};
use crate::bindings::billet::store::blocks::{self, Answer};
use crate::bindings::billet::store::types::StoreError;
use crate::effects::Effects;
use crate::guest::{Guest, Host};
use crate::store::Failure;

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
        let effects = accessor.with(|mut access| Arc::clone(&access.get().effects));
        let staged = tokio::task::spawn_blocking(move || stage(&effects, &space, blocks)).await;
        Ok(staged.unwrap_or_else(|error| Err(task_ended(&error))))
    }

    async fn get_many(
        accessor: &Accessor<Guest, Self>,
        cids: Vec<Vec<u8>>,
        max_bytes: u32,
    ) -> wasmtime::Result<Result<Vec<Answer>, StoreError>> {
        let effects = accessor.with(|mut access| Arc::clone(&access.get().effects));
        Ok(get_many(effects, cids, max_bytes).await)
    }
}

fn stage(effects: &Effects, space: &str, blocks: Vec<blocks::Block>) -> Result<u64, StoreError> {
    let bytes = blocks.iter().fold(0_usize, |sum, block| sum.saturating_add(block.bytes.len()));
    if bytes > LIST_BYTES_MAX {
        return Err(invalid("more than 4 MiB of blocks"));
    }
    let mut checked = Vec::with_capacity(blocks.len());
    for block in blocks {
        let cid = parse_cid(&block.cid)?;
        if block.bytes.len() > BLOCK_BYTES_MAX {
            return Err(invalid("a block is longer than 2 MiB"));
        }
        if !cid.matches(&block.bytes) {
            return Err(invalid("a block is not what its CID says"));
        }
        checked.push(Block { cid, bytes: block.bytes });
    }
    Ok(effects.storage.stage(space, checked)?)
}

async fn get_many(
    effects: Arc<Effects>,
    cids: Vec<Vec<u8>>,
    max_bytes: u32,
) -> Result<Vec<Answer>, StoreError> {
    if cids.len() > CIDS_MAX {
        return Err(invalid("too many CIDs"));
    }
    let max_bytes = usize::try_from(max_bytes).unwrap_or(usize::MAX).min(LIST_BYTES_MAX);
    let cids = cids.iter().map(|cid| parse_cid(cid)).collect::<Result<Vec<_>, _>>()?;
    let mut answers = Vec::with_capacity(cids.len());
    let mut bytes = 0_usize;
    for cid in cids {
        if bytes >= max_bytes && !answers.is_empty() {
            answers.push(Answer::Skipped);
            continue;
        }
        let answer = get_one(&effects, cid, max_bytes.saturating_sub(bytes), answers.is_empty());
        let answer = answer.await?;
        if let Answer::Found(found) = &answer {
            bytes = bytes.saturating_add(found.len());
        }
        answers.push(answer);
    }
    Ok(answers)
}

async fn get_one(
    effects: &Arc<Effects>,
    cid: Cid,
    room: usize,
    first: bool,
) -> Result<Answer, StoreError> {
    let found = match effects.storage.cached_block(&cid) {
        Some(found) => Ok(found),
        None => {
            let storage = Arc::clone(&effects.storage);
            tokio::task::spawn_blocking(move || storage.read_block(cid))
                .await
                .map_err(|error| task_ended(&error))?
        }
    };
    match found {
        Ok(found) if found.len() <= room || first => Ok(Answer::Found(found.to_vec())),
        Ok(_) => Ok(Answer::Skipped),
        Err(Failure::NotFound) => Ok(Answer::NotFound),
        Err(Failure::Corrupt(_)) => Ok(Answer::Corrupt),
        Err(failure) => Err(failure.into()),
    }
}
