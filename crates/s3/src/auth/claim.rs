//! What a signed request claims, in the form a key holder verifies. It must never hold a secret,
//! and never print a token or a signature.

use std::fmt;

use sha2::{Digest as _, Sha256};

use super::canonical::Canonical;
use super::stamp::Stamp;
use super::{ALGORITHM, SERVICE, TERMINAL};
use crate::error::{Code, Result, S3Error};
use crate::payload::Payload;

/// One message and the code that must authenticate it: exactly the arguments of a verification.
#[derive(Clone, PartialEq, Eq)]
pub struct Claim {
    /// [`ALGORITHM`].
    pub algorithm: &'static str,
    /// The access key, at most [`super::MAX_ACCESS_KEY_BYTES`].
    pub access_key: String,
    /// The session token of temporary credentials.
    pub session_token: Option<String>,
    /// The scope's day: `yyyyMMdd`.
    pub date: String,
    /// The scope's region, one of those the policy accepts.
    pub region: String,
    /// [`SERVICE`].
    pub service: &'static str,
    /// The string to sign.
    pub message: String,
    /// The HMAC-SHA256 that the client sent.
    pub mac: [u8; 32],
}

/// Why a key holder did not confirm a claim.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// There is no such access key.
    UnknownKey,
    /// The code is not the message's.
    Mismatch,
    /// The temporary credentials have expired.
    Expired,
    /// The access key is switched off.
    Disabled,
}

impl Claim {
    /// The answer to a claim that was not confirmed.
    #[must_use]
    pub fn refused(&self, why: Refusal) -> S3Error {
        match why {
            Refusal::UnknownKey | Refusal::Disabled => {
                S3Error::new(Code::InvalidAccessKeyId).field("AWSAccessKeyId", &*self.access_key)
            }
            Refusal::Expired => Code::ExpiredToken.into(),
            Refusal::Mismatch => S3Error::new(Code::SignatureDoesNotMatch)
                .field("AWSAccessKeyId", &*self.access_key)
                .field("StringToSign", &*self.message)
                .field("SignatureProvided", hex::encode(self.mac)),
        }
    }
}

impl fmt::Debug for Claim {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Claim")
            .field("access_key", &self.access_key)
            .field("date", &self.date)
            .field("region", &self.region)
            .finish_non_exhaustive()
    }
}

/// A signed request: who it claims to be from, and what the key holder must verify.
#[derive(Clone, PartialEq, Eq)]
pub struct Signed {
    pub(super) access_key: String,
    pub(super) session_token: Option<String>,
    pub(super) region: String,
    pub(super) stamp: Stamp,
    pub(super) mac: [u8; 32],
    pub(super) payload: Payload,
    pub(super) canonical: Canonical,
}

impl Signed {
    /// How the body is protected and framed.
    #[must_use]
    pub fn payload(&self) -> &Payload {
        &self.payload
    }

    /// The access key as presented.
    #[must_use]
    pub fn access_key(&self) -> &str {
        &self.access_key
    }

    /// The values of `Host` that the client may have signed: the request's own, else the
    /// configured ones in their order. The request is authentic if the claim of any is confirmed.
    #[must_use]
    pub fn hosts(&self) -> &[Vec<u8>] {
        self.canonical.hosts()
    }

    /// One claim for each of [`Signed::hosts`], in their order.
    pub fn claims(&self) -> impl Iterator<Item = Claim> {
        self.hosts().iter().map(|host| self.claim(host))
    }

    /// The claim with one value of `Host`.
    #[must_use]
    pub fn claim(&self, host: &[u8]) -> Claim {
        let digest = Sha256::digest(self.canonical.with_host(host));
        self.message(ALGORITHM, &hex::encode(digest), self.mac)
    }

    /// The answer when no claim was confirmed. For a mismatch it carries the canonical request
    /// that was expected, as the client itself sent all of it.
    #[must_use]
    pub fn refused(&self, why: Refusal) -> S3Error {
        let host = self.hosts().first().map_or(&[][..], Vec::as_slice);
        let error = self.claim(host).refused(why);
        if why != Refusal::Mismatch {
            return error;
        }
        let canonical = self.canonical.with_host(host);
        error.field("CanonicalRequest", String::from_utf8_lossy(&canonical))
    }

    /// A claim over `algorithm`, time, scope and the lines behind them.
    pub(crate) fn message(&self, algorithm: &str, rest: &str, mac: [u8; 32]) -> Claim {
        let (time, day, region) = (&self.stamp.text, self.stamp.day(), &self.region);
        Claim {
            algorithm: ALGORITHM,
            access_key: self.access_key.clone(),
            session_token: self.session_token.clone(),
            date: day.to_owned(),
            region: region.clone(),
            service: SERVICE,
            message: format!("{algorithm}\n{time}\n{day}/{region}/{SERVICE}/{TERMINAL}\n{rest}"),
            mac,
        }
    }

    /// The request's own signature, which the first chunk's continues.
    pub(crate) fn mac(&self) -> [u8; 32] {
        self.mac
    }
}

impl fmt::Debug for Signed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Signed")
            .field("access_key", &self.access_key)
            .field("region", &self.region)
            .field("time", &self.stamp.text)
            .field("payload", &self.payload)
            .finish_non_exhaustive()
    }
}

/// Decodes a signature: 64 lower-case hex digits, or it cannot be anybody's.
pub(crate) fn mac(text: &str) -> Option<[u8; 32]> {
    let mut mac = [0; 32];
    let lower = !text.bytes().any(|byte| byte.is_ascii_uppercase());
    (lower && hex::decode_to_slice(text, &mut mac).is_ok()).then_some(mac)
}

/// The request's signature; one that is not a signature gets the answer of a wrong one.
pub(super) fn request_mac(text: &str) -> Result<[u8; 32]> {
    mac(text).ok_or_else(|| Code::SignatureDoesNotMatch.into())
}
