//! The Merkle Search Tree: a map from keys to CIDs with one root.
//!
//! Nodes are byte-identical to atproto's, and the same keys and values make the same root whatever
//! their history. Nothing here does I/O: operations read decoded nodes through [`Nodes`] and answer
//! [`TreeError::Missing`] with the CIDs they cannot go on without; the caller fetches those, gives
//! them to its [`NodeCache`] and calls again. Nothing that came from outside is trusted beyond its
//! hash: levels, order and bounds are checked as nodes are entered. Must never know what a value
//! is.

mod apply;
mod build;
mod cache;
mod closure;
mod codec;
mod cursor;
mod diff;
mod error;
mod get;
mod level;
mod limits;
mod node;
mod outline;
mod path;
mod plan;
mod proof;

pub use apply::{Applied, apply, empty_block, empty_root};
pub use build::{Builder, build};
pub use cache::{NodeCache, Nodes, Session};
pub use closure::{Closure, Reached, ReachedKind};
pub use cursor::{Cursor, Position};
pub use diff::{Diff, Difference, Edit, Edits, diff};
pub use error::{Missing, ProofError, TreeError};
pub use get::{get, get_many, is_empty};
pub use level::{KeyError, check_key, common_prefix_bytes, key_level};
pub use limits::{
    CACHE_NODES_MIN, CACHE_NODES_MIN_BYTES, HINTS_MAX, KEY_BYTES_MAX, LEVEL_BITS, LEVEL_MAX,
    NODE_BYTES_MAX, NODE_PUT_BYTES_MAX,
};
pub use node::{Entry, Node, NodeError};
pub use outline::{Outline, Placed};
pub use proof::{prove, verify_proof};
