//! Policies: what the arguments of an invocation must look like.
//!
//! Must never be met because it could not be understood or took too long: what is not known is
//! refused when it is read, and work past the budget is an error that nothing can negate.

use crate::Ipld;
use crate::envelope::Map;
use crate::limits::POLICY_STEPS_MAX;
use crate::pick::{Budget, Picked};
use crate::selector::Selector;

/// Statements that must all be true of the arguments. An empty one always is.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Policy(pub Vec<Statement>);

/// How two values are compared. Only integers have an order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Comparison {
    /// `==`
    Equal,
    /// `!=`
    NotEqual,
    /// `>`
    Greater,
    /// `>=`
    GreaterOrEqual,
    /// `<`
    Less,
    /// `<=`
    LessOrEqual,
}

/// Something that is true of arguments or not. A selector that leads nowhere makes it false.
#[derive(Clone, Debug, PartialEq)]
pub enum Statement {
    /// What the selector leads to compares so with this value.
    Compare(Comparison, Selector, Ipld),
    /// All of these are true; also when there are none.
    And(Vec<Statement>),
    /// One of these is true, or there are none.
    Or(Vec<Statement>),
    /// This is not true.
    Not(Box<Statement>),
    /// The text is like this one, in which `*` stands for anything and `\*` for a star.
    Like(Selector, String),
    /// It is true of all values of the list or map.
    All(Selector, Box<Statement>),
    /// It is true of one value of the list or map.
    Any(Selector, Box<Statement>),
}

/// A value that is no policy, or one with a part that is not known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("pol is no policy that can be read")]
pub struct PolicyError;

/// Comparing takes more than [`POLICY_STEPS_MAX`] steps.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a policy that takes too long to compare")]
pub struct TooMuchWork;

const COMPARISONS: [(&str, Comparison); 6] = [
    ("==", Comparison::Equal),
    ("!=", Comparison::NotEqual),
    (">", Comparison::Greater),
    (">=", Comparison::GreaterOrEqual),
    ("<", Comparison::Less),
    ("<=", Comparison::LessOrEqual),
];

impl Policy {
    /// Reads the value of `pol`.
    ///
    /// # Errors
    /// For operators, selectors and values (floats) that are not known.
    pub fn from_ipld(value: &Ipld) -> Result<Self, PolicyError> {
        read_statements(value).map(Self)
    }

    /// The value of `pol`.
    pub fn to_ipld(&self) -> Ipld {
        Ipld::List(self.0.iter().map(Statement::to_ipld).collect())
    }

    /// Whether the arguments are as all statements say.
    ///
    /// # Errors
    /// When that takes too long to find out.
    pub fn is_met_by(&self, arguments: &Map) -> Result<bool, TooMuchWork> {
        let arguments = Ipld::Map(arguments.clone());
        self.is_met_by_value(&arguments)
    }

    /// As [`Policy::is_met_by`], for any value.
    ///
    /// # Errors
    /// When that takes too long to find out.
    pub fn is_met_by_value(&self, value: &Ipld) -> Result<bool, TooMuchWork> {
        let mut budget = Budget(POLICY_STEPS_MAX);
        all(&self.0, &Picked::Whole(value), &mut budget)
    }
}

impl Statement {
    fn to_ipld(&self) -> Ipld {
        let list = |operator: &str, rest: Vec<Ipld>| {
            let operator = Ipld::String(operator.to_owned());
            Ipld::List(std::iter::once(operator).chain(rest).collect())
        };
        let path = |selector: &Selector| Ipld::String(selector.to_string());
        let many =
            |statements: &[Self]| vec![Ipld::List(statements.iter().map(Self::to_ipld).collect())];
        match self {
            Self::Compare(comparison, selector, value) => {
                let known = COMPARISONS.iter().find(|(_, known)| known == comparison);
                let operator = known.map_or("", |(operator, _)| operator);
                list(operator, vec![path(selector), value.clone()])
            }
            Self::And(statements) => list("and", many(statements)),
            Self::Or(statements) => list("or", many(statements)),
            Self::Not(statement) => list("not", vec![statement.to_ipld()]),
            Self::Like(selector, pattern) => {
                list("like", vec![path(selector), Ipld::String(pattern.clone())])
            }
            Self::All(selector, inner) => list("all", vec![path(selector), inner.to_ipld()]),
            Self::Any(selector, inner) => list("any", vec![path(selector), inner.to_ipld()]),
        }
    }

    fn is_true_of(&self, value: &Picked<'_>, budget: &mut Budget) -> Result<bool, TooMuchWork> {
        budget.spend(0)?;
        match self {
            Self::Compare(comparison, selector, other) => {
                let found = selector.pick(value.clone(), budget)?;
                Ok(found.is_some_and(|found| compare(*comparison, &found, other)))
            }
            Self::And(statements) => all(statements, value, budget),
            Self::Or(statements) => Ok(statements.is_empty() || any(statements, value, budget)?),
            Self::Not(statement) => Ok(!statement.is_true_of(value, budget)?),
            Self::Like(selector, pattern) => {
                let found = selector.pick(value.clone(), budget)?;
                let Some(Ipld::String(text)) = found.as_ref().and_then(Picked::value) else {
                    return Ok(false);
                };
                budget.spend(text.len().saturating_add(pattern.len()))?;
                Ok(is_like(text, pattern))
            }
            Self::All(selector, inner) => {
                let Some(items) = items(selector, value, budget)? else {
                    return Ok(false);
                };
                for item in &items {
                    if !inner.is_true_of(item, budget)? {
                        return Ok(false);
                    }
                }
                Ok(true)
            }
            Self::Any(selector, inner) => {
                for item in &items(selector, value, budget)?.unwrap_or_default() {
                    if inner.is_true_of(item, budget)? {
                        return Ok(true);
                    }
                }
                Ok(false)
            }
        }
    }
}

fn items<'a>(
    selector: &Selector,
    value: &Picked<'a>,
    budget: &mut Budget,
) -> Result<Option<Vec<Picked<'a>>>, TooMuchWork> {
    match selector.pick(value.clone(), budget)? {
        Some(found) => found.items(budget),
        None => Ok(None),
    }
}

fn all(
    statements: &[Statement],
    value: &Picked<'_>,
    budget: &mut Budget,
) -> Result<bool, TooMuchWork> {
    for statement in statements {
        if !statement.is_true_of(value, budget)? {
            return Ok(false);
        }
    }
    Ok(true)
}

fn any(
    statements: &[Statement],
    value: &Picked<'_>,
    budget: &mut Budget,
) -> Result<bool, TooMuchWork> {
    for statement in statements {
        if statement.is_true_of(value, budget)? {
            return Ok(true);
        }
    }
    Ok(false)
}

fn compare(comparison: Comparison, found: &Picked<'_>, other: &Ipld) -> bool {
    let order = match (found.value(), other) {
        (Some(Ipld::Integer(found)), Ipld::Integer(other)) => Some(found.cmp(other)),
        _ => None,
    };
    match comparison {
        Comparison::Equal => found.equals(other),
        Comparison::NotEqual => !found.equals(other),
        Comparison::Greater => order.is_some_and(|order| order.is_gt()),
        Comparison::GreaterOrEqual => order.is_some_and(|order| order.is_ge()),
        Comparison::Less => order.is_some_and(|order| order.is_lt()),
        Comparison::LessOrEqual => order.is_some_and(|order| order.is_le()),
    }
}

/// Looks for the pieces between the stars one after another; the first place of each is as good
/// as any later one, so this takes time by the length of the text alone.
fn is_like(text: &str, pattern: &str) -> bool {
    let mut pieces = vec![String::new()];
    let mut letters = pattern.chars().peekable();
    while let Some(letter) = letters.next() {
        match (letter, pieces.last_mut()) {
            ('*', _) => pieces.push(String::new()),
            ('\\', Some(piece)) if letters.next_if_eq(&'*').is_some() => piece.push('*'),
            (letter, Some(piece)) => piece.push(letter),
            (_, None) => {}
        }
    }
    let Some((first, between)) = pieces.split_first() else {
        return false;
    };
    let Some((last, between)) = between.split_last() else {
        return text == first;
    };
    let mut rest = match text.strip_prefix(first.as_str()) {
        Some(rest) => rest,
        None => return false,
    };
    for piece in between {
        rest = match rest.split_once(piece.as_str()) {
            Some((_, rest)) => rest,
            None => return false,
        };
    }
    rest.ends_with(last.as_str())
}

fn read_statements(value: &Ipld) -> Result<Vec<Statement>, PolicyError> {
    match value {
        Ipld::List(list) => list.iter().map(read_statement).collect(),
        _ => Err(PolicyError),
    }
}

fn read_statement(value: &Ipld) -> Result<Statement, PolicyError> {
    let Ipld::List(parts) = value else {
        return Err(PolicyError);
    };
    let inner = |value: &Ipld| read_statement(value).map(Box::new);
    match parts.as_slice() {
        [Ipld::String(operator), of] => match operator.as_str() {
            "and" => read_statements(of).map(Statement::And),
            "or" => read_statements(of).map(Statement::Or),
            "not" => inner(of).map(Statement::Not),
            _ => Err(PolicyError),
        },
        [Ipld::String(operator), Ipld::String(selector), of] => {
            let selector: Selector = selector.parse().map_err(|_| PolicyError)?;
            match (operator.as_str(), of) {
                ("like", Ipld::String(pattern)) => Ok(Statement::Like(selector, pattern.clone())),
                ("all", of) => Ok(Statement::All(selector, inner(of)?)),
                ("any", of) => Ok(Statement::Any(selector, inner(of)?)),
                (operator, of) => {
                    let mut known = COMPARISONS.iter();
                    let (_, comparison) = known
                        .find(|(known, _)| *known == operator)
                        .ok_or(PolicyError)?;
                    match has_float(of) {
                        true => Err(PolicyError),
                        false => Ok(Statement::Compare(*comparison, selector, of.clone())),
                    }
                }
            }
        }
        _ => Err(PolicyError),
    }
}

fn has_float(value: &Ipld) -> bool {
    match value {
        Ipld::Float(_) => true,
        Ipld::List(list) => list.iter().any(has_float),
        Ipld::Map(map) => map.values().any(has_float),
        _ => false,
    }
}
