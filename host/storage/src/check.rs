//! Looking at everything: rows against files in both directions, every byte of every segment,
//! commits against heads, claims against segments.
//!
//! What trees reach is not known here. Must never change anything, nor stop at the first finding.

use std::collections::{BTreeMap, BTreeSet};
use std::io;

use billet_block::Cid;
use billet_segment::{FileKind, Frame, Record, Scan, SegmentId, State, scan_file};

use crate::error::is_exhausted;
use crate::segment::{Bytes, Content, Segment};
use crate::store::lock;
use crate::table::sidecars_of;
use crate::{AuditFinding, SegmentInfo, Store, StoreError};

/// What is said of a file that is not there.
const GONE: &str = "the file is gone";

/// What is said of a file that was cut, or goes on.
const OTHER_LENGTH: &str = "the file is not as long as it was sealed";

const fn is_sealed(info: &SegmentInfo) -> bool {
    matches!(info.state, State::Sealed | State::Compacting)
}

/// Whether a file of `end` bytes is not as long as its row says.
const fn is_other_length(info: &SegmentInfo, end: u64) -> bool {
    is_sealed(info) && end != info.bytes
}

/// What kind of finding it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum FindingKind {
    /// Recovery found that something durable was lost.
    Lost,
    /// A row without its file.
    NoFile,
    /// A file of another length than its row says.
    OtherLength,
    /// A file that the system does not give, whatever its row says.
    Unreadable,
    /// A file without a row.
    Stray,
    /// Bytes of a segment that are no block, or a block that is not what its CID says.
    BadBytes,
    /// A segment with other blocks than its row says.
    OtherBlocks,
    /// A file beside a segment is missing or wrong. It is made anew when it is needed: no damage.
    Index,
    /// A commit that is newer than its log's head, or whose log has none.
    NoHead,
    /// A head that is not what its commit says.
    OtherHead,
    /// A chain of commits with a gap.
    NoChain,
    /// A held claim that is gone, or lies in a segment that is.
    NoClaim,
    /// A row of a log that is not as the newest commit to change it left it.
    NoRow,
}

impl FindingKind {
    /// Its name, for machines.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Lost => "lost",
            Self::NoFile => "no-file",
            Self::OtherLength => "other-length",
            Self::Unreadable => "unreadable",
            Self::Stray => "stray-file",
            Self::BadBytes => "bad-bytes",
            Self::OtherBlocks => "other-blocks",
            Self::Index => "index",
            Self::NoHead => "no-head",
            Self::OtherHead => "other-head",
            Self::NoChain => "no-chain",
            Self::NoClaim => "no-claim",
            Self::NoRow => "no-row",
        }
    }

    /// Whether anything is lost or wrong by it.
    pub const fn is_damage(self) -> bool {
        !matches!(self, Self::Index)
    }
}

/// Something that is not as it should be.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Finding {
    /// What kind.
    pub kind: FindingKind,
    /// Whose, where that is known.
    pub log: Option<String>,
    /// The file, relative to the store's folder.
    pub path: Option<String>,
    /// For people.
    pub what: String,
}

/// Where findings go, and whether to go on; how many bytes of how many were read.
pub trait Watch {
    /// Takes a finding.
    fn found(&mut self, finding: Finding);
    /// Tells how far the check is; false ends it.
    fn progress(&mut self, done: u64, all: u64) -> bool;
}

impl Watch for Vec<Finding> {
    fn found(&mut self, finding: Finding) {
        self.push(finding);
    }

    fn progress(&mut self, _done: u64, _all: u64) -> bool {
        true
    }
}

/// A block or a bad section of a segment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Section {
    /// A block that is what its CID says, and whether it is a commit record.
    Block {
        /// Where it is.
        frame: Frame,
        /// Log and number of the commit.
        commit: Option<(String, u64)>,
    },
    /// Bytes that are none, or that the file is too short or too long by.
    Bad {
        /// The first of them.
        start: u64,
        /// The first behind them.
        end: u64,
    },
}

impl Store {
    /// The file of a segment, relative to the store's folder.
    pub fn segment_path(&self, id: SegmentId) -> String {
        id.path(&self.root, FileKind::Car)
    }

    /// The record of a commit.
    ///
    /// # Errors
    /// As [`Store::read_leaf`]; `Corrupt` for a block that is no record.
    pub fn record(&self, commit: &Cid) -> Result<Record, StoreError> {
        let mut bytes = Vec::new();
        self.read_leaf(commit, &mut bytes)?;
        match Record::from_bytes(&bytes) {
            Ok(record) if commit.matches(&bytes) => Ok(record),
            _ => Err(StoreError::Corrupt(*commit)),
        }
    }

    /// Everything in a segment, in order; each block is hashed.
    ///
    /// # Errors
    /// `NotFound` for a segment that is not there or has no file; `Unavailable` and `Exhausted` for
    /// one that the system does not give.
    pub fn sections(&self, number: u64) -> Result<Vec<Section>, StoreError> {
        let segments = self.segments();
        let info = segments.iter().find(|info| info.id.number == number);
        let info = info.ok_or(StoreError::NotFound)?;
        let scanned = self.scan_segment(info).map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => StoreError::NotFound,
            _ => StoreError::of_file(&self.segment_path(info.id), &error),
        });
        let (scan, end) = scanned?;
        // Both lists are in the order of the file.
        let mut records = scan.records.iter().peekable();
        let blocks = scan.frames.iter().map(|frame| {
            let found = records.next_if(|found| found.frame.offset == frame.offset);
            Section::Block {
                frame: *frame,
                commit: found.map(|found| (found.log.clone(), found.seq)),
            }
        });
        let bad = scan.bad.iter().map(|bad| Section::Bad {
            start: bad.start,
            end: bad.end,
        });
        let missing = is_other_length(info, end).then_some(Section::Bad {
            start: end.min(info.bytes),
            end: end.max(info.bytes),
        });
        let mut sections: Vec<_> = blocks.chain(bad).chain(missing).collect();
        sections.sort_by_key(|section| match section {
            Section::Block { frame, .. } => frame.offset,
            Section::Bad { start, .. } => *start,
        });
        sections.dedup();
        Ok(sections)
    }

    /// Reads one segment and checks it against its row and the files beside it.
    ///
    /// # Errors
    /// `NotFound` for a segment that is not there; `Exhausted`.
    pub fn check_segment(&self, number: u64, watch: &mut dyn Watch) -> Result<(), StoreError> {
        let segments = self.segments();
        let info = segments.iter().find(|info| info.id.number == number);
        let info = info.ok_or(StoreError::NotFound)?;
        self.look_at(info, &BTreeSet::new(), watch).map(drop)
    }

    /// Checks the whole store. `files` lists all files below a folder of its folder (see
    /// [`crate::list_files`]).
    ///
    /// # Errors
    /// When the disk or the table of keys cannot be asked.
    pub fn check(
        &self,
        files: &dyn Fn(&str) -> io::Result<Vec<String>>,
        watch: &mut dyn Watch,
    ) -> Result<(), StoreError> {
        self.check_lost(watch);
        let told = self.check_files(files, watch)?;
        let segments = self.segments();
        let all = segments.iter().map(|info| info.bytes).sum();
        let (mut done, mut newest) = (0, BTreeMap::new());
        for info in &segments {
            if !watch.progress(done, all) {
                return Ok(());
            }
            done += info.bytes;
            for found in self.look_at(info, &told, watch)?.records {
                if found.durable.segment == info.id.number {
                    let seq = newest.entry(found.log).or_insert(0);
                    *seq = found.seq.max(*seq);
                }
            }
        }
        watch.progress(all, all);
        self.check_newest(&newest, watch)?;
        self.check_chains(watch)?;
        self.check_claims(watch)
    }

    fn check_lost(&self, watch: &mut dyn Watch) {
        let (found, now) = (self.recovery().damage.iter(), self.damaged());
        // What was accepted since the start is no loss to tell.
        let stands = |name: &String| now.iter().any(|(log, _)| log == name);
        let found = found.filter(|damage| damage.log.as_ref().is_none_or(stands));
        let found = found.map(|damage| (damage.log.clone(), damage.reason.clone()));
        let kept = now.iter().cloned();
        let kept = kept.map(|(log, reason)| ((!log.is_empty()).then_some(log), reason));
        for (log, what) in found.chain(kept).collect::<BTreeSet<_>>() {
            let (kind, path) = (FindingKind::Lost, None);
            watch.found(Finding {
                kind,
                log,
                path,
                what,
            });
        }
    }

    /// Looks twice: what comes and goes between listing and looking is no finding. Gives the files
    /// that it told to be gone or of another length.
    fn check_files(
        &self,
        files: &dyn Fn(&str) -> io::Result<Vec<String>>,
        watch: &mut dyn Watch,
    ) -> Result<BTreeSet<String>, StoreError> {
        let mut told = BTreeSet::new();
        // Whatever else is in the store's folder is nobody's business.
        let root = self.root.to_string();
        let look = || self.audit(&files(&root).map_err(|error| StoreError::of_disk(&error))?);
        let first = look()?;
        if first.is_empty() {
            return Ok(told);
        }
        let again = look()?;
        for found in first.into_iter().filter(|found| again.contains(found)) {
            let (kind, path, what) = match found {
                AuditFinding::NoFile(path) => {
                    told.insert(path.clone());
                    (FindingKind::NoFile, path, GONE)
                }
                AuditFinding::OtherLength(path) => {
                    told.insert(path.clone());
                    (FindingKind::OtherLength, path, OTHER_LENGTH)
                }
                AuditFinding::NoKey(path) => {
                    (FindingKind::Stray, path, "no row is about this file")
                }
            };
            watch.found(Finding {
                kind,
                log: None,
                path: Some(path),
                what: what.to_owned(),
            });
        }
        Ok(told)
    }

    /// Reads a segment and judges it; what was found in it. That it cannot be read is a finding,
    /// but of one that went meanwhile; what is in `told` is not told again.
    fn look_at(
        &self,
        info: &SegmentInfo,
        told: &BTreeSet<String>,
        watch: &mut dyn Watch,
    ) -> Result<Scan, StoreError> {
        let path = self.segment_path(info.id);
        let error = match self.scan_segment(info) {
            Ok((scan, end)) => {
                if is_other_length(info, end) && !told.contains(&path) {
                    watch.found(Finding {
                        kind: FindingKind::OtherLength,
                        log: None,
                        path: Some(path),
                        what: OTHER_LENGTH.to_owned(),
                    });
                }
                self.judge_segment(info, &scan, end, watch)?;
                return Ok(scan);
            }
            Err(error) if is_exhausted(&error) => return Err(StoreError::of_file(&path, &error)),
            Err(error) => error,
        };
        let (kind, what) = match error.kind() {
            io::ErrorKind::NotFound => (FindingKind::NoFile, GONE.to_owned()),
            _ => {
                let what = format!("the file cannot be read: {error}");
                (FindingKind::Unreadable, what)
            }
        };
        let now = self
            .book()
            .accounts
            .get(&info.id.number)
            .map(|a| a.row.state);
        let has_file = matches!(now, Some(State::Open | State::Sealed | State::Compacting));
        if has_file && (kind != FindingKind::NoFile || !told.contains(&path)) {
            watch.found(Finding {
                kind,
                log: None,
                path: Some(path),
                what,
            });
        }
        Ok(Scan::default())
    }

    /// Hashes a segment's blocks, as far as it is durable.
    fn scan_segment(&self, info: &SegmentInfo) -> io::Result<(Scan, u64)> {
        let file = self.open_file(&self.segment_path(info.id))?;
        let file = file.ok_or(io::ErrorKind::NotFound)?;
        let mut length = file.length()?;
        if let Some(segment) = self.find_segment(info.id) {
            length = length.min(segment.synced());
        }
        let scan = scan_file(Bytes(file.as_ref()), length, info.id.plane)?;
        Ok((scan, length))
    }

    fn find_segment(&self, id: SegmentId) -> Option<std::sync::Arc<Segment>> {
        let segments = self.segments_now();
        let found = segments.iter().find(|segment| segment.id == id);
        found.map(std::sync::Arc::clone)
    }

    fn judge_segment(
        &self,
        info: &SegmentInfo,
        scan: &Scan,
        end: u64,
        watch: &mut dyn Watch,
    ) -> Result<(), StoreError> {
        let path = self.segment_path(info.id);
        let mut told = |kind, path: &str, what: String| {
            watch.found(Finding {
                kind,
                log: None,
                path: Some(path.to_owned()),
                what,
            });
        };
        for bad in &scan.bad {
            let what = format!("no good block from byte {} to {}", bad.start, bad.end);
            told(FindingKind::BadBytes, &path, what);
        }
        if !is_sealed(info) || !scan.bad.is_empty() || end != info.bytes {
            return Ok(());
        }
        let blocks = scan.frames.len() as u64;
        if blocks != info.blocks {
            let what = format!("{blocks} blocks of {}", info.blocks);
            told(FindingKind::OtherBlocks, &path, what);
        }
        let right = sidecars_of(&scan.frames, info.bytes);
        for (kind, right) in [(FileKind::Idx, &right.idx), (FileKind::Sum, &right.sum)] {
            let path = info.id.path(&self.root, kind);
            let found = self.read_file(&path);
            match found.map_err(|error| StoreError::of_file(&path, &error))? {
                Some(found) if found == *right => {}
                Some(_) => told(
                    FindingKind::Index,
                    &path,
                    "wrong; made anew when it is needed".to_owned(),
                ),
                None => told(
                    FindingKind::Index,
                    &path,
                    "missing; made anew when it is needed".to_owned(),
                ),
            }
        }
        if lock(&self.rebuilt).contains(&info.id.number) {
            let path = info.id.path(&self.root, FileKind::Idx);
            let what =
                "this or the .sum beside it was missing or wrong; made anew when it is needed";
            told(FindingKind::Index, &path, what.to_owned());
        }
        Ok(())
    }

    /// No durable commit is newer than its log's head.
    fn check_newest(
        &self,
        newest: &BTreeMap<String, u64>,
        watch: &mut dyn Watch,
    ) -> Result<(), StoreError> {
        // A group that was synced has its heads published when it lets go of this.
        drop(lock(&self.catalog));
        for (log, seq) in newest {
            let head = self.newest(log)?.map_or(0, |head| head.seq);
            if head < *seq {
                watch.found(Finding {
                    kind: FindingKind::NoHead,
                    log: Some(log.clone()),
                    path: None,
                    what: format!("commit {seq} is durable, but the head is {head}"),
                });
            }
        }
        Ok(())
    }

    /// Bytes and blocks of a segment that is still written.
    pub(crate) fn open_extent(&self, id: SegmentId) -> Option<(u64, u64)> {
        self.find_segment(id)?.read(|content| match content {
            Content::Open { index, .. } => {
                let frames = index.frames();
                let end = frames.last().map_or(0, Frame::end);
                Some((end, frames.len() as u64))
            }
            Content::Sealed { .. } => None,
        })
    }
}
