//! Appending to open segments, and opening them.
//!
//! Must never make a file before its key is durable (I4), nor use one before the file and all
//! folders above it are.

use std::collections::BTreeSet;
use std::sync::Arc;

use billet_car::Header;
use billet_segment::{Event, FileKind, Plane, SegmentId, SegmentRow, State};

use crate::book::Account;
use crate::segment::Segment;
use crate::store::lock;
use crate::tail::Tail;
use crate::{File as _, KvChange, Store, StoreError};

const NUMBERS_RESERVED: u64 = 16;

/// The key of the first number that is not reserved.
pub(crate) const NUMBERS_KEY: &[u8] = b"meta/numbers";

/// Numbers of segments; those below `end` are reserved by a durable row.
pub(crate) struct Numbers {
    pub(crate) next: u64,
    pub(crate) end: u64,
}

/// Who appends to a plane.
pub(crate) struct Writer {
    plane: Plane,
    /// A number whose key is durable, left by an attempt to open that failed.
    opening: Option<SegmentId>,
    pub(crate) current: Option<Current>,
    /// Full, but not sealed yet.
    pub(crate) full: Vec<Current>,
    /// Folders whose entries above them are known to be durable.
    folders: BTreeSet<String>,
}

/// A file that is appended to.
pub(crate) struct Current {
    pub(crate) segment: Arc<Segment>,
    pub(crate) file: Arc<Tail>,
    /// Where the next section goes.
    pub(crate) end: u64,
    /// How long the file is made already.
    pub(crate) allocated: u64,
}

impl Writer {
    pub(crate) const fn new(plane: Plane) -> Self {
        let folders = BTreeSet::new();
        Self {
            plane,
            opening: None,
            current: None,
            full: Vec::new(),
            folders,
        }
    }
}

impl Store {
    /// The file to append to; opens one if there is none.
    pub(crate) fn ensure_open<'a>(
        &self,
        writer: &'a mut Writer,
    ) -> Result<&'a mut Current, StoreError> {
        match writer.current {
            Some(ref mut current) => Ok(current),
            None => {
                let current = self.open_segment(writer)?;
                Ok(writer.current.insert(current))
            }
        }
    }

    fn open_segment(&self, writer: &mut Writer) -> Result<Current, StoreError> {
        let id = match writer.opening {
            Some(id) => id,
            None => *writer.opening.insert(self.reserve(writer.plane)?),
        };
        let disk = |error: std::io::Error| StoreError::of_disk(&error);
        let folder = id.folder(&self.root);
        let is_new_folder = !writer.folders.contains(&folder);
        if is_new_folder {
            for path in ancestors(&folder).iter().skip(1) {
                self.disk.make_folder(path).map_err(disk)?;
            }
        }
        let path = id.path(&self.root, FileKind::Car);
        let file = self.making_room(|| self.disk.create(&path)).map_err(disk)?;
        let header = Header::default().encode().unwrap_or_default();
        file.write_at(&header, 0).map_err(disk)?;
        // I1: the file, its entry and the folders above it are durable before it is `open`.
        self.counters.syncs.add(1);
        file.sync_all()
            .map_err(|error| self.die(format!("sync of {id}: {error}")))?;
        let folders = if is_new_folder {
            ancestors(&folder)
        } else {
            vec![folder.clone()]
        };
        for path in folders.iter().rev() {
            let synced = self.disk.sync_folder(path);
            synced.map_err(|error| self.die(format!("sync of folder {path:?}: {error}")))?;
        }
        let row = SegmentRow::new(next_state(State::Opening, Event::Created)?);
        let change = (id.key().into_bytes(), Some(row.to_bytes()));
        self.kv
            .batch(&[change])
            .map_err(|error| self.batch_error(error))?;
        writer.folders.insert(folder);
        writer.opening = None;
        let end = header.len() as u64;
        let file = Arc::new(Tail::new(file));
        let segment = Arc::new(Segment::open(id, Arc::clone(&file), end));
        self.with_book(|book| {
            // Not lowered: a body may have been counted in only after it is open.
            book.accounts.insert(id.number, Account::new(id, row));
        });
        self.change_readable(|segments| segments.push(Arc::clone(&segment)));
        Ok(Current {
            segment,
            file,
            end,
            allocated: end,
        })
    }

    /// Takes a number and makes its key durable.
    fn reserve(&self, plane: Plane) -> Result<SegmentId, StoreError> {
        let mut numbers = lock(&self.numbers);
        let id = SegmentId {
            number: numbers.next,
            plane,
        };
        let row = SegmentRow::new(next_state(State::Absent, Event::Reserve)?);
        let mut changes: Vec<KvChange> = vec![(id.key().into_bytes(), Some(row.to_bytes()))];
        let mut end = numbers.end;
        if id.number >= end {
            end = id.number + NUMBERS_RESERVED;
            changes.push((NUMBERS_KEY.to_vec(), Some(end.to_le_bytes().to_vec())));
        }
        // I4: key first, file second.
        self.kv
            .batch(&changes)
            .map_err(|error| self.batch_error(error))?;
        *numbers = Numbers {
            next: id.number + 1,
            end,
        };
        self.with_book(|book| book.accounts.insert(id.number, Account::new(id, row)));
        Ok(id)
    }

    /// Appends bytes and gives where they begin. After an error nothing counts as appended.
    pub(crate) fn append(&self, current: &mut Current, parts: &[&[u8]]) -> Result<u64, StoreError> {
        let start = current.end;
        let bytes: usize = parts.iter().map(|part| part.len()).sum();
        let end = start + bytes as u64;
        let disk = |error: std::io::Error| StoreError::of_disk(&error);
        if end > current.allocated {
            let step = self.config.allocate_bytes.max(1);
            let allocated = end.div_ceil(step) * step;
            current.file.allocate(allocated).map_err(disk)?;
            current.allocated = allocated;
        }
        let mut at = start;
        for part in parts {
            current.file.write_at(part, at).map_err(disk)?;
            at += part.len() as u64;
        }
        current.end = end;
        self.counters.appended(current.segment.id.plane, bytes);
        Ok(start)
    }

    /// Appends bytes without a wait: they reach the disk with the next ones, or ahead of the sync
    /// that is to cover them. Gives where they begin, or none where it takes a wait.
    pub(crate) fn append_now(&self, current: &mut Current, bytes: &[u8]) -> Option<u64> {
        let start = current.end;
        let end = start + bytes.len() as u64;
        if end > current.allocated || !current.file.keep(bytes, start) {
            return None;
        }
        current.end = end;
        let plane = current.segment.id.plane;
        self.counters.appended(plane, bytes.len());
        Some(start)
    }

    /// Cuts off what a failed append may have left. The sync of the group makes it last.
    pub(crate) fn cut_back(&self, current: &mut Current) -> Result<(), StoreError> {
        let cut = current.file.set_len(current.end);
        cut.map_err(|error| self.die(format!("cutting back {}: {error}", current.segment.id)))?;
        current.allocated = current.end;
        Ok(())
    }
}

/// The state after an event; the table of states is the one place that knows.
pub(crate) fn next_state(state: State, event: Event) -> Result<State, StoreError> {
    state
        .step(event)
        .map_err(|forbidden| StoreError::Invalid(forbidden.to_string()))
}

/// A folder and all above it, the root (empty) first.
fn ancestors(folder: &str) -> Vec<String> {
    let mut out = vec![String::new()];
    for (at, _) in folder.match_indices('/') {
        out.extend(folder.get(..at).map(str::to_owned));
    }
    out.push(folder.to_owned());
    out
}
