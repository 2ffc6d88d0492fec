//! Reading a segment's file after a crash: what is good, what is torn, what is damage.
//!
//! Must never take bytes for a block that do not hash to its name, and never cut what a later
//! record says was durable.

use billet_block::{Cid, Codec};
use billet_car::{Header, Parsed, parse_frame};

use crate::{Plane, Record, is_record};

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
    /// What it says.
    pub record: Record,
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

/// Reads a whole file; each block is hashed.
///
/// In the catalog, a commit record under another codec is bad: the codec is no part of what is
/// hashed. In the data plane it is somebody's bytes.
pub fn scan(bytes: &[u8], plane: Plane) -> Scan {
    let mut out = Scan::default();
    let mut at = match Header::parse(bytes) {
        Ok(Parsed::Whole((_, length))) => {
            out.end = length as u64;
            length
        }
        _ => match skip_bad(bytes, 0, plane, &mut out) {
            Some(next) => next,
            None => return out,
        },
    };
    loop {
        match good_frame(bytes, at, plane) {
            Some((frame, payload)) => {
                at = usize::try_from(frame.end()).unwrap_or(usize::MAX);
                out.end = frame.end();
                if plane == Plane::Catalog
                    && frame.cid.codec() == Codec::DagCbor
                    && let Ok(record) = Record::from_bytes(payload)
                {
                    out.records.push(Found { frame, record });
                }
                out.frames.push(frame);
            }
            None => match skip_bad(bytes, at, plane, &mut out) {
                Some(next) => at = next,
                None => return out,
            },
        }
    }
}

/// The block whose section begins at `at`, if its bytes are right.
fn good_frame(bytes: &[u8], at: usize, plane: Plane) -> Option<(Frame, &[u8])> {
    let Ok(Parsed::Whole(section)) = parse_frame(bytes.get(at..)?) else {
        return None;
    };
    let payload = bytes.get(at + section.payload.start..at + section.payload.end)?;
    let length = u32::try_from(payload.len()).ok()?;
    let is_misnamed =
        plane == Plane::Catalog && section.cid.codec() != Codec::DagCbor && is_record(payload);
    if is_misnamed || !section.cid.matches(payload) {
        return None;
    }
    Some((
        Frame {
            cid: section.cid,
            offset: at as u64,
            length,
            crc: crc(payload),
        },
        payload,
    ))
}

/// Notes what is bad from `at` on and gives where the next good section begins.
fn skip_bad(bytes: &[u8], at: usize, plane: Plane, out: &mut Scan) -> Option<usize> {
    let rest = bytes.get(at..).unwrap_or_default();
    // Zeros up to the end are the unwritten part of the file.
    rest.iter().rposition(|byte| *byte != 0)?;
    let next = next_good(bytes, at + 1, plane);
    let end = next.unwrap_or(bytes.len());
    // Only what is framed as one block of another codec, and does not look like a record even if
    // some of its bytes are wrong, is surely none.
    let is_other_block = matches!(
        parse_frame(rest),
        Ok(Parsed::Whole(frame)) if at + frame.length == end
            && frame.cid.codec() != Codec::DagCbor
            && !looks_like_record(rest.get(frame.payload.clone()).unwrap_or_default())
    );
    out.bad.push(Bad {
        start: at as u64,
        end: end as u64,
        may_hide_record: !is_other_block,
    });
    next
}

/// Whether most of the first bytes are those of a record.
fn looks_like_record(payload: &[u8]) -> bool {
    let format = b"\xa1\x70/billet/commit/1";
    let same = payload.iter().zip(format).filter(|(a, b)| a == b).count();
    same * 2 > format.len()
}

/// Where the first good section from `at` on begins.
fn next_good(bytes: &[u8], at: usize, plane: Plane) -> Option<usize> {
    const PREFIX_BYTES_MAX: usize = 4;
    let mut from = at;
    while let Some(found) = find_cid(bytes, from) {
        for prefix_bytes in 1..=PREFIX_BYTES_MAX {
            let start = found.checked_sub(prefix_bytes).filter(|start| *start >= at);
            if let Some(start) = start
                && let Some((frame, _)) = good_frame(bytes, start, plane)
                && frame.payload() == (found + billet_block::CID_BYTES) as u64
            {
                return Some(start);
            }
        }
        from = found + 1;
    }
    None
}

/// Where the next four bytes are that a CID begins with.
fn find_cid(bytes: &[u8], from: usize) -> Option<usize> {
    let rest = bytes.get(from..)?;
    let is_start = |four: &[u8]| matches!(four, [1, 0x55 | 0x70 | 0x71, 0x12, 32]);
    rest.windows(4).position(is_start).map(|found| from + found)
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
                let durable = found.record.durable;
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
        .filter(|found| found.record.durable.segment == segment);
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
