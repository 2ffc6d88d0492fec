//! The nodes of a tree, each before what is below it.
//!
//! Must never enter a node when the keys around it lie both before or both past the prefix.

use std::sync::Arc;

use billet_block::Cid;

use crate::cache::Nodes;
use crate::cursor::with_hints;
use crate::error::TreeError;
use crate::node::Node;
use crate::path::{Path, Step};

/// A node with its place in the tree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Placed {
    /// Its block.
    pub cid: Cid,
    /// 0 for the lowest; one less than its parent's.
    pub level: u8,
    /// What is in it.
    pub node: Arc<Node>,
}

/// A walk over nodes. One that answers `Missing` has not moved: fetch, and ask again.
pub struct Outline {
    root: Option<Cid>,
    path: Path,
    prefix: String,
}

impl Outline {
    /// The nodes between which keys lie that begin with `prefix`; the root in any case.
    pub fn new(root: Cid, prefix: &str) -> Self {
        Self {
            root: Some(root),
            path: Path::default(),
            prefix: prefix.to_owned(),
        }
    }

    /// The next node, or `None` at the end.
    ///
    /// # Errors
    /// `Missing`, with hints; `Damaged`.
    pub fn next(&mut self, nodes: &impl Nodes) -> Result<Option<Placed>, TreeError> {
        if let Some(root) = &self.root {
            self.path = Path::at_root(nodes, root)?;
            self.root = None;
            return Ok(self.entered());
        }
        loop {
            match self.path.step() {
                Step::End => return Ok(None),
                Step::Child(child) => {
                    let entered = self.path.enter(nodes, &child);
                    entered.map_err(|error| with_hints(error, &self.path, nodes, &self.prefix))?;
                    return Ok(self.entered());
                }
                Step::Entry(index) => {
                    let entry = self.path.entry(index);
                    if entry.is_none_or(|entry| !entry.key.starts_with(&self.prefix)) {
                        return Ok(None);
                    }
                    self.path.advance();
                }
            }
        }
    }

    /// The node that was just entered; the walk stands before what may have the prefix in it.
    fn entered(&mut self) -> Option<Placed> {
        let frame = self.path.frames.last()?;
        let placed = Placed {
            cid: frame.cid,
            level: frame.level,
            node: Arc::clone(&frame.node),
        };
        let prefix = self.prefix.as_str();
        self.path.skip_while(|key| key < prefix);
        Some(placed)
    }
}
