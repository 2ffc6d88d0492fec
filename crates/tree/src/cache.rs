//! Where decoded nodes come from: the trait every operation reads through, a cache within a
//! budget, and what one operation holds on to.
//!
//! Must never fetch anything, and never hold more than its budget says (a [`NodeCache`]) or than
//! its operation was given (a [`Session`]).

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::hash::{BuildHasherDefault, Hasher};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use billet_block::Cid;

use crate::apply::Applied;
use crate::error::TreeError;
use crate::limits::{CACHE_NODES_MIN, CACHE_NODES_MIN_BYTES};
use crate::node::Node;

/// Nodes at hand. What is not at hand an operation asks for with [`TreeError::Missing`].
pub trait Nodes {
    /// The node of this name, if it is at hand.
    fn node(&self, cid: &Cid) -> Option<Arc<Node>>;
}

impl<T: Nodes + ?Sized> Nodes for &T {
    fn node(&self, cid: &Cid) -> Option<Arc<Node>> {
        (**self).node(cid)
    }
}

impl Nodes for BTreeMap<Cid, Arc<Node>> {
    fn node(&self, cid: &Cid) -> Option<Arc<Node>> {
        self.get(cid).cloned()
    }
}

/// The node, or the demand for it.
pub(crate) fn load(nodes: &impl Nodes, cid: &Cid) -> Result<Arc<Node>, TreeError> {
    nodes.node(cid).ok_or_else(|| TreeError::missing(*cid))
}

/// Reads a node, naming it if it is damaged.
fn decode(cid: &Cid, bytes: &[u8]) -> Result<Arc<Node>, TreeError> {
    match Node::decode(bytes) {
        Ok(node) => Ok(Arc::new(node)),
        Err(error) => Err(TreeError::damaged(cid, error)),
    }
}

/// Takes a part of the digest for the hash of a CID: it is one already, and needs no randomness.
#[derive(Default)]
struct DigestHasher(u64);

impl Hasher for DigestHasher {
    fn write(&mut self, bytes: &[u8]) {
        if let Some(part) = bytes.last_chunk::<8>() {
            self.0 ^= u64::from_le_bytes(*part);
        }
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

struct Kept {
    node: Arc<Node>,
    /// Read since the hand last passed.
    used: AtomicBool,
}

#[derive(Default)]
struct Ring {
    nodes: HashMap<Cid, Kept, BuildHasherDefault<DigestHasher>>,
    /// In the order in which the hand passes.
    queue: VecDeque<Cid>,
    bytes: usize,
}

impl Ring {
    fn add(&mut self, cid: Cid, node: Arc<Node>, budget_bytes: usize) {
        if self.nodes.contains_key(&cid) {
            return;
        }
        let bytes = node.memory_bytes();
        let is_full = |ring: &Self| {
            let all = ring.bytes + bytes;
            all > budget_bytes
                && (ring.queue.len() >= CACHE_NODES_MIN || all > CACHE_NODES_MIN_BYTES)
        };
        while is_full(self) && !self.queue.is_empty() {
            self.pass();
        }
        self.bytes += bytes;
        let used = AtomicBool::new(false);
        self.nodes.insert(cid, Kept { node, used });
        self.queue.push_back(cid);
    }

    /// Lets go of the node under the hand, unless it was read since last time.
    fn pass(&mut self) {
        let Some(cid) = self.queue.pop_front() else {
            return;
        };
        match self.nodes.get(&cid) {
            Some(kept) if kept.used.swap(false, Ordering::Relaxed) => self.queue.push_back(cid),
            Some(kept) => {
                self.bytes -= kept.node.memory_bytes();
                self.nodes.remove(&cid);
            }
            None => {}
        }
    }
}

/// Nodes kept for later, the least used let go first (by second chance).
pub struct NodeCache {
    budget_bytes: usize,
    ring: Mutex<Ring>,
}

impl NodeCache {
    /// An empty cache that holds at most `budget_bytes` of decoded nodes; but always the last one,
    /// and the last [`CACHE_NODES_MIN`] up to [`CACHE_NODES_MIN_BYTES`], so that a walk gets on
    /// whatever the budget. One whose nodes may be wider needs a [`Session`].
    pub fn new(budget_bytes: usize) -> Self {
        Self {
            budget_bytes,
            ring: Mutex::default(),
        }
    }

    fn ring(&self) -> MutexGuard<'_, Ring> {
        self.ring.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Decodes, checks and keeps a node. That `bytes` are those `cid` names the caller knows:
    /// who reads a block checks it.
    ///
    /// # Errors
    /// `Damaged` when the bytes are not those of a node.
    pub fn insert(&self, cid: &Cid, bytes: &[u8]) -> Result<Arc<Node>, TreeError> {
        if let Some(node) = self.node(cid) {
            return Ok(node);
        }
        let node = decode(cid, bytes)?;
        self.ring().add(*cid, Arc::clone(&node), self.budget_bytes);
        Ok(node)
    }

    /// Keeps the new nodes of a change, which will be wanted next.
    pub fn adopt(&self, applied: &Applied) {
        let mut ring = self.ring();
        for (cid, node) in applied.nodes() {
            ring.add(*cid, Arc::clone(node), self.budget_bytes);
        }
    }

    /// Bytes of memory the nodes take, roughly.
    pub fn memory_bytes(&self) -> usize {
        self.ring().bytes
    }
}

impl Nodes for NodeCache {
    fn node(&self, cid: &Cid) -> Option<Arc<Node>> {
        let ring = self.ring();
        let kept = ring.nodes.get(cid)?;
        kept.used.store(true, Ordering::Relaxed);
        Some(Arc::clone(&kept.node))
    }
}

/// The nodes of one operation over a cache: what it was given stays until it ends, so that an
/// operation that needs more than the cache holds still ends. For `get`, `apply` and the like;
/// walks need none of it.
pub struct Session<'a> {
    cache: &'a NodeCache,
    held: BTreeMap<Cid, Arc<Node>>,
}

impl<'a> Session<'a> {
    /// A session that holds nothing of its own yet.
    pub const fn new(cache: &'a NodeCache) -> Self {
        Self {
            cache,
            held: BTreeMap::new(),
        }
    }

    /// Gives it a node it asked for. The caller knows that the bytes are those of `cid`.
    ///
    /// # Errors
    /// `Damaged` when the bytes are not those of a node.
    pub fn supply(&mut self, cid: &Cid, bytes: &[u8]) -> Result<(), TreeError> {
        let node = self.cache.insert(cid, bytes)?;
        self.held.insert(*cid, node);
        Ok(())
    }
}

impl Nodes for Session<'_> {
    fn node(&self, cid: &Cid) -> Option<Arc<Node>> {
        self.held.node(cid).or_else(|| self.cache.node(cid))
    }
}
