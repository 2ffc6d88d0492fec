//! Invocations: an issuer asks an audience to run a command on a subject.
//!
//! Must never let anything but subject, command, arguments and nonce into the name of a task:
//! receipts find their way by it.

use billet_block::{Cid, Codec, encode};

use crate::Ipld;
use crate::command::Command;
use crate::document::Purpose;
use crate::envelope::{Map, Payload, TokenError};
use crate::fields::{Fields, fields, link, nullable, seconds, text};
use billet_key::Did;

/// What an invocation says.
#[derive(Clone, Debug, PartialEq)]
pub struct Invocation {
    /// Who asks.
    pub issuer: Did,
    /// On what.
    pub subject: Did,
    /// Who is to run it; `None` is the subject itself.
    pub audience: Option<Did>,
    /// What is to be run.
    pub command: Command,
    /// With what.
    pub arguments: Map,
    /// The delegations that allow it, from the subject's own to the issuer's.
    pub proofs: Vec<Cid>,
    /// Bytes that make it another task than one that asks the same; empty for a task that may
    /// run once.
    pub nonce: Vec<u8>,
    /// When it ends, in seconds since 1970; `None` is never.
    pub expires_s: Option<u64>,
    /// When it was made, in seconds since 1970. Never checked.
    pub issued_s: Option<u64>,
    /// The task that led to this one.
    pub cause: Option<Cid>,
    /// What rides along without being part of the task.
    pub meta: Option<Map>,
}

impl Invocation {
    /// Who is to run it and sign its receipt.
    pub fn executor(&self) -> &Did {
        self.audience.as_ref().unwrap_or(&self.subject)
    }

    /// The bytes that a task is named by.
    ///
    /// # Errors
    /// `Malformed` when an argument has no form in DAG-CBOR, such as a NaN.
    pub fn task_bytes(&self) -> Result<Vec<u8>, TokenError> {
        let task = fields(
            [
                ("sub", text(&self.subject)),
                ("cmd", text(&self.command)),
                ("args", Ipld::Map(self.arguments.clone())),
                ("nonce", Ipld::Bytes(self.nonce.clone())),
            ],
            [],
        );
        Ok(encode(&Ipld::Map(task))?)
    }

    /// The name of the task: what receipts, promises and causes link to.
    ///
    /// # Errors
    /// As [`Invocation::task_bytes`].
    pub fn task(&self) -> Result<Cid, TokenError> {
        Ok(Cid::of(Codec::DagCbor, &self.task_bytes()?))
    }
}

impl Payload for Invocation {
    const TAG: &'static str = "ucan/inv@1.0.0-rc.1";
    const PURPOSE: Purpose = Purpose::Invocation;

    fn issuer(&self) -> &Did {
        &self.issuer
    }

    fn expires_s(&self) -> Option<u64> {
        self.expires_s
    }

    fn to_map(&self) -> Map {
        fields(
            [
                ("iss", text(&self.issuer)),
                ("sub", text(&self.subject)),
                ("cmd", text(&self.command)),
                ("args", Ipld::Map(self.arguments.clone())),
                ("prf", Ipld::List(self.proofs.iter().map(link).collect())),
                ("nonce", Ipld::Bytes(self.nonce.clone())),
                ("exp", nullable(self.expires_s.as_ref(), seconds)),
            ],
            [
                ("aud", self.audience.as_ref().map(text)),
                ("iat", self.issued_s.as_ref().map(seconds)),
                ("cause", self.cause.as_ref().map(link)),
                ("meta", self.meta.clone().map(Ipld::Map)),
            ],
        )
    }

    fn from_map(map: Map) -> Result<Self, TokenError> {
        let mut fields = Fields::new(map);
        let invocation = Self {
            issuer: fields.did("iss")?,
            subject: fields.did("sub")?,
            audience: fields.optional_did("aud")?,
            command: fields.command()?,
            arguments: fields.map("args")?,
            proofs: fields.cids("prf")?,
            nonce: fields.nonce()?,
            expires_s: fields.nullable_time("exp")?,
            issued_s: fields.optional_time("iat")?,
            cause: fields.optional_cid("cause")?,
            meta: fields.optional_map("meta")?,
        };
        fields.finish()?;
        Ok(invocation)
    }
}
