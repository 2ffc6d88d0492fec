//! UnixFS files of profile `unixfs-v1-2025`: raw leaves of at most 1 MiB under balanced dag-pb
//! nodes of at most 1,024 links, all named by CIDv1.
//!
//! Bodies never pass through here: a [`Builder`] is told the names and lengths of leaves and hands
//! out the nodes above them, a [`Spans`] cursor says which leaves hold a range of bytes. Must never
//! do I/O, and never hash what it is given to read: whoever fetched a block has checked its name.

mod builder;
mod error;
mod node;
mod spans;

pub use builder::{Builder, Leaf, Root};
pub use error::UnixfsError;
pub use node::{LINKS_MAX, Link, NODE_BYTES_MAX, Node};
pub use spans::{AHEAD_MAX, DEPTH_MAX, Spans, Step};
