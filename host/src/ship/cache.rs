//! Blocks that came from the network, the last used ones, within a budget of bytes.
//!
//! Must never hold a block that was not checked against its CID.

use std::collections::{BTreeMap, HashMap};

use billet_block::Cid;
use bytes::Bytes;

/// What an entry takes beside its bytes, about.
const ENTRY_BYTES: usize = 200;

pub(super) struct Cache {
    blocks: HashMap<Cid, (Bytes, u64)>,
    order: BTreeMap<u64, Cid>,
    bytes: usize,
    bytes_max: usize,
    clock: u64,
}

impl Cache {
    pub(super) fn new(bytes_max: usize) -> Self {
        Self {
            blocks: HashMap::new(),
            order: BTreeMap::new(),
            bytes: 0,
            bytes_max,
            clock: 0,
        }
    }

    pub(super) fn get(&mut self, cid: &Cid) -> Option<Bytes> {
        let (bytes, used) = self.blocks.get_mut(cid)?;
        self.order.remove(used);
        self.clock = self.clock.saturating_add(1);
        *used = self.clock;
        self.order.insert(self.clock, *cid);
        Some(bytes.clone())
    }

    /// Whether a block is here; that is no use of it.
    pub(super) fn has(&self, cid: &Cid) -> bool {
        self.blocks.contains_key(cid)
    }

    pub(super) fn put(&mut self, cid: Cid, bytes: Bytes) {
        self.remove(&cid);
        if cost(&bytes) > self.bytes_max {
            return;
        }
        self.clock = self.clock.saturating_add(1);
        self.bytes = self.bytes.saturating_add(cost(&bytes));
        self.order.insert(self.clock, cid);
        self.blocks.insert(cid, (bytes, self.clock));
        while self.bytes > self.bytes_max {
            let Some((_, oldest)) = self.order.first_key_value() else {
                return;
            };
            let oldest = *oldest;
            self.remove(&oldest);
        }
    }

    fn remove(&mut self, cid: &Cid) {
        if let Some((bytes, used)) = self.blocks.remove(cid) {
            self.order.remove(&used);
            self.bytes = self.bytes.saturating_sub(cost(&bytes));
        }
    }

    /// Bytes in use.
    pub(super) const fn usage(&self) -> usize {
        self.bytes
    }
}

const fn cost(bytes: &Bytes) -> usize {
    bytes.len().saturating_add(ENTRY_BYTES)
}

#[cfg(test)]
mod tests {
    use billet_block::Codec;

    use super::*;

    #[test]
    fn the_least_used_goes_first_and_the_budget_holds() {
        let block = |n: u8| (Cid::of(Codec::Raw, &[n; 100]), Bytes::from(vec![n; 100]));
        let mut cache = Cache::new(700);
        for n in 0..2 {
            cache.put(block(n).0, block(n).1);
        }
        assert!(cache.get(&block(0).0).is_some());
        cache.put(block(2).0, block(2).1);
        assert_eq!(cache.get(&block(1).0), None);
        assert_eq!(cache.get(&block(0).0), Some(block(0).1));
        assert_eq!(cache.usage(), 600);
        let large = Bytes::from(vec![9; 1000]);
        cache.put(Cid::of(Codec::Raw, &large), large);
        assert_eq!(cache.usage(), 600, "too large to be kept");
        let mut off = Cache::new(0);
        off.put(block(1).0, block(1).1);
        assert_eq!(off.get(&block(1).0), None);
    }
}
