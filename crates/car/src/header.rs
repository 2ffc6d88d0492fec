//! The header of a CARv1: the DAG-CBOR map `{roots, version: 1}` behind its length.
//!
//! Must never write a root that is not the name of a block. Reading leaves out the placeholder
//! that stands for "no root yet" in the archives of others: CIDv1, raw, identity hash of nothing.

use billet_block::{CID_BYTES, Cid, CidError, read_varint, write_varint};

use crate::{CarError, Parsed};

/// Most bytes of a header without its length; room for 24 roots.
pub const HEADER_BYTES_MAX: usize = 1024;

const BEFORE_ROOTS: &[u8] = b"\xa2\x65roots";
const BEHIND_ROOTS: &[u8] = b"\x67version\x01";
/// Tag 42, then a byte string of 37 bytes of which the first is 0: a link.
const BEFORE_CID: [u8; 5] = [0xd8, 42, 0x58, CID_BYTES as u8 + 1, 0];
const PLACEHOLDER: [u8; 4] = [1, 0x55, 0, 0];

/// What a CARv1 says about itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Header {
    /// Where a reader should begin; may be empty.
    pub roots: Vec<Cid>,
}

impl Header {
    /// The header with its length in front; 18 bytes without roots, 59 with one.
    ///
    /// # Errors
    /// `TooLong` for more roots than fit into [`HEADER_BYTES_MAX`].
    pub fn encode(&self) -> Result<Vec<u8>, CarError> {
        let too_long = CarError::TooLong("the roots");
        let mut body = BEFORE_ROOTS.to_vec();
        match u8::try_from(self.roots.len()) {
            Ok(count @ ..24) => body.push(0x80 | count),
            Ok(count) => body.extend([0x98, count]),
            Err(_) => return Err(too_long),
        }
        for root in &self.roots {
            body.extend(BEFORE_CID);
            body.extend(root.to_bytes());
        }
        body.extend(BEHIND_ROOTS);
        if body.len() > HEADER_BYTES_MAX {
            return Err(too_long);
        }
        let mut out = Vec::with_capacity(body.len() + 2);
        write_varint(&mut out, body.len() as u64);
        out.extend(body);
        Ok(out)
    }

    /// Reads the header at the start of an archive, and how many bytes it takes.
    ///
    /// # Errors
    /// `Malformed`, `TooLong`, and `Unsupported` for a root of another kind or a CARv2
    /// (see [`crate::CarV2`]).
    pub fn parse(bytes: &[u8]) -> Result<Parsed<(Self, usize)>, CarError> {
        let length = read_varint(bytes).map_err(|_| CarError::Malformed("a bad header length"))?;
        let Some((body_bytes, prefix_bytes)) = length else {
            return Ok(Parsed::Incomplete {
                bytes: bytes.len() + 1,
            });
        };
        let body_bytes = usize::try_from(body_bytes).unwrap_or(usize::MAX);
        if body_bytes > HEADER_BYTES_MAX {
            return Err(CarError::TooLong("the header"));
        }
        let end = prefix_bytes + body_bytes;
        match bytes.get(prefix_bytes..end) {
            Some(body) => Ok(Parsed::Whole((Self::decode(body)?, end))),
            None => Ok(Parsed::Incomplete { bytes: end }),
        }
    }

    fn decode(body: &[u8]) -> Result<Self, CarError> {
        if body == b"\xa1\x67version\x02" {
            return Err(CarError::Unsupported("version 2"));
        }
        let malformed = CarError::Malformed("another header than roots and version 1");
        let Some(rest) = body.strip_prefix(BEFORE_ROOTS) else {
            return Err(malformed);
        };
        let (count, mut rest) = match rest {
            [head @ 0x80..=0x97, rest @ ..] => (head & 0x1f, rest),
            [0x98, count @ 24..=255, rest @ ..] => (*count, rest),
            _ => return Err(malformed),
        };
        let mut roots = Vec::new();
        for _ in 0..count {
            let (root, behind) = read_link(rest)?;
            roots.extend(root);
            rest = behind;
        }
        if rest == BEHIND_ROOTS {
            Ok(Self { roots })
        } else {
            Err(malformed)
        }
    }
}

/// The CID at the start of `bytes`, `None` for the placeholder, and what is behind it.
fn read_link(bytes: &[u8]) -> Result<(Option<Cid>, &[u8]), CarError> {
    let malformed = CarError::Malformed("a root that is not a link");
    let (length, rest) = match bytes {
        [0xd8, 42, head @ 0x40..=0x57, rest @ ..] => (head & 0x1f, rest),
        [0xd8, 42, 0x58, length @ 24..=255, rest @ ..] => (*length, rest),
        _ => return Err(malformed),
    };
    let Some((&[0, ref cid @ ..], rest)) = rest.split_at_checked(length.into()) else {
        return Err(malformed);
    };
    if cid == PLACEHOLDER {
        return Ok((None, rest));
    }
    match Cid::from_bytes(cid) {
        Ok(cid) => Ok((Some(cid), rest)),
        Err(CidError::Unsupported) => Err(CarError::Unsupported("a root of another kind")),
        Err(_) => Err(malformed),
    }
}
