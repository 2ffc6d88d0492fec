//! Proofs that a key has a value under a root, or that there is no such key.
//!
//! A proof is the nodes on the way from the root to the key. For a key that is not there the way
//! ends with the first node below the key's own level. Must never accept a block by its name only.

use std::collections::BTreeMap;
use std::sync::Arc;

use billet_block::{Block, Cid};

use crate::cache::Nodes;
use crate::error::{ProofError, TreeError};
use crate::get::{checked_level, get, search};
use crate::node::Node;
use crate::path::Path;

/// The nodes that prove what `root` says of a key, the root first.
///
/// # Errors
/// `Missing`, one node a time; `Key`; `Damaged`.
pub fn prove(nodes: &impl Nodes, root: &Cid, key: &str) -> Result<Vec<Cid>, TreeError> {
    let level = checked_level(key)?;
    let mut path = Path::at_root(nodes, root)?;
    search(nodes, &mut path, key, level)?;
    Ok(path.frames.iter().map(|frame| frame.cid).collect())
}

/// What a proof says of a key under `root`: its value, or `None` if there is no such key. Needs
/// nothing but the proof. Blocks that are not on the way may be in it, forged ones may not; for a
/// key that is not there, the node below its level may be left out.
///
/// # Errors
/// As the variants of [`ProofError`] say.
pub fn verify_proof<'a>(
    blocks: impl IntoIterator<Item = &'a Block>,
    root: &Cid,
    key: &str,
) -> Result<Option<Cid>, ProofError> {
    let mut given = BTreeMap::new();
    for block in blocks {
        if !block.cid.matches(&block.bytes) {
            return Err(ProofError::Forged(block.cid));
        }
        given.insert(block.cid, block.bytes.as_slice());
    }
    let mut nodes: BTreeMap<Cid, Arc<Node>> = BTreeMap::new();
    loop {
        let missing = match get(&nodes, root, key) {
            Ok(value) => return Ok(value),
            Err(TreeError::Missing(missing)) => missing,
            Err(error) => return Err(ProofError::Tree(error)),
        };
        for cid in missing.need {
            let bytes = given.get(&cid).ok_or(ProofError::Incomplete(cid))?;
            let node = Node::decode(bytes)
                .map_err(|error| ProofError::Tree(TreeError::damaged(&cid, error)))?;
            nodes.insert(cid, Arc::new(node));
        }
    }
}
