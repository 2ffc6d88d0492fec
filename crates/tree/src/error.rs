//! What can go wrong with a tree, named by what the caller does about it.
//!
//! Must never carry a string that somebody has to parse.

use billet_block::Cid;

use crate::level::KeyError;
use crate::node::NodeError;

/// The nodes an operation cannot go on without.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Missing {
    /// All of these are needed; each once, in the order in which they are wanted.
    pub need: Vec<Cid>,
    /// These will probably be asked for next: worth fetching in the same round, nearest first,
    /// at most [`crate::HINTS_MAX`]. None of them is in `need`.
    pub hints: Vec<Cid>,
}

/// Why an operation on a tree did not end.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TreeError {
    /// Fetch these nodes, give them to the cache, call again.
    #[error("{} nodes must be fetched first", .0.need.len())]
    Missing(Missing),
    /// A key that cannot be stored: refuse the request.
    #[error("{key:?} is not a key: {error}")]
    Key {
        /// The text in question.
        key: String,
        /// What is wrong with it.
        error: KeyError,
    },
    /// Keys were not given in ascending order, each once: a fault of the caller.
    #[error("{key:?} does not come after the key before it")]
    Unsorted {
        /// The first key out of order.
        key: String,
    },
    /// A node is damaged, or does not belong where it is: report it.
    #[error("node {cid} is damaged: {error}")]
    Damaged {
        /// The node.
        cid: Cid,
        /// What is wrong with it.
        error: NodeError,
    },
    /// These changes would make nodes too long: refuse them, apply the rest of the batch.
    #[error("{} changes would make a node too long", .keys.len())]
    NodeFull {
        /// Keys of the batch, ascending, at least one. Without them the batch fits, or another
        /// attempt names more.
        keys: Vec<String>,
    },
}

impl TreeError {
    /// The lack of one node.
    pub(crate) fn missing(cid: Cid) -> Self {
        Self::Missing(Missing {
            need: vec![cid],
            hints: Vec::new(),
        })
    }

    pub(crate) fn damaged(cid: &Cid, error: NodeError) -> Self {
        Self::Damaged { cid: *cid, error }
    }
}

/// Why a proof proves nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ProofError {
    /// A block whose bytes are not those its CID names.
    #[error("the bytes of {0} are not its own")]
    Forged(Cid),
    /// The way to the key leads through a node that is not in the proof.
    #[error("the proof lacks {0}")]
    Incomplete(Cid),
    /// A node, or the key in question, is not as it must be.
    #[error(transparent)]
    Tree(TreeError),
}
