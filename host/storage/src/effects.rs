//! The world as the store sees it: files, a clock, chance. Small enough to be simulated whole.
//!
//! Must never offer a way to list a folder: all work is found by keys.

use std::io;
use std::path::Path;
use std::sync::Arc;

use crate::{CowDisk, Kv, KvError, RealDisk, RedbKv, SystemClock, SystemRandom};

/// An open file.
pub trait File: Send + Sync {
    /// Reads into all of `out` from `offset` on; gives how many bytes there were.
    ///
    /// # Errors
    /// What the system says.
    fn read_at(&self, out: &mut [u8], offset: u64) -> io::Result<usize>;
    /// Fills `out` from `offset` on if that takes no wait for the disk.
    ///
    /// # Errors
    /// `WouldBlock` when it would, or when nobody can tell; else what the system says. Nothing is
    /// known of `out` then, nor of the file.
    fn read_now(&self, out: &mut [u8], offset: u64) -> io::Result<()> {
        let _ = (out, offset);
        Err(io::ErrorKind::WouldBlock.into())
    }
    /// Writes all of `bytes` at `offset`; after an error, any part of them may be there.
    ///
    /// # Errors
    /// What the system says.
    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()>;
    /// Makes the bytes durable, and the length as far as they need it. An error is final.
    ///
    /// # Errors
    /// What the system says.
    fn sync_data(&self) -> io::Result<()>;
    /// Makes everything about the file durable. An error is final.
    ///
    /// # Errors
    /// What the system says.
    fn sync_all(&self) -> io::Result<()>;
    /// Cuts the file, or lengthens it with zeros.
    ///
    /// # Errors
    /// What the system says.
    fn set_len(&self, bytes: u64) -> io::Result<()>;
    /// Makes room: the file is at least `bytes` long then, zeros where nothing was.
    ///
    /// # Errors
    /// What the system says.
    fn allocate(&self, bytes: u64) -> io::Result<()>;
    /// Its length in bytes.
    ///
    /// # Errors
    /// What the system says.
    fn length(&self) -> io::Result<u64>;
}

/// Held for as long as the store lives.
pub trait Lock: Send + Sync {}

/// A folder on a disk. Paths are relative to it and use `/`.
pub trait Disk: Send + Sync {
    /// What people call the folder.
    fn name(&self) -> String;
    /// Takes the folder for this process; `None` when another has it.
    ///
    /// # Errors
    /// What the system says.
    fn lock(&self) -> io::Result<Option<Box<dyn Lock>>>;
    /// Opens a file for reading and writing, empty, whether it was there or not.
    ///
    /// # Errors
    /// What the system says.
    fn create(&self, path: &str) -> io::Result<Arc<dyn File>>;
    /// Opens a file for reading and writing; `None` when it is not there.
    ///
    /// # Errors
    /// What the system says.
    fn open(&self, path: &str) -> io::Result<Option<Arc<dyn File>>>;
    /// The length of a file in bytes; `None` when it is not there.
    ///
    /// # Errors
    /// What the system says.
    fn length(&self, path: &str) -> io::Result<Option<u64>>;
    /// Makes a folder, if it is not there.
    ///
    /// # Errors
    /// What the system says.
    fn make_folder(&self, path: &str) -> io::Result<()>;
    /// Makes the entries of a folder durable; the empty path is the root. An error is final.
    ///
    /// # Errors
    /// What the system says.
    fn sync_folder(&self, path: &str) -> io::Result<()>;
    /// Gives a file another name in the same folder, in place of whatever has that.
    ///
    /// # Errors
    /// What the system says.
    fn rename(&self, from: &str, to: &str) -> io::Result<()>;
    /// Unlinks a file, if it is there.
    ///
    /// # Errors
    /// What the system says.
    fn remove(&self, path: &str) -> io::Result<()>;
}

/// Tells the time.
pub trait Clock: Send + Sync {
    /// Unix milliseconds; may go backwards.
    fn now_ms(&self) -> u64;
}

/// Draws numbers.
pub trait Random: Send + Sync {
    /// A number that nobody can foresee.
    ///
    /// # Errors
    /// What the system says.
    fn draw(&self) -> io::Result<u64>;
}

/// Opens the table of keys; called once the folder is locked.
pub type OpenKv = Box<dyn FnOnce() -> Result<Arc<dyn Kv>, KvError> + Send>;

/// Everything that a store does to the world.
pub struct Effects {
    /// Where the segments are.
    pub disk: Arc<dyn Disk>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Chance.
    pub random: Arc<dyn Random>,
    /// The table of keys.
    pub open_kv: OpenKv,
}

impl Effects {
    /// The real world: segments and `catalog.redb` in `folder`, which is made if it is not there.
    ///
    /// # Errors
    /// What the system says.
    pub fn real(folder: &Path) -> io::Result<Self> {
        let disk: Arc<dyn Disk> = Arc::new(RealDisk::new(folder)?);
        let keys = Arc::clone(&disk);
        let open_kv = move || RedbKv::open(keys, CATALOG).map(|kv| Arc::new(kv) as Arc<dyn Kv>);
        Ok(Self {
            disk,
            clock: Arc::new(SystemClock),
            random: Arc::new(SystemRandom),
            open_kv: Box::new(open_kv),
        })
    }

    /// The same folder, only looked at: whatever is written stays in the memory of `disk`.
    ///
    /// # Errors
    /// `NotFound` when there is no store in it; else what the system says.
    pub fn cow(disk: &CowDisk) -> io::Result<Self> {
        let disk: Arc<dyn Disk> = Arc::new(disk.clone());
        disk.open(CATALOG)?.ok_or(io::ErrorKind::NotFound)?;
        let keys = Arc::clone(&disk);
        let open_kv = move || RedbKv::open(keys, CATALOG).map(|kv| Arc::new(kv) as Arc<dyn Kv>);
        Ok(Self {
            disk,
            clock: Arc::new(SystemClock),
            random: Arc::new(SystemRandom),
            open_kv: Box::new(open_kv),
        })
    }
}

/// The table of keys, in the store's folder.
pub(crate) const CATALOG: &str = "catalog.redb";
