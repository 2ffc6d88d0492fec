//! The small durable table of keys, behind three calls.
//!
//! Must never be on the path of a commit: it is written when segments open, seal and go.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::{Mutex, PoisonError};

use billet_segment::Pair;

/// A key set to a value, or deleted where there is none.
pub type KvChange = (Vec<u8>, Option<Vec<u8>>);

/// Why the table did not do it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KvError {
    /// No room; nothing was changed.
    #[error("no room for the table of keys")]
    Full,
    /// What is in it cannot be.
    #[error("the table of keys is damaged: {0}")]
    Damaged(String),
    /// Anything else. After a failed batch nobody knows whether it was done.
    #[error("the table of keys: {0}")]
    Failed(String),
}

/// A durable ordered map.
pub trait Kv: Send + Sync {
    /// The value under a key.
    ///
    /// # Errors
    /// `Failed`.
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, KvError>;
    /// At most `limit` pairs whose key begins with `prefix` and is greater than `after`, in order.
    ///
    /// # Errors
    /// `Failed`.
    fn scan(&self, prefix: &[u8], after: Option<&[u8]>, limit: usize)
    -> Result<Vec<Pair>, KvError>;
    /// Does all changes or none; durable when it returns.
    ///
    /// # Errors
    /// As the variants say.
    fn batch(&self, changes: &[KvChange]) -> Result<(), KvError>;
}

/// Where a scan begins.
pub(crate) fn scan_start<'a>(prefix: &'a [u8], after: Option<&'a [u8]>) -> Bound<&'a [u8]> {
    match after {
        Some(after) if after >= prefix => Bound::Excluded(after),
        _ => Bound::Included(prefix),
    }
}

/// A table in memory: durable as long as it lives.
#[derive(Debug, Default)]
pub struct MemoryKv {
    rows: Mutex<BTreeMap<Vec<u8>, Vec<u8>>>,
}

impl MemoryKv {
    /// A table of these rows.
    pub fn new(rows: BTreeMap<Vec<u8>, Vec<u8>>) -> Self {
        Self {
            rows: Mutex::new(rows),
        }
    }

    /// All rows.
    pub fn rows(&self) -> BTreeMap<Vec<u8>, Vec<u8>> {
        self.rows
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}

impl Kv for MemoryKv {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, KvError> {
        Ok(self
            .rows
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .get(key)
            .cloned())
    }

    fn scan(
        &self,
        prefix: &[u8],
        after: Option<&[u8]>,
        limit: usize,
    ) -> Result<Vec<Pair>, KvError> {
        let rows = self.rows.lock().unwrap_or_else(PoisonError::into_inner);
        let found = rows.range::<[u8], _>((scan_start(prefix, after), Bound::Unbounded));
        let found = found
            .take_while(|(key, _)| key.starts_with(prefix))
            .take(limit);
        Ok(found
            .map(|(key, value)| (key.clone(), value.clone()))
            .collect())
    }

    fn batch(&self, changes: &[KvChange]) -> Result<(), KvError> {
        let mut rows = self.rows.lock().unwrap_or_else(PoisonError::into_inner);
        for (key, value) in changes {
            match value {
                Some(value) => rows.insert(key.clone(), value.clone()),
                None => rows.remove(key),
            };
        }
        Ok(())
    }
}
