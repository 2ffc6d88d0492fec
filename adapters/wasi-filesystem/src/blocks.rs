//! Blocks of the catalog plane; here both planes lie side by side. Must never claim a block whose
//! bytes are not those of its name.

use billet_block::{self as block, BLOCK_BYTES_MAX};

use crate::bindings::billet::store::types::{Cid, StoreError};
use crate::bindings::exports::billet::store::blocks::{Answer, Block, Guest};
use crate::convert::read_cid;
use crate::store::Found;
use crate::{Adapter, memory, store};

impl Guest for Adapter {
    async fn stage(space: String, blocks: Vec<Block>) -> Result<u64, StoreError> {
        let blocks = blocks.into_iter().map(checked).collect::<Result<_, _>>()?;
        store::write_all(blocks).await?;
        memory::open_claim(&space)
    }

    async fn get_many(cids: Vec<Cid>, max_bytes: u32) -> Result<Vec<Answer>, StoreError> {
        let max_bytes = usize::try_from(max_bytes).unwrap_or(usize::MAX);
        let mut bytes = 0_usize;
        let mut answers = Vec::with_capacity(cids.len());
        for (at, cid) in cids.iter().enumerate() {
            let cid = read_cid(cid)?;
            if at > 0 && bytes >= max_bytes {
                answers.push(Answer::Skipped);
                continue;
            }
            answers.push(match store::read(&cid).await? {
                Found::Whole(found) => {
                    bytes = bytes.saturating_add(found.len());
                    Answer::Found(found)
                }
                Found::Damaged => Answer::Corrupt,
                Found::Missing => Answer::NotFound,
            });
        }
        Ok(answers)
    }
}

fn checked(block: Block) -> Result<block::Block, StoreError> {
    let cid = read_cid(&block.cid)?;
    let bytes = block.bytes;
    if bytes.len() > BLOCK_BYTES_MAX {
        return Err(StoreError::Invalid("a block is too long".to_owned()));
    }
    if !cid.matches(&bytes) {
        return Err(StoreError::Invalid("a block of another name".to_owned()));
    }
    Ok(block::Block { cid, bytes })
}
