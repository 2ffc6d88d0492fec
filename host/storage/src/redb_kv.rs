//! The table of keys in a redb file: two-phase commit and quick repair.
//!
//! Must never go on after a failed batch without having looked whether it was done.

use std::ops::Bound;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use billet_segment::Pair;
use redb::{Database, Durability, ReadableDatabase as _, StorageError, TableDefinition};

use crate::cow::{CowBackend, CowFile};
use crate::error::is_full;
use crate::kv::scan_start;
use crate::{Kv, KvChange, KvError};

const TABLE: TableDefinition<'static, &[u8], &[u8]> = TableDefinition::new("billet");
/// Counts the batches, so that one can tell whether the last was done.
const COUNTER: &[u8] = b"!batches";
const CACHE_BYTES: usize = 16 << 20;

/// A redb file.
#[derive(Debug)]
pub struct RedbKv {
    place: Place,
    /// None after a failure, until it is opened again.
    database: Mutex<Option<Database>>,
}

/// Where its bytes are.
#[derive(Debug)]
enum Place {
    Path(PathBuf),
    /// A file that is only looked at.
    Cow(Arc<CowFile>),
}

fn failed(error: impl std::fmt::Display) -> KvError {
    KvError::Failed(error.to_string())
}

fn kind(error: redb::Error) -> KvError {
    match error {
        redb::Error::Io(error) if is_full(&error) => KvError::Full,
        error => failed(error),
    }
}

fn storage(error: StorageError) -> KvError {
    kind(error.into())
}

impl RedbKv {
    /// Opens the file, or makes it.
    ///
    /// # Errors
    /// As the variants say.
    pub fn open(path: &Path) -> Result<Self, KvError> {
        Self::at(Place::Path(path.to_owned()))
    }

    /// Opens a file of which nothing below changes.
    pub(crate) fn open_cow(file: Arc<CowFile>) -> Result<Self, KvError> {
        Self::at(Place::Cow(file))
    }

    fn at(place: Place) -> Result<Self, KvError> {
        let database = Mutex::new(Some(open_database(&place)?));
        Ok(Self { place, database })
    }

    fn lock(&self) -> MutexGuard<'_, Option<Database>> {
        self.database.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What was read by `read`. The table exists: opening made it.
    fn with<T>(
        &self,
        read: impl FnOnce(redb::ReadOnlyTable<&'static [u8], &'static [u8]>) -> Result<T, KvError>,
    ) -> Result<T, KvError> {
        let transaction = {
            let mut database = self.lock();
            let database = opened(&mut database, &self.place)?;
            database.begin_read().map_err(|error| kind(error.into()))?
        };
        read(
            transaction
                .open_table(TABLE)
                .map_err(|error| kind(error.into()))?,
        )
    }
}

fn open_database(place: &Place) -> Result<Database, KvError> {
    let mut builder = Database::builder();
    builder.set_cache_size(CACHE_BYTES);
    let database = match place {
        Place::Path(path) => builder.create(path),
        Place::Cow(file) => builder.create_with_backend(CowBackend(Arc::clone(file))),
    };
    let database = database.map_err(|error| kind(error.into()))?;
    if read_counter(&database).is_err() {
        write_batch(&database, 0, &[])?;
        let Place::Path(path) = place else {
            return Ok(database);
        };
        // I4: the table's own file must not vanish with what it says.
        let folder = path.parent().unwrap_or(Path::new("/"));
        std::fs::File::open(folder)
            .and_then(|folder| folder.sync_all())
            .map_err(failed)?;
    }
    Ok(database)
}

fn opened<'a>(slot: &'a mut Option<Database>, place: &Place) -> Result<&'a Database, KvError> {
    match slot {
        Some(database) => Ok(database),
        None => Ok(slot.insert(open_database(place)?)),
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
        let mut slot = self.lock();
        let database = opened(&mut slot, &self.place)?;
        let count = read_counter(database)? + 1;
        let Err(error) = write_batch(database, count, changes) else {
            return Ok(());
        };
        // A file that failed to be written is closed and read anew. Only "no room" is worth it:
        // after anything else the process ends.
        *slot = None;
        if error != KvError::Full {
            return Err(error);
        }
        let is_done = match open_database(&self.place) {
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
