//! Selectors: paths into arguments, such as `.blob.digest` or `.to[0]?`.
//!
//! Must never read a text in two ways: what is not plainly a path is refused.

use std::fmt;
use std::str::FromStr;

use crate::Ipld;
use crate::limits::POLICY_STEPS_MAX;
use crate::pick::{Budget, Picked};
use crate::policy::TooMuchWork;

/// A path into a value. Keeps its text, so that it is written as it came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Selector {
    text: String,
    segments: Vec<Segment>,
}

/// A text that is no selector.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a selector")]
pub struct SelectorError;

/// One step of a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Segment {
    pub(crate) step: Step,
    /// Whether what is not there is null instead of a failure.
    pub(crate) optional: bool,
}

/// Where a step leads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// To the value itself: `.`
    Stay,
    /// To the value of a map: `.name`, `["name"]`.
    Field(String),
    /// To an item, a letter or a byte, negative from the end: `[0]`, `[-1]`.
    Index(i64),
    /// To those from the first number up to the second: `[1:3]`.
    Slice(Option<i64>, Option<i64>),
    /// To all values of a list or map, in one list: `[]`.
    Each,
}

impl Selector {
    pub(crate) fn segments(&self) -> &[Segment] {
        &self.segments
    }

    /// What this leads to in a value; `None` when a step leads nowhere that is not optional.
    ///
    /// # Errors
    /// When that takes too long to find out.
    pub fn select(&self, value: &Ipld) -> Result<Option<Ipld>, TooMuchWork> {
        let mut budget = Budget(POLICY_STEPS_MAX);
        let found = self.pick(Picked::Whole(value), &mut budget)?;
        Ok(found.map(Picked::into_value))
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

impl FromStr for Selector {
    type Err = SelectorError;

    fn from_str(text: &str) -> Result<Self, SelectorError> {
        let mut segments = Vec::new();
        let mut rest = text;
        if !rest.starts_with('.') {
            return Err(SelectorError);
        }
        while !rest.is_empty() {
            let (step, behind) = match rest.strip_prefix('.') {
                Some(behind) => read_field(behind, segments.is_empty())?,
                None => read_brackets(rest.strip_prefix('[').ok_or(SelectorError)?)?,
            };
            let after = behind.strip_prefix('?');
            segments.push(Segment {
                step,
                optional: after.is_some(),
            });
            rest = after.unwrap_or(behind);
        }
        Ok(Self {
            text: text.to_owned(),
            segments,
        })
    }
}

/// The name behind a dot, and what is behind the name. Only the first dot may be without one.
fn read_field(text: &str, first: bool) -> Result<(Step, &str), SelectorError> {
    let known = |c: char| c.is_alphabetic() || c.is_ascii_digit() || matches!(c, '$' | '_' | '-');
    let end = text.find(|c| !known(c)).unwrap_or(text.len());
    let (name, behind) = text.split_at(end);
    match name.chars().next() {
        None if first && !behind.starts_with('.') => Ok((Step::Stay, behind)),
        Some(start) if start.is_alphabetic() || start == '_' => {
            Ok((Step::Field(name.to_owned()), behind))
        }
        _ => Err(SelectorError),
    }
}

/// What stands between brackets, and what is behind them.
fn read_brackets(text: &str) -> Result<(Step, &str), SelectorError> {
    if let Some(text) = text.strip_prefix('"') {
        let (name, behind) = text.split_once('"').ok_or(SelectorError)?;
        let behind = behind.strip_prefix(']').ok_or(SelectorError)?;
        // Whether a backslash would stand for itself is not agreed upon.
        return match name.contains('\\') {
            true => Err(SelectorError),
            false => Ok((Step::Field(name.to_owned()), behind)),
        };
    }
    let (inside, behind) = text.split_once(']').ok_or(SelectorError)?;
    let step = match inside.split_once(':') {
        _ if inside.is_empty() => Step::Each,
        None => Step::Index(read_number(inside)?),
        Some((from, to)) => match (read_bound(from)?, read_bound(to)?) {
            (None, None) => return Err(SelectorError),
            (from, to) => Step::Slice(from, to),
        },
    };
    Ok((step, behind))
}

fn read_bound(text: &str) -> Result<Option<i64>, SelectorError> {
    match text {
        "" => Ok(None),
        text => read_number(text).map(Some),
    }
}

fn read_number(text: &str) -> Result<i64, SelectorError> {
    match text.starts_with('+') {
        true => Err(SelectorError),
        false => text.parse().map_err(|_| SelectorError),
    }
}

impl fmt::Display for Selector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}
