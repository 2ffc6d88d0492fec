//! What the tests of the store share: blocks by name, a small configuration, a simulated machine.
//!
//! Must never read the expected state from the store under test.

#![allow(dead_code, clippy::unwrap_used, clippy::expect_used, clippy::panic)]
#![allow(clippy::indexing_slicing, missing_docs, unreachable_pub)]

pub mod model;
pub mod shipping;

use std::sync::Arc;

use billet_block::{Block, Cid, Codec};
use billet_storage::sim::Sim;
use billet_storage::{
    BodyWriter, Change, ClaimId, CommitRequest, Committed, Config, Store, StoreError,
};
use bytes::Bytes;

pub const SPACE: &str = "did:key:space";

/// Segments seal after a few blocks.
pub fn small(seal_bytes: u64) -> Config {
    Config {
        seal_bytes,
        allocate_bytes: 512,
        ..Config::default()
    }
}

pub fn open(sim: &Sim, config: &Config) -> Arc<Store> {
    Store::open(config.clone(), sim.effects()).expect("the store opens")
}

/// A leaf that is told apart by its name.
pub fn leaf(name: &str, bytes: usize) -> (Cid, Bytes) {
    let mut content = name.as_bytes().to_vec();
    content.resize(bytes.max(name.len()), b'.');
    (Cid::of(Codec::Raw, &content), Bytes::from(content))
}

/// A block of the catalog that is told apart by its name.
pub fn node(name: &str) -> (Cid, Bytes) {
    let block = Block::new(Codec::DagCbor, billet_block::encode(&name).unwrap());
    (block.cid, Bytes::from(block.bytes))
}

pub fn write_body(store: &Arc<Store>, leaves: &[(Cid, Bytes)]) -> Result<ClaimId, StoreError> {
    let mut body: BodyWriter = store.begin_body(SPACE)?;
    for (cid, bytes) in leaves {
        body.append(*cid, bytes)?;
    }
    body.finish()
}

pub fn change(root: Cid, state: Cid, time_ms: u64) -> Option<Change> {
    Some(Change {
        space: SPACE.to_owned(),
        root,
        state,
        time_ms,
    })
}

pub fn commit_one(store: &Store, request: CommitRequest) -> Result<Committed, StoreError> {
    store.commit_group(vec![request]).pop().unwrap()
}

/// A put: a body of one leaf, a root and a state, committed on the newest head.
pub fn put(store: &Arc<Store>, log: &str, name: &str) -> Result<Committed, StoreError> {
    let standing = store.head(log)?;
    let body = write_body(store, &[leaf(name, 100)])?;
    let blocks = vec![node(name), node("state")];
    let (root, state) = (blocks[0].0, blocks[1].0);
    let staged = store.stage(SPACE, blocks)?;
    commit_one(
        store,
        CommitRequest {
            log: log.to_owned(),
            expect: standing.newest.map(|head| head.commit),
            change: change(root, state, standing.now_ms),
            adopt: vec![body, staged],
            ..CommitRequest::default()
        },
    )
}

pub fn read(store: &Store, name: &str, bytes: usize) -> Result<Vec<u8>, StoreError> {
    let mut out = Vec::new();
    store.read_leaf(&leaf(name, bytes).0, &mut out)?;
    assert_eq!(out, leaf(name, bytes).1, "a block is what its name says");
    Ok(out)
}
