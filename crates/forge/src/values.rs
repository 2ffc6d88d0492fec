//! Reading what stands in arguments and results.
//!
//! Must never take a missing value for an empty one.

use billet_block::Cid;
use billet_ucan::{Did, Ipld, Map};

use crate::failure::Failure;

pub(crate) fn optional<'v>(value: &'v Ipld, name: &str) -> Option<&'v Ipld> {
    match value {
        Ipld::Map(map) => map.get(name),
        _ => None,
    }
}

pub(crate) fn field<'v>(value: &'v Ipld, name: &str) -> Result<&'v Ipld, Failure> {
    optional(value, name).ok_or_else(|| Failure::unbelievable(format!("no {name}")))
}

fn wrong(name: &str) -> Failure {
    Failure::unbelievable(format!("{name} is of another type"))
}

pub(crate) fn bytes<'v>(value: &'v Ipld, name: &str) -> Result<&'v [u8], Failure> {
    match field(value, name)? {
        Ipld::Bytes(bytes) => Ok(bytes),
        _ => Err(wrong(name)),
    }
}

pub(crate) fn number(value: &Ipld, name: &str) -> Result<u64, Failure> {
    match field(value, name)? {
        Ipld::Integer(number) => u64::try_from(*number).map_err(|_| wrong(name)),
        _ => Err(wrong(name)),
    }
}

pub(crate) fn text<'v>(value: &'v Ipld, name: &str) -> Result<&'v str, Failure> {
    match field(value, name)? {
        Ipld::String(text) => Ok(text),
        _ => Err(wrong(name)),
    }
}

pub(crate) fn list<'v>(value: &'v Ipld, name: &str) -> Result<&'v [Ipld], Failure> {
    match field(value, name)? {
        Ipld::List(list) => Ok(list),
        _ => Err(wrong(name)),
    }
}

pub(crate) fn did(value: &Ipld, name: &str) -> Result<Did, Failure> {
    text(value, name)?.parse().map_err(|_| wrong(name))
}

pub(crate) fn link(value: &Ipld, name: &str) -> Result<Cid, Failure> {
    match field(value, name)? {
        Ipld::Link(link) => Cid::from_bytes(&link.to_bytes()).map_err(|_| wrong(name)),
        _ => Err(wrong(name)),
    }
}

/// The task that is promised under a name.
pub(crate) fn awaited(value: &Ipld, name: &str) -> Result<Cid, Failure> {
    link(field(value, name)?, "await/ok")
}

pub(crate) fn to_link(cid: &Cid) -> Ipld {
    Ipld::Link(ipld_core::cid::Cid::from(*cid))
}

pub(crate) fn to_text(value: &impl ToString) -> Ipld {
    Ipld::String(value.to_string())
}

pub(crate) fn to_map<const N: usize>(entries: [(&str, Ipld); N]) -> Map {
    let entries = entries.into_iter();
    entries
        .map(|(name, value)| (name.to_owned(), value))
        .collect()
}
