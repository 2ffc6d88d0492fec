//! `billet:store/blocks`: blocks of the catalog plane. Must never serve what was not checked.

use std::sync::Arc;

use billet_block::Cid;
use billet_storage::Store;
use bytes::Bytes;
use wasmtime::component::Accessor;

use super::{invalid, parse_cid};
use crate::bindings::billet::store::blocks::{self, Answer};
use crate::bindings::billet::store::types::StoreError;
use crate::effects::Effects;
use crate::guest::{Guest, Host};

/// CIDs that one call may ask for.
const CIDS_MAX: usize = 4_096;
/// CIDs that are looked for in memory on the spot; more go to a thread as they are.
const AT_HAND_MAX: usize = 64;
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
        let effects = accessor.with(|mut access| Arc::clone(&access.get().effects));
        Ok(get_many(&effects, cids, max_bytes).await)
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
    effects: &Effects,
    cids: Vec<Vec<u8>>,
    max_bytes: u32,
) -> Result<Vec<Answer>, StoreError> {
    if cids.len() > CIDS_MAX {
        return Err(invalid("too many CIDs"));
    }
    let max_bytes = usize::try_from(max_bytes)
        .unwrap_or(usize::MAX)
        .min(LIST_BYTES_MAX);
    let store = effects.storage.store();
    // What is in memory is told on the spot: a thread for it would cost more than the look.
    let is_short = cids.len() <= AT_HAND_MAX;
    let asked = cids.iter().map(|cid| {
        let cid = parse_cid(cid)?;
        let known = if is_short {
            store.block_now(&cid)
        } else {
            None
        };
        Ok(Asked { cid, known })
    });
    let asked = asked.collect::<Result<Vec<_>, StoreError>>()?;
    let network = effects.network.get();
    let names = network.map(|_| asked.iter().map(|asked| asked.cid).collect::<Vec<_>>());
    let answers = if asked.iter().all(|asked| asked.known.is_some()) {
        let answers = get_all(store, asked, max_bytes);
        answers.map_err(|error| effects.storage.tell(error))
    } else {
        let storage = &effects.storage;
        storage
            .run(move |store| get_all(store, asked, max_bytes))
            .await
    };
    let mut answers = answers?;
    if let Some(names) = names {
        fill(effects, &names, &mut answers, max_bytes).await?;
    }
    Ok(answers)
}

/// Blocks that are not here from wherever else they are, as far as there is room.
async fn fill(
    effects: &Effects,
    cids: &[Cid],
    answers: &mut [Answer],
    max_bytes: usize,
) -> Result<(), StoreError> {
    let length = |answer: &Answer| match answer {
        Answer::Found(bytes) => bytes.len(),
        Answer::NotFound | Answer::Corrupt | Answer::Skipped => 0,
    };
    let used: usize = answers.iter().map(length).sum();
    let mut room = max_bytes.saturating_sub(used);
    let mut is_first = used == 0;
    for (cid, answer) in cids.iter().zip(answers) {
        let reason = match answer {
            Answer::NotFound => StoreError::NotFound,
            Answer::Corrupt => StoreError::Corrupt(cid.to_bytes().to_vec()),
            Answer::Found(_) | Answer::Skipped => continue,
        };
        if room == 0 && !is_first {
            *answer = Answer::Skipped;
            continue;
        }
        match effects.elsewhere(*cid, reason).await {
            Ok(bytes) if is_first || bytes.len() <= room => {
                room = room.saturating_sub(bytes.len());
                is_first = false;
                *answer = Answer::Found(bytes.to_vec());
            }
            Ok(_) => *answer = Answer::Skipped,
            // It stays what it is.
            Err(StoreError::NotFound | StoreError::Corrupt(_)) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// A block that is asked for, and its bytes where they are at hand.
struct Asked {
    cid: Cid,
    known: Option<Bytes>,
}

/// Answers as far as there is room; the first block always finds some.
fn get_all(
    store: &Store,
    asked: Vec<Asked>,
    max_bytes: usize,
) -> Result<Vec<Answer>, billet_storage::StoreError> {
    use billet_storage::StoreError::{Corrupt, NotFound, Unavailable};
    let mut answers = Vec::with_capacity(asked.len());
    let mut room = max_bytes;
    for Asked { cid, known } in asked {
        if room == 0 && !answers.is_empty() {
            answers.push(Answer::Skipped);
            continue;
        }
        answers.push(match known.map_or_else(|| store.block(&cid), Ok) {
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
            // Its segment cannot be read: that, too, may be had elsewhere.
            Err(Unavailable(reason)) => {
                tracing::error!(%cid, reason, "a block cannot be read");
                Answer::Corrupt
            }
            Err(error) => return Err(error),
        });
    }
    Ok(answers)
}
