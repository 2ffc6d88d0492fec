//! Building the nodes above a sequence of leaves, in bounded memory.
//!
//! Must give what the importer of the profile gives for the same leaves, and must never see a byte
//! of them.

use std::mem;

use billet_block::{Block, Cid, Codec, LEAF_BYTES_MAX};

use crate::{LINKS_MAX, Link, Node, UnixfsError};

/// A piece of a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Leaf {
    /// A raw CID.
    pub cid: Cid,
    /// Bytes, at most 1 MiB.
    pub length: u32,
}

/// A whole file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Root {
    /// Raw for up to one leaf, dag-pb for more.
    pub cid: Cid,
    /// Bytes of the file.
    pub size: u64,
}

/// Takes leaves in order and gives out the nodes above them as they fill up.
///
/// Between calls it holds fewer than [`LINKS_MAX`] links a level (three levels reach 10^9 leaves)
/// and the blocks that were not taken yet, one for every 1,024 leaves.
#[derive(Clone, Debug, Default)]
pub struct Builder {
    /// Links that are not under a node yet; leaves first, then ever higher nodes. No level is full.
    levels: Vec<Vec<Link>>,
    finished: Vec<Block>,
    size: u64,
    saw_empty_leaf: bool,
}

impl Builder {
    /// A file without leaves.
    pub fn new() -> Self {
        Self::default()
    }

    /// Bytes of the leaves so far.
    pub const fn size(&self) -> u64 {
        self.size
    }

    /// Appends a leaf. An empty one adds nothing to a file and is left out.
    ///
    /// # Errors
    /// `Invalid` for a leaf that is not raw or over 1 MiB, and past 2^64 bytes.
    pub fn push(&mut self, leaf: Leaf) -> Result<(), UnixfsError> {
        if leaf.cid.codec() != Codec::Raw || leaf.length as usize > LEAF_BYTES_MAX {
            return Err(UnixfsError::Invalid("a leaf must be raw and at most 1 MiB"));
        }
        if leaf.length == 0 {
            self.saw_empty_leaf = true;
            return Ok(());
        }
        let length = u64::from(leaf.length);
        let size = self.size.checked_add(length);
        self.size = size.ok_or(UnixfsError::Invalid("a file of over 2^64 bytes"))?;
        self.append(0, Link::to_leaf(leaf.cid, length))
    }

    /// The nodes that were finished since the last call, children before parents.
    pub fn take_blocks(&mut self) -> Vec<Block> {
        mem::take(&mut self.finished)
    }

    /// Ends the file: its root and the nodes that were not taken yet, children before parents.
    ///
    /// One leaf is its own root. Without any leaf the root is the empty raw block, which is then
    /// the one block given (it is not when an empty leaf was pushed: the caller has it).
    ///
    /// # Errors
    /// `NotNode` when the sizes of all blocks add up past 64 bits.
    pub fn finish(mut self) -> Result<(Root, Vec<Block>), UnixfsError> {
        let mut level = 0;
        // Levels can be added while this runs; only the last one can hold the root alone.
        while let Some(links) = self.levels.get_mut(level) {
            let links = mem::take(links);
            let is_last = level + 1 == self.levels.len();
            if let ([only], true) = (links.as_slice(), is_last) {
                let root = Root {
                    cid: only.cid,
                    size: self.size,
                };
                return Ok((root, self.finished));
            }
            if !links.is_empty() {
                let link = close(links, &mut self.finished)?;
                self.append(level + 1, link)?;
            }
            level += 1;
        }
        let empty = Block::new(Codec::Raw, Vec::new());
        let root = Root {
            cid: empty.cid,
            size: 0,
        };
        let blocks = if self.saw_empty_leaf {
            Vec::new()
        } else {
            vec![empty]
        };
        Ok((root, blocks))
    }

    /// Appends a link to a level and, where that fills it, the node over it to the next one.
    fn append(&mut self, level: usize, mut link: Link) -> Result<(), UnixfsError> {
        for links in self.levels.iter_mut().skip(level) {
            links.push(link);
            if links.len() < LINKS_MAX {
                return Ok(());
            }
            link = close(mem::take(links), &mut self.finished)?;
        }
        self.levels.push(vec![link]);
        Ok(())
    }
}

/// Makes a node of the links and gives the link to it.
fn close(links: Vec<Link>, finished: &mut Vec<Block>) -> Result<Link, UnixfsError> {
    let node = Node::new(links)?;
    let block = Block::new(Codec::DagPb, node.encode());
    let link = Link {
        cid: block.cid,
        size: node.size(),
        tsize: node.tsize(),
    };
    finished.push(block);
    Ok(link)
}
