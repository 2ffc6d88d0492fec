//! The shape of a tree after a batch, before anything is encoded.
//!
//! A subtree of the new tree covers a span of keys. It is made of fragments: old subtrees of the
//! same level that reach into the span. A new key cuts a fragment in two spans, a deleted one puts
//! two fragments into one span; the rest follows level by level. Must never read a fragment that
//! no change touches.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::sync::Arc;

use billet_block::Cid;

use crate::cache::Nodes;
use crate::error::TreeError;
use crate::node::Node;
use crate::path::{check_child, root_level};

/// One change of a batch.
pub(crate) struct Change<'a> {
    pub(crate) key: &'a str,
    pub(crate) value: Option<Cid>,
    pub(crate) level: u8,
}

/// The keys between two others, which do not belong to it; `None` is no bound.
#[derive(Clone, Copy, Default)]
pub(crate) struct Span<'a> {
    low: Option<&'a str>,
    high: Option<&'a str>,
}

impl Span<'_> {
    fn has(&self, key: &str) -> bool {
        self.low.is_none_or(|low| low < key) && self.high.is_none_or(|high| key < high)
    }

    /// Whether all of `other` lies in it.
    fn covers(&self, other: &Self) -> bool {
        let low = |low| other.low.is_some_and(|other| low <= other);
        let high = |high| other.high.is_some_and(|other| other <= high);
        self.low.is_none_or(low) && self.high.is_none_or(high)
    }

    /// Whether a key could lie in both.
    fn meets(&self, other: &Self) -> bool {
        let before = |low: Option<&str>, high: Option<&str>| {
            low.zip(high).is_none_or(|(low, high)| low < high)
        };
        before(self.low, other.high) && before(other.low, self.high)
    }
}

/// An old subtree and the span it had.
#[derive(Clone, Copy)]
pub(crate) struct Fragment<'a> {
    pub(crate) cid: Cid,
    pub(crate) span: Span<'a>,
}

/// A subtree to be.
pub(crate) enum Plan {
    /// No keys, no node.
    Nothing,
    /// The old one.
    Old(Cid),
    /// A new node.
    New(Box<PlanNode>),
}

/// A node to be.
pub(crate) struct PlanNode {
    pub(crate) level: u8,
    pub(crate) left: Plan,
    pub(crate) entries: Vec<PlanEntry>,
    /// The puts that add an entry or a first child to it, ascending.
    pub(crate) grown_by: Vec<usize>,
    /// A delete that put more than one fragment into it.
    pub(crate) joined_by: Option<usize>,
}

/// An entry to be.
pub(crate) struct PlanEntry {
    pub(crate) key: PlanKey,
    pub(crate) value: Cid,
    pub(crate) right: Plan,
}

/// Where the text of a key is found.
pub(crate) enum PlanKey {
    /// In an old node.
    Old(Arc<Node>, usize),
    /// In the batch.
    Put(usize),
}

impl PlanKey {
    pub(crate) fn text<'a>(&'a self, changes: &[Change<'a>]) -> &'a str {
        match self {
            Self::Old(node, index) => node.key(*index).unwrap_or_default(),
            Self::Put(index) => changes.get(*index).map_or("", |change| change.key),
        }
    }
}

/// Plans subtrees.
pub(crate) struct Planner<'n, N> {
    pub(crate) nodes: &'n N,
    changes: &'n [Change<'n>],
    root_level: u8,
    /// Every old node that was read.
    pub(crate) loaded: BTreeMap<Cid, Arc<Node>>,
    /// Those of them that stay.
    pub(crate) kept: BTreeSet<Cid>,
    /// What could not be read, each once. Once there is any, plans mean nothing.
    pub(crate) missing: Vec<Cid>,
}

/// An old node and the span it had.
type Source<'a> = (Cid, Arc<Node>, Span<'a>);

impl<'n, N: Nodes> Planner<'n, N> {
    pub(crate) const fn new(nodes: &'n N, changes: &'n [Change<'n>], root_level: u8) -> Self {
        Self {
            nodes,
            changes,
            root_level,
            loaded: BTreeMap::new(),
            kept: BTreeSet::new(),
            missing: Vec::new(),
        }
    }

    /// Plans the subtree of `level` that covers `span`, out of fragments and the changes in
    /// `range`; those of a higher level are done with. Goes down one level a call.
    pub(crate) fn plan(
        &mut self,
        level: u8,
        gap: &Gap<'_>,
        span: Span<'_>,
        range: Range<usize>,
    ) -> Result<Plan, TreeError> {
        let changes = self.changes.get(range.clone()).unwrap_or_default();
        let idle = changes.iter().all(|change| change.level > level);
        match gap.fragments.as_slice() {
            [] if idle => return Ok(Plan::Nothing),
            [one] if idle && span.covers(&one.span) => return Ok(Plan::Old(one.cid)),
            _ => {}
        }
        let sources = self.read(level, &gap.fragments)?;
        let mut weaver = Weaver::new(level, span, self.changes, range.clone());
        if level > self.root_level {
            for fragment in &gap.fragments {
                weaver.child(Some(*fragment), None);
            }
        }
        for (_, node, old) in &sources {
            weaver.node(node, *old);
        }
        weaver.child(None, None);
        weaver.close(span.high);
        let node = self.descend(level, gap.joined_by, span, range, weaver)?;
        if node.entries.is_empty() && matches!(node.left, Plan::Nothing) {
            return Ok(Plan::Nothing);
        }
        match sources.as_slice() {
            [(cid, old, _)] if node.is(old) => {
                self.kept.insert(*cid);
                Ok(Plan::Old(*cid))
            }
            _ => Ok(Plan::New(Box::new(node))),
        }
    }

    /// Reads the nodes of fragments; there are none above the old root.
    fn read<'a>(
        &mut self,
        level: u8,
        fragments: &[Fragment<'a>],
    ) -> Result<Vec<Source<'a>>, TreeError> {
        let mut sources = Vec::with_capacity(fragments.len());
        for Fragment { cid, span } in fragments.iter().filter(|_| level <= self.root_level) {
            let Some(node) = self.nodes.node(cid) else {
                if !self.missing.contains(cid) {
                    self.missing.push(*cid);
                }
                continue;
            };
            if level < self.root_level {
                check_child(cid, &node, level, span.low, span.high)?;
            } else {
                root_level(cid, &node)?;
            }
            self.loaded.insert(*cid, Arc::clone(&node));
            sources.push((*cid, node, *span));
        }
        Ok(sources)
    }

    /// Plans the subtrees of a node.
    fn descend(
        &mut self,
        level: u8,
        joined_by: Option<usize>,
        span: Span<'_>,
        range: Range<usize>,
        weaver: Weaver<'_>,
    ) -> Result<PlanNode, TreeError> {
        let Weaver {
            cuts,
            gaps,
            mut grown_by,
            ..
        } = weaver;
        let mut node = PlanNode::new(level, joined_by);
        let highs: Vec<Option<&str>> = cuts.iter().map(|cut| Some(cut.key)).collect();
        let mut low = span.low;
        let mut cuts = cuts.into_iter();
        for (index, mut gap) in gaps.into_iter().enumerate() {
            let high = highs.get(index).copied().unwrap_or(span.high);
            let inside = self.inside(&range, low, high);
            if gap.fragments.len() > 1 {
                gap.joined_by = gap.joined_by.or(joined_by);
            }
            let child = match level.checked_sub(1) {
                Some(below) => self.plan(below, &gap, Span { low, high }, inside.clone())?,
                None => Plan::Nothing,
            };
            if gap.fragments.is_empty() && !matches!(child, Plan::Nothing) {
                grown_by.extend(self.first_put(inside));
            }
            node.set_last_child(child);
            if let Some(cut) = cuts.next() {
                node.entries.push(PlanEntry {
                    key: cut.source,
                    value: cut.value,
                    right: Plan::Nothing,
                });
            }
            low = high;
        }
        grown_by.sort_unstable();
        node.grown_by = grown_by;
        Ok(node)
    }

    /// The changes of a range between two keys.
    fn inside(&self, range: &Range<usize>, low: Option<&str>, high: Option<&str>) -> Range<usize> {
        let changes = self.changes.get(range.clone()).unwrap_or_default();
        let start = changes.partition_point(|change| low.is_some_and(|low| change.key <= low));
        let end = changes.partition_point(|change| high.is_none_or(|high| change.key < high));
        range.start + start..range.start + end.max(start)
    }

    fn first_put(&self, mut range: Range<usize>) -> Option<usize> {
        range.find(|index| {
            let change = self.changes.get(*index);
            change.is_some_and(|change| change.value.is_some())
        })
    }
}

impl PlanNode {
    const fn new(level: u8, joined_by: Option<usize>) -> Self {
        Self {
            level,
            left: Plan::Nothing,
            entries: Vec::new(),
            grown_by: Vec::new(),
            joined_by,
        }
    }

    fn set_last_child(&mut self, child: Plan) {
        match self.entries.last_mut() {
            Some(entry) => entry.right = child,
            None => self.left = child,
        }
    }

    /// Whether it is `old` over again.
    fn is(&self, old: &Arc<Node>) -> bool {
        let same = |plan: &Plan, child: Option<&Cid>| match plan {
            Plan::Nothing => child.is_none(),
            Plan::Old(cid) => child == Some(cid),
            Plan::New(_) => false,
        };
        self.entries.len() == old.len()
            && same(&self.left, old.left())
            && self.entries.iter().zip(old.entries()).all(|(new, old)| {
                matches!(new.key, PlanKey::Old(..))
                    && new.value == old.value
                    && same(&new.right, old.right.as_ref())
            })
    }
}

/// What a gap of a new node is made of.
#[derive(Default)]
pub(crate) struct Gap<'a> {
    pub(crate) fragments: Vec<Fragment<'a>>,
    /// A delete that put more than one fragment into it.
    pub(crate) joined_by: Option<usize>,
}

/// A key of a new node.
struct Cut<'a> {
    key: &'a str,
    source: PlanKey,
    value: Cid,
}

/// Weaves the entries of old nodes and the changes of one level into the entries and gaps of a
/// new node.
struct Weaver<'a> {
    level: u8,
    span: Span<'a>,
    changes: &'a [Change<'a>],
    /// The changes not woven in yet; those of other levels are passed over.
    range: Range<usize>,
    cuts: Vec<Cut<'a>>,
    /// One more than cuts, once it is closed.
    gaps: Vec<Gap<'a>>,
    open: Gap<'a>,
    grown_by: Vec<usize>,
}

impl<'a> Weaver<'a> {
    const fn new(
        level: u8,
        span: Span<'a>,
        changes: &'a [Change<'a>],
        range: Range<usize>,
    ) -> Self {
        Self {
            level,
            span,
            changes,
            range,
            cuts: Vec::new(),
            gaps: Vec::new(),
            open: Gap {
                fragments: Vec::new(),
                joined_by: None,
            },
            grown_by: Vec::new(),
        }
    }

    /// The next change of the level, if its key satisfies `wanted`.
    fn next_change(&mut self, wanted: impl Fn(&str) -> bool) -> Option<(usize, &'a Change<'a>)> {
        while let Some(change) = self.changes.get(self.range.clone()).and_then(|c| c.first()) {
            let index = self.range.start;
            if change.level == self.level {
                if !wanted(change.key) {
                    return None;
                }
                self.range.start += 1;
                return Some((index, change));
            }
            self.range.start += 1;
        }
        None
    }

    /// An old node: its subtrees and entries, as far as they lie in the span.
    fn node(&mut self, node: &'a Arc<Node>, old: Span<'a>) {
        let mut low = old.low;
        for gap in 0..=node.len() {
            let entry = node.entry(gap);
            let high = entry.map_or(old.high, |entry| Some(entry.key));
            let span = Span { low, high };
            let child = node.child(gap);
            self.child(child.map(|cid| Fragment { cid: *cid, span }), high);
            let Some(entry) = entry else { return };
            if self.span.has(entry.key) {
                self.entry(node, gap, entry.key, entry.value);
            }
            low = high;
        }
    }

    /// A subtree or none, up to the key `high`, and the changes before that key.
    fn child(&mut self, fragment: Option<Fragment<'a>>, high: Option<&str>) {
        self.open.fragments.extend(fragment);
        while let Some((index, put)) = self.next_change(|key| high.is_none_or(|high| key < high)) {
            if let Some(value) = put.value {
                self.grown_by.push(index);
                self.cut(put.key, PlanKey::Put(index), value);
                self.open.fragments.extend(fragment);
            }
        }
    }

    /// An old entry, and the change of its key.
    fn entry(&mut self, node: &'a Arc<Node>, at: usize, key: &'a str, value: Cid) {
        let source = PlanKey::Old(Arc::clone(node), at);
        match self.next_change(|changed| changed == key) {
            None => self.cut(key, source, value),
            Some((index, change)) => match change.value {
                Some(value) => self.cut(key, source, value),
                None => self.open.joined_by = Some(index),
            },
        }
    }

    fn cut(&mut self, key: &'a str, source: PlanKey, value: Cid) {
        self.close(Some(key));
        self.cuts.push(Cut { key, source, value });
    }

    /// Ends the open gap at a key, or at the end of the span.
    fn close(&mut self, high: Option<&'a str>) {
        let low = self.cuts.last().map_or(self.span.low, |cut| Some(cut.key));
        let span = Span { low, high };
        let mut gap = std::mem::take(&mut self.open);
        gap.fragments.retain(|fragment| fragment.span.meets(&span));
        self.gaps.push(gap);
    }
}
