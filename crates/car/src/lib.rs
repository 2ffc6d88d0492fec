//! CARv1 and CARv2 archives and the sorted indexes of CARv2.
//!
//! Everything works on slices: the caller reads and writes the bytes. Must never hash what it
//! reads; whoever takes a block from an archive checks it against its CID.

mod error;
mod frame;
mod header;
mod index;
mod reader;
mod v2;

pub use error::CarError;
pub use frame::{
    FRAME_HEAD_BYTES_MAX, Frame, Parsed, SECTION_BYTES_MAX, frame_bytes, frame_header, parse_frame,
    parse_frame_head,
};
pub use header::{HEADER_BYTES_MAX, Header};
pub use index::{
    INDEX_ENTRY_BYTES, INDEX_HEAD_BYTES_MAX, IndexEntry, IndexKind, IndexLayout, decode_index,
    encode_index, index_head, lookup,
};
pub use reader::{Item, Reader};
pub use v2::{CARV2_HEAD_BYTES, CARV2_PRAGMA, CarV2};
