//! Content-addressed blocks: CIDs, digests and strict DAG-CBOR.
//!
//! Everything Billet stores is a block named by a CIDv1 over SHA-256. This crate names blocks,
//! checks them and reads and writes DAG-CBOR; it must never do I/O, read a clock or know what a
//! block is for.

mod cbor;
mod cid;
mod limits;
mod shape;
mod varint;

pub use cbor::{CborError, decode, encode};
pub use cid::{Block, CID_BYTES, Cid, CidError, Codec, Digest, sha256};
pub use limits::{BLOCK_BYTES_MAX, DEPTH_MAX, LEAF_BYTES_MAX};
pub use varint::{VARINT_BYTES_MAX, VarintError, read_varint, varint_bytes, write_varint};
