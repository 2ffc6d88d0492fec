//! Reading a segment's file after a crash: what is good, what is torn, what is damage.
//!
//! Must never take bytes for a block that do not hash to its name, and never cut what a later
//! record says was durable.

use billet_block::{Cid, Codec};
use billet_car::{FRAME_HEAD_BYTES_MAX, HEADER_BYTES_MAX, Header, Parsed, parse_frame_head};

use crate::window::{Source, Window};
use crate::{Plane, Position, Record, is_record};

/// CRC64NVME.
pub fn crc(bytes: &[u8]) -> u64 {
    crc_fast::checksum(crc_fast::CrcAlgorithm::Crc64Nvme, bytes)
}

/// A block in a segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Frame {
    /// Its name.
    pub cid: Cid,
    /// Where its section begins.
    pub offset: u64,
    /// Bytes of the block.
    pub length: u32,
    /// CRC64NVME of the block.
    pub crc: u64,
}

impl Frame {
    /// Where its section ends.
    pub const fn end(&self) -> u64 {
        self.offset + billet_car::frame_bytes(self.length as usize) as u64
    }

    /// Where the block itself begins.
    pub const fn payload(&self) -> u64 {
        self.end() - self.length as u64
    }
}

/// A commit record in a segment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// Its frame.
    pub frame: Frame,
    /// Whose commit.
    pub log: String,
    /// Which commit.
    pub seq: u64,
    /// What was durable when it was written.
    pub durable: Position,
}

/// Bytes that are no good sections.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bad {
    /// The first byte.
    pub start: u64,
    /// The next good section, or the end of the file.
    pub end: u64,
    /// Whether a commit record may have been among them.
    pub may_hide_record: bool,
}

/// All that a file holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Scan {
    /// Good blocks, in order.
    pub frames: Vec<Frame>,
    /// Those that are commit records.
    pub records: Vec<Found>,
    /// What lies between. Zeros at the end of the file are not bad.
    pub bad: Vec<Bad>,
    /// Behind the header and the last good block.
    pub end: u64,
}

/// What to do with a file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Verdict {
    /// The length to cut it to; everything behind was never acknowledged.
    pub keep: u64,
    /// What was durable and is lost, all before `keep` or at the end.
    pub damage: Vec<Bad>,
}

/// Reads a whole file that is in memory, as [`scan_file`] does.
pub fn scan(bytes: &[u8], plane: Plane) -> Scan {
    match scan_file(bytes, bytes.len() as u64, plane) {
        Ok(scan) => scan,
        Err(never) => match never {},
    }
}

/// Reads a whole file of `length` bytes, a few sections at a time; each block is hashed.
///
/// In the catalog, a commit record under another codec is bad: the codec is no part of what is
/// hashed. In the data plane it is somebody's bytes.
///
/// # Errors
/// As `source` says.
pub fn scan_file<S: Source>(source: S, length: u64, plane: Plane) -> Result<Scan, S::Error> {
    let mut file = Scanned {
        window: Window::new(source, length),
        length,
        plane,
    };
    let mut out = Scan::default();
    let header = Header::parse(file.window.at(0, HEADER_BYTES)?);
    let mut at = match header {
        Ok(Parsed::Whole((_, length))) => {
            out.end = length as u64;
            length as u64
        }
        _ => match file.skip_bad(0, &mut out)? {
            Some(next) => next,
            None => return Ok(out),
        },
    };
    loop {
        match file.good_frame(at)? {
            Some((frame, record)) => {
                at = frame.end();
                out.end = frame.end();
                let found = record.map(|record| Found {
                    frame,
                    log: record.log,
                    seq: record.seq,
                    durable: record.durable,
                });
                out.records.extend(found);
                out.frames.push(frame);
            }
            None => match file.skip_bad(at, &mut out)? {
                Some(next) => at = next,
                None => return Ok(out),
            },
        }
    }
}

/// More than a header takes.
const HEADER_BYTES: usize = 2 * HEADER_BYTES_MAX;

/// A file that is being scanned.
struct Scanned<S> {
    window: Window<S>,
    length: u64,
    plane: Plane,
}

impl<S: Source> Scanned<S> {
    /// The block whose section begins at `at`, if its bytes are right, and what it says if it is a
    /// commit record.
    fn good_frame(&mut self, at: u64) -> Result<Option<(Frame, Option<Record>)>, S::Error> {
        let head = parse_frame_head(self.window.at(at, FRAME_HEAD_BYTES_MAX)?);
        let Ok(Parsed::Whole(section)) = head else {
            return Ok(None);
        };
        let bytes = self.window.at(at, section.length)?;
        let Some(payload) = bytes.get(section.payload) else {
            return Ok(None);
        };
        let (cid, is_catalog) = (section.cid, self.plane == Plane::Catalog);
        let is_misnamed = is_catalog && cid.codec() != Codec::DagCbor && is_record(payload);
        if is_misnamed || !cid.matches(payload) {
            return Ok(None);
        }
        let may_record = is_catalog && cid.codec() == Codec::DagCbor;
        let record = may_record.then(|| Record::from_bytes(payload).ok());
        let frame = Frame {
            cid,
            offset: at,
            // A block is at most 2 MiB.
            length: payload.len() as u32,
            crc: crc(payload),
        };
        Ok(Some((frame, record.flatten())))
    }

    /// Notes what is bad from `at` on and gives where the next good section begins.
    fn skip_bad(&mut self, at: u64, out: &mut Scan) -> Result<Option<u64>, S::Error> {
        if self.is_unwritten(at)? {
            return Ok(None);
        }
        let next = self.next_good(at + 1)?;
        let end = next.unwrap_or(self.length);
        out.bad.push(Bad {
            start: at,
            end,
            may_hide_record: !self.is_other_block(at, end)?,
        });
        Ok(next)
    }

    /// Whether there are but zeros from `at` on: the unwritten part of the file.
    fn is_unwritten(&mut self, mut at: u64) -> Result<bool, S::Error> {
        loop {
            let piece = self.window.at(at, STEP_BYTES)?;
            if piece.iter().any(|byte| *byte != 0) {
                return Ok(false);
            }
            if piece.is_empty() {
                return Ok(true);
            }
            at += piece.len() as u64;
        }
    }

    /// Only what is framed as one block of another codec, and does not look like a record even if
    /// some of its bytes are wrong, is surely none.
    fn is_other_block(&mut self, at: u64, end: u64) -> Result<bool, S::Error> {
        let head = parse_frame_head(self.window.at(at, FRAME_HEAD_BYTES_MAX)?);
        let Ok(Parsed::Whole(section)) = head else {
            return Ok(false);
        };
        if at + section.length as u64 != end || section.cid.codec() == Codec::DagCbor {
            return Ok(false);
        }
        let bytes = self.window.at(at, section.length)?;
        Ok(!looks_like_record(
            bytes.get(section.payload).unwrap_or_default(),
        ))
    }

    /// Where the first good section from `at` on begins.
    fn next_good(&mut self, at: u64) -> Result<Option<u64>, S::Error> {
        let mut from = at;
        while let Some(found) = self.find_cid(from)? {
            for prefix_bytes in 1..=PREFIX_BYTES_MAX {
                let start = found.checked_sub(prefix_bytes).filter(|start| *start >= at);
                if let Some(start) = start
                    && let Some((frame, _)) = self.good_frame(start)?
                    && frame.payload() == found + billet_block::CID_BYTES as u64
                {
                    return Ok(Some(start));
                }
            }
            from = found + 1;
        }
        Ok(None)
    }

    /// Where the next four bytes are that a CID begins with.
    fn find_cid(&mut self, mut from: u64) -> Result<Option<u64>, S::Error> {
        let is_start = |four: &[u8]| matches!(four, [1, 0x55 | 0x70 | 0x71, 0x12, 32]);
        loop {
            let piece = self.window.at(from, STEP_BYTES)?;
            if let Some(found) = piece.windows(4).position(is_start) {
                return Ok(Some(from + found as u64));
            }
            if piece.len() < STEP_BYTES {
                return Ok(None);
            }
            // The last three bytes may be the first of four.
            from += piece.len() as u64 - 3;
        }
    }
}

/// How much is looked through at once.
const STEP_BYTES: usize = 64 << 10;

/// Bytes of a section's length.
const PREFIX_BYTES_MAX: u64 = 4;

/// Whether most of the first bytes are those of a record.
fn looks_like_record(payload: &[u8]) -> bool {
    let format = b"\xa1\x70/billet/commit/1";
    let same = payload.iter().zip(format).filter(|(a, b)| a == b).count();
    same * 2 > format.len()
}

/// Judges a catalog segment's file. `claimed` is how far it is known to be durable without it.
///
/// A bad section is damage when a later record says that it was durable; the first that is not
/// begins the torn tail.
pub fn judge_catalog(scan: &Scan, segment: u64, claimed: u64) -> Verdict {
    let mut damage = Vec::new();
    let mut torn = u64::MAX;
    for bad in &scan.bad {
        let was_durable = claimed > bad.start
            || scan.records.iter().any(|found| {
                let durable = found.durable;
                found.frame.offset >= bad.end
                    && durable.segment == segment
                    && durable.end > bad.start
            });
        if !was_durable {
            torn = bad.start;
            break;
        }
        damage.push(*bad);
    }
    let ours = scan
        .records
        .iter()
        .filter(|found| found.durable.segment == segment);
    let ends = ours
        .map(|found| found.frame.end())
        .filter(|end| *end <= torn);
    let keep = ends.max().unwrap_or(0).max(claimed.min(scan.end));
    finish(scan, keep, claimed, damage)
}

/// Judges a data segment's file: everything before `claimed` was durable, all else is tail.
pub fn judge_data(scan: &Scan, claimed: u64) -> Verdict {
    let damage = scan
        .bad
        .iter()
        .filter(|bad| bad.start < claimed)
        .copied()
        .collect();
    finish(scan, claimed.min(scan.end), claimed, damage)
}

/// Adds what the file is too short for.
fn finish(scan: &Scan, keep: u64, claimed: u64, mut damage: Vec<Bad>) -> Verdict {
    if claimed > scan.end {
        match damage.last_mut().filter(|bad| bad.start >= scan.end) {
            Some(tail) => tail.end = tail.end.max(claimed),
            None => damage.push(Bad {
                start: scan.end,
                end: claimed,
                may_hide_record: true,
            }),
        }
    }
    Verdict { keep, damage }
}
