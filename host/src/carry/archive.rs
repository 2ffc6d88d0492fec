//! A CAR file whose every byte was read once: header, sections, and where each block lies.
//!
//! Takes about 50 bytes of memory a block. Must never hand out a block that was not hashed on that
//! very read, and never pass over a byte.

use std::collections::BTreeSet;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;
use std::path::Path;
use std::sync::atomic::{AtomicU8, Ordering};

use billet_block::{Cid, Codec};
use billet_car::{
    CarError, FRAME_HEAD_BYTES_MAX, HEADER_BYTES_MAX, Header, Parsed, parse_frame_head,
};
use bytes::Bytes;

use super::{Blocks, Fault, Lost, Progress};

/// Bytes that are read at once.
const READ_BYTES: usize = 4 << 20;

/// What is known of a block.
const FOUND: u8 = 0;
const REACHED: u8 = 1;
const LEAF: u8 = 2;

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Place {
    cid: Cid,
    /// Of its bytes.
    offset: u64,
    length: u32,
}

/// A CAR file.
#[derive(Debug)]
pub struct Archive {
    file: File,
    roots: Vec<Cid>,
    /// By CID, each once.
    places: Vec<Place>,
    /// Beside the places.
    marks: Vec<AtomicU8>,
    /// Names whose bytes are others.
    damaged: BTreeSet<Cid>,
}

impl Archive {
    /// Reads a whole file and hashes each block. What is wrong is told to `fault`; the blocks
    /// before it are there. Blocks.
    ///
    /// # Errors
    /// When the file cannot be read, or nobody waits for it any more.
    pub fn open(
        path: &Path,
        progress: &Progress,
        fault: &mut dyn FnMut(Fault),
    ) -> io::Result<Self> {
        let file = File::open(path)?;
        let bytes = file.metadata()?.len();
        progress.begin(bytes);
        let mut archive = Self {
            file,
            roots: Vec::new(),
            places: Vec::new(),
            marks: Vec::new(),
            damaged: BTreeSet::new(),
        };
        let mut window = Window::default();
        let mut at = 0;
        if let Err(error) = archive.scan(&mut window, &mut at, bytes, progress, fault)? {
            let reason = format!("at byte {at} of {bytes}: {error}");
            fault(Fault::at(None, None, reason));
        }
        archive.places.sort_unstable();
        archive.places.dedup_by_key(|place| place.cid);
        archive
            .marks
            .resize_with(archive.places.len(), || AtomicU8::new(FOUND));
        Ok(archive)
    }

    /// The outer error is the system's, the inner one the file's; `at` is where it is.
    fn scan(
        &mut self,
        window: &mut Window,
        at: &mut u64,
        bytes: u64,
        progress: &Progress,
        fault: &mut dyn FnMut(Fault),
    ) -> io::Result<Result<(), CarError>> {
        // Ten bytes are the longest number that says how long a header is.
        let head = window.at(&self.file, *at, HEADER_BYTES_MAX + 10)?;
        match Header::parse(head) {
            Ok(Parsed::Whole((header, length))) => {
                self.roots = header.roots;
                *at += length as u64;
            }
            Ok(Parsed::Incomplete { .. }) => return Ok(Err(CarError::Truncated)),
            Err(error) => return Ok(Err(error)),
        }
        while *at < bytes {
            progress.go_on()?;
            let head = window.at(&self.file, *at, FRAME_HEAD_BYTES_MAX)?;
            let frame = match parse_frame_head(head) {
                Ok(Parsed::Whole(frame)) => frame,
                Ok(Parsed::Incomplete { .. }) => return Ok(Err(CarError::Truncated)),
                Err(error) => return Ok(Err(error)),
            };
            let whole = window.at(&self.file, *at, frame.length)?;
            let Some(payload) = whole.get(frame.payload.clone()) else {
                return Ok(Err(CarError::Truncated));
            };
            let place = Place {
                cid: frame.cid,
                offset: *at + frame.payload.start as u64,
                length: payload.len() as u32,
            };
            if frame.cid.matches(payload) {
                self.places.push(place);
            } else {
                let reason = format!("at byte {at}: the bytes are not those of this name");
                fault(Fault::at(None, Some(&frame.cid), reason));
                self.damaged.insert(frame.cid);
            }
            *at += frame.length as u64;
            progress.add(frame.length);
        }
        Ok(Ok(()))
    }

    /// What the header names.
    pub fn roots(&self) -> &[Cid] {
        &self.roots
    }

    fn index(&self, cid: &Cid) -> Option<usize> {
        let found = self.places.binary_search_by(|place| place.cid.cmp(cid));
        found.ok()
    }

    fn mark(&self, cid: &Cid, mark: u8) {
        if let Some(seen) = self.index(cid).and_then(|index| self.marks.get(index)) {
            seen.fetch_max(mark, Ordering::Relaxed);
        }
    }

    /// Notes that something links a block.
    pub(super) fn reach(&self, cid: &Cid) {
        self.mark(cid, REACHED);
    }

    /// Notes that a block is the leaf of a body.
    pub(super) fn reach_leaf(&self, cid: &Cid) {
        self.mark(cid, LEAF);
    }

    /// Blocks that nothing links.
    pub(super) fn unreached(&self) -> impl Iterator<Item = Cid> {
        self.select(FOUND)
    }

    fn select(&self, mark: u8) -> impl Iterator<Item = Cid> {
        let places = self.places.iter().zip(&self.marks);
        places
            .filter(move |(_, seen)| seen.load(Ordering::Relaxed) == mark)
            .map(|(place, _)| place.cid)
    }

    /// Leaves, or all other blocks that something links, in the order of the file.
    pub(super) fn in_order(&self, leaves: bool) -> Vec<Cid> {
        let mark = if leaves { LEAF } else { REACHED };
        let places = self.places.iter().zip(&self.marks);
        let mut found: Vec<(u64, Cid)> = places
            .filter(|(_, seen)| seen.load(Ordering::Relaxed) == mark)
            .map(|(place, _)| (place.offset, place.cid))
            .collect();
        found.sort_unstable();
        found.into_iter().map(|(_, cid)| cid).collect()
    }
}

impl Blocks for Archive {
    fn block(&self, cid: &Cid) -> Result<Bytes, Lost> {
        let place = self.index(cid).and_then(|index| self.places.get(index));
        let Some(place) = place else {
            let is_damaged = self.damaged.contains(cid);
            return Err(if is_damaged {
                Lost::Damaged
            } else {
                Lost::Missing
            });
        };
        let mut bytes = vec![0; place.length as usize];
        let read = self.file.read_exact_at(&mut bytes, place.offset);
        if read.is_err() || !cid.matches(&bytes) {
            return Err(Lost::Damaged);
        }
        if cid.codec() != Codec::Raw || bytes.is_empty() {
            self.reach(cid);
        }
        Ok(Bytes::from(bytes))
    }
}

/// A stretch of the file in memory.
#[derive(Default)]
struct Window {
    bytes: Vec<u8>,
    start: u64,
}

impl Window {
    /// `length` bytes from `offset` on, fewer at the end of the file.
    fn at(&mut self, file: &File, offset: u64, length: usize) -> io::Result<&[u8]> {
        let from = usize::try_from(offset.saturating_sub(self.start)).unwrap_or(usize::MAX);
        let has = self.bytes.len().saturating_sub(from);
        if offset < self.start || has < length {
            self.bytes.resize(READ_BYTES.max(length), 0);
            let mut done = 0;
            while let Some(rest) = self.bytes.get_mut(done..).filter(|rest| !rest.is_empty()) {
                match file.read_at(rest, offset + done as u64) {
                    Ok(0) => break,
                    Ok(count) => done += count,
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                    Err(error) => return Err(error),
                }
            }
            self.bytes.truncate(done);
            self.start = offset;
        }
        let from = usize::try_from(offset - self.start).unwrap_or(usize::MAX);
        let end = from.saturating_add(length).min(self.bytes.len());
        Ok(self.bytes.get(from..end).unwrap_or_default())
    }
}
