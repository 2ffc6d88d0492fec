//! Every block that trees and states reach and others do not.
//!
//! A node comes before what it links; the manifest of a key before its body. Memory is bounded by
//! the height of the trees, a queue and what is remembered of bodies. Must never leave out a block
//! that `minus` does not reach.

use std::collections::{BTreeSet, VecDeque};

use billet_block::{Cid, Codec};
use billet_manifest::File;
use billet_tree::{Diff, Difference, TreeError, get, prove};
use billet_unixfs::Node;

use crate::View;
use crate::need::{Blocked, Need};
use crate::refusal::StoreError;

/// Keys and nodes that are looked at together; a manifest can have 2 MiB.
const QUEUE_MAX: usize = 32;

/// Blocks of bodies that are remembered, so that each is told once; past them, half is forgotten.
const REMEMBERED_MAX: usize = 1 << 17;

/// Where a walk starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target {
    /// A tree's root.
    Tree(Cid),
    /// A bucket's state block.
    State(Cid),
}

/// One block.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The block.
    pub cid: Cid,
    /// Whether it is a leaf of a body; all else belongs to the catalog plane.
    pub is_leaf: bool,
    /// The key that leads there: of a tree's node its first, of a state none.
    pub key: String,
}

impl Entry {
    /// Appends the entry as `inspect.closure` has it: CID, plane, length of the key, key.
    pub fn write(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.cid.to_bytes());
        out.push(u8::from(!self.is_leaf));
        let length = u16::try_from(self.key.len()).unwrap_or(u16::MAX);
        out.extend_from_slice(&length.to_le_bytes());
        out.extend_from_slice(self.key.as_bytes());
    }
}

/// What was found of a tree and is not told yet.
enum Item {
    Node(Cid, String),
    Value {
        key: String,
        old: Option<Cid>,
        new: Cid,
    },
}

/// A walk.
pub struct Walk {
    targets: VecDeque<Target>,
    /// Trees that leave out what they reach.
    minus: Vec<Cid>,
    minus_states: BTreeSet<Cid>,
    /// The tree under way.
    tree: Option<(Cid, Diff)>,
    /// The tree before it; the queue may still hold what was found there.
    passed: Option<Cid>,
    queue: VecDeque<Item>,
    /// The key whose body is under way, and what of that is still to be told, last first.
    key: String,
    body: Vec<File>,
    told: [BTreeSet<Cid>; 2],
}

impl Walk {
    /// Over what `targets` reach, in their order, without what `minus` reaches. A body is left out
    /// when `minus` has it under the same key; under another key only, it is told.
    pub fn new(targets: &[Target], minus: &[Target]) -> Self {
        let trees = minus.iter().filter_map(|target| match target {
            Target::Tree(root) => Some(*root),
            Target::State(_) => None,
        });
        let states = minus.iter().filter_map(|target| match target {
            Target::State(cid) => Some(*cid),
            Target::Tree(_) => None,
        });
        Self {
            targets: targets.iter().copied().collect(),
            minus: trees.collect(),
            minus_states: states.collect(),
            tree: None,
            passed: None,
            queue: VecDeque::new(),
            key: String::new(),
            body: Vec::new(),
            told: Default::default(),
        }
    }

    /// The next block, or none at the end. A walk that is blocked has not moved.
    ///
    /// # Errors
    /// `Need`: supply it and call again. `Failed` when a block cannot be had.
    pub fn next(&mut self, view: &View<'_>) -> Result<Option<Entry>, Blocked> {
        loop {
            if let Some(file) = self.body.last().copied() {
                self.open(view, file)?;
                if self.tell(file.root) {
                    return Ok(Some(Entry {
                        cid: file.root,
                        is_leaf: file.root.codec() == Codec::Raw && file.size > 0,
                        key: self.key.clone(),
                    }));
                }
                continue;
            }
            if self.queue.is_empty() && !self.fill(view)? {
                let Some(target) = self.targets.pop_front() else {
                    return Ok(None);
                };
                self.minus.extend(self.passed.take());
                match target {
                    Target::Tree(root) => {
                        let minus = self.minus.first().copied();
                        self.tree = Some((root, Diff::new(minus, Some(root))));
                    }
                    Target::State(cid) if self.minus_states.insert(cid) => {
                        return Ok(Some(Entry {
                            cid,
                            is_leaf: false,
                            key: String::new(),
                        }));
                    }
                    Target::State(_) => {}
                }
                continue;
            }
            self.look_ahead(view)?;
            if let Some(entry) = self.item(view)? {
                return Ok(Some(entry));
            }
        }
    }

    /// Moves differences of the tree into the queue; false when there are none.
    fn fill(&mut self, view: &View<'_>) -> Result<bool, Blocked> {
        let Some((root, diff)) = &mut self.tree else {
            return Ok(false);
        };
        while self.queue.len() < QUEUE_MAX {
            match diff.next(view) {
                Ok(Some(Difference::Created { cid, key })) => {
                    self.queue.push_back(Item::Node(cid, key));
                }
                Ok(Some(Difference::Edited(edit))) => {
                    let (key, old) = (edit.key, edit.old);
                    let item = edit.new.map(|new| Item::Value { key, old, new });
                    self.queue.extend(item);
                }
                Ok(Some(Difference::Removed { .. })) => {}
                Ok(None) => {
                    self.passed = Some(*root);
                    self.tree = None;
                    break;
                }
                Err(TreeError::Missing(_)) if !self.queue.is_empty() => break,
                Err(error) => return Err(Blocked::of_tree(error)),
            }
        }
        Ok(!self.queue.is_empty())
    }

    /// Asks for all that the queue will need.
    fn look_ahead(&self, view: &View<'_>) -> Result<(), Blocked> {
        let mut need = Need::default();
        let mut roots = Vec::new();
        for item in &self.queue {
            if let Item::Value { old, new, .. } = item {
                let old = old.and_then(|old| view.object(&old, &mut need));
                let new = view.object(new, &mut need);
                let root = |object: crate::view::Read| {
                    object.ok().map(|object| object.content.file().root)
                };
                let (old, new) = (old.and_then(root), new.and_then(root));
                roots.extend(new.filter(|new| old != Some(*new) && new.codec() == Codec::DagPb));
            }
        }
        if need.is_empty() {
            for root in roots {
                view.file(&root, &mut need);
            }
        }
        if need.is_empty() {
            Ok(())
        } else {
            Err(Blocked::Need(need))
        }
    }

    /// Takes the first item of the queue; what to tell of it, if anything.
    fn item(&mut self, view: &View<'_>) -> Result<Option<Entry>, Blocked> {
        let Some(item) = self.queue.front() else {
            return Ok(None);
        };
        let (cid, key) = match item {
            Item::Node(cid, key) | Item::Value { new: cid, key, .. } => (*cid, key.clone()),
        };
        let is_node = matches!(item, Item::Node(..));
        let mut is_reached = false;
        for tree in self.minus.iter().skip(1) {
            is_reached |= if is_node {
                // Empty where the walk knows of no key at that node; then it is told once more.
                !key.is_empty()
                    && prove(view, tree, &key)
                        .map_err(Blocked::of_tree)?
                        .contains(&cid)
            } else {
                get(view, tree, &key).map_err(Blocked::of_tree)? == Some(cid)
            };
        }
        if let (Item::Value { old, new, .. }, false) = (item, is_reached) {
            let mut need = Need::default();
            let object = view.object(new, &mut need);
            let file = object.ok_or(Blocked::Need(need))??.content.file();
            let old = old.and_then(|old| view.object(&old, &mut Need::default()));
            let before = old.and_then(Result::ok).map(|old| old.content.file());
            if before != Some(file) {
                self.body.push(file);
            }
        }
        self.key.clone_from(&key);
        self.queue.pop_front();
        Ok((!is_reached).then_some(Entry {
            cid,
            is_leaf: false,
            key,
        }))
    }

    /// Replaces the last part of the body by what is below it.
    fn open(&mut self, view: &View<'_>, file: File) -> Result<(), Blocked> {
        if file.root.codec() != Codec::DagPb {
            self.body.pop();
            return Ok(());
        }
        if self.told.iter().any(|told| told.contains(&file.root)) {
            self.body.pop();
            return Ok(());
        }
        let mut need = Need::default();
        let bytes = view.file(&file.root, &mut need);
        let bytes = bytes.ok_or(Blocked::Need(need))??;
        let node = Node::decode(&bytes).map_err(|_| StoreError::Corrupt(file.root))?;
        if node.size() != file.size {
            return Err(StoreError::Corrupt(file.root).into());
        }
        self.body.pop();
        let below = node.links().iter().rev().map(|link| File {
            root: link.cid,
            size: link.size,
        });
        self.body.extend(below);
        Ok(())
    }

    /// Remembers a block of a body; false when it was told before.
    fn tell(&mut self, cid: Cid) -> bool {
        let [new, old] = &mut self.told;
        if old.contains(&cid) || !new.insert(cid) {
            return false;
        }
        if new.len() > REMEMBERED_MAX / 2 {
            *old = std::mem::take(new);
        }
        true
    }
}
