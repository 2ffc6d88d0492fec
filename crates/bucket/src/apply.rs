//! From a list of ops to one commit.
//!
//! Ops are decided in order, each over the effect of those before it; then all changed keys go
//! into the tree in one descent. Must never let a refused op have an effect, but for what
//! [`Op::DeleteBucket`] says.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use billet_block::Cid;
use billet_manifest::{
    Attributes, Content, Object, SETTING_NAME_BYTES_MAX, SETTING_VALUE_BYTES_MAX, State, Value as _,
};
use billet_tree::{Applied, TreeError, empty_block, empty_root, get};

use crate::bodies;
use crate::condition::check;
use crate::decide::{Batch, Current, NewValue, check_key, too_long};
use crate::need::{Blocked, Stop};
use crate::plan::{Change, ClaimRef, Fate, Outcome, Plan, cut};
use crate::refusal::{Refusal, StoreError};
use crate::{
    Claim, Condition, Copy, CreateBucket, Decoded, Delete, ImportRoot, Op, Put, Standing, View,
};

/// Most rows that one commit deletes with a bucket.
const DELETED_ROWS_MAX: u32 = 8192;

/// Most bytes of an owner's id, of its name and of a region.
pub(crate) const OWNER_BYTES_MAX: usize = 256;

/// Decides all ops in order, as one commit on top of `standing`.
///
/// # Errors
/// `Need` until everything that matters was supplied; `Failed` when the tree cannot be read or
/// changed at all.
pub fn apply(view: &View<'_>, standing: &Standing, ops: &[Op]) -> Result<Plan, Blocked> {
    let mut banned = BTreeMap::new();
    loop {
        match attempt(view, standing, ops, &banned)? {
            Attempt::Done(plan) => return Ok(*plan),
            Attempt::TreeFull(ops) => {
                banned.extend(ops.into_iter().map(|op| (op, Refusal::TreeFull)));
            }
        }
    }
}

enum Attempt {
    Done(Box<Plan>),
    /// These ops must go.
    TreeFull(Vec<usize>),
}

/// The last op that was done to each of these keys.
fn last_ops(
    keys: &[String],
    ops: &[Op],
    outcomes: &[Result<Outcome, Refusal>],
) -> Result<Vec<usize>, Blocked> {
    let done = ops.iter().zip(outcomes).enumerate();
    let done = done.filter(|(_, (_, outcome))| outcome.is_ok());
    let by_key = done.filter_map(|(index, (op, _))| op.key().map(|key| (key, index)));
    let last: BTreeMap<&str, usize> = by_key.collect();
    let found: Vec<usize> = keys
        .iter()
        .filter_map(|key| last.get(key.as_str()).copied())
        .collect();
    if found.is_empty() {
        let text = "no op makes the tree too full".to_owned();
        return Err(StoreError::Invalid(text).into());
    }
    Ok(found)
}

fn attempt(
    view: &View<'_>,
    standing: &Standing,
    ops: &[Op],
    banned: &BTreeMap<usize, Refusal>,
) -> Result<Attempt, Blocked> {
    // What other ops find under their keys is looked up in the tree of before.
    if ops.len() > 1 && ops.iter().any(|op| matches!(op, Op::ImportRoot(_))) {
        return Err(Refusal::invalid("an import stands alone").into());
    }
    let mut batch = Batch::new(view, standing, ops)?;
    let mut outcomes = Vec::with_capacity(ops.len());
    for (index, op) in ops.iter().enumerate() {
        let outcome = match banned.get(&index) {
            Some(refusal) => Err(refusal.clone().into()),
            None => batch.op(op, index),
        };
        match outcome {
            Ok(outcome) => outcomes.push(Ok(outcome)),
            Err(Stop::Refused(refusal)) => outcomes.push(Err(refusal)),
            Err(Stop::Pending) => {}
        }
    }
    let applied = batch.change_tree();
    match applied {
        Err(TreeError::Missing(missing)) => batch.need.add_nodes(missing),
        Err(TreeError::NodeFull { keys }) if batch.need.is_empty() => {
            return Ok(Attempt::TreeFull(last_ops(&keys, ops, &outcomes)?));
        }
        Err(error) if batch.need.is_empty() => return Err(Blocked::of_tree(error)),
        Ok(applied) if batch.need.is_empty() => {
            let plan = batch.finish(applied, outcomes, ops)?;
            return Ok(Attempt::Done(Box::new(plan)));
        }
        _ => {}
    }
    Err(Blocked::Need(batch.need))
}

impl Batch<'_, '_> {
    fn op(&mut self, op: &Op, index: usize) -> Result<Outcome, Stop> {
        let claims = op.claims();
        let distinct: BTreeSet<_> = claims.iter().collect();
        if distinct.len() != claims.len() || claims.iter().any(|claim| self.used.contains(claim)) {
            return Err(Refusal::invalid("a claim is used twice").into());
        }
        if let Some(key) = op.key() {
            check_key(key)?;
        }
        let outcome = match op {
            Op::CreateBucket(create) => self.create_bucket(create),
            Op::Configure(settings) => self.configure(settings),
            Op::DeleteBucket => self.delete_bucket(),
            Op::Put(put) => self.put(put),
            Op::Delete(delete) => self.delete(delete),
            Op::Copy(copy) => self.copy(copy),
            Op::CreateUpload(create) => self.create_upload(create, index),
            Op::PutPart(part) => self.put_part(part),
            Op::Complete(complete) => self.complete(complete),
            Op::Abort(abort) => self.abort(abort),
            Op::ImportRoot(import) => self.import_root(import),
        }?;
        self.used.extend(claims);
        Ok(outcome)
    }

    fn create_bucket(&mut self, create: &CreateBucket) -> Result<Outcome, Stop> {
        match self.live() {
            Ok(state) => return Err(Refusal::BucketExists(state.owner.clone()).into()),
            Err(Stop::Pending) => return Err(Stop::Pending),
            Err(Stop::Refused(_)) => {}
        }
        for text in [&create.owner, &create.owner_name, &create.region] {
            if text.len() > OWNER_BYTES_MAX {
                return Err(Refusal::invalid("an owner or a region that is too long").into());
            }
        }
        self.state = Some(Arc::new(State {
            live: true,
            created_ms: self.time_ms,
            owner: create.owner.clone(),
            owner_name: create.owner_name.clone(),
            region: create.region.clone(),
            settings: BTreeMap::new(),
        }));
        self.space.clone_from(&create.space);
        self.blocks.push(empty_block());
        Ok(Outcome::default())
    }

    fn import_root(&mut self, import: &ImportRoot) -> Result<Outcome, Stop> {
        let settings = match &import.state {
            None => Vec::new(),
            Some(cid) => {
                let state = self.view.state(cid, &mut self.need);
                let state = state.ok_or(Stop::Pending)??;
                let settings = state.settings.iter();
                settings
                    .map(|(name, value)| (name.clone(), value.to_vec()))
                    .collect()
            }
        };
        let outcome = self.create_bucket(&import.bucket)?;
        self.configure(&settings)?;
        self.root = import.root;
        if import.root != empty_root() {
            self.blocks.clear();
        }
        self.decide(
            import.claims.iter().copied().map(ClaimRef::Given),
            Fate::Adopt,
        );
        Ok(outcome)
    }

    fn configure(&mut self, settings: &[(String, Vec<u8>)]) -> Result<Outcome, Stop> {
        let mut state = State::clone(self.live()?);
        for (name, value) in settings {
            let fits = (1..=SETTING_NAME_BYTES_MAX).contains(&name.len());
            if !fits || value.len() > SETTING_VALUE_BYTES_MAX {
                return Err(Refusal::invalid("a setting of a length that cannot be").into());
            }
            if value.is_empty() {
                state.settings.remove(name);
            } else {
                state.settings.insert(name.clone(), value.clone().into());
            }
        }
        state.to_bytes().map_err(too_long)?;
        self.state = Some(Arc::new(state));
        Ok(Outcome::default())
    }

    /// Deletes a bucket without keys, with all its rows. When those are too many for one commit it
    /// deletes some of them and is refused as `Busy`, so that asking again gets on.
    fn delete_bucket(&mut self) -> Result<Outcome, Stop> {
        let mut state = State::clone(self.live()?);
        let rows = self.scan(b"", DELETED_ROWS_MAX + 1);
        let changed = self.change_tree();
        let changed = changed.map_err(|error| self.tree_stop(error))?;
        if changed.map_or(self.root, |changed| changed.root) != empty_root() {
            return Err(Refusal::BucketNotEmpty.into());
        }
        let rows = rows?;
        self.delete_rows(rows.get(..DELETED_ROWS_MAX as usize).unwrap_or(rows))?;
        if rows.len() > DELETED_ROWS_MAX as usize {
            return Err(StoreError::Busy(0).into());
        }
        state.live = false;
        state.settings.clear();
        self.state = Some(Arc::new(state));
        self.keys.clear();
        self.root = empty_root();
        self.is_wiped = true;
        self.blocks.push(empty_block());
        Ok(Outcome::default())
    }

    fn put(&mut self, put: &Put) -> Result<Outcome, Stop> {
        self.live()?;
        let body = bodies::build(&put.source)?;
        bodies::check_checksums(&put.checksums)?;
        let existed = self.check_target(&put.key, &put.conditions)?;
        let object = self.set(Object {
            key: put.key.clone(),
            content: Content::Unixfs(body.file),
            etag: put.etag.clone(),
            time_ms: self.time_ms,
            headers: put.attributes.headers.clone(),
            metadata: put.attributes.metadata.clone(),
            checksums: put.checksums.clone(),
            sha256: body.sha256,
            parts: Vec::new(),
            part_algorithm: None,
        })?;
        self.blocks.extend(body.blocks);
        self.decide([ClaimRef::Given(put.source.claim)], Fate::Adopt);
        Ok(Outcome {
            existed,
            object: Some(object),
            upload: None,
        })
    }

    fn delete(&mut self, delete: &Delete) -> Result<Outcome, Stop> {
        self.live()?;
        let existed = self.check_target(&delete.key, &delete.conditions)?;
        if existed {
            self.keys.insert(delete.key.clone(), None);
        }
        Ok(Outcome {
            existed,
            ..Outcome::default()
        })
    }

    fn copy(&mut self, copy: &Copy) -> Result<Outcome, Stop> {
        self.live()?;
        check_key(&copy.source_key)?;
        let target = self.check_target(&copy.key, &copy.conditions);
        let (source, pin) = if copy.source_log == self.standing.log {
            let current = self.current(&copy.source_key)?;
            (current.ok_or(Refusal::NoSuchSource)?, None)
        } else {
            let (cid, claim) = self.source_elsewhere(copy)?;
            (Current::Committed(cid), Some(claim))
        };
        let source = self.object(&source)?;
        check(&copy.source_conditions, Some(&source)).map_err(|failed| failed.of_source())?;
        let existed = target?;
        let mut object = Object::clone(&source);
        object.key.clone_from(&copy.key);
        object.time_ms = self.time_ms;
        if let Some(Attributes { headers, metadata }) = copy.attributes.clone() {
            (object.headers, object.metadata) = (headers, metadata);
        }
        let object = self.set(object)?;
        self.decide(pin.map(ClaimRef::Given), Fate::Adopt);
        Ok(Outcome {
            existed,
            object: Some(object),
            upload: None,
        })
    }

    /// The manifest of a source in another log, and the claim over all that log reaches.
    fn source_elsewhere(&mut self, copy: &Copy) -> Result<(Cid, Claim), Stop> {
        let pin = self.view.pin(&copy.source_log, &mut self.need);
        let pin = match pin.ok_or(Stop::Pending)? {
            Ok(pin) => pin,
            Err(StoreError::NotFound) => return Err(Refusal::NoSuchSource.into()),
            Err(error) => return Err(error.clone().into()),
        };
        let state = self.view.state(&pin.head.state, &mut self.need);
        if !state.ok_or(Stop::Pending)??.live {
            return Err(Refusal::NoSuchSource.into());
        }
        if pin.head.space != self.space {
            return Err(Refusal::SourceElsewhere.into());
        }
        let found = get(self.view, &pin.head.root, &copy.source_key);
        let cid = found.map_err(|error| self.tree_stop(error))?;
        Ok((cid.ok_or(Refusal::NoSuchSource)?, pin.claim))
    }

    /// Checks conditions on the key that an op changes; whether it is there.
    pub(crate) fn check_target(
        &mut self,
        key: &str,
        conditions: &[Condition],
    ) -> Result<bool, Stop> {
        let current = self.current(key)?;
        let object = match &current {
            Some(current) if !conditions.is_empty() => Some(self.object(current)?),
            _ => None,
        };
        check(conditions, object.as_deref()).map_err(|failed| failed.of_target())?;
        Ok(current.is_some())
    }

    fn tree_stop(&mut self, error: TreeError) -> Stop {
        match Blocked::of_tree(error) {
            Blocked::Failed(refusal) => Stop::Refused(refusal),
            Blocked::Need(need) => {
                self.need.blocks.extend(need.blocks);
                self.need.hints.extend(need.hints);
                Stop::Pending
            }
        }
    }

    /// The tree with all keys changed that were changed so far; none when there are none.
    fn change_tree(&self) -> Result<Option<Applied>, TreeError> {
        if self.keys.is_empty() {
            return Ok(None);
        }
        let cid = |value: &NewValue| value.block.cid;
        let keys = self.keys.iter();
        let batch: Vec<(&str, Option<Cid>)> = keys
            .map(|(key, value)| (key.as_str(), value.as_ref().map(cid)))
            .collect();
        billet_tree::apply(self.view, &self.root, &batch).map(Some)
    }

    /// The plan, once nothing is missing.
    fn finish(
        mut self,
        applied: Option<Applied>,
        outcomes: Vec<Result<Outcome, Refusal>>,
        ops: &[Op],
    ) -> Result<Plan, Blocked> {
        let root = applied.as_ref().map_or(self.root, |applied| applied.root);
        let mut values = Vec::new();
        let mut blocks = std::mem::take(&mut self.blocks);
        for value in std::mem::take(&mut self.keys).into_values().flatten() {
            let decoded = Decoded::Object(value.object);
            values.push((value.block.cid, decoded, value.block.bytes.len()));
            blocks.push(value.block);
        }
        blocks.extend(
            applied
                .iter()
                .flat_map(|applied| applied.blocks.iter().cloned()),
        );
        let head = self.standing.head.as_ref();
        let mut change = None;
        if let Some(state) = self.state.take() {
            let block = state.to_block();
            let block = block.map_err(|error| Refusal::invalid(error.to_string()))?;
            change = Some(Change {
                space: self.space.clone(),
                root,
                state: block.cid,
                time_ms: self.time_ms,
            });
            if head.is_none_or(|head| head.state != block.cid) {
                values.push((block.cid, Decoded::State(state), block.bytes.len()));
                blocks.push(block);
            }
        }
        let is_same = |change: &Change| {
            head.is_some_and(|head| head.root == change.root && head.state == change.state)
        };
        let mut seen = BTreeSet::new();
        blocks.retain(|block| seen.insert(block.cid));
        let adopted = cut(blocks);
        let first = self.stages.len();
        let claims = (first..first + adopted.len()).map(ClaimRef::Stage);
        self.decide(claims, Fate::Adopt);
        self.stages.extend(adopted);
        let refused = ops
            .iter()
            .zip(&outcomes)
            .filter(|(_, outcome)| outcome.is_err());
        let brought = refused.flat_map(|(op, _)| op.claims());
        let release = brought.chain(self.view.pinned());
        let kept = |claim: &Claim| {
            self.used.contains(claim) || self.fates.contains_key(&ClaimRef::Given(*claim))
        };
        Ok(Plan {
            release: release.filter(|claim| !kept(claim)).collect(),
            outcomes,
            space: self.space,
            stages: self.stages,
            root,
            time_ms: self.time_ms,
            change: change.filter(|change| !is_same(change)),
            fates: self.fates,
            held: self.held,
            rows: self.rows,
            applied,
            values,
        })
    }
}
