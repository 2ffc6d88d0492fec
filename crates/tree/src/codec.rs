//! The few forms of DAG-CBOR a node is made of, read and written in their one canonical way.
//!
//! Must never read past the end, nor allocate by a length it has not seen the bytes of.

use billet_block::{CID_BYTES, Cid};

use crate::node::{NodeError, is_node_link};

/// What stands before the bytes of a CID: tag 42, a byte string of 37, the identity multibase.
const LINK_HEAD: [u8; 5] = [0xd8, 0x2a, 0x58, 0x25, 0x00];
const NULL: u8 = 0xf6;

/// Reads from the front of some bytes.
pub(crate) struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    pub(crate) const fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0 }
    }

    const fn malformed(&self) -> NodeError {
        NodeError::Malformed(self.at)
    }

    /// The next `length` bytes.
    pub(crate) fn take(&mut self, length: usize) -> Result<&'a [u8], NodeError> {
        let end = self.at.checked_add(length);
        let taken = end.and_then(|end| self.bytes.get(self.at..end));
        let taken = taken.ok_or(self.malformed())?;
        self.at += length;
        Ok(taken)
    }

    /// Exactly these bytes.
    pub(crate) fn literal(&mut self, expected: &[u8]) -> Result<(), NodeError> {
        let error = self.malformed();
        if self.take(expected.len())? == expected {
            Ok(())
        } else {
            Err(error)
        }
    }

    fn byte(&mut self) -> Result<u8, NodeError> {
        let error = self.malformed();
        self.take(1)?.first().copied().ok_or(error)
    }

    /// The head of an item of major type `major`: its number, in as few bytes as can be.
    pub(crate) fn head(&mut self, major: u8) -> Result<usize, NodeError> {
        let error = self.malformed();
        let first = self.byte()?;
        if first >> 5 != major {
            return Err(error);
        }
        let (width, least) = match first & 0x1f {
            small @ 0..24 => return Ok(usize::from(small)),
            24 => (1, 24),
            25 => (2, 1 << 8),
            26 => (4, 1 << 16),
            _ => return Err(error),
        };
        let mut number = 0;
        for byte in self.take(width)? {
            number = number << 8 | u64::from(*byte);
        }
        match usize::try_from(number) {
            Ok(size) if number >= least => Ok(size),
            _ => Err(error),
        }
    }

    /// A link to anything.
    pub(crate) fn cid(&mut self) -> Result<Cid, NodeError> {
        self.literal(&LINK_HEAD)?;
        let error = NodeError::Link(self.at);
        Cid::from_bytes(self.take(CID_BYTES)?).map_err(|_| error)
    }

    /// A link to a node, or null.
    pub(crate) fn subtree(&mut self) -> Result<Option<Cid>, NodeError> {
        if self.bytes.get(self.at) == Some(&NULL) {
            self.at += 1;
            return Ok(None);
        }
        let error = NodeError::Link(self.at);
        let cid = self.cid()?;
        if is_node_link(&cid) {
            Ok(Some(cid))
        } else {
            Err(error)
        }
    }

    /// Nothing more.
    pub(crate) fn end(&self) -> Result<(), NodeError> {
        if self.at == self.bytes.len() {
            Ok(())
        } else {
            Err(self.malformed())
        }
    }
}

/// Writes the head of an item. Lengths within a node are far below 2^32.
pub(crate) fn put_head(out: &mut Vec<u8>, major: u8, number: usize) {
    let major = major << 5;
    let number = u32::try_from(number).unwrap_or(u32::MAX);
    match (u8::try_from(number), u16::try_from(number)) {
        (Ok(small @ 0..24), _) => out.push(major | small),
        (Ok(byte), _) => out.extend_from_slice(&[major | 24, byte]),
        (_, Ok(short)) => {
            out.push(major | 25);
            out.extend_from_slice(&short.to_be_bytes());
        }
        _ => {
            out.push(major | 26);
            out.extend_from_slice(&number.to_be_bytes());
        }
    }
}

/// Writes a link.
pub(crate) fn put_cid(out: &mut Vec<u8>, cid: &Cid) {
    out.extend_from_slice(&LINK_HEAD);
    out.extend_from_slice(&cid.to_bytes());
}

/// Writes a link or null.
pub(crate) fn put_link(out: &mut Vec<u8>, cid: Option<&Cid>) {
    match cid {
        Some(cid) => put_cid(out, cid),
        None => out.push(NULL),
    }
}
