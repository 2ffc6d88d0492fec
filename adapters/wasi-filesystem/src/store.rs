//! Blocks as files. Must never answer bytes that it has not checked against their name.

use std::collections::BTreeSet;

use billet_block::{BLOCK_BYTES_MAX, Block, Cid};
use billet_plain::{BLOCKS, block_folder};
use futures::{StreamExt, TryStreamExt, stream};

use crate::bindings::billet::store::types::StoreError;
use crate::bindings::wasi::filesystem::types::ErrorCode;
use crate::convert::write_cid;
use crate::folder::{self, told};

/// How many blocks are written at once, so that their syncs wait together.
const WRITES_AT_ONCE: usize = 8;

/// A block that was asked for.
pub(crate) enum Found {
    Whole(Vec<u8>),
    Damaged,
    Missing,
}

/// Writes a block under its name, durable but for the name; [`settle`] does the rest. Whatever had
/// the name is replaced: nobody knows whether its sync succeeded, and it may be damaged.
pub(crate) async fn write(block: Block) -> Result<(), StoreError> {
    let folder = folder_of(&block.cid);
    let path = path_of(&block.cid);
    let written = async {
        folder::ensure(&folder).await?;
        let temporary = folder::write_temporary(block.bytes).await?;
        folder::replace(&temporary, &path).await
    };
    written.await.map_err(|code| told("writing a block", &code))
}

/// Makes the names of blocks durable.
pub(crate) async fn settle<'a>(cids: impl Iterator<Item = &'a Cid>) -> Result<(), StoreError> {
    let folders: BTreeSet<String> = cids.map(folder_of).collect();
    stream::iter(folders)
        .map(|folder| async move { folder::sync(&folder).await })
        .buffer_unordered(WRITES_AT_ONCE)
        .try_collect::<()>()
        .await
        .map_err(|code| told("syncing a folder of blocks", &code))
}

/// Writes blocks and makes them durable.
pub(crate) async fn write_all(blocks: Vec<Block>) -> Result<(), StoreError> {
    let cids: Vec<Cid> = blocks.iter().map(|block| block.cid).collect();
    let written: Vec<_> = stream::iter(blocks)
        .map(write)
        .buffer_unordered(WRITES_AT_ONCE)
        .collect()
        .await;
    // Only now: a write that is dropped on its way leaves its temporary file for good.
    written.into_iter().collect::<Result<(), _>>()?;
    settle(cids.iter()).await
}

/// Reads a block and checks it. Whoever runs this is told of what is lost: nobody asks for a block
/// that was never written.
pub(crate) async fn read(cid: &Cid) -> Result<Found, StoreError> {
    let path = path_of(cid);
    match folder::read(&path, BLOCK_BYTES_MAX as u64).await {
        Ok(Some(bytes)) if cid.matches(&bytes) => Ok(Found::Whole(bytes)),
        // I6: never served, whatever else is wrong with it.
        Ok(Some(_)) | Err(ErrorCode::FileTooLarge | ErrorCode::Io) => {
            eprintln!("billet: {path}: damaged");
            Ok(Found::Damaged)
        }
        Ok(None) => {
            eprintln!("billet: {path}: missing");
            Ok(Found::Missing)
        }
        Err(code) => Err(told("reading a block", &code)),
    }
}

/// The bytes of a block that must be there.
pub(crate) async fn demand(cid: &Cid) -> Result<Vec<u8>, StoreError> {
    match read(cid).await? {
        Found::Whole(bytes) => Ok(bytes),
        Found::Damaged => Err(StoreError::Corrupt(write_cid(cid))),
        Found::Missing => Err(StoreError::NotFound),
    }
}

fn folder_of(cid: &Cid) -> String {
    format!("{BLOCKS}/{}", block_folder(cid))
}

fn path_of(cid: &Cid) -> String {
    format!("{BLOCKS}/{}/{cid}", block_folder(cid))
}
