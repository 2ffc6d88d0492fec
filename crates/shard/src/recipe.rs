//! Recipes: which blocks a shard's CAR has, in order, and where their payloads stand in it.
//!
//! Must never grow past what the network takes, nor give a slot that the CAR does not have.

use billet_block::{CID_BYTES, Cid, CidError};
use billet_car::frame_bytes;

/// Most blocks of a shard. The network's index takes 8,192 slices.
pub const SHARD_BLOCKS_MAX: usize = 8_000;
/// Most bytes of a shard's CAR: 254 MiB, the largest that fits into one piece of 256 MiB.
pub const SHARD_BYTES_MAX: u64 = 254 << 20;
/// Of the blocks, those kept free for publish blocks.
pub const PUBLISH_BLOCKS_MAX: usize = 100;
/// Of the bytes, those kept free for publish blocks.
pub const PUBLISH_BYTES_MAX: u64 = 4 << 20;
/// Bytes of the header of a CAR with one root.
pub const CAR_HEADER_BYTES: u64 = 59;
/// Slots in a page of a recipe; the last page may have fewer.
pub const PAGE_SLOTS: usize = 1_000;

const SLOT_BYTES: usize = CID_BYTES + 12;

/// Whether publish blocks of these lengths keep to the room that every recipe leaves for them.
pub fn may_publish(lengths: impl Iterator<Item = usize>) -> bool {
    let (mut count, mut bytes) = (0, 0);
    for length in lengths {
        count += 1;
        bytes += frame_bytes(length) as u64;
    }
    count <= PUBLISH_BLOCKS_MAX && bytes <= PUBLISH_BYTES_MAX
}

/// A block in a shard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Slot {
    /// Its name.
    pub cid: Cid,
    /// Where its payload begins in the CAR, in bytes.
    pub offset: u64,
    /// Bytes of the block.
    pub length: u32,
}

impl Slot {
    /// Where its section begins.
    pub const fn start(&self) -> u64 {
        self.end() - frame_bytes(self.length as usize) as u64
    }

    /// Where the next section begins.
    pub const fn end(&self) -> u64 {
        self.offset + self.length as u64
    }
}

/// A recipe that is being made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recipe {
    slots: Vec<Slot>,
    size: u64,
}

impl Default for Recipe {
    fn default() -> Self {
        Self {
            slots: Vec::new(),
            size: CAR_HEADER_BYTES,
        }
    }
}

impl Recipe {
    /// Whether a block of so many bytes still goes in, with room left for publish blocks.
    pub fn has_room(&self, length: u32) -> bool {
        let end = self.size + frame_bytes(length as usize) as u64;
        self.slots.len() < SHARD_BLOCKS_MAX - PUBLISH_BLOCKS_MAX
            && end <= SHARD_BYTES_MAX - PUBLISH_BYTES_MAX
    }

    /// Adds a block behind all others.
    pub fn push(&mut self, cid: Cid, length: u32) -> Slot {
        let end = self.size + frame_bytes(length as usize) as u64;
        let slot = Slot {
            cid,
            offset: end - u64::from(length),
            length,
        };
        self.slots.push(slot);
        self.size = end;
        slot
    }

    /// The slots, in order.
    pub fn slots(&self) -> &[Slot] {
        &self.slots
    }

    /// Bytes of the CAR.
    pub const fn size(&self) -> u64 {
        self.size
    }
}

/// Bytes that are no page of a recipe.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PageError {
    /// Not a whole number of slots, or none, or too many.
    #[error("a page of {0} bytes")]
    Length(usize),
    /// A slot without a name.
    #[error(transparent)]
    Cid(#[from] CidError),
    /// Slots that do not stand behind each other.
    #[error("a slot that overlaps the one before")]
    Order,
}

/// The bytes of a page: for each slot the CID, offset and length, numbers low byte first.
pub fn encode_page(slots: &[Slot]) -> Vec<u8> {
    let mut out = Vec::with_capacity(slots.len() * SLOT_BYTES);
    for slot in slots {
        out.extend(slot.cid.to_bytes());
        out.extend(slot.offset.to_le_bytes());
        out.extend(slot.length.to_le_bytes());
    }
    out
}

/// Reads a page.
///
/// # Errors
/// For anything that [`encode_page`] does not write.
pub fn decode_page(bytes: &[u8]) -> Result<Vec<Slot>, PageError> {
    let (slots, []) = bytes.as_chunks::<SLOT_BYTES>() else {
        return Err(PageError::Length(bytes.len()));
    };
    if slots.is_empty() || slots.len() > PAGE_SLOTS {
        return Err(PageError::Length(bytes.len()));
    }
    let mut out: Vec<Slot> = Vec::with_capacity(slots.len());
    let mut end = None;
    for bytes in slots {
        let slot = read_slot(bytes)?;
        let frame = frame_bytes(slot.length as usize) as u64;
        let start = (u64::from(slot.length) + slot.offset).checked_sub(frame);
        let is_next = match end {
            None => start.is_some_and(|start| start >= CAR_HEADER_BYTES),
            Some(end) => start == Some(end),
        };
        if !is_next {
            return Err(PageError::Order);
        }
        end = Some(slot.end());
        out.push(slot);
    }
    Ok(out)
}

fn read_slot(bytes: &[u8; SLOT_BYTES]) -> Result<Slot, PageError> {
    let (cid, numbers) = bytes.split_at(CID_BYTES);
    let cid = Cid::from_bytes(cid)?;
    let short = || PageError::Length(SLOT_BYTES);
    let (offset, length) = numbers.split_first_chunk().ok_or_else(short)?;
    let length = length.try_into().map_err(|_| short())?;
    let (offset, length) = (u64::from_le_bytes(*offset), u32::from_le_bytes(length));
    if offset > SHARD_BYTES_MAX || u64::from(length) > SHARD_BYTES_MAX {
        return Err(PageError::Order);
    }
    Ok(Slot {
        cid,
        offset,
        length,
    })
}
