//! A small durable map for whoever ships.
//!
//! Must never show a note that is not durable.

use billet_shard::{ShipKey, check_note};

use super::unreadable;
use crate::{KvChange, Store, StoreError};

/// Most bytes of a note.
const NOTE_BYTES_MAX: usize = 1 << 20;
/// Most bytes of notes in one answer, unless the first has more.
const ANSWER_BYTES_MAX: usize = 4 << 20;

/// A note to set, or to delete where there is no value.
pub type NoteChange = (String, Option<Vec<u8>>);

impl Store {
    /// The note under `key`, or none.
    ///
    /// # Errors
    /// `Unavailable`.
    pub fn note(&self, key: &str) -> Result<Option<Vec<u8>>, StoreError> {
        self.ship_value(&ShipKey::Note(key.to_owned()))
    }

    /// Notes whose key begins with `prefix` and is greater than `after`, in order, at most
    /// `limit`, 1,000 and 4 MiB at most.
    ///
    /// # Errors
    /// `Unavailable`.
    pub fn notes(
        &self,
        prefix: &str,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<(String, Vec<u8>)>, StoreError> {
        let key = |text: &str| ShipKey::Note(text.to_owned()).to_bytes();
        let mut after = after.map(key);
        let mut out: Vec<(String, Vec<u8>)> = Vec::new();
        let mut bytes = 0;
        while out.len() < limit {
            // One by one: values may be large, and a page of them would not be bounded.
            let page = self.ship_scan(&key(prefix), after.as_deref(), 1)?;
            let Some((found, value)) = page.into_iter().next() else {
                break;
            };
            bytes += value.len();
            if bytes > ANSWER_BYTES_MAX && !out.is_empty() {
                break;
            }
            match ShipKey::parse(&found) {
                Ok(ShipKey::Note(note)) => out.push((note, value)),
                Ok(_) => {}
                Err(error) => return Err(unreadable(&found, error)),
            }
            after = Some(found);
        }
        Ok(out)
    }

    /// Does all changes or none; durable when it returns.
    ///
    /// # Errors
    /// `Invalid` for a key that no note may have or a value of more than 1 MiB; `Full`, `Fatal`.
    pub fn set_notes(&self, changes: &[NoteChange]) -> Result<(), StoreError> {
        self.check_alive()?;
        let mut rows: Vec<KvChange> = Vec::with_capacity(changes.len());
        for (key, value) in changes {
            check_note(key).map_err(StoreError::Invalid)?;
            let bytes = value.as_ref().map_or(0, Vec::len);
            if bytes > NOTE_BYTES_MAX {
                let problem = format!("a note of {bytes} bytes, {NOTE_BYTES_MAX} at most");
                return Err(StoreError::Invalid(problem));
            }
            rows.push((ShipKey::Note(key.clone()).to_bytes(), value.clone()));
        }
        self.ship_batch(&rows)
    }
}
