//! Building a tree from sorted keys, in one pass.
//!
//! Must never hold more than one unfinished node a level, besides the blocks not yet taken.

use billet_block::{Block, Cid, Codec};

use crate::apply::empty_block;
use crate::error::TreeError;
use crate::get::checked_level;
use crate::limits::NODE_BYTES_MAX;
use crate::node::{Entry, Node};

/// Takes keys in ascending order and gives out blocks, children before parents.
#[derive(Default)]
pub struct Builder {
    /// The unfinished node of each level, from 0 on; the highest has a key.
    open: Vec<Node>,
    last: String,
    blocks: Vec<Block>,
}

impl Builder {
    /// A builder without keys.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a key that comes after all keys before it.
    ///
    /// # Errors
    /// `Key`; `Unsorted`; `NodeFull` when a node gets longer than [`NODE_BYTES_MAX`].
    pub fn push(&mut self, key: &str, value: Cid) -> Result<(), TreeError> {
        if !self.open.is_empty() && key <= self.last.as_str() {
            return Err(TreeError::Unsorted {
                key: key.to_owned(),
            });
        }
        let level = checked_level(key)?;
        self.close_below(level)?;
        let height = self.open.len().max(usize::from(level) + 1);
        self.open.resize_with(height, Node::default);
        let entry = Entry {
            key,
            value,
            right: None,
        };
        let Some(node) = self.open.get_mut(usize::from(level)) else {
            return Ok(());
        };
        if !node.push(level, entry) || node.encoded_bytes_min() > NODE_BYTES_MAX {
            return Err(full(key));
        }
        key.clone_into(&mut self.last);
        Ok(())
    }

    /// Finishes the nodes of the levels below `level`, from the bottom.
    fn close_below(&mut self, level: u8) -> Result<(), TreeError> {
        for below in 0..usize::from(level) {
            let node = self.open.get_mut(below).map(std::mem::take);
            let Some(node) = node.filter(|node| !node.is_hollow()) else {
                continue;
            };
            let cid = self.emit(&node)?;
            if self.open.len() == below + 1 {
                self.open.push(Node::default());
            }
            if let Some(parent) = self.open.get_mut(below + 1) {
                parent.set_last_child(cid);
            }
        }
        Ok(())
    }

    fn emit(&mut self, node: &Node) -> Result<Cid, TreeError> {
        let bytes = node.encode();
        if bytes.len() > NODE_BYTES_MAX {
            return Err(full(node.key(0).unwrap_or_default()));
        }
        let block = Block::new(Codec::DagCbor, bytes);
        let cid = block.cid;
        self.blocks.push(block);
        Ok(cid)
    }

    /// The blocks finished since the last call.
    pub fn take_blocks(&mut self) -> Vec<Block> {
        std::mem::take(&mut self.blocks)
    }

    /// The root, and the blocks finished since [`Builder::take_blocks`], the root's last.
    ///
    /// # Errors
    /// `NodeFull`.
    pub fn finish(mut self) -> Result<(Cid, Vec<Block>), TreeError> {
        let top = self.open.len().saturating_sub(1);
        self.close_below(u8::try_from(top).unwrap_or(u8::MAX))?;
        let root = match self.open.pop() {
            Some(node) => self.emit(&node)?,
            None => {
                let block = empty_block();
                let cid = block.cid;
                self.blocks.push(block);
                cid
            }
        };
        Ok((root, self.blocks))
    }
}

fn full(key: &str) -> TreeError {
    TreeError::NodeFull {
        keys: vec![key.to_owned()],
    }
}

/// Builds the tree of sorted keys; `emit` gets each block once, children before parents.
///
/// # Errors
/// As [`Builder::push`].
pub fn build<K: AsRef<str>>(
    items: impl IntoIterator<Item = (K, Cid)>,
    mut emit: impl FnMut(Block),
) -> Result<Cid, TreeError> {
    let mut builder = Builder::new();
    for (key, value) in items {
        builder.push(key.as_ref(), value)?;
        builder.take_blocks().into_iter().for_each(&mut emit);
    }
    let (root, blocks) = builder.finish()?;
    blocks.into_iter().for_each(emit);
    Ok(root)
}
