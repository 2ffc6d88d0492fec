//! The sizes every part of Billet agrees on. Must hold numbers only.

/// Most bytes of one block: what IPFS tools pass on.
pub const BLOCK_BYTES_MAX: usize = 2 << 20;

/// Most bytes of one raw leaf of a body, as in UnixFS profile `unixfs-v1-2025`.
pub const LEAF_BYTES_MAX: usize = 1 << 20;

/// Most lists and maps in each other in a DAG-CBOR block, not counting an empty innermost one.
pub const DEPTH_MAX: usize = 32;

const _: () = assert!(LEAF_BYTES_MAX <= BLOCK_BYTES_MAX);
