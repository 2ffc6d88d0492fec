//! The logs that one instance remembers, the ones it used last.
//!
//! Must never hold more than a fixed number of logs, nor more bytes of rows than one log may have
//! beside the log in use.

use std::collections::BTreeMap;

use crate::journal::{Journal, ROWS_BYTES_MAX};

/// How many logs are remembered.
pub const JOURNALS_MAX: usize = 64;

/// Logs by their names.
#[derive(Debug, Default)]
pub struct Journals {
    known: BTreeMap<String, Known>,
    /// Counts uses, to tell which log was left alone longest.
    uses: u64,
}

#[derive(Debug)]
struct Known {
    journal: Journal,
    /// The use that was the last one; 0 where it was only glanced at.
    used: u64,
    /// Commits in a row that somebody else won.
    lost: u32,
}

impl Journals {
    /// Whether a log is remembered.
    pub fn has(&self, log: &str) -> bool {
        self.known.contains_key(log)
    }

    /// Does something with a log as far as it is remembered. Where it grew, others are forgotten.
    pub fn with<T>(&mut self, log: &str, action: impl FnOnce(&mut Journal) -> T) -> Option<T> {
        self.uses = self.uses.saturating_add(1);
        let known = self.known.get_mut(log)?;
        known.used = self.uses;
        let done = action(&mut known.journal);
        self.make_room(log);
        Some(done)
    }

    /// Remembers a log, unless it is remembered up to a later commit.
    pub fn remember(&mut self, journal: Journal) {
        let log = journal.log().to_owned();
        let known = self.known.get(&log);
        if known.is_some_and(|known| known.journal.next_seq() >= journal.next_seq()) {
            return;
        }
        let known = Known {
            journal,
            used: self.uses,
            lost: 0,
        };
        self.known.insert(log.clone(), known);
        self.make_room(&log);
    }

    /// Notes that a log was only glanced at: it is the first to be forgotten.
    pub fn set_glanced(&mut self, log: &str) {
        if let Some(known) = self.known.get_mut(log) {
            known.used = 0;
        }
    }

    /// How many commits of a log were lost in a row, this one counted; or none is any more.
    pub fn count_lost(&mut self, log: &str, lost: bool) -> u32 {
        let Some(known) = self.known.get_mut(log) else {
            return 1;
        };
        known.lost = if lost {
            known.lost.saturating_add(1)
        } else {
            0
        };
        known.lost
    }

    /// Forgets those that were left alone longest, but never `log`.
    fn make_room(&mut self, log: &str) {
        let bytes = |(name, known): (&String, &Known)| match name == log {
            true => 0,
            false => known.journal.rows_bytes,
        };
        while self.known.len() > JOURNALS_MAX
            || self.known.iter().map(bytes).sum::<u64>() > ROWS_BYTES_MAX
        {
            let others = self.known.iter().filter(|(name, _)| *name != log);
            let oldest = others.min_by_key(|(_, known)| known.used);
            let Some(oldest) = oldest.map(|(name, _)| name.clone()) else {
                return;
            };
            self.known.remove(&oldest);
        }
    }
}
