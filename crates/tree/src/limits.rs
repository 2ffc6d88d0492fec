//! The sizes a tree agrees on. Must hold numbers only.

use billet_block::BLOCK_BYTES_MAX;

/// Most bytes of one key: S3's limit.
pub const KEY_BYTES_MAX: usize = 1024;

/// Zero bits of a key's hash that lift it one level.
pub const LEVEL_BITS: u32 = 2;

/// The highest level a key can have: every bit of its hash is zero.
pub const LEVEL_MAX: u8 = 128;

/// A put that would make a node longer than this is refused.
pub const NODE_PUT_BYTES_MAX: usize = 1 << 20;

/// No node is ever longer than this. Deletes that join nodes may reach it.
pub const NODE_BYTES_MAX: usize = BLOCK_BYTES_MAX;

/// Most nodes a walk names as worth fetching together with the one it needs.
pub const HINTS_MAX: usize = 64;

/// Nodes that stay in a [`crate::NodeCache`] whatever its budget, so that a node and its hints
/// do not push each other out before they were read; as long as they take no more memory than
/// [`CACHE_NODES_MIN_BYTES`], for a short block can be a wide node.
pub const CACHE_NODES_MIN: usize = 2 * HINTS_MAX;

/// Bytes of memory up to which nodes stay whatever the budget.
pub const CACHE_NODES_MIN_BYTES: usize = 8 << 20;

const _: () = assert!(NODE_PUT_BYTES_MAX < NODE_BYTES_MAX);
const _: () = assert!(LEVEL_MAX as u32 * LEVEL_BITS == 256);
