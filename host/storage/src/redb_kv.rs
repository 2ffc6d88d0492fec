//! The table of keys in a redb file: two-phase commit and quick repair.
//!
//! Must never go on after a failed sync, nor after any other failed batch without having looked
//! whether it was done.

use std::io::{self, ErrorKind};
use std::ops::Bound;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, RwLockWriteGuard};

use billet_segment::Pair;
use redb::{
    Database, Durability, ReadableDatabase as _, StorageBackend, StorageError, TableDefinition,
};

use crate::error::is_full;
use crate::kv::scan_start;
use crate::{Disk, File, Kv, KvChange, KvError};

const TABLE: TableDefinition<'static, &[u8], &[u8]> = TableDefinition::new("billet");
/// Counts the batches, so that one can tell whether the last was done.
const COUNTER: &[u8] = b"!batches";
const CACHE_BYTES: usize = 16 << 20;

/// A redb file.
pub struct RedbKv {
    disk: Arc<dyn Disk>,
    path: String,
    /// None after a failure, until it is opened again.
    database: RwLock<Option<Database>>,
    /// Held by the one batch that is being written.
    writing: Mutex<()>,
    /// Whether a sync of the file ever failed: nothing is known about it then.
    is_lost: Arc<AtomicBool>,
}

impl std::fmt::Debug for RedbKv {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RedbKv").finish_non_exhaustive()
    }
}

/// The file as redb uses it. The store's lock is the file's.
struct Backend {
    file: Arc<dyn File>,
    is_lost: Arc<AtomicBool>,
}

impl std::fmt::Debug for Backend {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Backend").finish_non_exhaustive()
    }
}

impl StorageBackend for Backend {
    fn len(&self) -> io::Result<u64> {
        self.file.length()
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        if self.file.read_at(out, offset)? == out.len() {
            Ok(())
        } else {
            Err(io::ErrorKind::UnexpectedEof.into())
        }
    }

    fn set_len(&self, bytes: u64) -> io::Result<()> {
        self.file.set_len(bytes)
    }

    fn sync_data(&self) -> io::Result<()> {
        // I1: what a batch says is durable before the batch returns.
        let synced = self.file.sync_data();
        if synced.is_err() {
            self.is_lost.store(true, Ordering::Release);
        }
        synced
    }

    fn write(&self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        self.file.write_at(bytes, offset)
    }
}

fn failed(error: impl std::fmt::Display) -> KvError {
    KvError::Failed(error.to_string())
}

fn kind(error: redb::Error) -> KvError {
    match error {
        redb::Error::Io(error) if is_full(&error) => KvError::Full,
        redb::Error::Io(error)
            if matches!(
                error.kind(),
                ErrorKind::InvalidData | ErrorKind::UnexpectedEof
            ) =>
        {
            KvError::Damaged(error.to_string())
        }
        error @ (redb::Error::Corrupted(_) | redb::Error::UpgradeRequired(_)) => {
            KvError::Damaged(error.to_string())
        }
        error => failed(error),
    }
}

fn storage(error: StorageError) -> KvError {
    kind(error.into())
}

impl RedbKv {
    /// Opens the file of this name in the disk's own folder, or makes it.
    ///
    /// # Errors
    /// As the variants say.
    pub fn open(disk: Arc<dyn Disk>, path: &str) -> Result<Self, KvError> {
        let kv = Self {
            disk,
            path: path.to_owned(),
            database: RwLock::default(),
            writing: Mutex::default(),
            is_lost: Arc::default(),
        };
        *kv.changing() = Some(kv.open_database()?);
        Ok(kv)
    }

    fn open_database(&self) -> Result<Database, KvError> {
        let io = |error: io::Error| kind(redb::Error::Io(error));
        if let Some(file) = self.disk.open(&self.path).map_err(io)? {
            return self.build(file);
        }
        // A file that is not whole yet must not be taken for one that was damaged.
        let draft = format!("{}.new", self.path);
        let database = self.build(self.disk.create(&draft).map_err(io)?)?;
        write_batch(&database, 0, &[])?;
        self.disk.rename(&draft, &self.path).map_err(io)?;
        // I4: the table's own file must not vanish with what it says.
        self.disk.sync_folder("").map_err(failed)?;
        Ok(database)
    }

    fn build(&self, file: Arc<dyn File>) -> Result<Database, KvError> {
        let is_lost = Arc::clone(&self.is_lost);
        let mut builder = Database::builder();
        builder.set_cache_size(CACHE_BYTES);
        let database = builder.create_with_backend(Backend { file, is_lost });
        database.map_err(|error| kind(error.into()))
    }

    /// Uses the database, which others may use meanwhile; opens it first where it was closed.
    fn using<T>(&self, work: impl FnOnce(&Database) -> Result<T, KvError>) -> Result<T, KvError> {
        loop {
            if self.is_lost.load(Ordering::Acquire) {
                return Err(failed("a sync failed"));
            }
            let slot = self.database.read().unwrap_or_else(PoisonError::into_inner);
            if let Some(database) = &*slot {
                return work(database);
            }
            drop(slot);
            let mut slot = self.changing();
            if slot.is_none() {
                *slot = Some(self.open_database()?);
            }
        }
    }

    fn turn(&self) -> MutexGuard<'_, ()> {
        self.writing.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn changing(&self) -> RwLockWriteGuard<'_, Option<Database>> {
        self.database
            .write()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// What was read by `read`. The table exists: opening made it.
    fn with<T>(
        &self,
        read: impl Fn(redb::ReadOnlyTable<&'static [u8], &'static [u8]>) -> Result<T, KvError>,
    ) -> Result<T, KvError> {
        self.with_current(&read).or_else(|_| {
            // The database may be one that a failed batch is about to close.
            let _turn = self.turn();
            self.with_current(&read)
        })
    }

    fn with_current<T>(
        &self,
        read: impl Fn(redb::ReadOnlyTable<&'static [u8], &'static [u8]>) -> Result<T, KvError>,
    ) -> Result<T, KvError> {
        let begin = |database: &Database| database.begin_read().map_err(|error| kind(error.into()));
        let transaction = self.using(begin)?;
        read(
            transaction
                .open_table(TABLE)
                .map_err(|error| kind(error.into()))?,
        )
    }
}

fn read_counter(database: &Database) -> Result<u64, KvError> {
    let transaction = database.begin_read().map_err(|error| kind(error.into()))?;
    let table = transaction
        .open_table(TABLE)
        .map_err(|error| kind(error.into()))?;
    let value = table.get(COUNTER).map_err(storage)?;
    let bytes = value.and_then(|value| value.value().try_into().ok());
    bytes
        .map(u64::from_le_bytes)
        .ok_or_else(|| failed("no count of batches"))
}

fn write_batch(database: &Database, count: u64, changes: &[KvChange]) -> Result<(), KvError> {
    let mut transaction = database.begin_write().map_err(|error| kind(error.into()))?;
    transaction
        .set_durability(Durability::Immediate)
        .map_err(failed)?;
    transaction.set_two_phase_commit(true);
    transaction.set_quick_repair(true);
    {
        let mut table = transaction
            .open_table(TABLE)
            .map_err(|error| kind(error.into()))?;
        for (key, value) in changes {
            match value {
                Some(value) => table.insert(key.as_slice(), value.as_slice()),
                None => table.remove(key.as_slice()),
            }
            .map_err(storage)?;
        }
        table
            .insert(COUNTER, count.to_le_bytes().as_slice())
            .map_err(storage)?;
    }
    transaction.commit().map_err(|error| kind(error.into()))
}

impl Kv for RedbKv {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, KvError> {
        self.with(|table| {
            let value = table.get(key).map_err(storage)?;
            Ok(value.map(|value| value.value().to_vec()))
        })
    }

    fn scan(
        &self,
        prefix: &[u8],
        after: Option<&[u8]>,
        limit: usize,
    ) -> Result<Vec<Pair>, KvError> {
        self.with(|table| {
            let range = (scan_start(prefix, after), Bound::Unbounded);
            let mut out = Vec::new();
            for pair in table.range::<&[u8]>(range).map_err(storage)?.take(limit) {
                let (key, value) = pair.map_err(storage)?;
                if !key.value().starts_with(prefix) {
                    break;
                }
                out.push((key.value().to_vec(), value.value().to_vec()));
            }
            Ok(out)
        })
    }

    fn batch(&self, changes: &[KvChange]) -> Result<(), KvError> {
        let _turn = self.turn();
        let count = self.using(read_counter)? + 1;
        // Whoever reads does not wait for the syncs of this.
        let Err(error) = self.using(|database| write_batch(database, count, changes)) else {
            return Ok(());
        };
        let mut slot = self.changing();
        // A file that failed to be written is closed and read anew. Only "no room" is worth it:
        // after anything else the process ends.
        *slot = None;
        if self.is_lost.load(Ordering::Acquire) {
            return Err(failed("a sync failed"));
        }
        if error != KvError::Full {
            return Err(error);
        }
        let is_done = match self.open_database() {
            Ok(database) => {
                let is_done = read_counter(&database)? == count;
                *slot = Some(database);
                is_done
            }
            // Nothing can have been written if there is no room to look.
            Err(KvError::Full) => false,
            Err(error) => return Err(error),
        };
        if is_done { Ok(()) } else { Err(KvError::Full) }
    }
}
