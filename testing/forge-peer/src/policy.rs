//! Policies of delegations: statements about the arguments of an invocation.
//!
//! Must never let a statement that it does not know pass.

use ipld_core::ipld::Ipld;

use crate::cbor::Map;

/// Why a policy does not allow an invocation.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotAllowed {
    /// A statement does not hold.
    #[error("matching {0}")]
    NotMet(String),
    /// A selector leads nowhere, or the statement is none.
    #[error("selecting {0}")]
    Lost(String),
}

/// A selector led nowhere, or a statement is none.
struct Lost;

/// Whether all statements hold.
///
/// # Errors
/// The first statement that does not hold.
pub fn holds(policy: &[Ipld], args: &Map) -> Result<(), NotAllowed> {
    let args = Ipld::Map(args.clone());
    for statement in policy {
        match statement_holds(statement, &args) {
            Ok(true) => {}
            Ok(false) => return Err(NotAllowed::NotMet(describe(statement))),
            Err(Lost) => return Err(NotAllowed::Lost(describe(statement))),
        }
    }
    Ok(())
}

fn describe(statement: &Ipld) -> String {
    match statement {
        Ipld::List(parts) => match parts.get(1) {
            Some(Ipld::String(selector)) => format!("{selector:?}"),
            _ => "statement".into(),
        },
        _ => "statement".into(),
    }
}

fn statement_holds(statement: &Ipld, value: &Ipld) -> Result<bool, Lost> {
    let Ipld::List(parts) = statement else {
        return Err(Lost);
    };
    let (Some(Ipld::String(operator)), Some(second)) = (parts.first(), parts.get(1)) else {
        return Err(Lost);
    };
    match (operator.as_str(), second, parts.get(2)) {
        ("not", inner, None) => statement_holds(inner, value).map(|holds| !holds),
        ("and", Ipld::List(list), None) => all(list, |inner| statement_holds(inner, value)),
        ("or", Ipld::List(list), None) => {
            Ok(list.is_empty() || any(list, |inner| statement_holds(inner, value))?)
        }
        ("all", Ipld::String(selector), Some(inner)) => {
            let list = elements(&select(selector, value).ok_or(Lost)?).ok_or(Lost)?;
            all(&list, |item| statement_holds(inner, item))
        }
        ("any", Ipld::String(selector), Some(inner)) => {
            let list = elements(&select(selector, value).ok_or(Lost)?).ok_or(Lost)?;
            any(&list, |item| statement_holds(inner, item))
        }
        (operator, Ipld::String(selector), Some(wanted)) => {
            let found = select(selector, value).ok_or(Lost)?;
            compare(operator, &found, wanted).ok_or(Lost)
        }
        _ => Err(Lost),
    }
}

fn all(list: &[Ipld], holds: impl Fn(&Ipld) -> Result<bool, Lost>) -> Result<bool, Lost> {
    for item in list {
        if !holds(item)? {
            return Ok(false);
        }
    }
    Ok(true)
}

fn any(list: &[Ipld], holds: impl Fn(&Ipld) -> Result<bool, Lost>) -> Result<bool, Lost> {
    for item in list {
        if holds(item)? {
            return Ok(true);
        }
    }
    Ok(false)
}

/// `None` for an operator that there is not; values of other types than it compares do not match.
fn compare(operator: &str, found: &Ipld, wanted: &Ipld) -> Option<bool> {
    match (operator, found, wanted) {
        ("==", _, _) => Some(found == wanted),
        ("!=", _, _) => Some(found != wanted),
        (">", Ipld::Integer(a), Ipld::Integer(b)) => Some(a > b),
        (">=", Ipld::Integer(a), Ipld::Integer(b)) => Some(a >= b),
        ("<", Ipld::Integer(a), Ipld::Integer(b)) => Some(a < b),
        ("<=", Ipld::Integer(a), Ipld::Integer(b)) => Some(a <= b),
        ("like", Ipld::String(text), Ipld::String(glob)) => {
            let glob: Vec<char> = glob.chars().collect();
            let text: Vec<char> = text.chars().collect();
            Some(like(&glob, &text))
        }
        (">" | ">=" | "<" | "<=" | "like", _, _) => Some(false),
        _ => None,
    }
}

fn like(glob: &[char], text: &[char]) -> bool {
    match glob {
        [] => text.is_empty(),
        ['*', rest @ ..] => {
            (0..=text.len()).any(|from| like(rest, text.get(from..).unwrap_or(&[])))
        }
        ['\\', literal @ '*', rest @ ..] | [literal, rest @ ..] => {
            text.first() == Some(literal) && like(rest, text.get(1..).unwrap_or(&[]))
        }
    }
}

fn elements(value: &Ipld) -> Option<Vec<Ipld>> {
    match value {
        Ipld::List(list) => Some(list.clone()),
        Ipld::Map(map) => Some(map.values().cloned().collect()),
        _ => None,
    }
}

/// What a selector leads to; `None` where it leads nowhere and was not marked as optional.
fn select(selector: &str, value: &Ipld) -> Option<Ipld> {
    let mut rest = selector.strip_prefix('.')?;
    let mut found = value.clone();
    while !rest.is_empty() {
        let (step, optional, tail) = next_step(rest)?;
        found = match apply(step, &found) {
            Some(value) => value,
            None if optional => Ipld::Null,
            None => return None,
        };
        rest = tail;
    }
    Some(found)
}

enum Step<'a> {
    Field(&'a str),
    Index(i64),
    Slice(Option<i64>, Option<i64>),
    Elements,
}

fn next_step(rest: &str) -> Option<(Step<'_>, bool, &str)> {
    let rest = rest.strip_prefix('.').unwrap_or(rest);
    let (step, tail) = if let Some(inner) = rest.strip_prefix("[\"") {
        let (name, tail) = inner.split_once("\"]")?;
        (Step::Field(name), tail)
    } else if let Some(inner) = rest.strip_prefix('[') {
        let (inside, tail) = inner.split_once(']')?;
        (bracket(inside)?, tail)
    } else {
        let end = rest.find(['.', '[', '?']).unwrap_or(rest.len());
        let (name, tail) = rest.split_at_checked(end)?;
        if name.is_empty() {
            return None;
        }
        (Step::Field(name), tail)
    };
    match tail.strip_prefix('?') {
        Some(tail) => Some((step, true, tail)),
        None => Some((step, false, tail)),
    }
}

fn bracket(inside: &str) -> Option<Step<'static>> {
    let bound = |text: &str| match text {
        "" => Some(None),
        _ => text.parse().ok().map(Some),
    };
    if inside.is_empty() {
        return Some(Step::Elements);
    }
    match inside.split_once(':') {
        Some((from, to)) => Some(Step::Slice(bound(from)?, bound(to)?)),
        None => inside.parse().ok().map(Step::Index),
    }
}

fn apply(step: Step<'_>, value: &Ipld) -> Option<Ipld> {
    match (step, value) {
        (Step::Field(name), Ipld::Map(map)) => map.get(name).cloned(),
        (Step::Elements, value) => elements(value).map(Ipld::List),
        (Step::Index(index), Ipld::List(list)) => list.get(place(index, list.len())?).cloned(),
        (Step::Slice(from, to), Ipld::List(list)) => {
            slice(list, from, to).map(|items| Ipld::List(items.to_vec()))
        }
        (Step::Slice(from, to), Ipld::Bytes(bytes)) => {
            slice(bytes, from, to).map(|bytes| Ipld::Bytes(bytes.to_vec()))
        }
        _ => None,
    }
}

/// Where an index counted from either end is.
fn place(index: i64, length: usize) -> Option<usize> {
    if index >= 0 {
        return usize::try_from(index).ok();
    }
    length.checked_sub(usize::try_from(index.unsigned_abs()).ok()?)
}

fn slice<T>(items: &[T], from: Option<i64>, to: Option<i64>) -> Option<&[T]> {
    let from = from.map_or(Some(0), |from| place(from, items.len()))?;
    let to = to.map_or(Some(items.len()), |to| place(to, items.len()))?;
    items.get(from..to.min(items.len()))
}
