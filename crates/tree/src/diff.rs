//! What one tree has and another has not.
//!
//! Both trees are walked in key order at once; where both come to the same subtree it is skipped.
//! A node that was entered in one tree is held back until the walk has passed its first key: till
//! then the other tree may come to it, too, and it is no difference. Must never enter a subtree
//! that both trees have at the same place, unless a change just before it hides that.

use std::collections::VecDeque;

use billet_block::Cid;

use crate::cache::Nodes;
use crate::error::{Missing, TreeError};
use crate::limits::HINTS_MAX;
use crate::node::Entry;
use crate::path::{Path, Step};

/// One key that differs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Edit {
    /// The key.
    pub key: String,
    /// Its value in the old tree; `None` when it was added.
    pub old: Option<Cid>,
    /// Its value in the new tree; `None` when it was deleted.
    pub new: Option<Cid>,
}

/// One difference.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Difference {
    /// A node that only the new tree has. It comes before everything below it.
    Created {
        /// The node.
        cid: Cid,
        /// Its first key; in a node without keys the key before it, or the empty text.
        key: String,
    },
    /// A node that only the old tree has. It comes before everything below it.
    Removed {
        /// The node.
        cid: Cid,
    },
    /// A key that differs; in ascending order.
    Edited(Edit),
}

/// One of the two trees.
#[derive(Default)]
struct Side {
    /// Entered next; `None` from then on, or without a tree.
    root: Option<Cid>,
    path: Path,
    /// Nodes entered since the walk last passed a key in this tree, with their keys.
    held: Vec<(Cid, String)>,
}

/// A walk over the differences of two trees, in bounded memory. One that answers `Missing` has
/// not moved: fetch, and ask again.
pub struct Diff {
    old: Side,
    new: Side,
    queue: VecDeque<Difference>,
}

impl Diff {
    /// What `new` has and `old` has not, and the other way round. `None` has nothing at all, not
    /// even the empty node.
    pub fn new(old: Option<Cid>, new: Option<Cid>) -> Self {
        let side = |root| Side {
            root,
            ..Side::default()
        };
        let (old, new) = if old == new { (None, None) } else { (old, new) };
        Self {
            old: side(old),
            new: side(new),
            queue: VecDeque::new(),
        }
    }

    /// The next difference, or `None` at the end.
    ///
    /// # Errors
    /// `Missing`, with hints; `Damaged`.
    pub fn next(&mut self, nodes: &impl Nodes) -> Result<Option<Difference>, TreeError> {
        loop {
            if let Some(difference) = self.queue.pop_front() {
                return Ok(Some(difference));
            }
            let moved = self.step(nodes);
            if !moved.map_err(|error| self.with_hints(error, nodes))? {
                self.old_passed();
                self.new_passed();
                return Ok(self.queue.pop_front());
            }
        }
    }

    /// Leaves out the subtree of the new tree before which its walk stands, if it does.
    pub(crate) fn skip_new(&mut self) {
        if self.new.root.take().is_none() && matches!(self.new.step(), Step::Child(_)) {
            self.new_passed();
            self.new.path.advance();
        }
    }

    /// The last key of the new tree before the place where its walk stands.
    pub(crate) fn after_key(&self) -> &str {
        self.new.path.bounds().0.unwrap_or_default()
    }

    /// Moves one or both walks; false at the end of both.
    fn step(&mut self, nodes: &impl Nodes) -> Result<bool, TreeError> {
        match (self.old.step(), self.new.step()) {
            (Step::End, Step::End) => return Ok(false),
            (Step::Child(old), Step::Child(new)) if old == new => {
                self.old_passed();
                self.new_passed();
                self.old.path.advance();
                self.new.path.advance();
            }
            (Step::Child(old), Step::Child(new)) => {
                match self.old.height().cmp(&self.new.height()) {
                    std::cmp::Ordering::Greater => self.old.enter(nodes, &old, &mut self.new)?,
                    std::cmp::Ordering::Less => self.new.enter(nodes, &new, &mut self.old)?,
                    std::cmp::Ordering::Equal => self.enter_both(nodes, &old, &new)?,
                }
            }
            (Step::Child(old), _) => self.old.enter(nodes, &old, &mut self.new)?,
            (_, Step::Child(new)) => self.new.enter(nodes, &new, &mut self.old)?,
            (Step::Entry(old), Step::Entry(new)) => self.meet(Some(old), Some(new)),
            (Step::Entry(old), Step::End) => self.meet(Some(old), None),
            (Step::End, Step::Entry(new)) => self.meet(None, Some(new)),
        }
        Ok(true)
    }

    /// Enters two nodes of one level, or neither.
    fn enter_both(&mut self, nodes: &impl Nodes, old: &Cid, new: &Cid) -> Result<(), TreeError> {
        let both = [old, new].into_iter();
        let need: Vec<Cid> = both
            .filter(|cid| nodes.node(cid).is_none())
            .copied()
            .collect();
        if !need.is_empty() {
            let hints = Vec::new();
            return Err(TreeError::Missing(Missing { need, hints }));
        }
        self.old.enter(nodes, old, &mut self.new)?;
        self.new.enter(nodes, new, &mut self.old)
    }

    /// Passes the entry with the lesser key, or both if they are of one key.
    fn meet(&mut self, old: Option<usize>, new: Option<usize>) {
        let old = old.and_then(|index| self.old.path.entry(index));
        let new = new.and_then(|index| self.new.path.entry(index));
        let first = |one: Option<Entry<'_>>, other: Option<Entry<'_>>| {
            one.is_some_and(|one| other.is_none_or(|other| one.key <= other.key))
        };
        let (pass_old, pass_new) = (first(old, new), first(new, old));
        let (old, new) = (old.filter(|_| pass_old), new.filter(|_| pass_new));
        let (old_value, new_value) = (old.map(|entry| entry.value), new.map(|entry| entry.value));
        let key = old.or(new).map(|entry| entry.key.to_owned());
        if pass_old {
            self.old_passed();
            self.old.path.advance();
        }
        if pass_new {
            self.new_passed();
            self.new.path.advance();
        }
        if old_value != new_value {
            self.queue.push_back(Difference::Edited(Edit {
                key: key.unwrap_or_default(),
                old: old_value,
                new: new_value,
            }));
        }
    }

    /// The old walk passes a key: what was held back is a difference.
    fn old_passed(&mut self) {
        let held = self.old.held.drain(..);
        self.queue
            .extend(held.map(|(cid, _)| Difference::Removed { cid }));
    }

    /// The new walk passes a key: what was held back is a difference.
    fn new_passed(&mut self) {
        let held = self.new.held.drain(..);
        self.queue
            .extend(held.map(|(cid, key)| Difference::Created { cid, key }));
    }

    /// Adds what comes next in one tree only to what is missing.
    fn with_hints(&self, error: TreeError, nodes: &impl Nodes) -> TreeError {
        let TreeError::Missing(Missing { need, .. }) = error else {
            return error;
        };
        let old = self.old.path.ahead(nodes, &|_| false);
        let new = self.new.path.ahead(nodes, &|_| false);
        let only_old = old.iter().filter(|cid| !new.contains(cid));
        let only_new = new.iter().filter(|cid| !old.contains(cid));
        let mut hints: Vec<Cid> = only_new.chain(only_old).copied().collect();
        hints.retain(|cid| !need.contains(cid));
        hints.truncate(HINTS_MAX);
        TreeError::Missing(Missing { need, hints })
    }
}

impl Side {
    fn step(&mut self) -> Step {
        match self.root {
            Some(root) => Step::Child(root),
            None => self.path.step(),
        }
    }

    /// The level of the child the walk stands before; that of a root is above all.
    fn height(&self) -> u8 {
        match self.root {
            Some(_) => u8::MAX,
            None => self.path.child_level().unwrap_or_default(),
        }
    }

    /// Enters the child or root the walk stands before.
    fn enter(&mut self, nodes: &impl Nodes, cid: &Cid, other: &mut Self) -> Result<(), TreeError> {
        if self.root.is_some() {
            self.path = Path::at_root(nodes, cid)?;
            self.root = None;
        } else {
            self.path.enter(nodes, cid)?;
        }
        let held = other.held.len();
        other.held.retain(|(other, _)| other != cid);
        if other.held.len() == held {
            let node = self.path.frames.last().map(|frame| &frame.node);
            let key = node.and_then(|node| node.key(0)).or(self.path.bounds().0);
            let key = key.unwrap_or_default().to_owned();
            self.held.push((*cid, key));
        }
        Ok(())
    }
}

/// All differences of two trees.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Edits {
    /// Nodes that only the new tree has, each before what is below it.
    pub created: Vec<Cid>,
    /// Nodes that only the old tree has, each before what is below it.
    pub removed: Vec<Cid>,
    /// Keys that differ, ascending.
    pub edits: Vec<Edit>,
}

/// All differences of two trees at once. It begins again after `Missing`; use [`Diff`] where there
/// are many.
///
/// # Errors
/// `Missing`, with hints; `Damaged`.
pub fn diff(nodes: &impl Nodes, old: &Cid, new: &Cid) -> Result<Edits, TreeError> {
    let mut walk = Diff::new(Some(*old), Some(*new));
    let mut all = Edits::default();
    while let Some(difference) = walk.next(nodes)? {
        match difference {
            Difference::Created { cid, .. } => all.created.push(cid),
            Difference::Removed { cid } => all.removed.push(cid),
            Difference::Edited(edit) => all.edits.push(edit),
        }
    }
    Ok(all)
}
