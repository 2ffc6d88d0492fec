//! Who reads bodies right now, and which segments stay for them.
//!
//! Must never keep a segment for a reader that began after it was free to go, nor more bytes than
//! it is told (I8): then the oldest readers are not waited for any more.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::store::lock;
use crate::{Retain, Store};

/// All readers, and the segments that nobody but a reader needs.
#[derive(Default)]
pub(crate) struct Readers {
    next: u64,
    /// Readers by their numbers, with the newest segment when each began.
    live: BTreeMap<u64, u64>,
    /// Free segments by their numbers.
    free: BTreeMap<u64, Free>,
}

/// A segment that may go.
#[derive(Clone, Copy)]
struct Free {
    /// The first reader that came after that was found.
    before: u64,
    bytes: u64,
}

impl Readers {
    fn begin(&mut self, newest: u64) -> u64 {
        let reader = self.next;
        self.next += 1;
        self.live.insert(reader, newest);
        reader
    }

    /// A segment may go.
    pub(crate) fn found_free(&mut self, segment: u64, bytes: u64) {
        let before = self.next;
        self.free.entry(segment).or_insert(Free { before, bytes });
    }

    /// A segment may not go, or is gone.
    pub(crate) fn forget(&mut self, segment: u64) {
        self.free.remove(&segment);
    }

    /// Those of the segments that have to stay for a reader, `bytes_max` at most.
    pub(crate) fn held(&mut self, segments: &BTreeSet<u64>, bytes_max: u64) -> BTreeSet<u64> {
        loop {
            let (mut held, mut bytes) = (BTreeSet::new(), 0);
            for number in segments {
                let Some(free) = self.free.get(number) else {
                    continue;
                };
                // Whoever began later read a head that does not reach into it, or that the
                // network has; what is newer than a reader's beginning it never heard of.
                let mut before = self.live.range(..free.before);
                if before.any(|(_, newest)| newest >= number) {
                    held.insert(*number);
                    bytes += free.bytes;
                }
            }
            if bytes <= bytes_max {
                return held;
            }
            self.live.pop_first();
        }
    }
}

/// A body that is being read: what it may need stays until this is dropped.
pub struct Reading {
    store: Arc<Store>,
    reader: Option<u64>,
}

impl Store {
    /// Says that something is going to be read that is reached now: segments that come to be free
    /// to go meanwhile stay, as long as not more than `backlog_bytes_max` wait for readers.
    pub fn reading(self: &Arc<Self>) -> Reading {
        let retires = self.config.retain != Retain::default();
        let reader = retires.then(|| {
            let newest = self.segments_now().last().map_or(0, |last| last.id.number);
            lock(&self.readers).begin(newest)
        });
        Reading {
            store: Arc::clone(self),
            reader,
        }
    }
}

impl Drop for Reading {
    fn drop(&mut self) {
        if let Some(reader) = self.reader {
            lock(&self.store.readers).live.remove(&reader);
        }
    }
}

impl std::fmt::Debug for Reading {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Reading")
            .field("reader", &self.reader)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_segment_stays_for_those_who_began_before_it_was_free() {
        let mut readers = Readers::default();
        let all = BTreeSet::from([3, 4]);
        let early = readers.begin(3);
        readers.found_free(3, 10);
        readers.found_free(4, 10);
        let late = readers.begin(4);
        assert_eq!(readers.held(&all, 100), BTreeSet::from([3]));
        // That it is found again changes nothing; that it was needed again does.
        readers.found_free(3, 10);
        readers.live.remove(&early);
        assert_eq!(readers.held(&all, 100), BTreeSet::new());
        readers.forget(3);
        readers.found_free(3, 10);
        assert_eq!(readers.held(&all, 100), BTreeSet::from([3]));
        readers.live.remove(&late);
        assert_eq!(readers.held(&all, 100), BTreeSet::new());
    }

    #[test]
    fn the_oldest_readers_are_given_up_where_too_much_waits() {
        let mut readers = Readers::default();
        for segment in 1..=5 {
            readers.begin(segment);
        }
        (1..=5).for_each(|segment| readers.found_free(segment, 10));
        let all = BTreeSet::from([1, 2, 3, 4, 5]);
        assert_eq!(readers.held(&all, 50), all);
        assert_eq!(readers.live.len(), 5);
        // The newest reader alone holds all of it.
        assert_eq!(readers.held(&all, 49), BTreeSet::new());
        assert!(readers.live.is_empty());
    }
}
