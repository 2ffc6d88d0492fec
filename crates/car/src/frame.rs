//! The sections of a CARv1: length, CID, bytes of the block.
//!
//! Must never look at the bytes of a block, and never take a length on trust.

use std::ops::Range;

use billet_block::{BLOCK_BYTES_MAX, CID_BYTES, Cid, read_varint, varint_bytes, write_varint};

use crate::CarError;

/// Most bytes that the length of a section may name: a block and its CID.
pub const SECTION_BYTES_MAX: usize = BLOCK_BYTES_MAX + 64;

/// Most bytes before the block's own: length and CID.
pub const FRAME_HEAD_BYTES_MAX: usize = varint_bytes(SECTION_BYTES_MAX as u64) + CID_BYTES;

/// What came of parsing bytes that may have been cut off.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Parsed<T> {
    /// All of it was there.
    Whole(T),
    /// Good as far as it goes.
    Incomplete {
        /// At least so many bytes from the same start are needed, more than were given.
        bytes: usize,
    },
}

/// A section: where its parts are, counted from the section's first byte.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    /// The name of the block.
    pub cid: Cid,
    /// The bytes of the block.
    pub payload: Range<usize>,
    /// Bytes of the whole section, the length in front included; equals `payload.end`.
    pub length: usize,
}

/// The bytes that go in front of a block's own, at most [`FRAME_HEAD_BYTES_MAX`].
///
/// # Errors
/// `TooLong` for a block over [`BLOCK_BYTES_MAX`].
pub fn frame_header(cid: &Cid, payload_bytes: usize) -> Result<Vec<u8>, CarError> {
    if payload_bytes > BLOCK_BYTES_MAX {
        return Err(CarError::TooLong("a block"));
    }
    let mut out = Vec::with_capacity(FRAME_HEAD_BYTES_MAX);
    write_varint(&mut out, (CID_BYTES + payload_bytes) as u64);
    out.extend(cid.to_bytes());
    Ok(out)
}

/// Bytes of the whole section of a block, its head included.
pub const fn frame_bytes(payload_bytes: usize) -> usize {
    let section_bytes = CID_BYTES + payload_bytes;
    varint_bytes(section_bytes as u64) + section_bytes
}

/// Reads the section at the start of `bytes`, all of which must be there.
///
/// # Errors
/// As [`parse_frame_head`].
pub fn parse_frame(bytes: &[u8]) -> Result<Parsed<Frame>, CarError> {
    Ok(match parse_frame_head(bytes)? {
        Parsed::Whole(frame) if frame.length > bytes.len() => Parsed::Incomplete {
            bytes: frame.length,
        },
        parsed => parsed,
    })
}

/// Reads the length and CID at the start of `bytes`; the block itself may lie beyond their end.
///
/// # Errors
/// `EmptySection`, `Malformed`, `TooLong`, and `Unsupported` for a block of another kind.
pub fn parse_frame_head(bytes: &[u8]) -> Result<Parsed<Frame>, CarError> {
    let length = read_varint(bytes).map_err(|_| CarError::Malformed("a bad section length"))?;
    let Some((section_bytes, prefix_bytes)) = length else {
        return Ok(Parsed::Incomplete {
            bytes: bytes.len() + 1,
        });
    };
    let section_bytes = usize::try_from(section_bytes).unwrap_or(usize::MAX);
    if section_bytes == 0 {
        return Err(CarError::EmptySection);
    }
    if section_bytes > SECTION_BYTES_MAX {
        return Err(CarError::TooLong("a section"));
    }
    let cid_end = prefix_bytes + CID_BYTES.min(section_bytes);
    let Some(cid) = bytes.get(prefix_bytes..cid_end) else {
        return Ok(Parsed::Incomplete { bytes: cid_end });
    };
    let cid = read_cid(cid)?;
    let length = prefix_bytes + section_bytes;
    if length - cid_end > BLOCK_BYTES_MAX {
        return Err(CarError::TooLong("a block"));
    }
    Ok(Parsed::Whole(Frame {
        cid,
        payload: cid_end..length,
        length,
    }))
}

/// The CID of a section, from its first 36 bytes or fewer.
fn read_cid(bytes: &[u8]) -> Result<Cid, CarError> {
    Cid::from_bytes(bytes).map_err(|_| match bytes {
        // Version 1 of any length, or version 0: a bare SHA-256 multihash.
        [1, _, ..] | [0x12, 32, ..] => CarError::Unsupported("a block of another kind"),
        _ => CarError::Malformed("a section without a CID"),
    })
}
