//! Everything a tree reaches, in one fixed order.
//!
//! A node comes before its subtrees and values, those in key order. Every node is checked as it is
//! passed, so a walk that ends has verified the tree. Must never name a node twice.

use billet_block::Cid;

use crate::cache::Nodes;
use crate::diff::{Diff, Difference};
use crate::error::TreeError;

/// What a CID of a closure is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReachedKind {
    /// A node of the tree.
    Node,
    /// The value of a key.
    Value,
}

/// One CID of a closure. A value that several keys have comes once for each.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reached {
    /// The block.
    pub cid: Cid,
    /// What it is.
    pub kind: ReachedKind,
    /// The key of a value. The first key of a node; in a node without keys the key before it, or
    /// the empty text.
    pub key: String,
}

/// A walk over all that a tree reaches. One that answers `Missing` has not moved: fetch, and ask
/// again.
pub struct Closure {
    diff: Diff,
}

impl Closure {
    /// What `tree` reaches, without the nodes that `minus` has and without the values that `minus`
    /// has for the same keys.
    pub fn new(tree: Cid, minus: Option<Cid>) -> Self {
        Self {
            diff: Diff::new(minus, Some(tree)),
        }
    }

    /// The next CID, or `None` at the end.
    ///
    /// # Errors
    /// `Missing`, with hints; `Damaged`.
    pub fn next(&mut self, nodes: &impl Nodes) -> Result<Option<Reached>, TreeError> {
        while let Some(difference) = self.diff.next(nodes)? {
            match difference {
                Difference::Created { cid, key } => {
                    let kind = ReachedKind::Node;
                    return Ok(Some(Reached { cid, kind, key }));
                }
                Difference::Edited(edit) => {
                    let (kind, key) = (ReachedKind::Value, edit.key);
                    if let Some(cid) = edit.new {
                        return Ok(Some(Reached { cid, kind, key }));
                    }
                }
                Difference::Removed { .. } => {}
            }
        }
        Ok(None)
    }

    /// Gives up the subtree that the last answer, an error, was about, and goes on behind it. Only
    /// without a tree to leave out; then a check finds all that is damaged.
    pub fn skip(&mut self) {
        self.diff.skip_new();
    }

    /// The key before the place where the walk stands; the empty text at the beginning.
    pub fn after_key(&self) -> &str {
        self.diff.after_key()
    }
}
