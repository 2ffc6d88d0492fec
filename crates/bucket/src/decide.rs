//! A list of ops under way: what the log holds, seen through what the ops before have changed.
//!
//! An op reads and checks all it needs before it changes anything here, so one that is refused
//! leaves no trace. Must never change what was supplied.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use billet_block::{Block, Cid};
use billet_manifest::{CompletedRow, ManifestError, Object, PartRow, State, UploadRow, Value as _};
use billet_tree::{empty_root, get_many};

use crate::need::{Need, Row, Scan, Stop};
use crate::plan::{ClaimRef, Fate, NewRow};
use crate::refusal::{Refusal, StoreError};
use crate::{Blocked, Claim, Op, Standing, View, row};

/// The value that an op gave a key.
#[derive(Clone)]
pub(crate) struct NewValue {
    pub(crate) object: Arc<Object>,
    pub(crate) block: Block,
}

/// What is under a key at some moment.
pub(crate) enum Current {
    Committed(Cid),
    New(Arc<Object>),
}

/// An upload's row, with what it holds.
pub(crate) struct OpenUpload {
    pub(crate) row: UploadRow,
    pub(crate) claims: Vec<ClaimRef>,
}

/// A part's row, with what it holds.
pub(crate) struct OpenPart {
    pub(crate) row: PartRow,
    pub(crate) body: ClaimRef,
    pub(crate) claims: Vec<ClaimRef>,
}

pub(crate) struct Batch<'v, 'a> {
    pub(crate) view: &'v View<'a>,
    pub(crate) standing: &'v Standing,
    pub(crate) need: Need,
    /// Values before the first op; none while nodes are missing.
    values: Option<BTreeMap<&'v str, Option<Cid>>>,
    pub(crate) state: Option<Arc<State>>,
    pub(crate) space: String,
    pub(crate) time_ms: u64,
    /// The tree that `keys` change.
    pub(crate) root: Cid,
    /// Whether the bucket was deleted by an op: nothing of before is there.
    pub(crate) is_wiped: bool,
    pub(crate) keys: BTreeMap<String, Option<NewValue>>,
    pub(crate) rows: BTreeMap<Vec<u8>, Option<NewRow>>,
    pub(crate) fates: BTreeMap<ClaimRef, Fate>,
    pub(crate) held: BTreeSet<Claim>,
    /// Pending claims that ops which were done brought.
    pub(crate) used: BTreeSet<Claim>,
    /// Blocks that the root will reach.
    pub(crate) blocks: Vec<Block>,
    /// Blocks that rows will hold, a list for each stage.
    pub(crate) stages: Vec<Vec<Block>>,
}

impl<'v, 'a> Batch<'v, 'a> {
    pub(crate) fn new(
        view: &'v View<'a>,
        standing: &'v Standing,
        ops: &'v [Op],
    ) -> Result<Self, Blocked> {
        let head = standing.head.as_ref();
        let mut need = Need::default();
        let state = match head {
            None => None,
            Some(head) => view.state(&head.state, &mut need).transpose()?,
        };
        let root = head.map_or_else(empty_root, |head| head.root);
        let keys: BTreeSet<&str> = ops
            .iter()
            .flat_map(|op| [op.key(), source_key(op, &standing.log)])
            .flatten()
            .filter(|key| check_key(key).is_ok())
            .collect();
        let keys: Vec<&str> = keys.into_iter().collect();
        let values = match get_many(view, &root, &keys).map_err(Blocked::of_tree) {
            Ok(values) => Some(keys.into_iter().zip(values).collect()),
            Err(Blocked::Need(nodes)) => {
                need.blocks.extend(nodes.blocks);
                need.hints.extend(nodes.hints);
                None
            }
            Err(failed) => return Err(failed),
        };
        Ok(Self {
            view,
            standing,
            need,
            values,
            state,
            space: head.map(|head| head.space.clone()).unwrap_or_default(),
            time_ms: head.map_or(0, |head| head.time_ms).max(standing.now_ms),
            root,
            is_wiped: false,
            keys: BTreeMap::new(),
            rows: BTreeMap::new(),
            fates: BTreeMap::new(),
            held: BTreeSet::new(),
            used: BTreeSet::new(),
            blocks: Vec::new(),
            stages: Vec::new(),
        })
    }

    /// The state of the bucket, if there is one.
    pub(crate) fn live(&self) -> Result<&Arc<State>, Stop> {
        let unread = self.standing.head.is_some() && self.state.is_none();
        match &self.state {
            Some(state) if state.live => Ok(state),
            _ if unread => Err(Stop::Pending),
            _ => Err(Refusal::NoSuchBucket.into()),
        }
    }

    /// What is under a key now.
    pub(crate) fn current(&mut self, key: &str) -> Result<Option<Current>, Stop> {
        if let Some(new) = self.keys.get(key) {
            let object = new.as_ref().map(|new| Arc::clone(&new.object));
            return Ok(object.map(Current::New));
        }
        if self.is_wiped {
            return Ok(None);
        }
        let values = self.values.as_ref().ok_or(Stop::Pending)?;
        Ok(values.get(key).copied().flatten().map(Current::Committed))
    }

    /// The object under a key now, read.
    pub(crate) fn object(&mut self, current: &Current) -> Result<Arc<Object>, Stop> {
        match current {
            Current::New(object) => Ok(Arc::clone(object)),
            Current::Committed(cid) => {
                let object = self.view.object(cid, &mut self.need);
                Ok(object.ok_or(Stop::Pending)??)
            }
        }
    }

    /// Gives a key a new value. Nothing has changed when that fails.
    pub(crate) fn set(&mut self, object: Object) -> Result<Arc<Object>, Stop> {
        let block = object.to_block().map_err(too_long)?;
        let object = Arc::new(object);
        let value = NewValue {
            object: Arc::clone(&object),
            block,
        };
        self.keys.insert(object.key.clone(), Some(value));
        Ok(object)
    }

    /// The bytes of a row as it was committed.
    fn committed_row(&mut self, key: &[u8]) -> Result<Option<&'v [u8]>, Stop> {
        if self.is_wiped {
            return Ok(None);
        }
        self.view.row(key, &mut self.need).ok_or(Stop::Pending)
    }

    /// The row of an upload.
    pub(crate) fn upload(&mut self, key: &str, id: &str) -> Result<Option<OpenUpload>, Stop> {
        let name = row::upload(key, id);
        match self.rows.get(&name) {
            Some(Some(NewRow::Upload(row, claims))) => {
                return Ok(Some(OpenUpload {
                    row: row.clone(),
                    claims: claims.clone(),
                }));
            }
            Some(_) => return Ok(None),
            None => {}
        }
        let Some(bytes) = self.committed_row(&name)? else {
            return Ok(None);
        };
        let row = UploadRow::from_bytes(bytes).map_err(damaged)?;
        let claims = self.hold(&row.claims);
        Ok(Some(OpenUpload { row, claims }))
    }

    /// The row of a part.
    pub(crate) fn part(&mut self, id: &str, number: u32) -> Result<Option<OpenPart>, Stop> {
        let name = row::part(id, number);
        if let Some(row) = self.rows.get(&name) {
            return Ok(row.as_ref().and_then(new_part));
        }
        let bytes = self.committed_row(&name)?;
        bytes.map(|bytes| self.read_part(bytes)).transpose()
    }

    /// All parts of an upload, by number.
    pub(crate) fn parts(&mut self, id: &str) -> Result<BTreeMap<u32, OpenPart>, Stop> {
        let prefix = row::parts(id);
        let committed = self.scan(&prefix, row::PARTS_MAX)?;
        let mut parts = BTreeMap::new();
        for (name, bytes) in committed {
            if let Some(number) = row::read_part(name).filter(|_| !self.rows.contains_key(name)) {
                parts.insert(number, self.read_part(bytes)?);
            }
        }
        let new = self.rows.range(prefix.clone()..);
        for (name, row) in new.take_while(|(name, _)| name.starts_with(&prefix)) {
            if let Some((number, part)) = row::read_part(name).zip(row.as_ref().and_then(new_part))
            {
                parts.insert(number, part);
            }
        }
        Ok(parts)
    }

    fn read_part(&mut self, bytes: &[u8]) -> Result<OpenPart, Stop> {
        let row = PartRow::from_bytes(bytes).map_err(damaged)?;
        let body = ClaimRef::Given(row.body);
        self.held.insert(row.body);
        let claims = self.hold(&row.claims);
        Ok(OpenPart { row, body, claims })
    }

    /// The note that an upload was completed.
    pub(crate) fn completed(&mut self, id: &str) -> Result<Option<CompletedRow>, Stop> {
        let name = row::completed(id);
        match self.rows.get(&name) {
            Some(Some(NewRow::Completed(row))) => return Ok(Some(row.clone())),
            Some(_) => return Ok(None),
            None => {}
        }
        let bytes = self.committed_row(&name)?;
        let note = bytes.map(CompletedRow::from_bytes).transpose();
        Ok(note.map_err(damaged)?)
    }

    /// Rows as they were committed, at most `limit`.
    pub(crate) fn scan(&mut self, prefix: &[u8], limit: u32) -> Result<&'v [Row], Stop> {
        if self.is_wiped {
            return Ok(&[]);
        }
        let scan = Scan {
            prefix: prefix.to_vec(),
            after: None,
            limit,
        };
        self.view.scan(&scan, &mut self.need).ok_or(Stop::Pending)
    }

    /// Claims that a committed row holds.
    pub(crate) fn hold(&mut self, claims: &[Claim]) -> Vec<ClaimRef> {
        self.held.extend(claims);
        claims.iter().copied().map(ClaimRef::Given).collect()
    }

    /// Says what becomes of claims.
    pub(crate) fn decide(&mut self, claims: impl IntoIterator<Item = ClaimRef>, fate: Fate) {
        self.fates
            .extend(claims.into_iter().map(|claim| (claim, fate)));
    }

    /// Has blocks staged that a row will hold.
    pub(crate) fn stage(&mut self, blocks: Vec<Block>) -> Vec<ClaimRef> {
        let first = self.stages.len();
        self.stages.extend(crate::plan::cut(blocks));
        let claims = first..self.stages.len();
        claims.map(ClaimRef::Stage).collect()
    }
}

fn new_part(row: &NewRow) -> Option<OpenPart> {
    match row {
        NewRow::Part(row, body, claims) => Some(OpenPart {
            row: row.clone(),
            body: *body,
            claims: claims.clone(),
        }),
        _ => None,
    }
}

/// The source of a copy within this log.
fn source_key<'o>(op: &'o Op, log: &str) -> Option<&'o str> {
    match op {
        Op::Copy(copy) if copy.source_log == log => Some(&copy.source_key),
        _ => None,
    }
}

/// Refuses what cannot be a key.
pub(crate) fn check_key(key: &str) -> Result<(), Refusal> {
    billet_tree::check_key(key).map_err(|error| match error {
        billet_tree::KeyError::TooLong(_) => Refusal::KeyTooLong,
        error => Refusal::invalid(error.to_string()),
    })
}

/// A value that has no room where it goes: the request is too large.
pub(crate) fn too_long(error: ManifestError) -> Stop {
    Refusal::invalid(error.to_string()).into()
}

/// A row that cannot be read.
pub(crate) fn damaged(error: ManifestError) -> StoreError {
    StoreError::Invalid(error.to_string())
}
