//! Who waits for the network: commits that somebody wants there, and the word that they are.
//!
//! Must never tell of a commit that is not published.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use tokio::sync::{Notify, watch};

/// Everybody that waits.
pub(crate) struct Waiting {
    /// For each log the commits that are waited for, and by how many.
    wanted: Mutex<BTreeMap<String, BTreeMap<u64, usize>>>,
    /// Counts publications.
    published: watch::Sender<u64>,
    wake: Notify,
}

impl Default for Waiting {
    fn default() -> Self {
        Self {
            wanted: Mutex::default(),
            published: watch::Sender::new(0),
            wake: Notify::new(),
        }
    }
}

/// Waits for a commit for as long as it lives.
pub(crate) struct Wanted<'a> {
    waiting: &'a Waiting,
    log: String,
    seq: u64,
}

impl Waiting {
    /// Asks for a commit, and wakes whoever ships.
    pub(crate) fn want(&self, log: &str, seq: u64) -> Wanted<'_> {
        self.with(|wanted| {
            let seqs = wanted.entry(log.to_owned()).or_default();
            let count = seqs.entry(seq).or_default();
            *count = count.saturating_add(1);
        });
        self.wake();
        Wanted {
            waiting: self,
            log: log.to_owned(),
            seq,
        }
    }

    /// Wakes whoever ships.
    pub(crate) fn wake(&self) {
        self.wake.notify_one();
    }

    /// Logs with the newest commit that is waited for.
    pub(crate) fn wanted(&self) -> Vec<(String, u64)> {
        self.with(|wanted| {
            let newest = |(log, seqs): (&String, &BTreeMap<u64, usize>)| {
                let (seq, _) = seqs.last_key_value()?;
                Some((log.clone(), *seq))
            };
            wanted.iter().filter_map(newest).collect()
        })
    }

    /// Tells that something was published.
    pub(crate) fn published(&self) {
        self.published
            .send_modify(|count| *count = count.wrapping_add(1));
    }

    /// Resolves with each later publication.
    pub(crate) fn publications(&self) -> watch::Receiver<u64> {
        self.published.subscribe()
    }

    /// Resolves once somebody wants something.
    pub(crate) async fn woken(&self) {
        self.wake.notified().await;
    }

    fn with<R>(&self, f: impl FnOnce(&mut BTreeMap<String, BTreeMap<u64, usize>>) -> R) -> R {
        f(&mut self.wanted.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Drop for Wanted<'_> {
    fn drop(&mut self) {
        self.waiting.with(|wanted| {
            let Some(seqs) = wanted.get_mut(&self.log) else {
                return;
            };
            if let Some(count) = seqs.get_mut(&self.seq) {
                *count = count.saturating_sub(1);
            }
            seqs.retain(|_, count| *count > 0);
            if seqs.is_empty() {
                wanted.remove(&self.log);
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_wanted_is_told_as_long_as_somebody_waits() {
        let waiting = Waiting::default();
        let one = waiting.want("a", 3);
        let two = waiting.want("a", 5);
        let also = waiting.want("a", 5);
        let other = waiting.want("b", 1);
        assert_eq!(waiting.wanted(), [("a".to_owned(), 5), ("b".to_owned(), 1)]);
        drop((two, other));
        assert_eq!(waiting.wanted(), [("a".to_owned(), 5)]);
        drop(also);
        assert_eq!(waiting.wanted(), [("a".to_owned(), 3)]);
        drop(one);
        assert_eq!(waiting.wanted(), []);
    }
}
