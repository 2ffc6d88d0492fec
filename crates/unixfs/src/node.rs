//! One inner node of a file, and its dag-pb bytes.
//!
//! Must never hold or accept a node that the importer of the profile would not have written: other
//! types than a file, bytes of its own, empty or oversized leaves, another encoding of the same.

use billet_block::{
    BLOCK_BYTES_MAX, CID_BYTES, Cid, Codec, LEAF_BYTES_MAX, read_varint, varint_bytes, write_varint,
};

use crate::UnixfsError;

/// Most links of one node.
pub const LINKS_MAX: usize = 1024;

/// Most bytes of an encoded node: a link takes at most 53 and its block size 11.
pub const NODE_BYTES_MAX: usize = LINKS_MAX * 64 + 64;

const _: () = assert!(NODE_BYTES_MAX <= BLOCK_BYTES_MAX);

// Field keys: field number, then 0 for a varint or 2 for counted bytes.
const NODE_DATA: u64 = 1 << 3 | 2;
const NODE_LINK: u64 = 2 << 3 | 2;
const LINK_HASH: u64 = 1 << 3 | 2;
const LINK_NAME: u64 = 2 << 3 | 2;
const LINK_TSIZE: u64 = 3 << 3;
const DATA_TYPE: u64 = 1 << 3;
const DATA_FILE_SIZE: u64 = 3 << 3;
const DATA_BLOCK_SIZE: u64 = 4 << 3;
const TYPE_FILE: u64 = 2;

const _: () = assert!(CID_BYTES < 128, "the length of a CID takes one byte");

/// A leaf or node under a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Link {
    /// Raw for a leaf, dag-pb for a node.
    pub cid: Cid,
    /// Bytes of the file under it, at least 1.
    pub size: u64,
    /// Bytes of all blocks under it, itself included; the same as `size` for a leaf.
    pub tsize: u64,
}

impl Link {
    /// The link to a leaf of `size` bytes.
    pub const fn to_leaf(cid: Cid, size: u64) -> Self {
        Self {
            cid,
            size,
            tsize: size,
        }
    }

    /// Refuses what cannot be under a node.
    pub(crate) fn check(&self) -> Result<(), UnixfsError> {
        let fits = match self.cid.codec() {
            Codec::Raw => self.size <= LEAF_BYTES_MAX as u64 && self.tsize == self.size,
            Codec::DagPb => self.tsize > self.size,
            Codec::DagCbor => false,
        };
        if fits && self.size > 0 {
            Ok(())
        } else {
            Err(UnixfsError::NotNode("a link of a wrong kind or size"))
        }
    }

    fn encoded_bytes(&self) -> usize {
        4 + CID_BYTES + 1 + varint_bytes(self.tsize)
    }
}

/// An inner node of a file: 1 to [`LINKS_MAX`] links in the order of the bytes they stand for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Node {
    links: Vec<Link>,
    size: u64,
    tsize: u64,
}

impl Node {
    /// A node of these links.
    ///
    /// # Errors
    /// `NotNode` for no or too many links, a link that is neither leaf nor node, a leaf of 0 or
    /// more than 1 MiB, sizes that add up past 64 bits.
    pub fn new(links: Vec<Link>) -> Result<Self, UnixfsError> {
        if links.is_empty() || links.len() > LINKS_MAX {
            return Err(UnixfsError::NotNode("no or too many links"));
        }
        let (mut size, mut below) = (0_u64, 0_u64);
        for link in &links {
            link.check()?;
            size = add(size, link.size)?;
            below = add(below, link.tsize)?;
        }
        let mut node = Self {
            links,
            size,
            tsize: 0,
        };
        node.tsize = add(below, node.encoded_bytes() as u64)?;
        Ok(node)
    }

    /// The links, in the order of the bytes they stand for.
    pub fn links(&self) -> &[Link] {
        &self.links
    }

    /// The links by value.
    pub fn into_links(self) -> Vec<Link> {
        self.links
    }

    /// Bytes of the file under this node.
    pub const fn size(&self) -> u64 {
        self.size
    }

    /// Bytes of all blocks under this node, its own included (dag-pb's `Tsize`).
    pub const fn tsize(&self) -> u64 {
        self.tsize
    }

    /// The one dag-pb encoding: links first, then the UnixFS message.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(self.encoded_bytes());
        for link in &self.links {
            write_varint(&mut out, NODE_LINK);
            write_varint(&mut out, link.encoded_bytes() as u64);
            write_varint(&mut out, LINK_HASH);
            write_varint(&mut out, CID_BYTES as u64);
            out.extend_from_slice(&link.cid.to_bytes());
            write_varint(&mut out, LINK_NAME);
            write_varint(&mut out, 0);
            write_varint(&mut out, LINK_TSIZE);
            write_varint(&mut out, link.tsize);
        }
        write_varint(&mut out, NODE_DATA);
        write_varint(&mut out, self.data_bytes() as u64);
        write_varint(&mut out, DATA_TYPE);
        write_varint(&mut out, TYPE_FILE);
        write_varint(&mut out, DATA_FILE_SIZE);
        write_varint(&mut out, self.size);
        for link in &self.links {
            write_varint(&mut out, DATA_BLOCK_SIZE);
            write_varint(&mut out, link.size);
        }
        out
    }

    /// Reads a node, refusing everything that [`Node::encode`] would not have written.
    ///
    /// # Errors
    /// `NotNode`.
    pub fn decode(bytes: &[u8]) -> Result<Self, UnixfsError> {
        if bytes.len() > NODE_BYTES_MAX {
            return Err(UnixfsError::NotNode("too many bytes"));
        }
        let mut input = Input(bytes);
        let mut links = Vec::new();
        while input.next_is(NODE_LINK) {
            links.push(read_link(input.field_bytes(NODE_LINK)?)?);
        }
        let mut data = Input(input.field_bytes(NODE_DATA)?);
        data.field_value(DATA_TYPE)?;
        data.field_value(DATA_FILE_SIZE)?;
        for link in &mut links {
            link.size = data.field_value(DATA_BLOCK_SIZE)?;
        }
        let node = Self::new(links)?;
        // Type, file size, names, trailing fields and bytes: all that was passed over above.
        if node.encode() == bytes {
            Ok(node)
        } else {
            Err(UnixfsError::NotNode("another type, sum or encoding"))
        }
    }

    fn data_bytes(&self) -> usize {
        let sizes = self.links.iter().map(|link| 1 + varint_bytes(link.size));
        2 + 1 + varint_bytes(self.size) + sizes.sum::<usize>()
    }

    fn encoded_bytes(&self) -> usize {
        let links = self.links.iter().map(Link::encoded_bytes);
        let counted = |length: usize| 1 + varint_bytes(length as u64) + length;
        links.map(counted).sum::<usize>() + counted(self.data_bytes())
    }
}

/// A link whose `size` is not known yet; it stands in the UnixFS message.
fn read_link(bytes: &[u8]) -> Result<Link, UnixfsError> {
    let mut input = Input(bytes);
    let cid = Cid::from_bytes(input.field_bytes(LINK_HASH)?)
        .map_err(|_| UnixfsError::NotNode("a link by a name of another kind"))?;
    input.field_bytes(LINK_NAME)?;
    let tsize = input.field_value(LINK_TSIZE)?;
    Ok(Link {
        cid,
        size: 0,
        tsize,
    })
}

fn add(a: u64, b: u64) -> Result<u64, UnixfsError> {
    a.checked_add(b)
        .ok_or(UnixfsError::NotNode("sizes past 64 bits"))
}

/// Protobuf fields in a known order.
struct Input<'a>(&'a [u8]);

impl<'a> Input<'a> {
    /// Whether the next field has this key. All keys here are below 128, so one byte.
    fn next_is(&self, key: u64) -> bool {
        self.0.first().is_some_and(|byte| u64::from(*byte) == key)
    }

    fn number(&mut self) -> Result<u64, UnixfsError> {
        let read = read_varint(self.0).ok().flatten();
        let (value, length) = read.ok_or(UnixfsError::NotNode("a bad or missing number"))?;
        self.take(length)?;
        Ok(value)
    }

    fn take(&mut self, length: usize) -> Result<&'a [u8], UnixfsError> {
        let parts = self.0.split_at_checked(length);
        let (taken, rest) = parts.ok_or(UnixfsError::NotNode("fewer bytes than it says"))?;
        self.0 = rest;
        Ok(taken)
    }

    fn field_value(&mut self, key: u64) -> Result<u64, UnixfsError> {
        if self.number()? == key {
            self.number()
        } else {
            Err(UnixfsError::NotNode("another field than in a file's node"))
        }
    }

    fn field_bytes(&mut self, key: u64) -> Result<&'a [u8], UnixfsError> {
        let length = self.field_value(key)?;
        let length = usize::try_from(length).unwrap_or(usize::MAX);
        self.take(length)
    }
}
