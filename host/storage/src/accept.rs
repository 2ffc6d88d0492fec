//! Losses that an operator took: rows say what each log lost and in which segment.
//!
//! Must never take what nobody was told: another segment, or the same one lost again, is a new
//! loss.

use billet_segment::damage_key;

use crate::findings::Findings;
use crate::{KvChange, OpenError, Store, StoreError};

impl Store {
    /// What was taken and is not lost any more: were it lost again, that would be a new loss.
    pub(crate) fn forget_accepted(&self, findings: &Findings) -> Result<(), OpenError> {
        let unmet = findings.accepted.iter().filter(|(_, is_met)| !**is_met);
        let gone: Vec<KvChange> = unmet.map(|(key, _)| (key.clone(), None)).collect();
        if !gone.is_empty() {
            self.kv.batch(&gone)?;
        }
        Ok(())
    }

    /// Lets a damaged log (or, by the empty name, unknown ones) be written again, after every
    /// start: somebody looked and takes the loss. Rows say in which segments. Whether there was
    /// anything to forgive. What is lost stays `Corrupt` until the next start, and what lay in a
    /// segment that is gone for ever.
    ///
    /// # Errors
    /// `Full`, `Fatal`.
    pub fn forgive(&self, log: &str) -> Result<bool, StoreError> {
        self.check_alive()?;
        if !self.book().damaged.contains_key(log) {
            return Ok(false);
        }
        let found = self.recovery.damage.iter();
        let found = found.filter(|damage| damage.log.as_deref() == Some(log));
        let accepted = found.filter_map(|damage| {
            let reason = damage.reason.clone().into_bytes();
            Some((damage.accepted_key()?, Some(reason)))
        });
        let changes: Vec<KvChange> = accepted.chain([(damage_key(log), None)]).collect();
        self.kv
            .batch(&changes)
            .map_err(|error| self.batch_error(error))?;
        self.with_book(|book| book.damaged.remove(log));
        Ok(true)
    }
}
