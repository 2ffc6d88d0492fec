//! Packing: blocks become durable recipes of shards.
//!
//! Must never hold more of a shard than its recipe and one block, nor take a block from a segment
//! that goes.

use std::collections::{BTreeSet, HashSet};
use std::sync::Arc;

use billet_block::{BLOCK_BYTES_MAX, Cid, Codec, Digest};
use billet_car::Header;
use billet_segment::{Plane, State, check_space};
use billet_shard::{
    DueRow, PAGE_SLOTS, Recipe, ShardEvent, ShardRow, ShardState, ShipKey, Slot, encode_page,
    may_publish,
};
use bytes::Bytes;
use serde_bytes::ByteArray;
use sha2::{Digest as _, Sha256};

use super::{SHARDS_KEY, ShardInfo};
use crate::stage::frame_head;
use crate::store::lock;
use crate::{KvChange, Store, StoreError};

/// Blocks of one call that are remembered, so that a repetition is left out; 2 MiB of digests. A
/// repetition further apart is packed twice, which costs its bytes and nothing else.
const SEEN_MAX: usize = 65_536;

/// What was packed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Packed {
    /// Durable recipes, in order.
    pub shards: Vec<ShardInfo>,
    /// Blocks that filled no shard and are in none.
    pub rest: Vec<Cid>,
}

/// Blocks on their way into recipes. Dropping it leaves what was cut so far.
pub struct Packer {
    store: Arc<Store>,
    window: u64,
    space: String,
    plane: Plane,
    publish: Vec<(Cid, Bytes)>,
    recipe: Recipe,
    hasher: Sha256,
    root: Option<Cid>,
    segments: BTreeSet<u64>,
    seen: HashSet<Digest>,
    buffer: Vec<u8>,
    shards: Vec<ShardInfo>,
}

impl Store {
    /// Begins to pack blocks of one space and plane. `publish` are blocks of DAG-CBOR that go
    /// last, into the last shard; every shard of this packer names the last of them as its root.
    ///
    /// # Errors
    /// `Invalid` for a space that cannot be, and for more than 100 publish blocks or 4 MiB.
    pub fn pack(
        self: &Arc<Self>,
        window: u64,
        space: &str,
        plane: Plane,
        publish: Vec<Bytes>,
    ) -> Result<Packer, StoreError> {
        check_space(space).map_err(StoreError::Invalid)?;
        self.check_alive()?;
        let is_too_long = publish.iter().any(|block| block.len() > BLOCK_BYTES_MAX);
        if is_too_long || !may_publish(publish.iter().map(Bytes::len)) {
            return Err(StoreError::Invalid("too much to publish".to_owned()));
        }
        let named = |block: Bytes| (Cid::of(Codec::DagCbor, &block), block);
        Ok(Packer {
            store: Arc::clone(self),
            window,
            space: space.to_owned(),
            plane,
            publish: publish.into_iter().map(named).collect(),
            recipe: Recipe::default(),
            hasher: Sha256::new(),
            root: None,
            segments: BTreeSet::new(),
            seen: HashSet::new(),
            buffer: Vec::new(),
            shards: Vec::new(),
        })
    }
}

impl Packer {
    /// Adds a block, unless the network has it for this space already or this packer had it
    /// lately. A shard that is full becomes durable.
    ///
    /// # Errors
    /// `NotFound` and `Corrupt` for a block that is not here; `Conflict` when a segment went that
    /// the full shard needs; `Full`, `Unavailable`, `Fatal`.
    pub fn add(&mut self, cid: &Cid) -> Result<(), StoreError> {
        self.store.check_alive()?;
        if self.seen.contains(cid.digest()) || self.store.is_shipped(&self.space, cid)? {
            return Ok(());
        }
        let mut buffer = std::mem::take(&mut self.buffer);
        let segment = self.store.read_placed(cid, &mut buffer, usize::MAX)?;
        let length = length_of(&buffer)?;
        if !self.recipe.has_room(length) {
            self.cut()?;
        }
        self.push(*cid, &buffer)?;
        self.segments.insert(segment);
        if self.seen.len() >= SEEN_MAX {
            self.seen.clear();
        }
        self.seen.insert(*cid.digest());
        self.buffer = buffer;
        Ok(())
    }

    /// Makes the last shard durable, with the publish blocks.
    ///
    /// # Errors
    /// As [`Packer::add`].
    pub fn finish(mut self) -> Result<Packed, StoreError> {
        for (cid, bytes) in self.publish.clone() {
            self.push(cid, &bytes)?;
        }
        if !self.recipe.slots().is_empty() {
            self.cut_with(self.publish.clone())?;
        }
        Ok(Packed {
            shards: self.shards,
            rest: Vec::new(),
        })
    }

    /// Ends without a last shard: what would be in it is given back. There must be nothing to
    /// publish.
    ///
    /// # Errors
    /// `Invalid` where there is.
    pub fn rest(self) -> Result<Packed, StoreError> {
        if !self.publish.is_empty() {
            let what = "a rest cannot be published".to_owned();
            return Err(StoreError::Invalid(what));
        }
        Ok(Packed {
            rest: self.recipe.slots().iter().map(|slot| slot.cid).collect(),
            shards: self.shards,
        })
    }

    fn push(&mut self, cid: Cid, bytes: &[u8]) -> Result<(), StoreError> {
        if self.root.is_none() {
            let root = self.publish.last().map_or(cid, |(cid, _)| *cid);
            self.hasher.update(header_of(root)?);
            self.root = Some(root);
        }
        self.recipe.push(cid, length_of(bytes)?);
        self.hasher.update(frame_head(&cid, bytes)?);
        self.hasher.update(bytes);
        Ok(())
    }

    fn cut(&mut self) -> Result<(), StoreError> {
        self.cut_with(Vec::new())
    }

    /// Makes what was added a durable shard.
    fn cut_with(&mut self, inline: Vec<(Cid, Bytes)>) -> Result<(), StoreError> {
        let recipe = std::mem::take(&mut self.recipe);
        let digest: [u8; 32] = std::mem::take(&mut self.hasher).finalize().into();
        let Some(root) = self.root.take() else {
            return Ok(());
        };
        let state = ShardState::Absent.step(ShardEvent::Pack);
        let row = ShardRow {
            state: state.map_err(|error| StoreError::Invalid(error.to_string()))?,
            space: self.space.clone(),
            plane: self.plane,
            window: self.window,
            digest: ByteArray::new(digest),
            size: recipe.size(),
            blocks: u32::try_from(recipe.slots().len()).unwrap_or(u32::MAX),
            inline: u32::try_from(inline.len()).unwrap_or(u32::MAX),
            root,
        };
        let segments: Vec<u64> = std::mem::take(&mut self.segments).into_iter().collect();
        let info = self.store.write_shard(row, &recipe, inline, segments)?;
        self.shards.push(info);
        Ok(())
    }
}

impl Store {
    fn write_shard(
        &self,
        row: ShardRow,
        recipe: &Recipe,
        inline: Vec<(Cid, Bytes)>,
        segments: Vec<u64>,
    ) -> Result<ShardInfo, StoreError> {
        let mut ship = lock(&self.ship);
        let number = ship.next;
        // From here on none of its segments can begin to go.
        self.enter_due(&segments)?;
        let due = DueRow {
            segments: segments.clone(),
            size: row.size,
        };
        let next = (number + 1).to_le_bytes().to_vec();
        let mut changes: Vec<KvChange> = vec![
            (SHARDS_KEY.to_vec(), Some(next)),
            (ShipKey::Shard(number).to_bytes(), Some(row.to_bytes())),
            (ShipKey::Due(number).to_bytes(), Some(due.to_bytes())),
        ];
        changes.extend(pages_of(number, recipe.slots()));
        let first = recipe.slots().len() - inline.len();
        for (index, (_, bytes)) in inline.into_iter().enumerate() {
            let key = inline_key(number, first + index);
            changes.push((key.to_bytes(), Some(bytes.to_vec())));
        }
        if let Err(error) = self.ship_batch(&changes) {
            self.leave_due(segments);
            return Err(error);
        }
        ship.next = number + 1;
        ship.enter(row.size);
        Ok(ShardInfo { number, row })
    }

    fn enter_due(&self, segments: &[u64]) -> Result<(), StoreError> {
        self.with_book(|book| {
            let stays = |number: &u64| {
                let account = book.accounts.get(number);
                account.is_some_and(|account| account.row.state != State::Pruning)
            };
            if !segments.iter().all(stays) {
                return Err(StoreError::Conflict);
            }
            for segment in segments {
                if let Some(account) = book.accounts.get_mut(segment) {
                    account.due += 1;
                }
            }
            Ok(())
        })
    }
}

fn pages_of(shard: u64, slots: &[Slot]) -> impl Iterator<Item = KvChange> {
    let pages = slots.chunks(PAGE_SLOTS).zip(0..);
    pages.map(move |(page, index)| {
        let key = ShipKey::Recipe { shard, page: index };
        (key.to_bytes(), Some(encode_page(page)))
    })
}

/// The key of a block that is in no segment. Shards have at most 8,000 blocks.
pub(super) fn inline_key(shard: u64, slot: usize) -> ShipKey {
    let slot = u16::try_from(slot).unwrap_or(u16::MAX);
    ShipKey::Inline { shard, slot }
}

/// The header of a shard's CAR.
pub(super) fn header_of(root: Cid) -> Result<Vec<u8>, StoreError> {
    let header = Header { roots: vec![root] }.encode();
    header.map_err(|error| StoreError::Invalid(error.to_string()))
}

fn length_of(bytes: &[u8]) -> Result<u32, StoreError> {
    let too_long = |_| StoreError::Invalid("a block of more than 4 GiB".to_owned());
    u32::try_from(bytes.len()).map_err(too_long)
}

impl std::fmt::Debug for Packer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Packer")
            .field("window", &self.window)
            .field("shards", &self.shards.len())
            .finish_non_exhaustive()
    }
}
