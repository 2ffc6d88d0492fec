//! Receipts: an executor says how a task ended. On the wire an invocation of its own command.
//!
//! Must never be taken for an answer on its word alone: anybody can sign one for any task.

use billet_block::Cid;

use crate::Ipld;
use crate::document::Purpose;
use crate::envelope::{Map, Payload, TokenError};
use crate::fields::{Fields, fields, link, nullable, seconds, text};
use crate::invocation::Invocation;
use billet_key::Did;

/// The command of a receipt.
pub const RECEIPT_COMMAND: &str = "/ucan/assert/receipt";

/// How a task ended.
#[derive(Clone, Debug, PartialEq)]
pub enum Outcome {
    /// It did what it should, with this result.
    Ok(Ipld),
    /// It failed, for this reason: a map with `name` and `message`, by convention.
    Error(Ipld),
}

impl Outcome {
    /// The name of the error, if this is one with a name.
    pub fn error_name(&self) -> Option<&str> {
        match self {
            Self::Error(Ipld::Map(error)) => match error.get("name") {
                Some(Ipld::String(name)) => Some(name),
                _ => None,
            },
            _ => None,
        }
    }
}

/// What a receipt says.
#[derive(Clone, Debug, PartialEq)]
pub struct Receipt {
    /// Who ran the task: issuer and subject of the token.
    pub executor: Did,
    /// The task, see [`Invocation::task`].
    pub ran: Cid,
    /// How it ended.
    pub outcome: Outcome,
    /// Bytes that make it another token than one that says the same.
    pub nonce: Vec<u8>,
    /// When it ends, in seconds since 1970. What happened has happened: not to be checked.
    pub expires_s: Option<u64>,
    /// When it was made, in seconds since 1970.
    pub issued_s: Option<u64>,
    /// The task that led to this one.
    pub cause: Option<Cid>,
    /// Facts without effect.
    pub meta: Option<Map>,
}

impl Payload for Receipt {
    const TAG: &'static str = Invocation::TAG;
    const PURPOSE: Purpose = Purpose::Invocation;

    fn issuer(&self) -> &Did {
        &self.executor
    }

    fn expires_s(&self) -> Option<u64> {
        self.expires_s
    }

    fn to_map(&self) -> Map {
        let (name, value) = match &self.outcome {
            Outcome::Ok(value) => ("ok", value),
            Outcome::Error(value) => ("error", value),
        };
        let out = Map::from([(name.to_owned(), value.clone())]);
        let arguments = fields([("ran", link(&self.ran)), ("out", Ipld::Map(out))], []);
        fields(
            [
                ("iss", text(&self.executor)),
                ("sub", text(&self.executor)),
                ("cmd", text(&RECEIPT_COMMAND)),
                ("args", Ipld::Map(arguments)),
                ("prf", Ipld::List(Vec::new())),
                ("nonce", Ipld::Bytes(self.nonce.clone())),
                ("exp", nullable(self.expires_s.as_ref(), seconds)),
            ],
            [
                ("iat", self.issued_s.as_ref().map(seconds)),
                ("cause", self.cause.as_ref().map(link)),
                ("meta", self.meta.clone().map(Ipld::Map)),
            ],
        )
    }

    fn from_map(map: Map) -> Result<Self, TokenError> {
        let invocation = Invocation::from_map(map)?;
        let bare = invocation.audience.is_none() && invocation.proofs.is_empty();
        let own = invocation.issuer == invocation.subject;
        if invocation.command.as_str() != RECEIPT_COMMAND || !bare || !own {
            return Err(TokenError::malformed("an invocation, not a receipt"));
        }
        let mut arguments = Fields::new(invocation.arguments);
        let ran = arguments.cid("ran")?;
        let out = arguments.map("out")?;
        arguments.finish()?;
        let mut out = out.into_iter();
        let outcome = match (out.next(), out.next()) {
            (Some((name, value)), None) if name == "ok" => Outcome::Ok(value),
            (Some((name, value)), None) if name == "error" => Outcome::Error(value),
            _ => return Err(TokenError::malformed("neither ok nor error")),
        };
        Ok(Self {
            executor: invocation.issuer,
            ran,
            outcome,
            nonce: invocation.nonce,
            expires_s: invocation.expires_s,
            issued_s: invocation.issued_s,
            cause: invocation.cause,
            meta: invocation.meta,
        })
    }
}
