//! A store of blocks, runs of operations over it, and keys; for tests only.

#![allow(
    dead_code,
    unreachable_pub,
    reason = "each test is a crate of its own and uses a part"
)]

use std::cell::Cell;
use std::collections::BTreeMap;
use std::sync::Arc;

use billet_block::{Block, Cid, Codec};
use billet_tree::{Applied, Node, NodeCache, Nodes, Session, TreeError, empty_block};

/// Content of a bucket.
pub type Model = BTreeMap<String, Cid>;

/// Blocks by name.
#[derive(Default, Clone)]
pub struct Store {
    pub blocks: BTreeMap<Cid, Vec<u8>>,
}

impl Store {
    pub fn empty() -> Self {
        let mut store = Self::default();
        store.put(empty_block());
        store
    }

    pub fn put(&mut self, block: Block) {
        assert!(block.cid.matches(&block.bytes));
        self.blocks.insert(block.cid, block.bytes);
    }

    pub fn take(&mut self, applied: &Applied) {
        for block in &applied.blocks {
            assert!(!self.blocks.contains_key(&block.cid) || block.cid == applied.root);
            self.put(block.clone());
        }
    }

    /// All nodes decoded, always at hand.
    pub fn nodes(&self) -> BTreeMap<Cid, Arc<Node>> {
        let decode = |bytes: &Vec<u8>| Arc::new(Node::decode(bytes).unwrap());
        let entries = self.blocks.iter();
        entries.map(|(cid, bytes)| (*cid, decode(bytes))).collect()
    }

    /// Builds a tree into the store.
    pub fn build(&mut self, model: &Model) -> Cid {
        let items = model.iter().map(|(key, value)| (key, *value));
        billet_tree::build(items, |block| self.put(block)).unwrap()
    }
}

/// What a run of one operation cost.
#[derive(Default, Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cost {
    pub rounds: usize,
    pub fetched: usize,
}

/// Runs one operation from nothing, fetching exactly what it asks for.
pub fn drive<T>(
    store: &Store,
    mut run: impl FnMut(&Session<'_>) -> Result<T, TreeError>,
) -> (Result<T, TreeError>, Cost) {
    let cache = NodeCache::new(0);
    let mut session = Session::new(&cache);
    let mut cost = Cost::default();
    loop {
        match run(&session) {
            Err(TreeError::Missing(missing)) => {
                assert!(!missing.need.is_empty());
                cost.rounds += 1;
                for cid in missing.need {
                    assert!(session.node(&cid).is_none(), "{cid} was at hand");
                    session.supply(&cid, &store.blocks[&cid]).unwrap();
                    cost.fetched += 1;
                }
            }
            done => return (done, cost),
        }
    }
}

/// Counts the nodes read.
pub struct Counted<'a, N> {
    pub nodes: &'a N,
    pub reads: Cell<usize>,
}

impl<N: Nodes> Nodes for Counted<'_, N> {
    fn node(&self, cid: &Cid) -> Option<Arc<Node>> {
        self.reads.set(self.reads.get() + 1);
        self.nodes.node(cid)
    }
}

/// A value: the raw block of some text.
pub fn value(text: &str) -> Cid {
    Cid::of(Codec::Raw, text.as_bytes())
}

/// Small, seeded random numbers (xorshift64*).
pub struct Random(u64);

impl Random {
    /// Seeded by `BILLET_SEED`, or by the given number; prints which.
    pub fn new(seed: u64) -> Self {
        let given = std::env::var("BILLET_SEED").ok();
        let seed = given.map_or(seed, |seed| seed.parse().unwrap());
        println!("BILLET_SEED={seed}");
        Self(seed | 1)
    }

    pub fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 16
    }

    pub fn below(&mut self, bound: usize) -> usize {
        usize::try_from(self.next()).unwrap() % bound
    }

    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        for last in (1..items.len()).rev() {
            items.swap(last, self.below(last + 1));
        }
    }
}
