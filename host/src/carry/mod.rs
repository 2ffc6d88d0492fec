//! Buckets as CAR files: out, in, and checked without trusting anybody.
//!
//! The host links no tree: an instance of `mst` of its own reads blocks from wherever [`Blocks`]
//! says, be that the store or a file. Must never change a store but by the import of a whole file.

mod archive;
mod bodies;
mod bucket_name;
mod check;
mod export;
mod import;
mod inspector;
mod proof;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use billet_block::Cid;
use billet_storage::Store;
use bytes::Bytes;

pub use archive::Archive;
pub use check::{Checked, Faults, verify_archive, verify_bucket};
pub use export::export;
pub use import::Imported;
pub(crate) use import::{Import, Target, import};
pub use inspector::Inspector;
pub(crate) use inspector::{failed, flow};
pub use proof::{Proven, prove, verify_proof};

/// Why something was not done.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CarryError {
    /// A file or a connection failed.
    #[error("{0}")]
    Io(#[from] std::io::Error),
    /// What was asked for is not there, or cannot be.
    #[error("{0}")]
    Refused(String),
    /// A block on the way is on the network only, and cannot be had from there now.
    #[error(
        "a block on the way is on the network only, and it did not give it: ask while the daemon \
         runs and reaches the network"
    )]
    Elsewhere,
    /// Something is damaged: exit status 3.
    #[error("{0}")]
    Damaged(String),
    /// An instance ended early, or a fault of ours.
    #[error("{0}")]
    Failed(String),
}

impl From<wasmtime::Error> for CarryError {
    fn from(error: wasmtime::Error) -> Self {
        Self::Failed(format!("{error:#}"))
    }
}

/// Why a block cannot be had.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lost {
    /// It is not there.
    Missing,
    /// Its bytes are not those of its name, or cannot be read.
    Damaged,
    /// It is not here, but the network took it, and cannot be asked or does not answer.
    Elsewhere,
    /// The process is at a limit of the system: nobody knows.
    Exhausted,
}

/// What to do about [`Lost::Exhausted`].
const EXHAUSTED: &str = "the system gives this process no more open files or memory: ask again, or \
                         raise its limits";

/// Where blocks come from. Calls may block.
pub trait Blocks: Send + Sync + 'static {
    /// The bytes of a block, hashed on this very read.
    ///
    /// # Errors
    /// Why it cannot be had.
    fn block(&self, cid: &Cid) -> Result<Bytes, Lost>;
}

/// The blocks of a store, read from the disk and past its caches.
pub struct StoreBlocks(pub Arc<Store>);

impl Blocks for StoreBlocks {
    fn block(&self, cid: &Cid) -> Result<Bytes, Lost> {
        use billet_storage::StoreError::{Exhausted, NotFound};
        let mut bytes = Vec::new();
        match self.0.read_leaf(cid, &mut bytes) {
            Ok(()) if cid.matches(&bytes) => Ok(Bytes::from(bytes)),
            Err(NotFound) => Err(match self.0.locate(cid) {
                Ok(found) if !found.is_empty() => Lost::Elsewhere,
                _ => Lost::Missing,
            }),
            Err(Exhausted(_)) => Err(Lost::Exhausted),
            Ok(()) | Err(_) => Err(Lost::Damaged),
        }
    }
}

/// Something that is not as it must be.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Fault {
    /// The key concerned, where one is known.
    pub key: Option<String>,
    /// The block concerned, where one is known.
    pub cid: Option<String>,
    /// What is wrong.
    pub reason: String,
}

impl Fault {
    fn at(key: Option<&str>, cid: Option<&Cid>, reason: impl Into<String>) -> Self {
        Self {
            key: key.filter(|key| !key.is_empty()).map(str::to_owned),
            cid: cid.map(ToString::to_string),
            reason: reason.into(),
        }
    }
}

/// How far a long command is, in bytes or, for an export, blocks; and whether anybody still waits
/// for it. Threads that do something long ask [`Progress::go_on`] again and again.
#[derive(Debug, Default)]
pub struct Progress {
    done: AtomicU64,
    total: AtomicU64,
    cancelled: AtomicBool,
}

impl Progress {
    /// What is done, and what there is in all; 0 where that is not known.
    pub fn now(&self) -> (u64, u64) {
        let read = |number: &AtomicU64| number.load(Ordering::Relaxed);
        (read(&self.done), read(&self.total))
    }

    /// Nobody waits for the command any more: it ends early, as if a file had failed.
    pub fn cancel(&self) {
        self.cancelled.store(true, Ordering::Relaxed);
    }

    /// Whether the command is to go on.
    ///
    /// # Errors
    /// When it was cancelled.
    pub fn go_on(&self) -> std::io::Result<()> {
        if self.cancelled.load(Ordering::Relaxed) {
            return Err(std::io::Error::other("nobody waits for it any more"));
        }
        Ok(())
    }

    fn begin(&self, total: u64) {
        self.done.store(0, Ordering::Relaxed);
        self.total.store(total, Ordering::Relaxed);
    }

    fn add(&self, count: usize) {
        let count = u64::try_from(count).unwrap_or(u64::MAX);
        self.done.fetch_add(count, Ordering::Relaxed);
    }
}

async fn blocking<R: Send + 'static>(
    work: impl FnOnce() -> R + Send + 'static,
) -> Result<R, CarryError> {
    let done = tokio::task::spawn_blocking(work).await;
    done.map_err(|error| CarryError::Failed(format!("a task ended early: {error}")))
}
