//! The query of a request as pairs, decoded once, for parameters and for the canonical query of a
//! signature alike. It must never drop, join or reorder a pair: what was signed is what is read.

use crate::error::{Code, Result, S3Error};
use crate::percent;

/// The most pairs a query may have.
pub const PAIRS_MAX: usize = 64;

/// Decoded pairs in wire order; a name without `=` has an empty value.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Query {
    pairs: Vec<(String, String)>,
}

impl Query {
    /// Reads what stands behind the `?`.
    ///
    /// # Errors
    /// `InvalidURI` for a broken escape, bytes that are not UTF-8, more than [`PAIRS_MAX`] pairs.
    pub fn parse(raw: Option<&str>) -> Result<Self> {
        let mut pairs = Vec::new();
        for piece in raw
            .unwrap_or_default()
            .split('&')
            .filter(|piece| !piece.is_empty())
        {
            if pairs.len() == PAIRS_MAX {
                return Err(S3Error::new(Code::InvalidUri));
            }
            let (name, value) = piece.split_once('=').unwrap_or((piece, ""));
            let decoded = percent::decode(name, true).zip(percent::decode(value, true));
            pairs.push(decoded.ok_or(S3Error::new(Code::InvalidUri))?);
        }
        Ok(Self { pairs })
    }

    /// Whether a name is there, with or without a value.
    #[must_use]
    pub fn has(&self, name: &str) -> bool {
        self.get(name).is_some()
    }

    /// The value of the first pair with this name.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        self.pairs
            .iter()
            .find(|(each, _)| each == name)
            .map(|(_, value)| value.as_str())
    }

    /// The same, where an empty value counts as absent.
    #[must_use]
    pub fn filled(&self, name: &str) -> Option<&str> {
        self.get(name).filter(|value| !value.is_empty())
    }

    /// The pairs in wire order.
    pub fn pairs(&self) -> impl Iterator<Item = (&str, &str)> {
        self.pairs
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
    }
}
