//! What one call has been supplied with, over the caches of its instance.
//!
//! Must never be used for another call: its rows and pins are of one moment.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::sync::Arc;

use billet_block::Cid;
use billet_manifest::{Attributes, Object, State};
use billet_tree::{Node, Nodes, Session, empty_block};

use crate::need::{Kind, Need, Row, Scan};
use crate::refusal::StoreError;
use crate::{Caches, Claim, Decoded, Head};

/// A claim over all that another bucket reaches.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pin {
    /// The claim.
    pub claim: Claim,
    /// Where that log stood.
    pub head: Head,
}

/// A manifest, or why it cannot be had.
pub(crate) type Read = Result<Arc<Object>, StoreError>;

/// What a call may look at.
pub struct View<'a> {
    caches: &'a Caches,
    nodes: Session<'a>,
    blocks: BTreeMap<Cid, Result<Decoded, StoreError>>,
    /// Found in the caches by this call; they could be gone there when it looks again.
    found: RefCell<BTreeMap<Cid, Decoded>>,
    rows: BTreeMap<Vec<u8>, Option<Vec<u8>>>,
    scans: BTreeMap<Scan, Vec<Row>>,
    pins: BTreeMap<String, Result<Pin, StoreError>>,
}

impl<'a> View<'a> {
    /// A view that sees nothing but what is kept, and the empty tree.
    pub fn new(caches: &'a Caches) -> Self {
        let mut nodes = Session::new(&caches.nodes);
        let empty = empty_block();
        // The empty node is a node.
        let _ = nodes.supply(&empty.cid, &empty.bytes);
        Self {
            caches,
            nodes,
            blocks: BTreeMap::new(),
            found: RefCell::default(),
            rows: BTreeMap::new(),
            scans: BTreeMap::new(),
            pins: BTreeMap::new(),
        }
    }

    /// The caches below it.
    pub const fn caches(&self) -> &'a Caches {
        self.caches
    }

    /// Supplies a block, or why there is none. The bytes are those of `cid`: who reads a block
    /// checks it.
    ///
    /// # Errors
    /// For a node of a tree, why it cannot be had: the call cannot be answered. What is wrong with
    /// any other block is told by whatever asked for it.
    pub fn supply_block(
        &mut self,
        cid: Cid,
        kind: Kind,
        answer: Result<Vec<u8>, StoreError>,
    ) -> Result<(), StoreError> {
        if kind == Kind::Node {
            let supplied = self.nodes.supply(&cid, &answer?);
            return supplied.map_err(|_| StoreError::Corrupt(cid));
        }
        let read = answer.and_then(|bytes| {
            let value = Decoded::read(kind, &cid, &bytes)?;
            self.caches.keep(cid, value.clone(), bytes.len());
            Ok(value)
        });
        self.blocks.insert(cid, read);
        Ok(())
    }

    /// Supplies a row, or that there is none.
    pub fn supply_row(&mut self, key: Vec<u8>, value: Option<Vec<u8>>) {
        self.rows.insert(key, value);
    }

    /// Supplies rows, all that the scan asked for.
    pub fn supply_scan(&mut self, scan: Scan, rows: Vec<Row>) {
        self.scans.insert(scan, rows);
    }

    /// Supplies a pin, or why there is none.
    pub fn supply_pin(&mut self, log: String, pin: Result<Pin, StoreError>) {
        self.pins.insert(log, pin);
    }

    /// Claims of all pins that were supplied.
    pub fn pinned(&self) -> Vec<Claim> {
        let pins = self.pins.values().flatten();
        pins.map(|pin| pin.claim).collect()
    }

    /// Forgets the rows, which are of a head that is no longer the newest.
    pub fn forget_rows(&mut self) {
        self.rows.clear();
        self.scans.clear();
    }

    /// Forgets all blocks but those that the caches keep: a long walk holds only what it is about.
    pub fn forget_blocks(&mut self) {
        self.blocks.clear();
        self.found.borrow_mut().clear();
        self.nodes = Session::new(&self.caches.nodes);
    }

    fn block(&self, cid: &Cid, kind: Kind, need: &mut Need) -> Option<Result<Decoded, StoreError>> {
        if let Some(block) = self.blocks.get(cid) {
            return Some(block.clone());
        }
        if let Some(block) = self.found.borrow().get(cid) {
            return Some(Ok(block.clone()));
        }
        let Some(block) = self.caches.get(cid, kind) else {
            need.blocks.insert(*cid, kind);
            return None;
        };
        self.found.borrow_mut().insert(*cid, block.clone());
        Some(Ok(block))
    }

    /// The manifest, or the demand for it.
    pub(crate) fn object(&self, cid: &Cid, need: &mut Need) -> Option<Read> {
        let block = self.block(cid, Kind::Object, need)?;
        Some(block.and_then(|block| match block {
            Decoded::Object(object) => Ok(object),
            _ => Err(StoreError::Corrupt(*cid)),
        }))
    }

    /// The state, or the demand for it.
    pub(crate) fn state(
        &self,
        cid: &Cid,
        need: &mut Need,
    ) -> Option<Result<Arc<State>, StoreError>> {
        let block = self.block(cid, Kind::State, need)?;
        Some(block.and_then(|block| match block {
            Decoded::State(state) => Ok(state),
            _ => Err(StoreError::Corrupt(*cid)),
        }))
    }

    /// The attributes, or the demand for them.
    pub(crate) fn attributes(
        &self,
        cid: &Cid,
        need: &mut Need,
    ) -> Option<Result<Arc<Attributes>, StoreError>> {
        let block = self.block(cid, Kind::Attributes, need)?;
        Some(block.and_then(|block| match block {
            Decoded::Attributes(attributes) => Ok(attributes),
            _ => Err(StoreError::Corrupt(*cid)),
        }))
    }

    /// The bytes of an inner node of a body, or the demand for it.
    pub(crate) fn file(&self, cid: &Cid, need: &mut Need) -> Option<Result<Arc<[u8]>, StoreError>> {
        let block = self.block(cid, Kind::File, need)?;
        Some(block.and_then(|block| match block {
            Decoded::File(bytes) => Ok(bytes),
            _ => Err(StoreError::Corrupt(*cid)),
        }))
    }

    /// The row, or the demand for it.
    pub(crate) fn row(&self, key: &[u8], need: &mut Need) -> Option<Option<&[u8]>> {
        let row = self.rows.get(key);
        if row.is_none() {
            need.rows.insert(key.to_vec());
        }
        row.map(Option::as_deref)
    }

    /// The rows, or the demand for them.
    pub(crate) fn scan(&self, scan: &Scan, need: &mut Need) -> Option<&[Row]> {
        let rows = self.scans.get(scan);
        if rows.is_none() {
            need.scans.insert(scan.clone());
        }
        rows.map(Vec::as_slice)
    }

    /// The pin, or the demand for it.
    pub(crate) fn pin(&self, log: &str, need: &mut Need) -> Option<&Result<Pin, StoreError>> {
        let pin = self.pins.get(log);
        if pin.is_none() {
            need.pins.insert(log.to_owned());
        }
        pin
    }
}

impl Nodes for View<'_> {
    fn node(&self, cid: &Cid) -> Option<Arc<Node>> {
        self.nodes.node(cid)
    }
}
