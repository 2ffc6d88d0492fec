//! What was used last, within a budget of bytes.
//!
//! Must never hold more bytes than its budget, nor more entries than its limit.

use std::collections::{BTreeMap, HashMap};
use std::hash::Hash;

struct Entry<V> {
    value: V,
    bytes: usize,
    used: u64,
}

/// A cache.
pub(crate) struct Lru<K, V> {
    entries: HashMap<K, Entry<V>>,
    order: BTreeMap<u64, K>,
    bytes: usize,
    bytes_max: usize,
    count_max: usize,
    clock: u64,
}

impl<K: Hash + Eq + Copy, V: Clone> Lru<K, V> {
    pub(crate) fn new(bytes_max: usize, count_max: usize) -> Self {
        let (entries, order) = (HashMap::new(), BTreeMap::new());
        Self {
            entries,
            order,
            bytes: 0,
            bytes_max,
            count_max,
            clock: 0,
        }
    }

    pub(crate) fn get(&mut self, key: &K) -> Option<V> {
        let entry = self.entries.get_mut(key)?;
        self.order.remove(&entry.used);
        self.clock += 1;
        entry.used = self.clock;
        self.order.insert(self.clock, *key);
        Some(entry.value.clone())
    }

    pub(crate) fn put(&mut self, key: K, value: V, bytes: usize) {
        self.remove(&key);
        if bytes > self.bytes_max {
            return;
        }
        self.clock += 1;
        self.order.insert(self.clock, key);
        self.entries.insert(
            key,
            Entry {
                value,
                bytes,
                used: self.clock,
            },
        );
        self.bytes += bytes;
        while self.bytes > self.bytes_max || self.entries.len() > self.count_max {
            if !self.remove_oldest() {
                return;
            }
        }
    }

    /// Removes what was not used for longest; whether there was anything.
    pub(crate) fn remove_oldest(&mut self) -> bool {
        let Some((_, oldest)) = self.order.first_key_value() else {
            return false;
        };
        let oldest = *oldest;
        self.remove(&oldest);
        true
    }

    pub(crate) fn remove(&mut self, key: &K) {
        if let Some(entry) = self.entries.remove(key) {
            self.order.remove(&entry.used);
            self.bytes -= entry.bytes;
        }
    }

    /// Bytes and entries in use.
    pub(crate) fn usage(&self) -> (usize, usize) {
        (self.bytes, self.entries.len())
    }
}

#[cfg(test)]
mod tests {
    use super::Lru;

    #[test]
    fn the_least_used_goes_first_and_the_budget_holds() {
        let mut lru = Lru::new(10, 3);
        for key in 0..3 {
            lru.put(key, key, 3);
        }
        assert_eq!(lru.get(&0), Some(0));
        lru.put(3, 3, 3);
        assert_eq!(
            (lru.get(&1), lru.get(&0), lru.usage()),
            (None, Some(0), (9, 3))
        );
        lru.put(4, 4, 10);
        assert_eq!(
            (lru.get(&0), lru.get(&4), lru.usage()),
            (None, Some(4), (10, 1))
        );
        lru.put(5, 5, 11);
        assert_eq!(
            (lru.get(&5), lru.usage()),
            (None, (10, 1)),
            "too large to be kept"
        );
        lru.put(4, 6, 1);
        assert_eq!((lru.get(&4), lru.usage()), (Some(6), (1, 1)));
    }
}
