//! Segments, heads and rows on a disk: the journal's effects. Synchronous; call it from threads
//! that may block.
//!
//! ```text
//! Store::open(Config, Effects) -> Arc<Store>          recovery is part of it; Store::recovery()
//!   head(log) -> Standing { now_ms, newest: Option<Head> }
//!   heads(prefix, after, limit) -> Vec<(log, Head)>
//!   row(log, key), rows(log, prefix, after, limit)    ordered rows of a log
//!   begin_body(space) -> BodyWriter                   append(cid, bytes)*, finish() -> ClaimId
//!   stage(space, Vec<(Cid, Bytes)>) -> ClaimId        blocks of the catalog
//!   pin(log) -> (ClaimId, Head)
//!   discard_pending(&[ClaimId])                       unknown ones are passed over
//!   commit_group(Vec<CommitRequest>) -> Vec<Result<Committed, StoreError>>
//!   block(cid) -> Bytes                               checked; through the cache
//!   read_leaf(cid, &mut Vec<u8>)                      checked; into the caller's memory
//!   read_leaf_range(cid, offset, length) -> Bytes     the whole leaf is checked first
//!   counters()                                        what was done, for whoever watches
//!   segments(), sections(number), record(cid)         for inspection
//!   damaged(), audit(found), check(files, watch)      what is wrong
//!   forgive(log) -> bool                              an operator takes a loss
//!   on_fatal(tell)                                    when the process must end
//!   ship_positions(after, limit)                      heads with what of them is published
//!   pack(window, space, plane, root) -> Packer        add(cid)*, then finish or rest
//!   shard(n), shards(due, after, limit), entries(n, from, limit), read_shard(n, offset, length)
//!   record_step(n, bytes), step(n), accept(n, commitment), commitment(n), forget(n)
//!   publish(log, commit), published(log), locate(cid), progress()
//!   note(key), notes(prefix, after, limit), set_notes(changes)
//!   tick()                                            expiry of claims, sealing, pruning
//!   close()                                           seals both planes
//! Committer::start(Arc<Store>)                        a thread: whatever waits is one group
//!   submit(CommitRequest, impl FnOnce(Result<Committed, StoreError>) + Send)
//! ```
//!
//! Every call may answer [`StoreError::Fatal`]: a sync failed, nothing is known about the disk any
//! more, and the process must end. Must never acknowledge before the syncs, list a folder to find
//! work, or hand out bytes that were not checked on this read or kept since.

mod accept;
mod audit;
mod body;
mod book;
mod chains;
mod check;
mod commit;
mod committer;
mod config;
mod counters;
mod cow;
mod disk;
mod effects;
mod error;
mod findings;
mod kv;
mod lru;
mod maintain;
mod open;
mod read;
mod readers;
mod recover;
mod redb_kv;
mod segment;
mod ship;
pub mod sim;
mod stage;
mod store;
mod table;
mod tail;
mod writing;

pub use audit::{AuditFinding, SegmentInfo, list_files};
pub use body::BodyWriter;
pub use check::{Finding, FindingKind, Section, Watch};
pub use commit::{Change, CommitRequest, Committed};
pub use committer::Committer;
pub use config::{Config, Retain, SCHEMA};
pub use counters::{Count, Counters, GROUP_COMMITS};
pub use cow::CowDisk;
pub use disk::{RealDisk, SystemClock, SystemRandom, is_locked};
pub use effects::{Clock, Disk, Effects, File, Lock, OpenKv, Random};
pub use error::{OpenError, StoreError};
pub use findings::{Damage, Recovery};
pub use kv::{Kv, KvChange, KvError, MemoryKv};
pub use readers::Reading;
pub use redb_kv::RedbKv;
pub use ship::{
    Located, NoteChange, Packed, Packer, Progress, ShardInfo, ShardReader, ShipPosition,
};
pub use store::{Standing, Store};

pub use billet_segment::{
    CLAIM_AGE_MAX_MS, ClaimId, Frame, Head, Plane, Record, RowChange, SegmentId, State,
};
pub use billet_shard::{Keep, Place, Published, ShardState, Slot};
