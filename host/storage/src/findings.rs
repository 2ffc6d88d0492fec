//! What recovery finds: counts, and whose is what was lost.
//!
//! Must never leave damage without a name where one can be known.

use std::collections::{BTreeMap, BTreeSet};

use billet_segment::{Bad, Range, Record, SegmentId, Verdict, accepted_key};

/// Something durable that was lost.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Damage {
    /// Whose; none where nobody's is known.
    pub log: Option<String>,
    /// The segment it was in, where that is known.
    pub segment: Option<u64>,
    /// What, for people.
    pub reason: String,
}

impl Damage {
    /// Nobody's yet, in a segment.
    pub(crate) fn of(id: SegmentId, reason: String) -> Self {
        Self {
            log: None,
            segment: Some(id.number),
            reason,
        }
    }

    /// The key under which it is kept once it is taken: what is found at one start only has none.
    pub(crate) fn accepted_key(&self) -> Option<Vec<u8>> {
        Some(accepted_key(self.log.as_deref()?, self.segment?))
    }
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
    /// What was lost, but for what an operator took.
    pub damage: Vec<Damage>,
}

/// What is gathered over all files.
#[derive(Default)]
pub(crate) struct Findings {
    pub(crate) report: Recovery,
    /// Ranges that surviving records claim, with their logs.
    pub(crate) ranges: Vec<(Range, String)>,
    /// Records that may be lost: the logs seen since are known to be whole.
    pub(crate) hidden: Vec<(Damage, BTreeSet<String>)>,
    /// Whether there are any: then nobody knows what is claimed.
    pub(crate) has_hidden: bool,
    /// Keys of losses that were taken, and whether they were found again.
    pub(crate) accepted: BTreeMap<Vec<u8>, bool>,
}

impl Findings {
    pub(crate) fn damage(&mut self, log: &str, found: Damage) {
        let damage = Damage {
            log: Some(log.to_owned()),
            ..found
        };
        if !self.report.damage.contains(&damage) {
            self.report.damage.push(damage);
        }
    }

    /// Leaves out what an operator took: only what is lost since then is told.
    pub(crate) fn leave_accepted(&mut self, damage: &mut Vec<Damage>) {
        damage.retain(|damage| {
            let found = damage.accepted_key();
            let found = found.and_then(|key| self.accepted.get_mut(&key));
            let is_accepted = found.is_some();
            if let Some(is_met) = found {
                *is_met = true;
                tracing::warn!(
                    log = damage.log,
                    reason = damage.reason,
                    "lost, as accepted"
                );
            }
            !is_accepted
        });
    }

    pub(crate) fn saw(&mut self, record: &Record) {
        for (_, seen) in &mut self.hidden {
            seen.insert(record.log.clone());
        }
    }
}

pub(crate) fn lost(id: SegmentId, bad: &Bad) -> Damage {
    let reason = match bad {
        Bad {
            start: 0, end: 0, ..
        } => format!("{id} is gone"),
        Bad { start, end, .. } => format!("{id} is damaged from byte {start} to {end}"),
    };
    Damage::of(id, reason)
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
