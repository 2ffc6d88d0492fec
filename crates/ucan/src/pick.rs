//! Following a selector into a value.
//!
//! Must never copy what it only passes by, nor do more work than its budget: both the path and
//! the value are a stranger's.

use crate::Ipld;
use crate::policy::TooMuchWork;
use crate::selector::{Segment, Selector, Step};

/// The steps that may still be taken.
pub(crate) struct Budget(pub(crate) u64);

impl Budget {
    /// Pays for one step and for passing over this many bytes or items.
    pub(crate) fn spend(&mut self, length: usize) -> Result<(), TooMuchWork> {
        let steps = 1 + length as u64 / 64;
        self.0 = self.0.checked_sub(steps).ok_or(TooMuchWork)?;
        Ok(())
    }
}

/// What a selector leads to.
#[derive(Clone)]
pub(crate) enum Picked<'a> {
    /// A value as it stands in the arguments.
    Whole(&'a Ipld),
    /// A part of one, or nothing at all (null).
    Part(Ipld),
    /// Several, gathered in a list.
    Many(Vec<Self>),
}

impl<'a> Picked<'a> {
    /// The values of a list or map; `None` for everything else.
    pub(crate) fn items(self, budget: &mut Budget) -> Result<Option<Vec<Self>>, TooMuchWork> {
        let items: Vec<Self> = match self {
            Self::Whole(Ipld::List(list)) => list.iter().map(Picked::Whole).collect(),
            Self::Whole(Ipld::Map(map)) => map.values().map(Picked::Whole).collect(),
            Self::Many(items) => items,
            _ => return Ok(None),
        };
        budget.spend(items.len().saturating_mul(64))?;
        Ok(Some(items))
    }

    pub(crate) fn value(&self) -> Option<&Ipld> {
        match self {
            Self::Whole(value) => Some(value),
            Self::Part(value) => Some(value),
            Self::Many(_) => None,
        }
    }

    pub(crate) fn into_value(self) -> Ipld {
        match self {
            Self::Whole(value) => value.clone(),
            Self::Part(value) => value,
            Self::Many(items) => Ipld::List(items.into_iter().map(Self::into_value).collect()),
        }
    }

    pub(crate) fn equals(&self, other: &Ipld) -> bool {
        match (self, other) {
            (Self::Many(items), Ipld::List(list)) => {
                let mut pairs = items.iter().zip(list);
                items.len() == list.len() && pairs.all(|(item, other)| item.equals(other))
            }
            (Self::Many(_), _) => false,
            (Self::Whole(value), _) => *value == other,
            (Self::Part(value), _) => value == other,
        }
    }
}

impl Selector {
    /// What this leads to in `value`; `None` when a step leads nowhere that is not optional.
    pub(crate) fn pick<'a>(
        &self,
        value: Picked<'a>,
        budget: &mut Budget,
    ) -> Result<Option<Picked<'a>>, TooMuchWork> {
        follow(self.segments(), value, budget)
    }
}

fn follow<'a>(
    segments: &[Segment],
    mut value: Picked<'a>,
    budget: &mut Budget,
) -> Result<Option<Picked<'a>>, TooMuchWork> {
    let mut segments = segments.iter();
    while let Some(segment) = segments.next() {
        budget.spend(0)?;
        let next = match &segment.step {
            Step::Stay => Some(value),
            Step::Field(name) => field(&value, name),
            Step::Index(at) => index(value, *at),
            Step::Slice(from, to) => slice(value, *from, *to, budget)?,
            Step::Each => match value.items(budget)? {
                Some(items) => return each(segments.as_slice(), items, budget),
                None => None,
            },
        };
        value = match next {
            Some(next) => next,
            None if segment.optional => Picked::Part(Ipld::Null),
            None => return Ok(None),
        };
    }
    Ok(Some(value))
}

/// Follows the rest of the path from each item. As in the network's own programs, nulls are left
/// out and lists are poured into the one that is gathered.
fn each<'a>(
    segments: &[Segment],
    items: Vec<Picked<'a>>,
    budget: &mut Budget,
) -> Result<Option<Picked<'a>>, TooMuchWork> {
    let mut gathered = Vec::new();
    for item in items {
        let Some(found) = follow(segments, item, budget)? else {
            return Ok(None);
        };
        match found {
            found if found.equals(&Ipld::Null) => {}
            Picked::Many(items) => gathered.extend(items),
            Picked::Whole(Ipld::List(list)) => {
                budget.spend(list.len().saturating_mul(64))?;
                gathered.extend(list.iter().map(Picked::Whole));
            }
            found => gathered.push(found),
        }
    }
    Ok(Some(Picked::Many(gathered)))
}

fn field<'a>(value: &Picked<'a>, name: &str) -> Option<Picked<'a>> {
    match value {
        Picked::Whole(Ipld::Map(map)) => map.get(name).map(Picked::Whole),
        _ => None,
    }
}

fn index(value: Picked<'_>, at: i64) -> Option<Picked<'_>> {
    match value {
        Picked::Whole(Ipld::List(list)) => {
            let item = list.get(position(at, list.len())?)?;
            Some(Picked::Whole(item))
        }
        Picked::Many(mut items) => {
            let at = position(at, items.len())?;
            (at < items.len()).then(|| items.swap_remove(at))
        }
        other => match other.value()? {
            Ipld::Bytes(bytes) => {
                let byte = bytes.get(position(at, bytes.len())?)?;
                Some(Picked::Part(Ipld::Integer(i128::from(*byte))))
            }
            Ipld::String(text) => {
                let at = position(at, text.len())?;
                let letter = text.get(at..at.checked_add(1)?)?;
                Some(Picked::Part(Ipld::String(letter.to_owned())))
            }
            _ => None,
        },
    }
}

fn slice<'a>(
    value: Picked<'a>,
    from: Option<i64>,
    to: Option<i64>,
    budget: &mut Budget,
) -> Result<Option<Picked<'a>>, TooMuchWork> {
    let range = |length: usize| {
        let from = from.map_or(Some(0), |from| position(from, length))?;
        let to = to.map_or(Some(length), |to| position(to, length))?;
        Some(from..to)
    };
    let part = match &value {
        Picked::Whole(Ipld::List(list)) => range(list.len())
            .and_then(|range| list.get(range))
            .map(|items| Picked::Many(items.iter().map(Picked::Whole).collect())),
        Picked::Many(items) => range(items.len())
            .and_then(|range| items.get(range))
            .map(|items| Picked::Many(items.to_vec())),
        other => match other.value() {
            Some(Ipld::Bytes(bytes)) => range(bytes.len())
                .and_then(|range| bytes.get(range))
                .map(|bytes| Picked::Part(Ipld::Bytes(bytes.to_vec()))),
            // Positions are bytes; one inside a letter leads nowhere.
            Some(Ipld::String(text)) => range(text.len())
                .and_then(|range| text.get(range))
                .map(|text| Picked::Part(Ipld::String(text.to_owned()))),
            _ => None,
        },
    };
    budget.spend(match &part {
        Some(Picked::Many(items)) => items.len().saturating_mul(64),
        Some(Picked::Part(Ipld::Bytes(bytes))) => bytes.len(),
        Some(Picked::Part(Ipld::String(text))) => text.len(),
        _ => 0,
    })?;
    Ok(part)
}

/// The position that a number means, negative ones from the end; `None` before the first.
fn position(at: i64, length: usize) -> Option<usize> {
    let at = match at {
        0.. => at,
        _ => i64::try_from(length).ok()?.checked_add(at)?,
    };
    usize::try_from(at).ok()
}
