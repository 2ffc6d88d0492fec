//! The query as signatures see it: its canonical form and the parameters that authenticate. It must
//! never pick one of two values that a query gives for one parameter.

use super::canonical::encode;
use super::scope::query_error;
use crate::error::Result;
use crate::query::Query;

/// The parameter that the canonical query leaves out.
pub(super) const SIGNATURE: &str = "X-Amz-Signature";
/// The parameters of a presigned URL that are its signature's own and no header's.
pub(super) const OWN: [&str; 8] = [
    "X-Amz-Algorithm",
    "X-Amz-Credential",
    "X-Amz-Date",
    "X-Amz-Expires",
    "X-Amz-SignedHeaders",
    SIGNATURE,
    "X-Amz-Security-Token",
    "X-Amz-Content-Sha256",
];
/// Any of these, in any case, makes a request a presigned one.
const MARKS: usize = 6;

/// How a query authenticates.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mechanism {
    None,
    V2,
    V4,
}

/// A decoded query, looked at for what authenticates.
#[derive(Debug)]
pub(super) struct Parameters(Query);

impl Parameters {
    pub(super) fn parse(raw_query: Option<&str>) -> Result<Self> {
        Query::parse(raw_query).map(Self)
    }

    pub(super) fn mechanism(&self) -> Mechanism {
        let mark = |name: &str| {
            OWN.iter()
                .take(MARKS)
                .any(|own| own.eq_ignore_ascii_case(name))
        };
        if self.0.pairs().any(|(name, _)| mark(name)) {
            return Mechanism::V4;
        }
        if self.0.has("AWSAccessKeyId") || self.0.has("Signature") {
            return Mechanism::V2;
        }
        Mechanism::None
    }

    /// The one value of an authenticating parameter; an empty one counts as missing.
    pub(super) fn once(&self, wanted: &str) -> Result<Option<&str>> {
        let mut values = self
            .0
            .pairs()
            .filter(|(name, _)| *name == wanted)
            .map(|(_, v)| v);
        let first = values.next();
        if values.next().is_some() {
            return Err(query_error(format!("{wanted} may be given only once.")));
        }
        Ok(first.filter(|value| !value.is_empty()))
    }

    /// Encoded pairs sorted by name, then value, without the parameter `left_out`.
    pub(super) fn canonical(&self, left_out: Option<&str>) -> String {
        let kept = self.0.pairs().filter(|(name, _)| Some(*name) != left_out);
        let mut encoded: Vec<_> = kept
            .map(|(name, value)| (encode(name), encode(value)))
            .collect();
        encoded.sort_unstable();
        let joined: Vec<_> = encoded
            .iter()
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        joined.join("&")
    }
}
