//! Looking at one bucket, one object, one body.
//!
//! Must never walk further than what was asked for.

use std::cell::RefCell;
use std::sync::Arc;

use billet_block::{Cid, Codec};
use billet_manifest::{Object, State};
use billet_tree::get;
use billet_unixfs::{Node, Spans, Step, UnixfsError};

use crate::need::{Blocked, Kind, Need};
use crate::refusal::{Refusal, StoreError};
use crate::{Head, Standing, View};

/// How many spans come with an object.
pub const LEADING_SPANS_MAX: usize = 64;

/// `length` bytes from `offset` on of the leaf `cid`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    /// The leaf.
    pub cid: Cid,
    /// Bytes.
    pub offset: u64,
    /// Bytes, at least 1.
    pub length: u64,
}

/// The state of a live bucket and its head.
///
/// # Errors
/// `NoSuchBucket`.
pub fn live_state<'s>(
    view: &View<'_>,
    standing: &'s Standing,
) -> Result<(Arc<State>, &'s Head), Blocked> {
    let head = standing.head.as_ref().ok_or(Refusal::NoSuchBucket)?;
    let mut need = Need::default();
    let state = view.state(&head.state, &mut need);
    let state = state.ok_or(Blocked::Need(need))??;
    if state.live {
        Ok((state, head))
    } else {
        Err(Refusal::NoSuchBucket.into())
    }
}

/// The object under a key of a live bucket.
///
/// # Errors
/// `NoSuchKey`, `KeyTooLong`.
pub fn find(view: &View<'_>, head: &Head, key: &str) -> Result<Arc<Object>, Blocked> {
    let cid = get(view, &head.root, key).map_err(Blocked::of_tree)?;
    let cid = cid.ok_or(Refusal::NoSuchKey)?;
    let mut need = Need::default();
    let object = view.object(&cid, &mut need);
    Ok(object.ok_or(Blocked::Need(need))??)
}

/// The states of these names, in order.
///
/// # Errors
/// As blocks can fail.
pub fn states(view: &View<'_>, cids: &[Cid]) -> Result<Vec<Arc<State>>, Blocked> {
    let mut need = Need::default();
    let mut states = Vec::with_capacity(cids.len());
    for cid in cids {
        if let Some(state) = view.state(cid, &mut need) {
            states.push(state?);
        }
    }
    if need.is_empty() {
        Ok(states)
    } else {
        Err(Blocked::Need(need))
    }
}

/// The manifests of these names, in order.
///
/// # Errors
/// As blocks can fail.
pub fn objects(view: &View<'_>, cids: &[Cid]) -> Result<Vec<Arc<Object>>, Blocked> {
    let mut need = Need::default();
    let mut objects = Vec::with_capacity(cids.len());
    for cid in cids {
        if let Some(object) = view.object(cid, &mut need) {
            objects.push(object?);
        }
    }
    if need.is_empty() {
        Ok(objects)
    } else {
        Err(Blocked::Need(need))
    }
}

/// The first spans of an object's body: all, or [`LEADING_SPANS_MAX`].
///
/// # Errors
/// As blocks can fail.
pub fn leading_spans(view: &View<'_>, object: &Object) -> Result<Vec<Span>, Blocked> {
    let file = object.content.file();
    let walk = Spans::whole(file.root, file.size).map_err(of_unixfs)?;
    collect(view, walk, LEADING_SPANS_MAX)
}

/// The spans of `length` bytes from `offset` on of a file, at most `limit`.
///
/// # Errors
/// `Invalid` for a range beyond the end, as far as the root tells.
pub fn spans(
    view: &View<'_>,
    root: Cid,
    offset: u64,
    length: u64,
    limit: usize,
) -> Result<Vec<Span>, Blocked> {
    let end = offset.checked_add(length);
    let end = end.ok_or(Refusal::invalid("a range beyond all ends"))?;
    let size = if root.codec() == Codec::DagPb {
        let mut need = Need::default();
        let bytes = view.file(&root, &mut need);
        let bytes = bytes.ok_or(Blocked::Need(need))??;
        let node = Node::decode(&bytes).map_err(|_| StoreError::Corrupt(root))?;
        node.size()
    } else {
        end
    };
    let walk = Spans::new(root, size, offset, length).map_err(of_unixfs)?;
    collect(view, walk, limit)
}

fn collect(view: &View<'_>, mut walk: Spans, limit: usize) -> Result<Vec<Span>, Blocked> {
    let mut spans = Vec::new();
    while spans.len() < limit {
        match next_span(view, &mut walk)? {
            Some(span) => spans.push(span),
            None => break,
        }
    }
    Ok(spans)
}

/// The next span of a walk. One that is blocked has not moved.
pub(crate) fn next_span(view: &View<'_>, walk: &mut Spans) -> Result<Option<Span>, Blocked> {
    let failed = RefCell::new(None);
    let step = walk.next(|cid| match view.file(cid, &mut Need::default())? {
        Ok(bytes) => Some(bytes),
        Err(error) => {
            failed.replace(Some(error));
            None
        }
    });
    if let Some(error) = failed.into_inner() {
        return Err(error.into());
    }
    match step.map_err(of_unixfs)? {
        Step::End => Ok(None),
        Step::Span {
            cid,
            offset,
            length,
        } => Ok(Some(Span {
            cid,
            offset,
            length,
        })),
        Step::NeedBlock { cid, ahead } => {
            let mut need = Need::default();
            for ahead in ahead {
                view.file(&ahead, &mut need);
            }
            need.blocks.insert(cid, Kind::File);
            Err(Blocked::Need(need))
        }
    }
}

pub(crate) fn of_unixfs(error: UnixfsError) -> Blocked {
    match error {
        UnixfsError::Mismatch(cid) => StoreError::Corrupt(cid).into(),
        error => Refusal::invalid(error.to_string()).into(),
    }
}
