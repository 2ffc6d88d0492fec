//! The one commit point: whatever waits is written, synced and published as one group.
//!
//! The order is (a) write and sync the data segments of all claims, (b) append blocks and record
//! of each commit, (c) sync the catalog segment once, (d) publish heads and rows, (e) answer. Must
//! never answer success before (c), nor failure while a record might come back after a crash.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use billet_block::{Cid, Codec};
use billet_segment::{
    ClaimId, Claimed, Content, Frame, Head, Position, ROW_KEY_BYTES_MAX, ROW_VALUE_BYTES_MAX,
    Range, Record, RowChange, check_log, check_space, head_key,
};
use bytes::Bytes;

use crate::book::Draft;
use crate::recover::UNKNOWN_LOG;
use crate::segment::Content as SegmentContent;
use crate::stage::{frame_head, frame_of};
use crate::store::lock;
use crate::writing::Writer;
use crate::{File as _, Store, StoreError};

/// What a commit makes of the log's head.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// The space of its blocks.
    pub space: String,
    /// The tree's root.
    pub root: Cid,
    /// The state block.
    pub state: Cid,
    /// Unix milliseconds; not below the head's.
    pub time_ms: u64,
}

/// A commit to be made.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CommitRequest {
    /// The log.
    pub log: String,
    /// The record that must be the newest; none for a log without one.
    pub expect: Option<Cid>,
    /// None when only rows and claims change.
    pub change: Option<Change>,
    /// Claims that the root reaches from now on.
    pub adopt: Vec<ClaimId>,
    /// Claims that rows keep.
    pub hold: Vec<ClaimId>,
    /// Claims that are let go.
    pub discard: Vec<ClaimId>,
    /// Rows to set, or to delete where there is no value.
    pub rows: Vec<RowChange>,
}

/// What a commit did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Committed {
    /// The record.
    pub commit: Cid,
    /// Counts the log's commits from 1.
    pub seq: u64,
}

/// Claims of a request, looked up.
#[derive(Default)]
struct Plan {
    adopt: Vec<Claimed>,
    hold: Vec<Claimed>,
    discard: Vec<ClaimId>,
    data: Vec<Range>,
    blocks: Vec<(Cid, Bytes)>,
    taken: Vec<ClaimId>,
}

/// A group under way.
struct Group {
    draft: Draft,
    now_ms: u64,
    /// Whether the catalog's file was changed.
    is_touched: bool,
    blocks: Vec<(Cid, Bytes)>,
}

impl Store {
    /// Makes commits durable together, in order, with an answer for each. Several may be of one
    /// log: a later one sees what those before it in the group did.
    ///
    /// # Errors
    /// For each commit: `Conflict` when `expect` is not the newest record; `NotFound` for a claim
    /// that is not known any more; `Invalid` for one of another space or a broken limit;
    /// `Unavailable` for a damaged log; `Busy` while too much waits to be shipped; `Full`;
    /// `Fatal`. After an error nothing of the commit will ever be seen, unless it is `Fatal`.
    pub fn commit_group(&self, requests: Vec<CommitRequest>) -> Vec<Result<Committed, StoreError>> {
        let mut catalog = lock(&self.catalog);
        let count = requests.len();
        self.counters.group(count);
        let results = self.commit_locked(&mut catalog, &requests);
        // Segments rotate between groups only: a group has one catalog segment to sync.
        if let Err(error) = self.seal_full_locked(&mut catalog) {
            tracing::warn!(%error, "sealing is put off");
        }
        results.unwrap_or_else(|error| vec![Err(error); count])
    }

    fn commit_locked(
        &self,
        catalog: &mut Writer,
        requests: &[CommitRequest],
    ) -> Result<Vec<Result<Committed, StoreError>>, StoreError> {
        self.check_alive()?;
        let now_ms = self.clock.now_ms();
        self.with_book(|book| book.expire(now_ms));
        self.sync_claimed(requests)?;
        let mut group = Group {
            draft: Draft::default(),
            now_ms,
            is_touched: false,
            blocks: Vec::new(),
        };
        let mut results = Vec::with_capacity(requests.len());
        for request in requests {
            let result = self.write_commit(catalog, &mut group, request);
            if let Err(fatal @ StoreError::Fatal(_)) = result {
                return Err(fatal);
            }
            results.push(result);
        }
        if let Some(current) = catalog.current.as_ref().filter(|_| group.is_touched) {
            // I5 (c): after the data, before any answer; one sync for the whole group. It also
            // makes cut-backs last, so that what failed stays failed (I2).
            self.counters.syncs.add(1);
            let synced = current.file.sync_data();
            let id = current.segment.id;
            synced.map_err(|error| self.die(format!("sync of {id}: {error}")))?;
            current.segment.set_synced(current.end);
        }
        // (d)
        self.with_book(|book| book.publish(group.draft));
        let mut cache = lock(&self.blocks);
        for (cid, bytes) in group.blocks {
            let length = bytes.len();
            cache.put(cid, bytes, length);
        }
        Ok(results)
    }

    /// (a): makes the data of all claims of the group durable.
    ///
    /// # Errors
    /// `Full` and `Unavailable` when it cannot be written: nothing is lost, and nothing committed.
    /// `Fatal` when it cannot be synced.
    fn sync_claimed(&self, requests: &[CommitRequest]) -> Result<(), StoreError> {
        let mut ends: BTreeMap<u64, u64> = BTreeMap::new();
        {
            let book = self.book();
            let claims = requests
                .iter()
                .flat_map(|request| request.adopt.iter().chain(&request.hold));
            for claim in claims {
                if let Some(pending) = book.claims.get(*claim, u64::MIN)
                    && let Content::Placed(ranges) = &pending.content
                {
                    for range in ranges {
                        let end = ends.entry(range.segment).or_default();
                        *end = range.end.max(*end);
                    }
                }
            }
        }
        let catalog = billet_segment::Plane::Catalog;
        for segment in self
            .segments_now()
            .iter()
            .filter(|segment| segment.id.plane != catalog)
        {
            let Some(end) = ends.get(&segment.id.number) else {
                continue;
            };
            if segment.synced() >= *end {
                continue;
            }
            let file = segment.read(|content| match content {
                SegmentContent::Open { file, .. } => Some(Arc::clone(file)),
                SegmentContent::Sealed { .. } => None,
            });
            if let Some(file) = file {
                // I5 (a): data before the record that names it.
                let id = segment.id;
                let written = file.write_out();
                written.map_err(|error| StoreError::of_disk(&error))?;
                self.counters.syncs.add(1);
                let synced = file.sync_data();
                synced.map_err(|error| self.die(format!("sync of {id}: {error}")))?;
                segment.set_synced(*end);
            }
        }
        Ok(())
    }

    /// Checks one commit and appends its blocks and record.
    fn write_commit(
        &self,
        catalog: &mut Writer,
        group: &mut Group,
        request: &CommitRequest,
    ) -> Result<Committed, StoreError> {
        check_request(request)?;
        let head = self.head_with(&group.draft, &request.log)?;
        if head.as_ref().map(|head| head.commit) != request.expect {
            return Err(StoreError::Conflict);
        }
        self.refuse_damaged(&request.log, head.is_some())?;
        let change = change_of(request, head.as_ref())?;
        let plan = self.plan(group, request, &change.space)?;
        if request.change.is_some() && plan.data.is_empty() {
            // What brings a body was let in when the body began.
            self.check_backlog()?;
        }
        let current = self.ensure_open(catalog)?;
        let segment = Arc::clone(&current.segment);
        let space: Arc<str> = Arc::from(change.space.as_str());
        let mut buffer = Vec::new();
        let mut frames: Vec<Frame> = Vec::new();
        let mut written: BTreeSet<Cid> = BTreeSet::new();
        for (cid, bytes) in &plan.blocks {
            if segment.shared(cid, &space).is_none() && written.insert(*cid) {
                frames.push(add_frame(&mut buffer, current.end, *cid, bytes)?);
            }
        }
        let position = Position {
            segment: segment.id.number,
            end: segment.synced(),
        };
        let blocks = plan.blocks.clone();
        let taken = plan.taken.clone();
        let record = record_of(request, head.as_ref(), change, plan, position);
        let bytes = record
            .to_bytes()
            .map_err(|error| StoreError::Invalid(error.to_string()))?;
        let commit = Cid::of(Codec::DagCbor, &bytes);
        frames.push(add_frame(&mut buffer, current.end, commit, &bytes)?);
        group.is_touched = true;
        if let Err(error) = self.append(current, &[&buffer]) {
            self.cut_back(current)?;
            return Err(error);
        }
        let end = current.end;
        segment.add(&frames, &space);
        // Nothing may be answered for a record that is written but cannot be published.
        let applied = group
            .draft
            .apply(&record, commit, end, |key| self.value(key));
        applied.map_err(|error| self.die(error.to_string()))?;
        group.draft.taken.extend(taken);
        group.blocks.extend(blocks);
        group.blocks.push((commit, Bytes::from(bytes)));
        Ok(Committed {
            commit,
            seq: record.seq,
        })
    }

    /// Refuses to go on where records may have been lost.
    fn refuse_damaged(&self, log: &str, has_head: bool) -> Result<(), StoreError> {
        // I7: a log without a head may be one whose only records were lost.
        let name = if has_head { log } else { UNKNOWN_LOG };
        match self.book().damaged.get(name) {
            Some(reason) => Err(StoreError::Unavailable(format!(
                "{log} is not written until the loss is accepted: {reason}"
            ))),
            None => Ok(()),
        }
    }

    /// The newest head, commits of this group counted in.
    fn head_with(&self, draft: &Draft, log: &str) -> Result<Option<Head>, StoreError> {
        let key = head_key(log);
        match draft.overlay.get(&key) {
            Some(row) => Ok(row.map(|row| Head::from_bytes(&key, row)).transpose()?),
            None => self.newest(log),
        }
    }

    /// Looks up the claims of a request.
    fn plan(
        &self,
        group: &Group,
        request: &CommitRequest,
        space: &str,
    ) -> Result<Plan, StoreError> {
        let mut plan = Plan::default();
        let mut seen = BTreeSet::new();
        let all = request
            .adopt
            .iter()
            .chain(&request.hold)
            .chain(&request.discard);
        if !all.into_iter().all(|claim| seen.insert(*claim)) {
            return Err(StoreError::Invalid("a claim is named twice".to_owned()));
        }
        for claim in &request.adopt {
            let claimed = self.take(group, &mut plan, request, space, *claim)?;
            plan.adopt.push(claimed);
        }
        for claim in &request.hold {
            let claimed = self.take(group, &mut plan, request, space, *claim)?;
            plan.hold.push(claimed);
        }
        for claim in &request.discard {
            match group.draft.held(*claim, |key| self.value(key))? {
                Some(held) if held.log == request.log => plan.discard.push(*claim),
                Some(_) => return Err(StoreError::NotFound),
                None if group.draft.taken.contains(claim) => return Err(StoreError::NotFound),
                None => {
                    self.book()
                        .claims
                        .get(*claim, group.now_ms)
                        .ok_or(StoreError::NotFound)?;
                    plan.taken.push(*claim);
                }
            }
        }
        Ok(plan)
    }

    fn take(
        &self,
        group: &Group,
        plan: &mut Plan,
        request: &CommitRequest,
        space: &str,
        claim: ClaimId,
    ) -> Result<Claimed, StoreError> {
        if let Some(held) = group.draft.held(claim, |key| self.value(key))? {
            if held.log != request.log {
                return Err(StoreError::NotFound);
            }
            if held.space != space {
                return Err(StoreError::Invalid("a claim of another space".to_owned()));
            }
            return Ok(Claimed {
                claim,
                segments: held.segments,
                pin: held.pin,
            });
        }
        if group.draft.taken.contains(&claim) {
            return Err(StoreError::NotFound);
        }
        let book = self.book();
        let pending = book.claims.check(claim, space, group.now_ms)?;
        plan.taken.push(claim);
        let mut claimed = Claimed {
            claim,
            segments: Vec::new(),
            pin: None,
        };
        match &pending.content {
            Content::Placed(ranges) => {
                claimed.segments = ranges.iter().map(|range| range.segment).collect();
                plan.data.extend_from_slice(ranges);
            }
            Content::Staged(blocks) => plan.blocks.extend(blocks.iter().cloned()),
            Content::Pinned(pin) => claimed.pin = Some(pin.clone()),
        }
        Ok(claimed)
    }
}

/// Adds a section to a buffer that will be appended at `base`.
fn add_frame(buffer: &mut Vec<u8>, base: u64, cid: Cid, bytes: &[u8]) -> Result<Frame, StoreError> {
    let offset = base + buffer.len() as u64;
    buffer.extend(frame_head(&cid, bytes)?);
    buffer.extend_from_slice(bytes);
    Ok(frame_of(cid, bytes, offset))
}

fn check_request(request: &CommitRequest) -> Result<(), StoreError> {
    check_log(&request.log).map_err(StoreError::Invalid)?;
    if let Some(change) = &request.change {
        check_space(&change.space).map_err(StoreError::Invalid)?;
    }
    for row in &request.rows {
        let value_bytes = row.value.as_ref().map_or(0, |value| value.len());
        if row.key.len() > ROW_KEY_BYTES_MAX || value_bytes > ROW_VALUE_BYTES_MAX {
            return Err(StoreError::Invalid("a row is too long".to_owned()));
        }
    }
    Ok(())
}

/// The head that a commit makes, as a change.
fn change_of(request: &CommitRequest, head: Option<&Head>) -> Result<Change, StoreError> {
    match (&request.change, head) {
        // I7
        (Some(change), Some(head)) if change.time_ms < head.time_ms => Err(StoreError::Invalid(
            "a time before the newest commit's".to_owned(),
        )),
        (Some(change), _) => Ok(change.clone()),
        (None, Some(head)) => Ok(Change {
            space: head.space.clone(),
            root: head.root,
            state: head.state,
            time_ms: head.time_ms,
        }),
        (None, None) => Err(StoreError::Invalid(
            "a first commit that changes nothing".to_owned(),
        )),
    }
}

fn record_of(
    request: &CommitRequest,
    head: Option<&Head>,
    change: Change,
    mut plan: Plan,
    durable: Position,
) -> Record {
    // What a row keeps of this commit's own blocks lies in this very segment.
    for held in plan
        .hold
        .iter_mut()
        .filter(|held| held.pin.is_none() && held.segments.is_empty())
    {
        held.segments.push(durable.segment);
    }
    Record {
        log: request.log.clone(),
        space: change.space,
        seq: head.map_or(1, |head| head.seq + 1),
        prev: head.map(|head| head.commit),
        root: change.root,
        state: change.state,
        time_ms: change.time_ms,
        data: plan.data,
        durable,
        rows: request.rows.clone(),
        adopt: plan.adopt,
        hold: plan.hold,
        discard: plan.discard,
    }
}
