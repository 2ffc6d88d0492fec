//! Faults on demand: rules that say at which step, the how manieth time, what goes wrong.
//!
//! Must never hold up anything longer than its bound, nor keep more rules than its bound.

use serde::{Deserialize, Serialize};

/// Longest wait that a rule may ask for, in milliseconds.
pub(crate) const WAIT_MAX_MS: u64 = 600_000;
/// Most rules at a time.
const RULES_MAX: usize = 1024;

/// What goes wrong.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Kind {
    /// An error receipt of that name instead of the task; for steps without receipts status 403.
    Refused {
        /// The error's name.
        name: String,
    },
    /// Silence for that long, then the connection is reset; nothing was done.
    Timeout {
        /// Milliseconds.
        ms: u64,
    },
    /// A wait, then all as usual.
    Delay {
        /// Milliseconds.
        ms: u64,
    },
    /// The connection is reset after that many bytes of the request's body; nothing was done.
    ResetRequest {
        /// Bytes.
        at: u64,
    },
    /// All is done, and the connection is reset after that many bytes of the answer, head included.
    ResetResponse {
        /// Bytes.
        at: u64,
    },
    /// That status and a text, nothing done.
    Status {
        /// 400 to 599.
        status: u16,
    },
    /// All is done, and that status answered.
    StatusAfter {
        /// 400 to 599.
        status: u16,
    },
    /// All is done, and no answer comes.
    LostResponse,
    /// The answer's body is damaged: one byte of it is another.
    WrongBody,
    /// The request is taken twice; the second answer goes out.
    Duplicate,
    /// The clock of this exchange is that many seconds ahead.
    Expired {
        /// Seconds.
        seconds: i64,
    },
    /// The receipt is about another task.
    WrongReceipt,
    /// The receipt's signature does not hold.
    BadSignature,
    /// The receipt is signed by somebody else's key under its own name.
    StrangerReceipt,
    /// No receipt at all.
    NoReceipt,
    /// After an add: a stranger posts a receipt for its accept task.
    ForgedAccept,
    /// At an accept: the location commitment is for another space.
    OtherSpace,
    /// At an accept: the location commitment is left out.
    NoLocation,
    /// Nothing goes wrong: that point is counted, so that a test can act right then.
    Mark {
        /// Where.
        at: Point,
    },
}

/// A point of an exchange.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Point {
    /// Nothing was done; the exchange stands still until its connection ends.
    Before,
    /// All is done, no byte of the answer goes; it stands still, too.
    Done,
    /// The answer is out.
    Answered,
}

/// At which step, the how manieth time, what goes wrong.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rule {
    /// A command (`/blob/add`, …), or `receipt`, `put`, `retrieve`, `claims`, `click`; or
    /// `index-fetch`, where the indexer reads an index from a node.
    pub step: String,
    /// Only at that node; absent: at any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub node: Option<usize>,
    /// The first time it happens, counted from 1 and from when the rule was set.
    #[serde(default = "one")]
    pub nth: u64,
    /// How often in a row; absent: from then on for ever.
    #[serde(default = "once", skip_serializing_if = "Option::is_none")]
    pub times: Option<u64>,
    /// What goes wrong.
    #[serde(flatten)]
    pub kind: Kind,
}

fn one() -> u64 {
    1
}

#[expect(clippy::unnecessary_wraps, reason = "the default of an optional field")]
fn once() -> Option<u64> {
    Some(1)
}

impl Rule {
    /// Once, the next time that step is reached.
    pub fn next(step: &str, kind: Kind) -> Self {
        Self {
            step: step.into(),
            node: None,
            nth: 1,
            times: Some(1),
            kind,
        }
    }
}

impl Kind {
    /// Whether it concerns the connection of any exchange.
    pub(crate) fn is_of_the_wire(&self) -> bool {
        matches!(
            self,
            Self::Timeout { .. }
                | Self::Delay { .. }
                | Self::ResetRequest { .. }
                | Self::ResetResponse { .. }
                | Self::Status { .. }
                | Self::StatusAfter { .. }
                | Self::LostResponse
                | Self::WrongBody
                | Self::Mark { .. }
        )
    }

    /// Whether it concerns a receipt alone.
    fn is_of_a_receipt(&self) -> bool {
        matches!(
            self,
            Self::WrongReceipt | Self::BadSignature | Self::StrangerReceipt | Self::NoReceipt
        )
    }
}

impl Rule {
    /// Whether that step can go wrong that way.
    fn means_something(&self) -> bool {
        let kind = &self.kind;
        let judged = matches!(kind, Kind::Refused { .. } | Kind::Expired { .. });
        match self.step.as_str() {
            "/blob/add" => !matches!(kind, Kind::OtherSpace | Kind::NoLocation),
            // The service calls these itself, over no connection.
            "/blob/allocate" | "/blob/accept" | "/assert/index"
                if matches!(kind, Kind::Mark { .. }) =>
            {
                false
            }
            "/blob/accept" => *kind != Kind::ForgedAccept,
            step if step.starts_with('/') => !matches!(
                kind,
                Kind::ForgedAccept | Kind::OtherSpace | Kind::NoLocation
            ),
            "receipt" => kind.is_of_the_wire() || kind.is_of_a_receipt(),
            "put" => {
                let duplicate = *kind == Kind::Duplicate;
                duplicate || judged || kind.is_of_the_wire() && *kind != Kind::WrongBody
            }
            "retrieve" => kind.is_of_the_wire() || kind.is_of_a_receipt() || judged,
            "claims" | "click" => kind.is_of_the_wire(),
            "index-fetch" => kind.is_of_the_wire() || judged,
            _ => false,
        }
    }
}

/// Why a rule is not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadRule {
    /// Too many.
    #[error("there are {RULES_MAX} rules already")]
    Full,
    /// A wait without reason.
    #[error("no wait is longer than {WAIT_MAX_MS} ms")]
    Long,
    /// Not a failure.
    #[error("a status of a fault is 400 to 599, and the first time is 1")]
    Number,
    /// It would do nothing there, and a test would pass for no reason.
    #[error("that fault means nothing at that step")]
    Meaningless,
}

#[derive(Debug)]
struct Set {
    rule: Rule,
    seen: u64,
}

/// The rules in force.
#[derive(Debug, Default)]
pub struct Faults {
    rules: Vec<Set>,
}

impl Faults {
    /// Adds a rule.
    ///
    /// # Errors
    /// The rule asks for too much.
    pub fn add(&mut self, rule: Rule) -> Result<(), BadRule> {
        match rule.kind {
            Kind::Timeout { ms } | Kind::Delay { ms } if ms > WAIT_MAX_MS => {
                return Err(BadRule::Long);
            }
            Kind::Status { status } | Kind::StatusAfter { status }
                if !(400..600).contains(&status) =>
            {
                return Err(BadRule::Number);
            }
            _ if rule.nth == 0 => return Err(BadRule::Number),
            _ if !rule.means_something() => return Err(BadRule::Meaningless),
            _ => {}
        }
        self.rules.retain(|set| !set.over());
        if self.rules.len() >= RULES_MAX {
            return Err(BadRule::Full);
        }
        self.rules.push(Set { rule, seen: 0 });
        Ok(())
    }

    /// Drops all rules.
    pub fn clear(&mut self) {
        self.rules.clear();
    }

    /// The rules that still have something to do.
    pub fn list(&self) -> Vec<Rule> {
        self.rules
            .iter()
            .filter(|set| !set.over())
            .map(|set| set.rule.clone())
            .collect()
    }

    /// Counts a step for every rule that names it and tells what goes wrong now.
    pub fn at(&mut self, step: &str, node: Option<usize>) -> Option<Kind> {
        let mut now = None;
        for set in &mut self.rules {
            let here = set.rule.node.is_none() || set.rule.node == node;
            if set.rule.step != step || !here {
                continue;
            }
            set.seen = set.seen.saturating_add(1);
            if now.is_none() && set.due() {
                now = Some(set.rule.kind.clone());
            }
        }
        now
    }
}

impl Set {
    fn end(&self) -> u64 {
        match self.rule.times {
            Some(times) => self.rule.nth.saturating_add(times),
            None => u64::MAX,
        }
    }

    fn due(&self) -> bool {
        (self.rule.nth..self.end()).contains(&self.seen)
    }

    fn over(&self) -> bool {
        self.seen.saturating_add(1) >= self.end()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rule_counts_from_when_it_was_set() -> Result<(), BadRule> {
        let mut faults = Faults::default();
        faults.add(Rule {
            nth: 2,
            times: Some(2),
            ..Rule::next("put", Kind::LostResponse)
        })?;
        let seen: Vec<bool> = (0..5).map(|_| faults.at("put", None).is_some()).collect();
        assert_eq!(seen, [false, true, true, false, false]);
        assert!(faults.at("retrieve", None).is_none());
        assert!(faults.list().is_empty());
        Ok(())
    }

    #[test]
    fn a_rule_is_read_from_json() -> Result<(), serde_json::Error> {
        let rule: Rule =
            serde_json::from_str(r#"{"step":"put","kind":"reset-request","at":7,"times":null}"#)?;
        assert_eq!(rule.kind, Kind::ResetRequest { at: 7 });
        assert_eq!((rule.nth, rule.times), (1, None));
        Ok(())
    }

    #[test]
    fn a_fault_that_would_do_nothing_is_no_rule() {
        let mut faults = Faults::default();
        for (step, kind) in [
            ("put", Kind::BadSignature),
            ("receipt", Kind::Duplicate),
            ("/blob/accept", Kind::ForgedAccept),
            ("/upload/add", Kind::NoLocation),
            ("/blob/accept", Kind::Mark { at: Point::Done }),
            ("no such step", Kind::LostResponse),
        ] {
            let rule = Rule::next(step, kind);
            assert_eq!(faults.add(rule), Err(BadRule::Meaningless), "{step}");
        }
    }

    #[test]
    fn waits_are_bounded() {
        let mut faults = Faults::default();
        let rule = Rule::next("put", Kind::Timeout { ms: u64::MAX });
        assert_eq!(faults.add(rule), Err(BadRule::Long));
    }
}
