//! Reading the fields of a payload one by one.
//!
//! Must never pass over a field that it does not know: it may be a restriction.

use billet_block::Cid;

use crate::Ipld;
use crate::command::Command;
use crate::envelope::{Map, TokenError};
use billet_key::Did;

/// The fields that have not been read yet.
pub(crate) struct Fields(Map);

impl Fields {
    pub(crate) const fn new(map: Map) -> Self {
        Self(map)
    }

    pub(crate) fn optional(&mut self, name: &str) -> Option<Ipld> {
        self.0.remove(name)
    }

    pub(crate) fn required(&mut self, name: &str) -> Result<Ipld, TokenError> {
        let missing = || TokenError::malformed(format!("no field {name}"));
        self.0.remove(name).ok_or_else(missing)
    }

    pub(crate) fn did(&mut self, name: &str) -> Result<Did, TokenError> {
        did(name, self.required(name)?)
    }

    /// A field that may be absent, but not null.
    pub(crate) fn optional_did(&mut self, name: &str) -> Result<Option<Did>, TokenError> {
        self.optional(name)
            .map(|value| did(name, value))
            .transpose()
    }

    /// A field that may be null, but not absent.
    pub(crate) fn nullable_did(&mut self, name: &str) -> Result<Option<Did>, TokenError> {
        match self.required(name)? {
            Ipld::Null => Ok(None),
            value => did(name, value).map(Some),
        }
    }

    pub(crate) fn command(&mut self) -> Result<Command, TokenError> {
        match self.required("cmd")? {
            Ipld::String(text) => text
                .parse()
                .map_err(|_| TokenError::malformed("cmd is no command")),
            _ => Err(wrong("cmd")),
        }
    }

    pub(crate) fn nonce(&mut self) -> Result<Vec<u8>, TokenError> {
        match self.required("nonce")? {
            Ipld::Bytes(bytes) => Ok(bytes),
            _ => Err(wrong("nonce")),
        }
    }

    /// A time that may be null, but not absent.
    pub(crate) fn nullable_time(&mut self, name: &str) -> Result<Option<u64>, TokenError> {
        match self.required(name)? {
            Ipld::Null => Ok(None),
            value => time(name, &value).map(Some),
        }
    }

    /// A time that may be absent, but not null.
    pub(crate) fn optional_time(&mut self, name: &str) -> Result<Option<u64>, TokenError> {
        self.optional(name)
            .map(|value| time(name, &value))
            .transpose()
    }

    pub(crate) fn map(&mut self, name: &str) -> Result<Map, TokenError> {
        match self.required(name)? {
            Ipld::Map(map) => Ok(map),
            _ => Err(wrong(name)),
        }
    }

    pub(crate) fn optional_map(&mut self, name: &str) -> Result<Option<Map>, TokenError> {
        match self.optional(name) {
            None => Ok(None),
            Some(Ipld::Map(map)) => Ok(Some(map)),
            Some(_) => Err(wrong(name)),
        }
    }

    pub(crate) fn cid(&mut self, name: &str) -> Result<Cid, TokenError> {
        cid(name, &self.required(name)?)
    }

    pub(crate) fn optional_cid(&mut self, name: &str) -> Result<Option<Cid>, TokenError> {
        self.optional(name)
            .map(|value| cid(name, &value))
            .transpose()
    }

    pub(crate) fn cids(&mut self, name: &str) -> Result<Vec<Cid>, TokenError> {
        match self.required(name)? {
            Ipld::List(list) => list.iter().map(|value| cid(name, value)).collect(),
            _ => Err(wrong(name)),
        }
    }

    /// Refuses what is left.
    pub(crate) fn finish(self) -> Result<(), TokenError> {
        match self.0.keys().next() {
            None => Ok(()),
            Some(name) => Err(TokenError::malformed(format!("unknown field {name}"))),
        }
    }
}

fn wrong(name: &str) -> TokenError {
    TokenError::malformed(format!("{name} is of another type"))
}

fn did(name: &str, value: Ipld) -> Result<Did, TokenError> {
    match value {
        Ipld::String(text) => text
            .parse()
            .map_err(|_| TokenError::malformed(format!("{name} is no identity"))),
        _ => Err(wrong(name)),
    }
}

fn time(name: &str, value: &Ipld) -> Result<u64, TokenError> {
    match value {
        // Other implementations hold seconds in 64 bits with a sign.
        Ipld::Integer(time) => i64::try_from(*time)
            .ok()
            .and_then(|time| u64::try_from(time).ok())
            .ok_or_else(|| TokenError::malformed(format!("{name} is no time"))),
        _ => Err(wrong(name)),
    }
}

fn cid(name: &str, value: &Ipld) -> Result<Cid, TokenError> {
    match value {
        Ipld::Link(link) => Cid::from_bytes(&link.to_bytes())
            .map_err(|_| TokenError::malformed(format!("{name} links no token or task"))),
        _ => Err(wrong(name)),
    }
}

/// Writes the fields of a payload: those that are always there and those that may be absent.
pub(crate) fn fields<const N: usize>(
    always: [(&str, Ipld); N],
    sometimes: impl IntoIterator<Item = (&'static str, Option<Ipld>)>,
) -> Map {
    let sometimes = sometimes
        .into_iter()
        .filter_map(|(name, value)| Some((name, value?)));
    always
        .into_iter()
        .chain(sometimes)
        .map(|(name, value)| (name.to_owned(), value))
        .collect()
}

pub(crate) fn text(value: &impl ToString) -> Ipld {
    Ipld::String(value.to_string())
}

pub(crate) fn nullable<T>(value: Option<&T>, write: impl FnOnce(&T) -> Ipld) -> Ipld {
    value.map_or(Ipld::Null, write)
}

pub(crate) fn seconds(time_s: &u64) -> Ipld {
    Ipld::Integer(i128::from(*time_s))
}

pub(crate) fn link(cid: &Cid) -> Ipld {
    Ipld::Link(ipld_core::cid::Cid::from(*cid))
}
