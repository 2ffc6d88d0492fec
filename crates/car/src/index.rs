//! The sorted indexes of CARv2, for SHA-256: from a digest to the offset of a section.
//!
//! An index is a head of at most 30 bytes and `count` entries of 40, so one can look up in a file
//! by reading single entries. Must never be trusted to be right: the section found says itself
//! which block it is.

use billet_block::Digest;

use crate::CarError;

/// Bytes of an entry: digest, then the offset in 8 bytes, low byte first.
pub const INDEX_ENTRY_BYTES: usize = 40;

/// Most bytes before the first entry.
pub const INDEX_HEAD_BYTES_MAX: usize = 30;

const SHA2_256: u64 = 0x12;

/// The two kinds of index. Both are written with their codec number in front.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IndexKind {
    /// IndexSorted, 0x0400: by digest alone.
    Sorted,
    /// MultihashIndexSorted, 0x0401: by hash function, then digest.
    MultihashSorted,
}

impl IndexKind {
    /// The codec number as a varint.
    const fn codec(self) -> [u8; 2] {
        match self {
            Self::Sorted => [0x80, 0x08],
            Self::MultihashSorted => [0x81, 0x08],
        }
    }
}

/// Where a block is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct IndexEntry {
    /// The digest of the block.
    pub digest: Digest,
    /// Where its section begins (at the length), counted from the start of the CARv1.
    pub offset: u64,
}

impl IndexEntry {
    /// The entry as it stands in an index.
    pub fn encode(&self) -> [u8; INDEX_ENTRY_BYTES] {
        let mut out = [0; INDEX_ENTRY_BYTES];
        let (digest, offset) = out.split_at_mut(self.digest.len());
        digest.copy_from_slice(&self.digest);
        offset.copy_from_slice(&self.offset.to_le_bytes());
        out
    }

    /// Reads an entry.
    pub fn decode(bytes: &[u8; INDEX_ENTRY_BYTES]) -> Self {
        let mut entry = Self {
            digest: [0; 32],
            offset: 0,
        };
        let (digest, offset) = bytes.split_at(entry.digest.len());
        entry.digest.copy_from_slice(digest);
        let offset = offset.first_chunk().copied().unwrap_or_default();
        entry.offset = u64::from_le_bytes(offset);
        entry
    }
}

/// Where the entries of an index are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IndexLayout {
    /// How many entries there are.
    pub count: u64,
    /// Where the first one begins, counted from the start of the index.
    pub entries_offset: u64,
    /// Bytes of one entry.
    pub entry_bytes: u64,
}

impl IndexLayout {
    /// Reads the head of an index of `total_bytes`, of which `head` is the start: at least
    /// [`INDEX_HEAD_BYTES_MAX`] bytes, or all there are.
    ///
    /// # Errors
    /// `Malformed` for bytes that are not the head of an index of that length with SHA-256 alone,
    /// `Unsupported` for an index of another kind.
    pub fn parse(head: &[u8], total_bytes: u64) -> Result<Self, CarError> {
        let kind = match head {
            [0x80, 0x08, ..] => IndexKind::Sorted,
            [0x81, 0x08, ..] => IndexKind::MultihashSorted,
            _ => return Err(CarError::Unsupported("an index of another kind")),
        };
        let entry_bytes = INDEX_ENTRY_BYTES as u64;
        let head_bytes = index_head(kind, 1).len() as u64;
        let count = total_bytes.saturating_sub(head_bytes) / entry_bytes;
        // All of the head follows from the count, and the count from the length.
        let expected = index_head(kind, count);
        let layout = Self {
            count,
            entries_offset: expected.len() as u64,
            entry_bytes,
        };
        if head.starts_with(&expected) && layout.total_bytes() == total_bytes {
            Ok(layout)
        } else {
            Err(CarError::Malformed(
                "not an index of SHA-256 digests of this length",
            ))
        }
    }

    /// Where entry number `at` begins, counted from the start of the index.
    pub const fn entry_offset(&self, at: u64) -> u64 {
        self.entries_offset
            .saturating_add(at.saturating_mul(self.entry_bytes))
    }

    /// Bytes of the whole index.
    pub const fn total_bytes(&self) -> u64 {
        self.entry_offset(self.count)
    }

    /// The offset of the section with this digest, by binary search; `read` gives the entry at an
    /// offset in the index and is called at most 64 times.
    ///
    /// # Errors
    /// Only those of `read`.
    pub fn find<E>(
        &self,
        digest: &Digest,
        mut read: impl FnMut(u64) -> Result<[u8; INDEX_ENTRY_BYTES], E>,
    ) -> Result<Option<u64>, E> {
        let (mut low, mut high) = (0, self.count);
        while low < high {
            let middle = low + (high - low) / 2;
            let entry = IndexEntry::decode(&read(self.entry_offset(middle))?);
            match entry.digest.cmp(digest) {
                std::cmp::Ordering::Less => low = middle + 1,
                std::cmp::Ordering::Greater => high = middle,
                std::cmp::Ordering::Equal => return Ok(Some(entry.offset)),
            }
        }
        Ok(None)
    }
}

/// The bytes before the first of `count` entries, for writing an index piece by piece.
///
/// Without entries there is no group of them: 6 bytes, otherwise 18 or 30 by kind.
pub fn index_head(kind: IndexKind, count: u64) -> Vec<u8> {
    let groups = u32::from(count > 0).to_le_bytes();
    let mut out = kind.codec().to_vec();
    out.extend(groups);
    if count > 0 {
        if kind == IndexKind::MultihashSorted {
            out.extend(SHA2_256.to_le_bytes());
            out.extend(groups);
        }
        out.extend((INDEX_ENTRY_BYTES as u32).to_le_bytes());
        out.extend(count.saturating_mul(INDEX_ENTRY_BYTES as u64).to_le_bytes());
    }
    out
}

/// Writes an index of these entries, in any order. Of entries with one digest the one with the
/// lowest offset stays.
pub fn encode_index(kind: IndexKind, mut entries: Vec<IndexEntry>) -> Vec<u8> {
    entries.sort_unstable();
    entries.dedup_by_key(|entry| entry.digest);
    let mut out = index_head(kind, entries.len() as u64);
    out.reserve_exact(entries.len() * INDEX_ENTRY_BYTES);
    for entry in &entries {
        out.extend(entry.encode());
    }
    out
}

/// Reads a whole index; the entries come in the order of their digests.
///
/// # Errors
/// As [`IndexLayout::parse`], and `Malformed` for entries out of order.
pub fn decode_index(bytes: &[u8]) -> Result<Vec<IndexEntry>, CarError> {
    let layout = IndexLayout::parse(bytes, bytes.len() as u64)?;
    let entries: Vec<_> = entries(&layout, bytes)?
        .iter()
        .map(IndexEntry::decode)
        .collect();
    if entries.is_sorted_by(|a, b| a.digest < b.digest) {
        Ok(entries)
    } else {
        Err(CarError::Malformed("an index out of order"))
    }
}

/// The offset of the section with this digest, from a whole index in memory.
///
/// # Errors
/// As [`IndexLayout::parse`]. The order of the entries is taken on trust.
pub fn lookup(bytes: &[u8], digest: &Digest) -> Result<Option<u64>, CarError> {
    let layout = IndexLayout::parse(bytes, bytes.len() as u64)?;
    layout.find(digest, |offset| {
        let offset = usize::try_from(offset).unwrap_or(usize::MAX);
        let entry = bytes.get(offset..).and_then(<[u8]>::first_chunk);
        entry.copied().ok_or(CarError::Truncated)
    })
}

fn entries<'a>(
    layout: &IndexLayout,
    bytes: &'a [u8],
) -> Result<&'a [[u8; INDEX_ENTRY_BYTES]], CarError> {
    let offset = usize::try_from(layout.entries_offset).unwrap_or(usize::MAX);
    match bytes.get(offset..).map(<[u8]>::as_chunks) {
        Some((entries, [])) => Ok(entries),
        _ => Err(CarError::Truncated),
    }
}
