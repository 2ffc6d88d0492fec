//! Where a walk stands in a tree: the nodes from the root down, and a place in each.
//!
//! Every node that is entered is checked against its parent: its level is one less, its keys lie
//! within the gap. So a walk always ends, and passes each key once. Must never change when it
//! cannot enter a node.

use std::sync::Arc;

use billet_block::Cid;

use crate::cache::{Nodes, load};
use crate::error::TreeError;
use crate::limits::HINTS_MAX;
use crate::node::{Entry, Node, NodeError};

/// One node of a path.
pub(crate) struct Frame {
    pub(crate) cid: Cid,
    pub(crate) node: Arc<Node>,
    pub(crate) level: u8,
    /// Even numbers are gaps (`2 * gap`), odd ones entries (`2 * index + 1`). While a child is
    /// entered its gap stays the slot.
    pub(crate) slot: usize,
}

/// What a walk finds next.
pub(crate) enum Step {
    /// A subtree, not entered yet.
    Child(Cid),
    /// The entry of this index in the last frame.
    Entry(usize),
    /// Nothing more.
    End,
}

/// The nodes entered, the root first. Empty before the root and after the end.
#[derive(Default)]
pub(crate) struct Path {
    pub(crate) frames: Vec<Frame>,
}

impl Path {
    /// A path that has entered the root.
    pub(crate) fn at_root(nodes: &impl Nodes, root: &Cid) -> Result<Self, TreeError> {
        let node = load(nodes, root)?;
        let level = root_level(root, &node)?;
        let frame = Frame {
            cid: *root,
            node,
            level,
            slot: 0,
        };
        Ok(Self {
            frames: vec![frame],
        })
    }

    /// Enters a child found by [`Path::step`].
    pub(crate) fn enter(&mut self, nodes: &impl Nodes, cid: &Cid) -> Result<(), TreeError> {
        let node = load(nodes, cid)?;
        let level = self.child_level().unwrap_or_default();
        let (low, high) = self.bounds();
        check_child(cid, &node, level, low, high)?;
        self.frames.push(Frame {
            cid: *cid,
            node,
            level,
            slot: 0,
        });
        Ok(())
    }

    /// The level a child of the last frame has.
    pub(crate) fn child_level(&self) -> Option<u8> {
        self.frames.last()?.level.checked_sub(1)
    }

    /// The keys around the place where the path stands.
    pub(crate) fn bounds(&self) -> (Option<&str>, Option<&str>) {
        let gap = |frame: &Frame| frame.slot / 2;
        let frames = || self.frames.iter().rev();
        let low = frames().find_map(|frame| frame.node.key(gap(frame).checked_sub(1)?));
        let high = frames().find_map(|frame| frame.node.key(gap(frame)));
        (low, high)
    }

    /// Leaves nodes that are done with and says what comes next.
    pub(crate) fn step(&mut self) -> Step {
        while let Some(frame) = self.frames.last_mut() {
            let index = frame.slot / 2;
            if frame.slot % 2 == 1 {
                return Step::Entry(index);
            }
            if let Some(child) = frame.node.child(index) {
                return Step::Child(*child);
            }
            self.advance();
        }
        Step::End
    }

    /// Goes past the child or entry where it stands, up to its parents' next slot at the end.
    pub(crate) fn advance(&mut self) {
        while let Some(frame) = self.frames.last_mut() {
            frame.slot += 1;
            if frame.slot <= 2 * frame.node.len() {
                return;
            }
            self.frames.pop();
        }
    }

    /// An entry of the last frame.
    pub(crate) fn entry(&self, index: usize) -> Option<Entry<'_>> {
        self.frames.last()?.node.entry(index)
    }

    /// Skips all that lies `before`, a condition that holds up to some key only. Never goes back.
    pub(crate) fn skip_while(&mut self, before: impl Fn(&str) -> bool) {
        for depth in 0..self.frames.len() {
            let Some(frame) = self.frames.get_mut(depth) else {
                return;
            };
            let slot = 2 * frame.node.count_while(&before);
            if slot > frame.slot {
                frame.slot = slot;
                self.frames.truncate(depth + 1);
                return;
            }
        }
    }

    /// Nodes not at hand that a walk from here will come by, nearest first. Gaps that begin with
    /// a key that is `past` what is wanted end the search.
    pub(crate) fn ahead(&self, nodes: &impl Nodes, past: &dyn Fn(&str) -> bool) -> Vec<Cid> {
        let mut ahead = Ahead {
            nodes,
            past,
            found: Vec::new(),
            visits: 4 * HINTS_MAX,
        };
        for (above, frame) in self.frames.iter().rev().enumerate() {
            let entered = usize::from(above > 0);
            if !ahead.look(&frame.node, frame.slot.div_ceil(2) + entered) {
                break;
            }
        }
        ahead.found
    }
}

struct Ahead<'a, N> {
    nodes: &'a N,
    past: &'a dyn Fn(&str) -> bool,
    found: Vec<Cid>,
    /// How many nodes at hand may still be looked into.
    visits: usize,
}

impl<N: Nodes> Ahead<'_, N> {
    /// Looks into the gaps of a node; false when the search is over.
    fn look(&mut self, node: &Node, first_gap: usize) -> bool {
        for gap in first_gap..=node.len() {
            let low = gap.checked_sub(1).and_then(|index| node.key(index));
            if low.is_some_and(self.past) {
                return false;
            }
            let Some(child) = node.child(gap) else {
                continue;
            };
            match self.nodes.node(child) {
                None => self.found.push(*child),
                Some(_) if self.visits == 0 => return false,
                Some(child) => {
                    self.visits -= 1;
                    if !self.look(&child, 0) {
                        return false;
                    }
                }
            }
            if self.found.len() > HINTS_MAX {
                return false;
            }
        }
        true
    }
}

/// The level of a root; 0 for the empty tree.
pub(crate) fn root_level(root: &Cid, node: &Node) -> Result<u8, TreeError> {
    match node.level() {
        Some(level) => Ok(level),
        None if node.is_hollow() => Ok(0),
        None => Err(TreeError::damaged(root, NodeError::Untrimmed)),
    }
}

/// Checks that a node belongs below a gap of its parent: between two keys, at a level.
pub(crate) fn check_child(
    cid: &Cid,
    node: &Node,
    wanted: u8,
    low: Option<&str>,
    high: Option<&str>,
) -> Result<(), TreeError> {
    let error = match node.level() {
        Some(found) if found != wanted => NodeError::Level { found, wanted },
        None if node.is_hollow() => NodeError::Hollow,
        None if wanted == 0 => NodeError::TooDeep,
        _ => {
            let last = node.len().checked_sub(1).and_then(|last| node.key(last));
            let below = low
                .zip(node.key(0))
                .is_some_and(|(low, first)| first <= low);
            let above = high.zip(last).is_some_and(|(high, last)| last >= high);
            if !below && !above {
                return Ok(());
            }
            NodeError::Bounds
        }
    };
    Err(TreeError::damaged(cid, error))
}
