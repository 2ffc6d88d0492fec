//! The store: what is shared by all who use it, and the plain look-ups.
//!
//! Locks are taken in this order: `catalog`, `data`, `numbers`, `ship`, `book`, `readable`,
//! caches, `readers`.
//! Must never hold `book` across a sync, nor `data` but to open a segment.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

use billet_block::Cid;
use billet_segment::{
    ClaimId, Content, HEAD_PREFIX, Head, Pair, Pin, RootId, head_key, name_after, row_key,
    row_prefix,
};
use bytes::Bytes;

use crate::book::Book;
use crate::lru::Lru;
use crate::readers::Readers;
use crate::segment::Segment;
use crate::ship::Shipping;
use crate::table::Table;
use crate::writing::{Numbers, Writer};
use crate::{Clock, Config, Counters, Disk, Kv, KvError, Lock, Recovery, StoreError};

/// Most rows or heads of one answer.
const PAGE_ROWS_MAX: usize = 1_000;
const TABLES_MAX: usize = 512;
const BLOCKS_MAX: usize = 1 << 20;

/// Told once why the process must end.
pub(crate) type Watcher = Box<dyn FnOnce(&str) + Send>;

/// Where a log stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Standing {
    /// Unix milliseconds, never below the time of the newest commit.
    pub now_ms: u64,
    /// None when the log never had a commit.
    pub newest: Option<Head>,
}

/// Segments, heads and rows under one folder. Share it in an [`Arc`].
pub struct Store {
    pub(crate) config: Config,
    pub(crate) root: RootId,
    pub(crate) disk: Arc<dyn Disk>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) kv: Arc<dyn Kv>,
    pub(crate) _lock: Box<dyn Lock>,
    /// Why nothing may be done any more.
    pub(crate) fatal: Mutex<Option<String>>,
    /// Who is told when that begins.
    pub(crate) watcher: Mutex<Option<Watcher>>,
    pub(crate) is_fatal: AtomicBool,
    /// Taken for as long as a group is being committed.
    pub(crate) catalog: Mutex<Writer>,
    /// Taken for as long as one leaf is appended.
    pub(crate) data: Mutex<Writer>,
    pub(crate) numbers: Mutex<Numbers>,
    pub(crate) book: RwLock<Book>,
    /// In the order of their numbers.
    pub(crate) readable: RwLock<Arc<Vec<Arc<Segment>>>>,
    pub(crate) tables: Mutex<Lru<u64, Arc<Table>>>,
    /// One table at a time is loaded.
    pub(crate) loading: Mutex<()>,
    pub(crate) blocks: Mutex<Lru<Cid, Bytes>>,
    pub(crate) ship: Mutex<Shipping>,
    pub(crate) readers: Mutex<Readers>,
    /// Bytes of bodies that may not go yet, as of the last sweep and with what came since.
    pub(crate) backlog_bytes: AtomicU64,
    pub(crate) recovery: Recovery,
    pub(crate) counters: Counters,
    /// Segments whose index was made anew since the start.
    pub(crate) rebuilt: Mutex<BTreeSet<u64>>,
}

pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

pub(crate) fn new_tables(config: &Config) -> Mutex<Lru<u64, Arc<Table>>> {
    Mutex::new(Lru::new(config.table_cache_bytes, TABLES_MAX))
}

pub(crate) fn new_blocks(config: &Config) -> Mutex<Lru<Cid, Bytes>> {
    Mutex::new(Lru::new(config.block_cache_bytes, BLOCKS_MAX))
}

impl Store {
    /// Where `log` stands.
    ///
    /// # Errors
    /// `Unavailable` when the table of keys cannot be read; `Fatal`.
    pub fn head(&self, log: &str) -> Result<Standing, StoreError> {
        let newest = self.newest(log)?;
        let time_ms = newest.as_ref().map_or(0, |head| head.time_ms);
        // I7: time never goes back, whatever the clock does.
        Ok(Standing {
            now_ms: self.clock.now_ms().max(time_ms),
            newest,
        })
    }

    /// Heads in the order of their logs' names: those that begin with `prefix` and are greater
    /// than `after`, at most `limit`, 1,000 at most.
    ///
    /// # Errors
    /// `Unavailable` when the table of keys cannot be read; `Fatal`.
    pub fn heads(
        &self,
        prefix: &str,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<(String, Head)>, StoreError> {
        let after = after.map(head_key);
        let pairs = self.scan(&head_key(prefix), after.as_deref(), limit)?;
        let head = |(key, value): Pair| {
            let log = name_after(HEAD_PREFIX, &key).unwrap_or_default().to_owned();
            Ok((log, Head::from_bytes(&key, &value)?))
        };
        pairs.into_iter().map(head).collect()
    }

    /// The value of a row of `log`, or none.
    ///
    /// # Errors
    /// `Unavailable` when the table of keys cannot be read; `Fatal`.
    pub fn row(&self, log: &str, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        self.value(&row_key(log, key))
    }

    /// Rows of `log` whose key begins with `prefix` and is greater than `after`, in order, at
    /// most `limit`, 1,000 at most.
    ///
    /// # Errors
    /// `Unavailable` when the table of keys cannot be read; `Fatal`.
    pub fn rows(
        &self,
        log: &str,
        prefix: &[u8],
        after: Option<&[u8]>,
        limit: usize,
    ) -> Result<Vec<Pair>, StoreError> {
        let skip = row_prefix(log).len();
        let after = after.map(|after| row_key(log, after));
        let pairs = self.scan(&row_key(log, prefix), after.as_deref(), limit)?;
        Ok(pairs
            .into_iter()
            .map(|(mut key, value)| (key.split_off(skip), value))
            .collect())
    }

    /// A claim over all that is reachable from the head of `log`, and that head.
    ///
    /// # Errors
    /// `NotFound` for a log without a commit; `Unavailable`, `Fatal`.
    pub fn pin(&self, log: &str) -> Result<(ClaimId, Head), StoreError> {
        let head = self.newest(log)?.ok_or(StoreError::NotFound)?;
        let content = Content::Pinned(Pin {
            log: log.to_owned(),
            seq: head.seq,
        });
        let claim = self.with_book(|book| book.claim(&head.space, self.clock.now_ms(), content))?;
        Ok((claim, head))
    }

    /// Lets go of pending claims that no commit will name. Unknown ones are passed over.
    pub fn discard_pending(&self, claims: &[ClaimId]) {
        self.with_book(|book| claims.iter().for_each(|claim| book.drop_claim(*claim)));
    }

    /// Has pending claims wait anew for their commit, which takes long. Unknown ones and those
    /// that are too old are passed over.
    pub fn renew_pending(&self, claims: &[ClaimId]) {
        let now_ms = self.clock.now_ms();
        self.with_book(|book| {
            for claim in claims {
                book.claims.renew(*claim, now_ms);
            }
        });
    }

    /// Claims that wait for a commit.
    pub fn pending_claims(&self) -> usize {
        self.book().claims.iter().count()
    }

    /// Bytes in use by the tables of sealed segments and by blocks of the catalog.
    pub fn cache_bytes(&self) -> (usize, usize) {
        (lock(&self.tables).usage().0, lock(&self.blocks).usage().0)
    }

    /// Calls `tell` once, with the reason, when a sync has failed and the process must end: at
    /// once if that has happened already. It must not block.
    pub fn on_fatal(&self, tell: impl FnOnce(&str) + Send + 'static) {
        let fatal = lock(&self.fatal);
        match &*fatal {
            Some(reason) => tell(reason),
            None => *lock(&self.watcher) = Some(Box::new(tell)),
        }
    }

    /// What was done since the store was opened.
    pub const fn counters(&self) -> &Counters {
        &self.counters
    }

    /// What opening the store found.
    pub const fn recovery(&self) -> &Recovery {
        &self.recovery
    }

    /// Logs that refuse writes because something of them was lost, and what. The empty name stands
    /// for logs that are not even known: then none may begin.
    pub fn damaged(&self) -> Vec<(String, String)> {
        let pair = |(log, reason): (&String, &String)| (log.clone(), reason.clone());
        self.book().damaged.iter().map(pair).collect()
    }

    pub(crate) fn newest(&self, log: &str) -> Result<Option<Head>, StoreError> {
        let key = head_key(log);
        let row = self.value(&key)?;
        Ok(row.map(|row| Head::from_bytes(&key, &row)).transpose()?)
    }

    /// A value: from what is newer than the table, else from the table.
    pub(crate) fn value(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        self.check_alive()?;
        if let Some(value) = self.book().overlay.get(key) {
            return Ok(value.map(<[u8]>::to_vec));
        }
        self.kv
            .get(key)
            .map_err(|error| StoreError::Unavailable(error.to_string()))
    }

    pub(crate) fn scan(
        &self,
        prefix: &[u8],
        after: Option<&[u8]>,
        limit: usize,
    ) -> Result<Vec<Pair>, StoreError> {
        self.check_alive()?;
        let limit = limit.min(PAGE_ROWS_MAX);
        let book = self.book();
        let fetch = |after: Option<&[u8]>, limit| self.kv.scan(prefix, after, limit);
        let pairs = book.overlay.scan(prefix, after, limit, fetch);
        pairs.map_err(|error| StoreError::Unavailable(error.to_string()))
    }

    pub(crate) fn book(&self) -> std::sync::RwLockReadGuard<'_, Book> {
        self.book.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// The same for threads that must not wait: a scan holds it while it reads the table of keys.
    pub(crate) fn book_now(&self) -> Option<std::sync::RwLockReadGuard<'_, Book>> {
        self.book.try_read().ok()
    }

    pub(crate) fn with_book<T>(&self, change: impl FnOnce(&mut Book) -> T) -> T {
        change(&mut self.book.write().unwrap_or_else(PoisonError::into_inner))
    }

    /// The segments that readers may look into, in the order of their numbers.
    pub(crate) fn segments_now(&self) -> Arc<Vec<Arc<Segment>>> {
        Arc::clone(&self.readable.read().unwrap_or_else(PoisonError::into_inner))
    }

    pub(crate) fn change_readable(&self, change: impl FnOnce(&mut Vec<Arc<Segment>>)) {
        let mut readable = self
            .readable
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        let mut segments = readable.as_ref().clone();
        change(&mut segments);
        segments.sort_by_key(|segment| segment.id.number);
        *readable = Arc::new(segments);
    }

    /// Refuses to go on after a failed sync.
    pub(crate) fn check_alive(&self) -> Result<(), StoreError> {
        if !self.is_fatal.load(Ordering::Acquire) {
            return Ok(());
        }
        Err(StoreError::Fatal(
            lock(&self.fatal).clone().unwrap_or_default(),
        ))
    }

    /// Ends everything: nobody knows what is on the disk.
    pub(crate) fn die(&self, reason: String) -> StoreError {
        tracing::error!(reason, "the store cannot go on");
        let mut fatal = lock(&self.fatal);
        let reason = fatal.get_or_insert(reason).clone();
        self.is_fatal.store(true, Ordering::Release);
        if let Some(tell) = lock(&self.watcher).take() {
            tell(&reason);
        }
        StoreError::Fatal(reason)
    }

    /// What a failed batch means.
    pub(crate) fn batch_error(&self, error: KvError) -> StoreError {
        match error {
            KvError::Full => StoreError::Full,
            KvError::Damaged(reason) | KvError::Failed(reason) => self.die(reason),
        }
    }
}

impl std::fmt::Debug for Store {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Store")
            .field("root", &self.root)
            .finish_non_exhaustive()
    }
}
