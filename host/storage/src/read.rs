//! Blocks on their way out.
//!
//! Must never hand out a byte of a block whose checksum was not compared on this very read, unless
//! the block comes from the process's own memory (I6).

use std::io;
use std::sync::Arc;

use billet_block::{Cid, Codec};
use billet_segment::{FileKind, Frame, SegmentId, scan_file};
use bytes::Bytes;

use crate::error::is_exhausted;
use crate::segment::{Content, Segment};
use crate::store::lock;
use crate::table::{Sidecars, Table};
use crate::tail::Tail;
use crate::{File, Store, StoreError};

/// Where a block may be found.
enum Found {
    Place(Arc<dyn File>, Frame),
    Absent,
    /// The segment is gone.
    Lost,
    /// The system does not give the segment, so nobody knows.
    Refused(StoreError),
}

impl Store {
    /// A block of either plane, checked. Blocks of the catalog are kept in memory.
    ///
    /// # Errors
    /// `NotFound`; `Corrupt` when its bytes are damaged or may be among those that were lost;
    /// `Fatal`.
    pub fn block(&self, cid: &Cid) -> Result<Bytes, StoreError> {
        self.check_alive()?;
        if let Some(bytes) = lock(&self.blocks).get(cid) {
            self.counters.block_hits.add(1);
            return Ok(bytes);
        }
        if let Some(bytes) = self.book().staged(cid) {
            return Ok(bytes);
        }
        self.counters.block_misses.add(1);
        let mut out = Vec::new();
        self.read_placed(cid, &mut out, usize::MAX)?;
        let bytes = Bytes::from(out);
        if cid.codec() != Codec::Raw {
            lock(&self.blocks).put(*cid, bytes.clone(), bytes.len());
        }
        Ok(bytes)
    }

    /// The same where that takes no wait for the disk; `None` where it would, and for whatever is
    /// wrong: [`Store::block`] tells.
    pub fn block_now(&self, cid: &Cid) -> Option<Bytes> {
        self.check_alive().ok()?;
        if let Some(bytes) = lock(&self.blocks).get(cid) {
            self.counters.block_hits.add(1);
            return Some(bytes);
        }
        self.book_now()?.staged(cid)
    }

    /// A block of either plane, checked, in `out` instead of what that held.
    ///
    /// # Errors
    /// As [`Store::block`]; `out` is empty then.
    pub fn read_leaf(&self, cid: &Cid, out: &mut Vec<u8>) -> Result<(), StoreError> {
        self.read_up_to(cid, out, usize::MAX)
    }

    /// The same in the memory that `out` has, which does not grow.
    ///
    /// # Errors
    /// As [`Store::read_leaf`]; `Invalid` for a block that finds no room.
    pub fn read_leaf_within(&self, cid: &Cid, out: &mut Vec<u8>) -> Result<(), StoreError> {
        self.read_up_to(cid, out, out.capacity())
    }

    fn read_up_to(&self, cid: &Cid, out: &mut Vec<u8>, limit: usize) -> Result<(), StoreError> {
        let done = self.check_alive().and_then(|()| {
            if let Some(bytes) = self.book().staged(cid) {
                return replace(out, &bytes, limit);
            }
            self.read_placed(cid, out, limit).map(|_| ())
        });
        if done.is_err() {
            out.clear();
        }
        done
    }

    /// The same where that takes no wait for the disk, and for a block that finds room in the
    /// memory that `out` has: whether it was done. Where not, nothing is known of `out`, and
    /// [`Store::read_leaf`] tells what is wrong.
    pub fn read_leaf_now(&self, cid: &Cid, out: &mut Vec<u8>) -> bool {
        let Some(staged) = self.book_now().map(|book| book.staged(cid)) else {
            return false;
        };
        if self.check_alive().is_err() {
            return false;
        }
        if let Some(bytes) = staged {
            return replace(out, &bytes, out.capacity()).is_ok();
        }
        let segments = self.segments_now();
        let place = segments.iter().rev().find_map(|segment| {
            let found = match seen(segment, cid) {
                Some(found) => found,
                None => place_in(&*self.loaded_table(segment)?, cid),
            };
            match found {
                Found::Place(file, frame) => Some((file, frame)),
                Found::Absent | Found::Lost | Found::Refused(_) => None,
            }
        });
        place.is_some_and(|(file, frame)| {
            frame.length as usize <= out.capacity()
                && read_checked(&frame, out, |out, offset| file.read_now(out, offset))
        })
    }

    /// `length` bytes from `offset` on of a block, all of which is checked first.
    ///
    /// # Errors
    /// As [`Store::block`]; `Invalid` for bytes beyond its end.
    pub fn read_leaf_range(
        &self,
        cid: &Cid,
        offset: u64,
        length: u64,
    ) -> Result<Bytes, StoreError> {
        let mut out = Vec::new();
        self.read_leaf(cid, &mut out)?;
        let start = usize::try_from(offset).ok();
        let end = offset
            .checked_add(length)
            .and_then(|end| usize::try_from(end).ok());
        match (start, end) {
            (Some(start), Some(end)) if end <= out.len() => Ok(Bytes::from(out).slice(start..end)),
            _ => Err(StoreError::Invalid(format!("{cid} is shorter than that"))),
        }
    }

    /// A block of at most `limit` bytes that is in a segment, checked, and the number of that
    /// segment.
    pub(crate) fn read_placed(
        &self,
        cid: &Cid,
        out: &mut Vec<u8>,
        limit: usize,
    ) -> Result<u64, StoreError> {
        let mut segments = self.segments_now();
        loop {
            let found = self.read_among(&segments, cid, out, limit);
            let now = self.segments_now();
            // What is not found may be in a segment that went, or came, while this looked.
            if found.is_ok() || Arc::ptr_eq(&segments, &now) {
                return found;
            }
            segments = now;
        }
    }

    fn read_among(
        &self,
        segments: &[Arc<Segment>],
        cid: &Cid,
        out: &mut Vec<u8>,
        limit: usize,
    ) -> Result<u64, StoreError> {
        let (mut is_damaged, mut refused) = (false, None);
        for segment in segments.iter().rev() {
            match self.find(segment, cid) {
                Found::Place(_, frame) if frame.length as usize > limit => return Err(no_room()),
                Found::Place(file, frame) => {
                    if read_checked(&frame, out, |out, offset| read_whole(&*file, out, offset)) {
                        return Ok(segment.id.number);
                    }
                    tracing::error!(%cid, segment = %segment.id, "a damaged block");
                    is_damaged = true;
                }
                Found::Absent => {}
                Found::Lost => is_damaged = true,
                Found::Refused(error) => refused = Some(error),
            }
        }
        // What was not looked into may have it.
        if let Some(error) = refused {
            Err(error)
        } else if is_damaged || self.book().has_lost_blocks {
            Err(StoreError::Corrupt(*cid))
        } else {
            Err(StoreError::NotFound)
        }
    }

    fn find(&self, segment: &Segment, cid: &Cid) -> Found {
        if let Some(place) = seen(segment, cid) {
            return place;
        }
        match self.table(segment) {
            Ok(Some(table)) => place_in(&table, cid),
            Ok(None) => Found::Lost,
            Err(error) => {
                tracing::error!(segment = %segment.id, %error, "a segment cannot be read");
                Found::Refused(error)
            }
        }
    }

    /// The table of a sealed segment, where it is in memory.
    fn loaded_table(&self, segment: &Segment) -> Option<Arc<Table>> {
        let table = lock(&self.tables).get(&segment.id.number)?;
        self.counters.table_hits.add(1);
        Some(table)
    }

    /// The table of a sealed segment; `None` when its file is not there.
    ///
    /// # Errors
    /// `Unavailable` and `Exhausted` when the system does not give it.
    fn table(&self, segment: &Segment) -> Result<Option<Arc<Table>>, StoreError> {
        if let Some(table) = self.loaded_table(segment) {
            return Ok(Some(table));
        }
        let number = segment.id.number;
        let _loading = lock(&self.loading);
        if let Some(table) = lock(&self.tables).get(&number) {
            return Ok(Some(table));
        }
        self.counters.table_misses.add(1);
        let path = segment.id.path(&self.root, FileKind::Car);
        let loaded = self.load_table(segment.id, &path);
        let Some(table) = loaded.map_err(|error| StoreError::of_file(&path, &error))? else {
            return Ok(None);
        };
        let table = Arc::new(table);
        lock(&self.tables).put(number, Arc::clone(&table), table.bytes());
        let made = Arc::new(table.filter());
        segment.change(|content| {
            if let Content::Sealed {
                filter: filter @ None,
            } = content
            {
                *filter = Some(made);
            }
        });
        Ok(Some(table))
    }

    fn load_table(&self, id: SegmentId, path: &str) -> io::Result<Option<Table>> {
        let bytes = self
            .book()
            .accounts
            .get(&id.number)
            .filter(|account| account.row.state.is_readable())
            .map(|account| account.row.bytes);
        let (Some(bytes), Some(file)) = (bytes, self.open_file(path)?) else {
            return Ok(None);
        };
        let sidecar = |kind| self.read_file(&id.path(&self.root, kind));
        if let (Some(idx), Some(sum)) = (sidecar(FileKind::Idx)?, sidecar(FileKind::Sum)?) {
            let sidecars = Sidecars { idx, sum };
            if let Some(table) = Table::of_sidecars(Arc::clone(&file), &sidecars, bytes) {
                return Ok(Some(table));
            }
        }
        tracing::warn!(%id, "making the index of a segment anew");
        let length = file.length()?;
        let scan = scan_file(crate::segment::Bytes(file.as_ref()), length, id.plane)?;
        if !scan.bad.is_empty() || scan.end < bytes {
            tracing::error!(%id, "a sealed segment is damaged");
            self.with_book(|book| book.has_lost_blocks = true);
        }
        self.write_sidecars(id, &scan.frames, bytes);
        lock(&self.rebuilt).insert(id.number);
        Ok(Some(Table::of_frames(file, &scan.frames)))
    }

    /// Opens a file. Where the process may open no more, tables are let go of, each of which has
    /// one open.
    ///
    /// # Errors
    /// What the system says.
    pub(crate) fn open_file(&self, path: &str) -> io::Result<Option<Arc<dyn File>>> {
        self.making_room(|| self.disk.open(path))
    }

    /// The same for any way to open one.
    pub(crate) fn making_room<T>(&self, open: impl Fn() -> io::Result<T>) -> io::Result<T> {
        loop {
            match open() {
                Err(error) if is_exhausted(&error) && lock(&self.tables).remove_oldest() => {}
                opened => return opened,
            }
        }
    }

    /// A whole file that can be made anew; `None` when it is not there or cannot be read.
    ///
    /// # Errors
    /// When the process is at a limit: then nothing is known of the file.
    pub(crate) fn read_file(&self, path: &str) -> io::Result<Option<Vec<u8>>> {
        let read = || {
            let Some(file) = self.open_file(path)? else {
                return Ok(None);
            };
            let length = usize::try_from(file.length()?).map_err(io::Error::other)?;
            let mut out = vec![0; length];
            let bytes = file.read_at(&mut out, 0)?;
            out.truncate(bytes);
            Ok(Some(out))
        };
        match read() {
            Err(error) if is_exhausted(&error) => Err(error),
            read => Ok(read.unwrap_or_default()),
        }
    }
}

/// What a segment's own memory tells of a block; `None` when its table has to be asked.
fn seen(segment: &Segment, cid: &Cid) -> Option<Found> {
    segment.read(|content| match content {
        Content::Open { file, index } => Some(match index.get(cid) {
            Some(frame) => Found::Place(Arc::<Tail>::clone(file), frame),
            None => Found::Absent,
        }),
        Content::Sealed {
            filter: Some(filter),
        } if !filter.may_have(cid.digest()) => Some(Found::Absent),
        Content::Sealed { .. } => None,
    })
}

fn place_in(table: &Table, cid: &Cid) -> Found {
    match table.get(cid) {
        Some(frame) => Found::Place(Arc::clone(&table.file), frame),
        None => Found::Absent,
    }
}

/// A block of memory's in `out` instead of what that held.
fn replace(out: &mut Vec<u8>, bytes: &[u8], limit: usize) -> Result<(), StoreError> {
    if bytes.len() > limit {
        return Err(no_room());
    }
    out.clear();
    out.extend_from_slice(bytes);
    Ok(())
}

fn no_room() -> StoreError {
    StoreError::Invalid("a block is longer than there is room for".to_owned())
}

fn read_whole(file: &dyn File, out: &mut [u8], offset: u64) -> io::Result<()> {
    match file.read_at(out, offset)? {
        bytes if bytes == out.len() => Ok(()),
        _ => Err(io::ErrorKind::UnexpectedEof.into()),
    }
}

/// Whether a block is as it was written. What `out` held is written over, not zeroed first.
fn read_checked(
    frame: &Frame,
    out: &mut Vec<u8>,
    read: impl FnOnce(&mut [u8], u64) -> io::Result<()>,
) -> bool {
    out.resize(frame.length as usize, 0);
    read(out, frame.payload()).is_ok() && billet_segment::crc(out) == frame.crc
}
