//! What each command takes: declared arguments, which must be there, and reading them.
//!
//! Must never hold what a command does with them.

use cid::Cid;
use ipld_core::ipld::Ipld;

use crate::cbor::Map;
use crate::check::Refusal;
use crate::token::{Token, links};

/// Declared arguments of a command: those that must be there, and those that may.
pub(crate) struct Fields {
    /// Must be there.
    pub(crate) must: &'static [&'static str],
    /// May be there.
    pub(crate) may: &'static [&'static str],
}

/// The declaration of a command; `None` where it is not known.
pub(crate) fn of(cmd: &str) -> Option<Fields> {
    let (must, may): (&'static [&'static str], &'static [&'static str]) = match cmd {
        "/access/request" => (&["iss", "att"], &[]),
        "/access/confirm" => (&["cause", "iss", "aud", "att"], &[]),
        "/access/claim" | "/space/info" | "/admin/provider/list" => (&[], &[]),
        "/access/delegate" => (&["delegations"], &[]),
        "/provider/add" => (&["provider", "consumer"], &[]),
        "/customer/add" => (&["customer", "product", "details"], &["externalAccount"]),
        "/blob/add" => (&["blob"], &[]),
        "/blob/allocate" => (&["space", "blob", "cause"], &[]),
        "/blob/accept" => (&["space", "blob", "_put"], &[]),
        "/blob/remove" => (&["digest"], &[]),
        "/blob/abort" => (&["digest", "cause"], &[]),
        "/blob/release" => (&["space", "digest", "cause"], &[]),
        "/blob/reject" => (&["space", "digest"], &[]),
        "/blob/list" | "/upload/list" => (&[], &["cursor", "size"]),
        "/content/retrieve" => (&["blob", "range"], &[]),
        "/ucan/conclude" => (&[], &["receipt", "receipts"]),
        "/index/add" | "/assert/index" => (&["index"], &[]),
        "/upload/add" => (&["root", "shards"], &["index"]),
        "/upload/remove" => (&["root"], &[]),
        "/upload/shard/list" => (&["root"], &["cursor", "size"]),
        _ => return None,
    };
    Some(Fields { must, may })
}

/// Refuses arguments that are missing or not declared, one level of `blob` included.
///
/// # Errors
/// `MalformedArguments`.
pub(crate) fn strict(token: &Token, fields: &Fields) -> Result<(), Refusal> {
    let args = token.args();
    only(args, fields.must, fields.may)?;
    if let Some(Ipld::Map(blob)) = args.get("blob") {
        let must: &[&str] = if token.cmd() == "/content/retrieve" {
            &["digest"]
        } else {
            &["digest", "size"]
        };
        only(blob, must, &[])?;
    }
    Ok(())
}

fn only(map: &Map, must: &[&str], may: &[&str]) -> Result<(), Refusal> {
    for name in must {
        if !map.contains_key(*name) {
            return Err(Refusal::malformed(format_args!("{name} is missing")));
        }
    }
    for name in map.keys() {
        if !must.contains(&name.as_str()) && !may.contains(&name.as_str()) {
            return Err(Refusal::malformed(format_args!("{name} is not declared")));
        }
    }
    Ok(())
}

fn wrong(name: &str, kind: &str) -> Refusal {
    Refusal::malformed(format_args!(
        "unmarshaling t.{}: cbor input should be of type {kind}",
        capital(name)
    ))
}

fn capital(name: &str) -> String {
    let mut letters = name.chars();
    match letters.next() {
        Some(first) => first.to_uppercase().chain(letters).collect(),
        None => String::new(),
    }
}

/// A text; what is missing is empty, as in the real services.
///
/// # Errors
/// Another type.
pub(crate) fn text(args: &Map, name: &str) -> Result<String, Refusal> {
    match args.get(name) {
        Some(Ipld::String(text)) => Ok(text.clone()),
        None => Ok(String::new()),
        Some(_) => Err(wrong(name, "text string")),
    }
}

/// Bytes; what is missing is empty.
///
/// # Errors
/// Another type.
pub(crate) fn bytes(args: &Map, name: &str) -> Result<Vec<u8>, Refusal> {
    match args.get(name) {
        Some(Ipld::Bytes(bytes)) => Ok(bytes.clone()),
        None => Ok(Vec::new()),
        Some(_) => Err(wrong(name, "byte string")),
    }
}

/// A whole number from 0; what is missing is 0.
///
/// # Errors
/// Another type.
pub(crate) fn number(args: &Map, name: &str) -> Result<u64, Refusal> {
    match args.get(name) {
        Some(Ipld::Integer(value)) => u64::try_from(*value).map_err(|_| wrong(name, "uint")),
        None => Ok(0),
        Some(_) => Err(wrong(name, "uint")),
    }
}

/// A link.
///
/// # Errors
/// Another type, or nothing.
pub(crate) fn link(args: &Map, name: &str) -> Result<Cid, Refusal> {
    match args.get(name) {
        Some(Ipld::Link(cid)) => Ok(*cid),
        _ => Err(wrong(name, "cid")),
    }
}

/// A list of links; what is missing is empty.
///
/// # Errors
/// Another type.
pub(crate) fn link_list(args: &Map, name: &str) -> Result<Vec<Cid>, Refusal> {
    match args.get(name) {
        Some(list @ Ipld::List(items)) => {
            let found = links(list);
            if found.len() == items.len() {
                Ok(found)
            } else {
                Err(wrong(name, "cid"))
            }
        }
        None => Ok(Vec::new()),
        Some(_) => Err(wrong(name, "array")),
    }
}

/// A map; what is missing is empty.
///
/// # Errors
/// Another type.
pub(crate) fn map(args: &Map, name: &str) -> Result<Map, Refusal> {
    match args.get(name) {
        Some(Ipld::Map(map)) => Ok(map.clone()),
        None => Ok(Map::new()),
        Some(_) => Err(wrong(name, "map")),
    }
}

/// The range of a retrieval: two numbers, both ends included; what is missing is the first byte.
///
/// # Errors
/// Another type.
pub(crate) fn range(args: &Map) -> Result<(u64, u64), Refusal> {
    match args.get("range") {
        None => Ok((0, 0)),
        Some(Ipld::List(ends)) => match ends.as_slice() {
            [Ipld::Integer(start), Ipld::Integer(end)] => {
                let start = u64::try_from(*start).map_err(|_| wrong("range", "uint"))?;
                let end = u64::try_from(*end).map_err(|_| wrong("range", "uint"))?;
                Ok((start, end))
            }
            _ => Err(wrong("range", "array of two")),
        },
        Some(_) => Err(wrong("range", "array")),
    }
}
