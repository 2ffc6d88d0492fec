//! Looking keys up.
//!
//! Must never read more than the way from the root to the key.

use billet_block::Cid;

use crate::cache::{Nodes, load};
use crate::error::{Missing, TreeError};
use crate::level::{check_key, key_level};
use crate::node::Node;
use crate::path::{Path, Step, check_child, root_level};

/// The value of a key, or `None`.
///
/// # Errors
/// `Missing`, one node a time; `Key`; `Damaged`.
pub fn get(nodes: &impl Nodes, root: &Cid, key: &str) -> Result<Option<Cid>, TreeError> {
    let level = checked_level(key)?;
    let mut path = Path::at_root(nodes, root)?;
    search(nodes, &mut path, key, level + 1)
}

/// The level of a key that can be stored.
pub(crate) fn checked_level(key: &str) -> Result<u8, TreeError> {
    match check_key(key) {
        Ok(()) => Ok(key_level(key)),
        Err(error) => Err(TreeError::Key {
            key: key.to_owned(),
            error,
        }),
    }
}

/// Goes on from the root to `key`, no further than the first node below level `least`. The path
/// then holds the nodes on the way.
pub(crate) fn search(
    nodes: &impl Nodes,
    path: &mut Path,
    key: &str,
    least: u8,
) -> Result<Option<Cid>, TreeError> {
    while let Some(frame) = path.frames.last_mut() {
        match frame.node.find(key) {
            Ok(index) => return Ok(frame.node.entry(index).map(|entry| entry.value)),
            Err(_) if frame.level < least => return Ok(None),
            Err(gap) => {
                frame.slot = 2 * gap;
                let Some(child) = frame.node.child(gap).copied() else {
                    return Ok(None);
                };
                path.enter(nodes, &child)?;
            }
        }
    }
    Ok(None)
}

/// The values of many keys, given in ascending order, each once; in the order of the keys.
///
/// # Errors
/// `Missing` with all nodes that can be told to be needed; `Key`; `Unsorted`; `Damaged`.
pub fn get_many<K: AsRef<str>>(
    nodes: &impl Nodes,
    root: &Cid,
    keys: &[K],
) -> Result<Vec<Option<Cid>>, TreeError> {
    let mut wanted: Vec<(&str, u8)> = Vec::with_capacity(keys.len());
    for key in keys.iter().map(AsRef::as_ref) {
        if wanted.last().is_some_and(|(last, _)| *last >= key) {
            return Err(TreeError::Unsorted {
                key: key.to_owned(),
            });
        }
        wanted.push((key, checked_level(key)?));
    }
    if wanted.is_empty() {
        return Ok(Vec::new());
    }
    let mut many = Many {
        nodes,
        found: Vec::with_capacity(keys.len()),
        missing: Missing::default(),
    };
    let node = load(nodes, root)?;
    let level = root_level(root, &node)?;
    many.node(&node, level, (None, None), &wanted)?;
    if many.missing.need.is_empty() {
        Ok(many.found)
    } else {
        Err(TreeError::Missing(many.missing))
    }
}

struct Many<'a, N> {
    nodes: &'a N,
    /// An answer for each key passed; without meaning once a node is missing.
    found: Vec<Option<Cid>>,
    missing: Missing,
}

impl<N: Nodes> Many<'_, N> {
    /// Answers for keys that lie within the bounds of a node. Goes down one level a call.
    fn node(
        &mut self,
        node: &Node,
        level: u8,
        bounds: (Option<&str>, Option<&str>),
        mut keys: &[(&str, u8)],
    ) -> Result<(), TreeError> {
        while let Some(((key, _), rest)) = keys.split_first() {
            let gap = match node.find(key) {
                Ok(index) => {
                    self.found.push(node.entry(index).map(|entry| entry.value));
                    keys = rest;
                    continue;
                }
                Err(gap) => gap,
            };
            let high = node.key(gap);
            let count = keys.partition_point(|(key, _)| high.is_none_or(|high| *key < high));
            let (inside, rest) = keys.split_at(count);
            let low = gap.checked_sub(1).and_then(|index| node.key(index));
            let bounds = (low.or(bounds.0), high.or(bounds.1));
            self.gap(node.child(gap), level, bounds, inside)?;
            keys = rest;
        }
        Ok(())
    }

    /// Answers for the keys of one gap of a node of `level`.
    fn gap(
        &mut self,
        child: Option<&Cid>,
        level: u8,
        bounds: (Option<&str>, Option<&str>),
        keys: &[(&str, u8)],
    ) -> Result<(), TreeError> {
        let deeper = keys.iter().any(|(_, key_level)| *key_level < level);
        let Some((child, level)) = child.zip(level.checked_sub(1)).filter(|_| deeper) else {
            self.found.extend(keys.iter().map(|_| None));
            return Ok(());
        };
        let Some(node) = self.nodes.node(child) else {
            self.missing.need.push(*child);
            return Ok(());
        };
        check_child(child, &node, level, bounds.0, bounds.1)?;
        self.node(&node, level, bounds, keys)
    }
}

/// Whether a tree has no keys. Reads the root only.
///
/// # Errors
/// `Missing`, `Damaged`.
pub fn is_empty(nodes: &impl Nodes, root: &Cid) -> Result<bool, TreeError> {
    Ok(matches!(Path::at_root(nodes, root)?.step(), Step::End))
}
