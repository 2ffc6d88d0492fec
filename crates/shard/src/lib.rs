//! What leaves for the network: recipes of shards, their life, where blocks are, what may go.
//!
//! A shard is a CARv1 of blocks of one space and one plane that is streamed from a recipe and
//! never stored. Everything that `billet-storage` decides about shards is here, as functions of
//! values. Must never do I/O, read a clock or hold a lock.

mod key;
mod recipe;
mod retire;
mod row;
mod state;

pub use key::{KeyError, NOTE_KEY_BYTES_MAX, ShipKey, check_note};
pub use recipe::{
    CAR_HEADER_BYTES, PAGE_SLOTS, PUBLISH_BLOCKS_MAX, PUBLISH_BYTES_MAX, PageError, Recipe,
    SHARD_BLOCKS_MAX, SHARD_BYTES_MAX, Slot, decode_page, encode_page, may_publish,
};
pub use retire::{Keep, Rank, Reach};
pub use row::{DueRow, Place, PlaceError, Published, ShardRow, Totals};
pub use state::{ShardEvent, ShardForbidden, ShardState};
