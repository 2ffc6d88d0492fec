//! Decoded blocks kept for later, within a budget. Blocks are named by their content, so nothing
//! kept here can be out of date.
//!
//! Must never hold a row or a head.

use std::collections::{BTreeMap, VecDeque};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use billet_block::Cid;
use billet_manifest::{Attributes, ManifestError, Object, State, Value};
use billet_tree::NodeCache;

use crate::need::Kind;
use crate::refusal::StoreError;

/// A block other than a tree's node, read.
#[derive(Clone, Debug)]
pub enum Decoded {
    /// An object's manifest.
    Object(Arc<Object>),
    /// A bucket's state.
    State(Arc<State>),
    /// Attributes of an upload.
    Attributes(Arc<Attributes>),
    /// The bytes of a body's inner node.
    File(Arc<[u8]>),
}

impl Decoded {
    /// Reads a block whose bytes are those of `cid`.
    pub(crate) fn read(kind: Kind, cid: &Cid, bytes: &[u8]) -> Result<Self, StoreError> {
        let read = match kind {
            Kind::Object => Object::from_bytes(bytes).map(|value| Self::Object(Arc::new(value))),
            Kind::State => State::from_bytes(bytes).map(|value| Self::State(Arc::new(value))),
            Kind::Attributes => {
                Attributes::from_bytes(bytes).map(|value| Self::Attributes(Arc::new(value)))
            }
            Kind::File | Kind::Node => Ok(Self::File(bytes.into())),
        };
        read.map_err(|error| match error {
            ManifestError::Newer(_) => StoreError::Invalid(error.to_string()),
            _ => StoreError::Corrupt(*cid),
        })
    }

    const fn is(&self, kind: Kind) -> bool {
        matches!(
            (self, kind),
            (Self::Object(_), Kind::Object)
                | (Self::State(_), Kind::State)
                | (Self::Attributes(_), Kind::Attributes)
                | (Self::File(_), Kind::File)
        )
    }
}

struct Kept {
    value: Decoded,
    bytes: usize,
    /// Read since the hand last passed.
    used: AtomicBool,
}

#[derive(Default)]
struct Ring {
    values: BTreeMap<Cid, Kept>,
    /// In the order in which the hand passes.
    queue: VecDeque<Cid>,
    bytes: usize,
}

/// What an instance keeps between calls.
pub struct Caches {
    /// Nodes of trees.
    pub nodes: NodeCache,
    budget_bytes: usize,
    ring: Mutex<Ring>,
}

/// What a kept value takes besides its encoded bytes, roughly.
const OVERHEAD_BYTES: usize = 512;

impl Caches {
    /// Empty caches: one of decoded nodes, one of everything else.
    pub fn new(node_bytes: usize, other_bytes: usize) -> Self {
        Self {
            nodes: NodeCache::new(node_bytes),
            budget_bytes: other_bytes,
            ring: Mutex::default(),
        }
    }

    fn ring(&self) -> MutexGuard<'_, Ring> {
        self.ring.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn get(&self, cid: &Cid, kind: Kind) -> Option<Decoded> {
        let ring = self.ring();
        let kept = ring.values.get(cid).filter(|kept| kept.value.is(kind))?;
        kept.used.store(true, Ordering::Relaxed);
        Some(kept.value.clone())
    }

    /// Keeps a value that was read from `encoded_bytes` bytes.
    pub(crate) fn keep(&self, cid: Cid, value: Decoded, encoded_bytes: usize) {
        let bytes = encoded_bytes.saturating_mul(2) + OVERHEAD_BYTES;
        let mut ring = self.ring();
        if bytes > self.budget_bytes || ring.values.contains_key(&cid) {
            return;
        }
        let used = AtomicBool::new(false);
        ring.values.insert(cid, Kept { value, bytes, used });
        ring.queue.push_back(cid);
        ring.bytes += bytes;
        while ring.bytes > self.budget_bytes {
            ring.pass();
        }
    }
}

impl Ring {
    /// Lets go of the value under the hand, unless it was read since last time.
    fn pass(&mut self) {
        let Some(cid) = self.queue.pop_front() else {
            return;
        };
        match self.values.get(&cid) {
            Some(kept) if kept.used.swap(false, Ordering::Relaxed) => self.queue.push_back(cid),
            Some(kept) => {
                self.bytes -= kept.bytes;
                self.values.remove(&cid);
            }
            None => {}
        }
    }
}
