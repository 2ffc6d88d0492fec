//! Delegations: an issuer lets an audience use a command on a subject.
//!
//! Must never widen what it reads: every field is there or the token is none.

use billet_block::{Cid, Codec};

use crate::Ipld;
use crate::command::Command;
use crate::document::Purpose;
use crate::envelope::{Map, Payload, Signed, TokenError, Unsigned};
use crate::fields::{Fields, fields, nullable, seconds, text};
use crate::invocation::Invocation;
use crate::policy::Policy;
use crate::signature::attestation;
use crate::varsig::Algorithm;
use billet_key::Did;
use billet_key::Signer;

/// What a delegation says.
#[derive(Clone, Debug, PartialEq)]
pub struct Delegation {
    /// Who gives.
    pub issuer: Did,
    /// Who is given.
    pub audience: Did,
    /// On what; `None` is on whatever the issuer was given or will be.
    pub subject: Option<Did>,
    /// What may be done: this command and those below it.
    pub command: Command,
    /// With which arguments.
    pub policy: Policy,
    /// Bytes that make it another token than one that says the same.
    pub nonce: Vec<u8>,
    /// When it ends, in seconds since 1970; `None` is never.
    pub expires_s: Option<u64>,
    /// When it begins, in seconds since 1970.
    pub not_before_s: Option<u64>,
    /// Facts without effect on what is allowed.
    pub meta: Option<Map>,
}

impl Delegation {
    /// Whether its time is over at `now_s`, in seconds since 1970.
    pub fn is_over(&self, now_s: u64) -> bool {
        self.expires_s.is_some_and(|expires_s| expires_s <= now_s)
    }

    /// Has an authority say that the issuer gave this, for issuers that have no key (accounts).
    ///
    /// # Errors
    /// As [`Unsigned::new`].
    pub fn attest(self, authority: &dyn Signer) -> Result<Signed<Self>, TokenError> {
        let unsigned = Unsigned::with(self, Algorithm::Attested)?;
        let proof = Cid::of(Codec::Raw, unsigned.bytes());
        let word = Signed::<Invocation>::new(attestation(authority.did(), &proof)?, authority)?;
        unsigned.close(word.bytes())
    }
}

impl Payload for Delegation {
    const TAG: &'static str = "ucan/dlg@1.0.0-rc.1";
    const PURPOSE: Purpose = Purpose::Delegation;

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
                ("aud", text(&self.audience)),
                ("sub", nullable(self.subject.as_ref(), text)),
                ("cmd", text(&self.command)),
                ("pol", self.policy.to_ipld()),
                ("nonce", Ipld::Bytes(self.nonce.clone())),
                ("exp", nullable(self.expires_s.as_ref(), seconds)),
            ],
            [
                ("nbf", self.not_before_s.as_ref().map(seconds)),
                ("meta", self.meta.clone().map(Ipld::Map)),
            ],
        )
    }

    fn from_map(map: Map) -> Result<Self, TokenError> {
        let mut fields = Fields::new(map);
        let policy = fields.required("pol")?;
        let delegation = Self {
            issuer: fields.did("iss")?,
            audience: fields.did("aud")?,
            subject: fields.nullable_did("sub")?,
            command: fields.command()?,
            policy: Policy::from_ipld(&policy)
                .map_err(|error| TokenError::malformed(error.to_string()))?,
            nonce: fields.nonce()?,
            expires_s: fields.nullable_time("exp")?,
            not_before_s: fields.optional_time("nbf")?,
            meta: fields.optional_map("meta")?,
        };
        fields.finish()?;
        Ok(delegation)
    }
}
