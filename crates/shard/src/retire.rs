//! Which local segments may go because the network has what is in them.
//!
//! Must never let go of a block that some root still reaches and that was not published under
//! that root's log: what was copied counts as the copier's, too.

use std::collections::{BTreeMap, BTreeSet};

use billet_segment::SegmentRow;

/// How much of a plane is kept here although it may go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Keep {
    /// All of it.
    All,
    /// The newest ones, as long as either of the two numbers is not used up.
    Newest {
        /// Sealed segments of the plane.
        segments: u64,
        /// Bytes of sealed segments of the plane.
        bytes: u64,
    },
}

/// How a sealed segment stands among those of its plane.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Rank {
    /// Newer sealed segments of the plane.
    pub newer: u64,
    /// Bytes of those and of this one.
    pub bytes: u64,
}

impl Keep {
    /// Whether a segment of this rank is to stay.
    pub const fn keeps(&self, rank: Rank) -> bool {
        match *self {
            Self::All => true,
            Self::Newest { segments, bytes } => rank.newer < segments || rank.bytes <= bytes,
        }
    }
}

/// Who may reach the blocks of a log besides the log itself.
#[derive(Clone, Debug, Default)]
pub struct Reach {
    /// For each log those that adopted a pin on it, with the newest commit that did.
    adopters: BTreeMap<String, BTreeMap<String, u64>>,
    /// Logs on which there is a pin that no commit adopted yet.
    pinned: BTreeSet<String>,
}

impl Reach {
    /// Commit `seq` of `adopter` was the last that adopted a pin on `source`.
    pub fn adopted(&mut self, source: &str, adopter: &str, seq: u64) {
        let adopters = self.adopters.entry(source.to_owned()).or_default();
        let last = adopters.entry(adopter.to_owned()).or_default();
        *last = seq.max(*last);
    }

    /// A pin on `source` is pending or held.
    pub fn pinned(&mut self, source: &str) {
        self.pinned.insert(source.to_owned());
    }

    /// Whether a segment with this row may go, as far as commits say. `published` gives the
    /// published seq of a log, 0 for none.
    ///
    /// For each log, what it adopted in the segment must be published, and so must every commit
    /// that adopted a pin on it. A pin covers all that its source reached, copies by the source
    /// included: whoever pinned an adopter counts, too, whether the adopter is published or not.
    pub fn may_go<E>(
        &self,
        row: &SegmentRow,
        mut published: impl FnMut(&str) -> Result<u64, E>,
    ) -> Result<bool, E> {
        for (log, seq) in &row.logs {
            if published(log)? < *seq {
                return Ok(false);
            }
        }
        let mut seen: BTreeSet<&str> = row.logs.keys().map(String::as_str).collect();
        let mut open: Vec<&str> = seen.iter().copied().collect();
        while let Some(source) = open.pop() {
            if self.pinned.contains(source) {
                return Ok(false);
            }
            for (adopter, seq) in self.adopters.get(source).into_iter().flatten() {
                if published(adopter)? < *seq {
                    return Ok(false);
                }
                if seen.insert(adopter) {
                    open.push(adopter);
                }
            }
        }
        Ok(true)
    }
}
