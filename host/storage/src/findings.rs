//! What recovery finds: counts, and whose is what was lost.
//!
//! Must never leave damage without a name where one can be known.

use std::collections::BTreeSet;

use billet_segment::{Bad, Range, Record, SegmentId, Verdict};

/// Something durable that was lost.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Damage {
    /// Whose; none where nobody's is known.
    pub log: Option<String>,
    /// What, for people.
    pub reason: String,
}

/// What recovery found and did. All counts are of this start.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Recovery {
    /// Segments that were found `opening` or `open`.
    pub unclosed: usize,
    /// Of those, the ones sealed now.
    pub sealed: usize,
    /// Segments that went because nothing claims them.
    pub released: usize,
    /// Records that were new to the table.
    pub replayed: usize,
    /// Records that the table knew.
    pub skipped: usize,
    /// Files cut behind their last record or claimed byte.
    pub cut: usize,
    /// Torn sections among what was cut.
    pub torn: usize,
    /// Unlinks that an earlier process had begun.
    pub unlinks_finished: usize,
    /// Keys of files that were not made yet.
    pub never_made: usize,
    /// What was lost.
    pub damage: Vec<Damage>,
}

/// What is gathered over all files.
#[derive(Default)]
pub(crate) struct Findings {
    pub(crate) report: Recovery,
    /// Ranges that surviving records claim, with their logs.
    pub(crate) ranges: Vec<(Range, String)>,
    /// Records that may be lost: the logs seen since are known to be whole.
    pub(crate) hidden: Vec<(String, BTreeSet<String>)>,
    /// Whether there are any: then nobody knows what is claimed.
    pub(crate) has_hidden: bool,
}

impl Findings {
    pub(crate) fn damage(&mut self, log: &str, reason: String) {
        let damage = Damage {
            log: Some(log.to_owned()),
            reason,
        };
        if !self.report.damage.contains(&damage) {
            self.report.damage.push(damage);
        }
    }

    pub(crate) fn saw(&mut self, record: &Record) {
        for (_, seen) in &mut self.hidden {
            seen.insert(record.log.clone());
        }
    }
}

pub(crate) fn lost(id: SegmentId, bad: &Bad) -> String {
    match bad {
        Bad {
            start: 0, end: 0, ..
        } => format!("{id} is gone"),
        Bad { start, end, .. } => format!("{id} is damaged from byte {start} to {end}"),
    }
}

/// The logs whose records claim bytes that are bad.
pub(crate) fn name_ranges(id: SegmentId, bad: &Bad, findings: &mut Findings) {
    let ranges = findings.ranges.iter();
    let touched = ranges.filter(|(range, _)| {
        range.segment == id.number
            && range.start < bad.end.max(bad.start + 1)
            && bad.start < range.end
    });
    let logs: BTreeSet<String> = touched.map(|(_, log)| log.clone()).collect();
    logs.iter()
        .for_each(|log| findings.damage(log, lost(id, bad)));
}

pub(crate) fn count_tail(verdict: &Verdict, bad: &[Bad], bytes: u64, findings: &mut Findings) {
    findings.report.cut += usize::from(verdict.keep < bytes);
    let torn = bad
        .iter()
        .filter(|bad| bad.start >= verdict.keep && !verdict.damage.contains(bad));
    findings.report.torn += torn.count();
}
