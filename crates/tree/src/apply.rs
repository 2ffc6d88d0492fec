//! Changing a tree: a sorted batch in one descent.
//!
//! The new tree is planned first, from the nodes the batch touches, and encoded only when all of
//! them are at hand; so each node is read once and each new one is encoded and hashed once. Must
//! never return a root that [`crate::Builder`] would not make of the same keys.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use billet_block::{Block, Cid, Codec};

use crate::cache::{Nodes, load};
use crate::error::{Missing, TreeError};
use crate::get::checked_level;
use crate::limits::{NODE_BYTES_MAX, NODE_PUT_BYTES_MAX};
use crate::node::{Entry, Node};
use crate::path::root_level;
use crate::plan::{Change, Fragment, Gap, Plan, PlanNode, Planner, Span};

/// What a batch did to a tree.
#[derive(Debug, Clone)]
pub struct Applied {
    /// The root of the new tree; the old one when nothing changed.
    pub root: Cid,
    /// The nodes of the new tree that the old one does not have, children first, each once.
    pub blocks: Vec<Block>,
    /// The nodes of the old tree that the new one does not have, each once.
    pub removed: Vec<Cid>,
    nodes: Vec<(Cid, Arc<Node>)>,
}

impl Applied {
    /// The blocks, decoded.
    pub fn nodes(&self) -> &[(Cid, Arc<Node>)] {
        &self.nodes
    }
}

/// The root of the tree without keys.
pub fn empty_root() -> Cid {
    empty_block().cid
}

/// The one node of the tree without keys.
pub fn empty_block() -> Block {
    Block::new(Codec::DagCbor, Node::default().encode())
}

/// Sets and deletes keys: `(key, Some(value))` sets, `(key, None)` deletes if there is such a key.
/// The batch is in ascending order, each key once.
///
/// # Errors
/// `Missing` with all nodes that can be told to be needed; `Key`; `Unsorted`; `Damaged`;
/// `NodeFull` with the changes to leave out.
pub fn apply<K: AsRef<str>>(
    nodes: &impl Nodes,
    root: &Cid,
    batch: &[(K, Option<Cid>)],
) -> Result<Applied, TreeError> {
    let node = load(nodes, root)?;
    let root_level = root_level(root, &node)?;
    let changes = changes(batch, root_level)?;
    let puts = changes.iter().filter(|change| change.value.is_some());
    let top = puts.map(|put| put.level).max().unwrap_or(0).max(root_level);
    let mut planner = Planner::new(nodes, &changes, root_level);
    let mut whole = Gap::default();
    if node.is_hollow() {
        planner.loaded.insert(*root, node);
    } else {
        let (cid, span) = (*root, Span::default());
        whole.fragments.push(Fragment { cid, span });
    }
    let plan = planner.plan(top, &whole, Span::default(), 0..changes.len())?;
    if !planner.missing.is_empty() {
        return Err(TreeError::Missing(Missing {
            need: planner.missing,
            hints: Vec::new(),
        }));
    }
    let plan = trim(&mut planner, plan)?;
    Encoder::default().finish(*root, plan, &planner.loaded, planner.kept, &changes)
}

/// Checks the batch and leaves out deletes of keys that are too high to exist.
fn changes<K: AsRef<str>>(
    batch: &[(K, Option<Cid>)],
    root_level: u8,
) -> Result<Vec<Change<'_>>, TreeError> {
    let mut changes = Vec::with_capacity(batch.len());
    let mut last: Option<&str> = None;
    for (key, value) in batch {
        let (key, value) = (key.as_ref(), *value);
        if last.is_some_and(|last| last >= key) {
            return Err(TreeError::Unsorted {
                key: key.to_owned(),
            });
        }
        last = Some(key);
        let level = checked_level(key)?;
        if value.is_some() || level <= root_level {
            changes.push(Change { key, value, level });
        }
    }
    Ok(changes)
}

/// Takes nodes without keys off the top.
fn trim(planner: &mut Planner<'_, impl Nodes>, mut plan: Plan) -> Result<Plan, TreeError> {
    loop {
        plan = match plan {
            Plan::New(node) if node.entries.is_empty() => node.left,
            Plan::Old(cid) => {
                let node = load(planner.nodes, &cid)?;
                match node.left().filter(|_| node.is_empty()) {
                    None => return Ok(Plan::Old(cid)),
                    Some(left) => {
                        let left = *left;
                        planner.kept.remove(&cid);
                        planner.loaded.insert(cid, node);
                        Plan::Old(left)
                    }
                }
            }
            plan => return Ok(plan),
        }
    }
}

/// Turns a plan into blocks.
#[derive(Default)]
struct Encoder {
    blocks: Vec<Block>,
    nodes: Vec<(Cid, Arc<Node>)>,
    full: BTreeSet<String>,
}

impl Encoder {
    fn finish(
        mut self,
        old_root: Cid,
        plan: Plan,
        loaded: &BTreeMap<Cid, Arc<Node>>,
        mut kept: BTreeSet<Cid>,
        changes: &[Change<'_>],
    ) -> Result<Applied, TreeError> {
        let root = match self.plan(plan, changes)? {
            Some(root) => root,
            None => {
                let block = empty_block();
                let cid = block.cid;
                self.keep(block, Node::default());
                cid
            }
        };
        if !self.full.is_empty() {
            let keys = self.full.into_iter().collect();
            return Err(TreeError::NodeFull { keys });
        }
        kept.extend(self.blocks.iter().map(|block| block.cid));
        self.blocks.retain(|block| !loaded.contains_key(&block.cid));
        self.nodes.retain(|(cid, _)| !loaded.contains_key(cid));
        let removed = loaded
            .keys()
            .filter(|cid| !kept.contains(cid) && root != **cid);
        let removed = if root == old_root {
            Vec::new()
        } else {
            removed.copied().collect()
        };
        Ok(Applied {
            root,
            blocks: self.blocks,
            removed,
            nodes: self.nodes,
        })
    }

    fn keep(&mut self, block: Block, node: Node) {
        self.nodes.push((block.cid, Arc::new(node)));
        self.blocks.push(block);
    }

    /// Encodes what is new of a subtree, children first, one level a call.
    fn plan(&mut self, plan: Plan, changes: &[Change<'_>]) -> Result<Option<Cid>, TreeError> {
        let planned = match plan {
            Plan::Nothing => return Ok(None),
            Plan::Old(cid) => return Ok(Some(cid)),
            Plan::New(planned) => *planned,
        };
        let PlanNode {
            level,
            left,
            entries,
            grown_by,
            joined_by,
        } = planned;
        let mut node = Node::with_left(self.plan(left, changes)?);
        for planned in entries {
            let right = self.plan(planned.right, changes)?;
            let key = planned.key.text(changes);
            let value = planned.value;
            if !node.push(level, Entry { key, value, right }) {
                return Err(TreeError::Unsorted {
                    key: key.to_owned(),
                });
            }
        }
        let bytes = node.encode();
        self.check_room(bytes.len(), &node, &grown_by, joined_by, changes);
        let block = Block::new(Codec::DagCbor, bytes);
        let cid = block.cid;
        self.keep(block, node);
        Ok(Some(cid))
    }

    /// Notes which changes must go if a node is too long: the last puts that made it grow, or else
    /// the delete that joined it.
    fn check_room(
        &mut self,
        bytes: usize,
        node: &Node,
        grown_by: &[usize],
        joined_by: Option<usize>,
        changes: &[Change<'_>],
    ) {
        let most = if grown_by.is_empty() {
            NODE_BYTES_MAX
        } else {
            NODE_PUT_BYTES_MAX
        };
        let mut excess = bytes.saturating_sub(most);
        let key_of = |index: usize| changes.get(index).map(|change| change.key);
        for key in grown_by.iter().rev().filter_map(|index| key_of(*index)) {
            if excess == 0 {
                return;
            }
            self.full.insert(key.to_owned());
            excess = excess.saturating_sub(node.encoded_bytes_of(key));
        }
        if excess > 0 && grown_by.is_empty() {
            let key = joined_by.and_then(key_of).or_else(|| node.key(0));
            self.full.insert(key.unwrap_or_default().to_owned());
        }
    }
}
