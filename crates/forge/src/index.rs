//! Sharded DAG indexes: which block is where in which shard, as an archive of its own.
//!
//! Ends are inclusive; slices and shards go by the bare digest; the root comes last. Must never
//! write a list that other readers cut off, nor read one that it would not have written.

use std::collections::BTreeMap;

use billet_block::{Block, Cid, Codec, Digest, decode, encode};
use billet_car::{CarError, Header, Item, Reader, frame_header};
use serde::{Deserialize, Serialize};
use serde_bytes::ByteBuf;

use crate::blob::{multihash, read_multihash};

/// Most slices of a shard.
pub const SLICES_MAX: usize = 8_192;

/// Most shards of an index.
pub const SHARDS_MAX: usize = 8_192;

/// A block in a shard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Slice {
    /// Where the block's first byte is in the shard.
    pub start: u64,
    /// Where its last byte is.
    pub end: u64,
}

/// The slices of a shard, by their digests.
pub type Shard = BTreeMap<Digest, Slice>;

/// An index: shards by their digests.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Index {
    /// The shards.
    pub shards: BTreeMap<Digest, Shard>,
}

/// Why bytes are no index, or something cannot be indexed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum IndexError {
    /// More shards or slices than a list may have.
    #[error("more than {SLICES_MAX} entries in a list")]
    TooMany,
    /// Not an index.
    #[error("not an index: {0}")]
    Malformed(String),
}

impl IndexError {
    fn malformed(what: impl ToString) -> Self {
        Self::Malformed(what.to_string())
    }
}

impl From<CarError> for IndexError {
    fn from(error: CarError) -> Self {
        Self::malformed(error)
    }
}

#[derive(Serialize, Deserialize)]
struct Root {
    #[serde(rename = "index/sharded/dag@0.1")]
    index: Shards,
}

#[derive(Serialize, Deserialize)]
struct Shards {
    shards: Vec<Cid>,
}

/// `[shard, [[slice, [start, end]], …]]`
type WrittenShard = (ByteBuf, Vec<(ByteBuf, (u64, u64))>);

impl Index {
    /// The archive.
    ///
    /// # Errors
    /// `TooMany`.
    pub fn encode(&self) -> Result<Vec<u8>, IndexError> {
        let mut blocks = Vec::with_capacity(self.shards.len() + 1);
        for (digest, shard) in &self.shards {
            blocks.push(shard_block(digest, shard)?);
        }
        if blocks.len() > SHARDS_MAX {
            return Err(IndexError::TooMany);
        }
        let shards = blocks.iter().map(|block| block.cid).collect();
        let root = Root {
            index: Shards { shards },
        };
        let root = Block::new(
            Codec::DagCbor,
            encode(&root).map_err(IndexError::malformed)?,
        );
        let header = Header {
            roots: vec![root.cid],
        };
        let mut bytes = header.encode()?;
        for block in blocks.iter().chain([&root]) {
            bytes.extend(frame_header(&block.cid, block.bytes.len())?);
            bytes.extend(&block.bytes);
        }
        Ok(bytes)
    }

    /// Reads an archive. Blocks that nothing links are passed over.
    ///
    /// # Errors
    /// As the variants of [`IndexError`] say.
    pub fn decode(bytes: &[u8]) -> Result<Self, IndexError> {
        let (roots, blocks) = read_archive(bytes)?;
        let [root] = roots.as_slice() else {
            return Err(IndexError::malformed("not one root"));
        };
        let missing = || IndexError::malformed("a block that is missing");
        let root = blocks.get(root).ok_or_else(missing)?;
        let root: Root = decode(root).map_err(IndexError::malformed)?;
        if root.index.shards.len() > SHARDS_MAX {
            return Err(IndexError::TooMany);
        }
        let mut index = Self::default();
        for cid in &root.index.shards {
            let written = blocks.get(cid).ok_or_else(missing)?;
            let (digest, shard) = read_shard(written)?;
            if index.shards.insert(digest, shard).is_some() {
                return Err(IndexError::malformed("a shard twice"));
            }
        }
        Ok(index)
    }
}

fn shard_block(digest: &Digest, shard: &Shard) -> Result<Block, IndexError> {
    if shard.len() > SLICES_MAX {
        return Err(IndexError::TooMany);
    }
    let slice = |(digest, slice): (&Digest, &Slice)| {
        let name = ByteBuf::from(multihash(digest));
        (name, (slice.start, slice.end))
    };
    let slices = shard.iter().map(slice).collect();
    let written: WrittenShard = (ByteBuf::from(multihash(digest)), slices);
    let bytes = encode(&written).map_err(IndexError::malformed)?;
    Ok(Block::new(Codec::DagCbor, bytes))
}

fn read_shard(bytes: &[u8]) -> Result<(Digest, Shard), IndexError> {
    let (digest, slices): WrittenShard = decode(bytes).map_err(IndexError::malformed)?;
    if slices.len() > SLICES_MAX {
        return Err(IndexError::TooMany);
    }
    let mut shard = Shard::new();
    for (digest, (start, end)) in slices {
        let digest = read_multihash(&digest).map_err(IndexError::malformed)?;
        if end < start {
            return Err(IndexError::malformed("a slice that ends before it starts"));
        }
        if shard.insert(digest, Slice { start, end }).is_some() {
            return Err(IndexError::malformed("a slice twice"));
        }
    }
    let digest = read_multihash(&digest).map_err(IndexError::malformed)?;
    Ok((digest, shard))
}

type Archive = (Vec<Cid>, BTreeMap<Cid, Vec<u8>>);

fn read_archive(bytes: &[u8]) -> Result<Archive, IndexError> {
    let mut reader = Reader::new();
    reader.push(bytes);
    let (mut roots, mut blocks) = (Vec::new(), BTreeMap::new());
    while let Some(item) = reader.next_item()? {
        match item {
            Item::Header(header) => roots = header.roots,
            Item::Block { cid, bytes, .. } => {
                if !cid.matches(&bytes) {
                    return Err(IndexError::malformed("a block of another digest"));
                }
                blocks.insert(cid, bytes);
            }
        }
    }
    reader.finish()?;
    Ok((roots, blocks))
}
