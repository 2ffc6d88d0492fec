//! What a start does about segments that nobody closed.
//!
//! Records are replayed in order onto the table; files are cut behind the last record, made
//! durable and sealed. Must never drop what was durable without saying so: the log it belonged to
//! refuses writes from then on.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use billet_segment::{
    ACCEPTED_PREFIX, Bad, DAMAGE_PREFIX, Event, FileKind, Frame, HEAD_PREFIX, HELD_PREFIX, Head,
    HeldClaim, Pair, Plane, Record, SEGMENT_PREFIX, Scan, SegmentId, SegmentRow, State, damage_key,
    judge_catalog, judge_data, name_after, parse_held_key, scan_file,
};

use crate::book::{Account, Draft};
use crate::findings::{Damage, Findings, Recovery, count_tail, lost, name_ranges};
use crate::segment::{Bytes, Segment};
use crate::writing::next_state;
use crate::{File, KvChange, OpenError, Store, StoreError};

const PAGE_ROWS: usize = 1_000;

/// The name under which damage is kept that may be of a log nobody knows: no new log may begin.
pub(crate) const UNKNOWN_LOG: &str = "";

type SharedFile = Arc<dyn File>;

/// A segment that was not closed.
struct Unclosed {
    id: SegmentId,
    file: Option<Arc<dyn File>>,
    frames: Vec<Frame>,
    keep: u64,
}

impl Store {
    pub(crate) fn recover(&self) -> Result<Recovery, OpenError> {
        let mut findings = Findings::default();
        let ids = self.load_accounts(&mut findings)?;
        findings.report.unclosed = ids.len();
        let mut unclosed = Vec::new();
        for id in ids.iter().filter(|id| id.plane == Plane::Catalog) {
            unclosed.push(self.recover_catalog(*id, &mut findings)?);
        }
        self.check_sealed(&mut findings)?;
        for id in ids.iter().filter(|id| id.plane == Plane::Data) {
            unclosed.push(self.recover_data(*id, &mut findings)?);
        }
        self.name_hidden(&mut findings)?;
        let mut damage = std::mem::take(&mut findings.report.damage);
        findings.leave_accepted(&mut damage);
        findings.report.damage = damage;
        self.note_damage(&findings.report.damage, findings.has_hidden);
        self.close_found(unclosed, &mut findings)?;
        self.check_heads(&mut findings)?;
        self.forget_accepted(&findings)?;
        for damage in &findings.report.damage {
            tracing::error!(log = damage.log, reason = damage.reason, "lost");
        }
        Ok(findings.report)
    }

    /// Reads all rows about segments, held claims and damage; gives the segments to recover, in
    /// the order of their numbers.
    fn load_accounts(&self, findings: &mut Findings) -> Result<Vec<SegmentId>, OpenError> {
        let mut ids = Vec::new();
        let mut segments = Vec::new();
        let mut accounts = BTreeMap::new();
        let mut held_pins = BTreeMap::new();
        for (key, value) in self.all(SEGMENT_PREFIX)? {
            let id = SegmentId::parse_key(&key)?;
            let row = SegmentRow::from_bytes(&key, &value)?;
            match row.state {
                State::Opening | State::Open => ids.push(id),
                State::Sealed | State::Compacting => segments.push(Arc::new(Segment::sealed(id))),
                State::Pruning => findings.report.unlinks_finished += 1,
                State::Absent => {}
            }
            accounts.insert(id.number, Account::new(id, row));
        }
        for (key, value) in self.all(HELD_PREFIX)? {
            let held = HeldClaim::from_bytes(&key, &value)?;
            for segment in held.segments {
                if let Some(account) = accounts.get_mut(&segment) {
                    account.held += 1;
                }
            }
            if let (Some(pin), Some(claim)) = (held.pin, parse_held_key(&key)) {
                held_pins.insert(claim, pin.log);
            }
        }
        self.load_shipping(&mut accounts)?;
        let accepted = self.all(ACCEPTED_PREFIX)?.into_iter();
        findings.accepted = accepted.map(|(key, _)| (key, false)).collect();
        let damaged = self.all(DAMAGE_PREFIX)?;
        self.with_book(|book| {
            book.accounts = accounts;
            book.held_pins = held_pins;
            for (key, value) in damaged {
                let log = name_after(DAMAGE_PREFIX, &key)
                    .unwrap_or_default()
                    .to_owned();
                book.damaged
                    .insert(log, String::from_utf8_lossy(&value).into_owned());
                book.has_lost_blocks = true;
            }
        });
        self.change_readable(|readable| *readable = segments);
        ids.sort_by_key(|id| id.number);
        Ok(ids)
    }

    /// A sealed key without its whole file is data loss of all that claim something in it, the
    /// commits that were replayed counted in.
    fn check_sealed(&self, findings: &mut Findings) -> Result<(), OpenError> {
        let sealed: Vec<(SegmentId, u64)> = {
            let book = self.book();
            let is_sealed = |a: &&Account| matches!(a.row.state, State::Sealed | State::Compacting);
            let sealed = book.accounts.values().filter(is_sealed);
            sealed.map(|a| (a.id, a.row.bytes)).collect()
        };
        for (id, bytes) in sealed {
            let path = id.path(&self.root, FileKind::Car);
            let length = self.disk.length(&path);
            let length = length.map_err(|error| OpenError::Disk {
                what: path.clone(),
                error,
            })?;
            let reason = match length {
                Some(found) if found >= bytes => continue,
                Some(found) => format!("{path} has {found} bytes of {bytes}"),
                None => format!("{path} is gone"),
            };
            let (logs, found) = (self.claimants(id)?, Damage::of(id, reason));
            logs.iter()
                .for_each(|log| findings.damage(log, found.clone()));
            if logs.is_empty() {
                findings.report.damage.push(found);
            }
        }
        Ok(())
    }

    /// The logs that adopted or hold something in a segment.
    fn claimants(&self, id: SegmentId) -> Result<BTreeSet<String>, OpenError> {
        let mut logs = BTreeSet::new();
        for (key, value) in self.all(HELD_PREFIX)? {
            let held = HeldClaim::from_bytes(&key, &value)?;
            if held.segments.contains(&id.number) {
                logs.insert(held.log);
            }
        }
        if let Some(account) = self.book().accounts.get(&id.number) {
            logs.extend(account.row.logs.keys().cloned());
        }
        Ok(logs)
    }

    fn recover_catalog(
        &self,
        id: SegmentId,
        findings: &mut Findings,
    ) -> Result<Unclosed, OpenError> {
        let (file, scan, bytes) = self.read_unclosed(id, findings)?;
        let verdict = judge_catalog(&scan, id.number, self.claimed(id));
        count_tail(&verdict, &scan.bad, bytes, findings);
        let mut damage = verdict.damage.iter().peekable();
        for found in &scan.records {
            if found.frame.end() > verdict.keep || found.durable.segment != id.number {
                continue;
            }
            let Some(file) = &file else { continue };
            let record = self.read_record(id, file.as_ref(), &found.frame)?;
            while let Some(bad) = damage.next_if(|bad| bad.start < found.frame.offset) {
                self.note_bad(id, bad, findings);
                findings.damage(&record.log, lost(id, bad));
            }
            findings.saw(&record);
            let ranges = record.data.iter();
            let log = &record.log;
            findings
                .ranges
                .extend(ranges.map(|range| (*range, log.clone())));
            self.replay(&record, &found.frame, findings)?;
        }
        damage.for_each(|bad| self.note_bad(id, bad, findings));
        for bad in &verdict.damage {
            name_ranges(id, bad, findings);
        }
        let keep = verdict.keep;
        let frames = scan
            .frames
            .into_iter()
            .filter(|frame| frame.end() <= keep)
            .collect();
        Ok(Unclosed {
            id,
            file,
            frames,
            keep,
        })
    }

    fn recover_data(&self, id: SegmentId, findings: &mut Findings) -> Result<Unclosed, OpenError> {
        let (file, scan, bytes) = self.read_unclosed(id, findings)?;
        let verdict = judge_data(&scan, self.claimed(id));
        count_tail(&verdict, &scan.bad, bytes, findings);
        for bad in &verdict.damage {
            let before = findings.report.damage.len();
            name_ranges(id, bad, findings);
            if findings.report.damage.len() == before {
                // Claimed by records of segments that are closed already.
                self.claimants(id)?
                    .iter()
                    .for_each(|log| findings.damage(log, lost(id, bad)));
            }
        }
        // Where records may be lost nobody knows what they claimed.
        let keep = if findings.has_hidden {
            scan.end
        } else {
            verdict.keep
        };
        let frames = scan
            .frames
            .into_iter()
            .filter(|frame| frame.end() <= keep)
            .collect();
        Ok(Unclosed {
            id,
            file,
            frames,
            keep,
        })
    }

    /// The file, what is in it, and how long it is.
    fn read_unclosed(
        &self,
        id: SegmentId,
        findings: &mut Findings,
    ) -> Result<(Option<SharedFile>, Scan, u64), OpenError> {
        let path = id.path(&self.root, FileKind::Car);
        let failed = |error| OpenError::Disk {
            what: path.clone(),
            error,
        };
        let Some(file) = self.disk.open(&path).map_err(failed)? else {
            let state = self
                .book()
                .accounts
                .get(&id.number)
                .map(|account| account.row.state);
            if state == Some(State::Open) {
                let bad = Bad {
                    start: 0,
                    end: 0,
                    may_hide_record: id.plane == Plane::Catalog,
                };
                self.note_bad(id, &bad, findings);
            } else {
                findings.report.never_made += 1;
            }
            return Ok((None, Scan::default(), 0));
        };
        let length = file.length().map_err(failed)?;
        let scan = scan_file(Bytes(file.as_ref()), length, id.plane).map_err(failed)?;
        Ok((Some(file), scan, length))
    }

    /// The record in a frame that was scanned.
    fn read_record(
        &self,
        id: SegmentId,
        file: &dyn File,
        frame: &Frame,
    ) -> Result<Record, OpenError> {
        let mut bytes = vec![0; frame.length as usize];
        let read = file.read_at(&mut bytes, frame.payload());
        let read = read.and_then(|_| Record::from_bytes(&bytes).map_err(std::io::Error::other));
        read.map_err(|error| OpenError::Disk {
            what: id.path(&self.root, FileKind::Car),
            error,
        })
    }

    fn claimed(&self, id: SegmentId) -> u64 {
        self.book()
            .accounts
            .get(&id.number)
            .map_or(0, |account| account.row.claimed)
    }

    /// Takes a record in, if the table does not have it yet.
    fn replay(
        &self,
        record: &Record,
        frame: &Frame,
        findings: &mut Findings,
    ) -> Result<(), OpenError> {
        let head = self.newest(&record.log)?;
        let (seq, commit) = head.map_or((0, None), |head| (head.seq, Some(head.commit)));
        if record.seq <= seq {
            findings.report.skipped += 1;
            return Ok(());
        }
        if record.seq != seq + 1 || record.prev != commit {
            let found = Damage {
                log: None,
                segment: None,
                reason: format!("no chain of commits from {seq} to {}", record.seq),
            };
            findings.damage(&record.log, found);
        }
        let mut draft = Draft::default();
        draft.apply(record, frame.cid, frame.end(), |key| self.value(key))?;
        self.with_book(|book| book.publish(draft));
        findings.report.replayed += 1;
        Ok(())
    }

    fn note_bad(&self, id: SegmentId, bad: &Bad, findings: &mut Findings) {
        if bad.may_hide_record && id.plane == Plane::Catalog {
            findings.hidden.push((lost(id, bad), BTreeSet::new()));
            findings.has_hidden = true;
        } else if bad.end == 0 {
            findings.report.damage.push(lost(id, bad));
        }
    }

    /// Where a lost piece may have had a record, every log that was not seen since may be the one
    /// it belonged to.
    fn name_hidden(&self, findings: &mut Findings) -> Result<(), OpenError> {
        if findings.hidden.is_empty() {
            return Ok(());
        }
        let mut logs: Vec<String> = Vec::new();
        let mut after: Option<String> = None;
        loop {
            let page = self.heads("", after.as_deref(), PAGE_ROWS)?;
            after = page.last().map(|(log, _)| log.clone());
            let is_last = page.len() < PAGE_ROWS;
            logs.extend(page.into_iter().map(|(log, _)| log));
            if is_last {
                break;
            }
        }
        for (found, seen) in std::mem::take(&mut findings.hidden) {
            let unseen: Vec<_> = logs.iter().filter(|log| !seen.contains(*log)).collect();
            // A log that had its only commits there is not even known by name.
            findings.report.damage.push(found.clone());
            unseen
                .iter()
                .for_each(|log| findings.damage(log, found.clone()));
        }
        Ok(())
    }

    fn note_damage(&self, damage: &[Damage], has_hidden: bool) {
        self.with_book(|book| {
            for Damage { log, reason, .. } in damage {
                book.has_lost_blocks = true;
                let unknown = has_hidden.then_some(UNKNOWN_LOG);
                if let Some(log) = log.as_deref().or(unknown) {
                    book.damaged
                        .entry(log.to_owned())
                        .or_insert_with(|| reason.clone());
                }
            }
        });
    }

    /// Seals what counts and lets go of the rest, in one batch with all that was replayed.
    fn close_found(
        &self,
        unclosed: Vec<Unclosed>,
        findings: &mut Findings,
    ) -> Result<(), OpenError> {
        let mut sealed = Vec::new();
        let mut others: Vec<KvChange> = Vec::new();
        for found in &unclosed {
            if self.is_claimed(found.id) || (findings.has_hidden && !found.frames.is_empty()) {
                if let Some(file) = &found.file {
                    let failed = |error| OpenError::Disk {
                        what: format!("cutting {}", found.id),
                        error,
                    };
                    file.set_len(found.keep).map_err(failed)?;
                    // I2: what was found may have been in the system's memory only; from now on
                    // it is shown to others, so it must stay.
                    let synced = file.sync_all();
                    synced.map_err(|error| self.die(format!("sync of {}: {error}", found.id)))?;
                }
                sealed.push((found.id, found.keep, found.frames.len() as u64));
            }
        }
        // A file that is there without its `open` key is made whole first.
        self.with_book(|book| -> Result<(), StoreError> {
            for found in &unclosed {
                let Some(account) = book.accounts.get_mut(&found.id.number) else {
                    continue;
                };
                if sealed.iter().any(|(id, ..)| *id == found.id) {
                    account.row.state = State::Open;
                } else {
                    account.row.state = next_state(account.row.state, Event::Release)?;
                    account.is_dirty = true;
                }
            }
            let rows = book.damaged.iter();
            others.extend(
                rows.map(|(log, reason)| (damage_key(log), Some(reason.clone().into_bytes()))),
            );
            Ok(())
        })?;
        findings.report.sealed = sealed.len();
        findings.report.released = unclosed.len() - sealed.len();
        if !unclosed.is_empty() || !others.is_empty() {
            self.write_table(&sealed, &others)?;
        }
        for found in unclosed
            .into_iter()
            .filter(|f| sealed.iter().any(|(id, ..)| *id == f.id))
        {
            let segment = Arc::new(Segment::sealed(found.id));
            if let Some(file) = found.file {
                self.show_sealed(&segment, file, &found.frames, found.keep);
            }
            self.change_readable(|segments| segments.push(segment));
        }
        findings.report.released += self.book().released(&BTreeSet::new()).count();
        Ok(self.prune()?)
    }

    fn is_claimed(&self, id: SegmentId) -> bool {
        let book = self.book();
        let account = book.accounts.get(&id.number);
        account.is_some_and(|account| !account.row.may_go(account.held, account.pending))
    }

    /// Every head's record must be there.
    fn check_heads(&self, findings: &mut Findings) -> Result<(), OpenError> {
        let mut record = Vec::new();
        let mut damage = Vec::new();
        for (key, value) in self.all(HEAD_PREFIX)? {
            let head = Head::from_bytes(&key, &value)?;
            let log = name_after(HEAD_PREFIX, &key).unwrap_or_default();
            match self.read_leaf(&head.commit, &mut record) {
                Err(StoreError::NotFound | StoreError::Corrupt(_)) => {
                    let reason = format!("its newest commit {} is in no segment", head.commit);
                    damage.push(Damage {
                        log: Some(log.to_owned()),
                        segment: Some(head.segment),
                        reason,
                    });
                }
                // That the system does not give a file says nothing of what is in it.
                read => read?,
            }
        }
        findings.leave_accepted(&mut damage);
        self.note_damage(&damage, false);
        damage.retain(|damage| !findings.report.damage.contains(damage));
        findings.report.damage.extend(damage);
        Ok(())
    }

    /// All rows under a prefix, those newer than the table counted in.
    pub(crate) fn all(&self, prefix: &[u8]) -> Result<Vec<Pair>, OpenError> {
        let mut out: Vec<Pair> = Vec::new();
        loop {
            let after = out.last().map(|(key, _)| key.clone());
            let page = self.scan(prefix, after.as_deref(), PAGE_ROWS)?;
            let is_last = page.len() < PAGE_ROWS;
            out.extend(page);
            if is_last {
                return Ok(out);
            }
        }
    }
}
