//! The check of a SigV4 signature against one key pair.
//!
//! Must never tell an unknown key from a wrong signature by the time it takes, nor show a secret.

use std::fmt;

use billet_digest::{OWNER_DEFAULT, Signed, owner_id};
use zeroize::Zeroizing;

/// What a signature was made of.
#[derive(Debug, Clone, Copy)]
pub struct Signature<'a> {
    /// `AWS4-HMAC-SHA256`.
    pub algorithm: &'a str,
    /// The public half of the key pair.
    pub access_key: &'a str,
    /// Whether a session token came with it.
    pub has_session_token: bool,
    /// The day of the scope, `YYYYMMDD`.
    pub date: &'a str,
    /// The region of the scope.
    pub region: &'a str,
    /// The service of the scope.
    pub service: &'a str,
    /// What was signed.
    pub message: &'a [u8],
    /// The claimed MAC, raw.
    pub mac: &'a [u8],
}

/// Whoever holds the key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Principal {
    /// 64 hexadecimal digits.
    pub id: String,
    /// For display.
    pub name: String,
}

/// Why a signature is not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// No such access key.
    UnknownKey,
    /// The MAC is another one.
    Mismatch,
    /// No session token is good here.
    Expired,
}

/// The one key pair of a store, or none.
#[derive(Default)]
pub struct KeyPair {
    pair: Option<(String, Zeroizing<String>)>,
}

impl fmt::Debug for KeyPair {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let access_key = self.pair.as_ref().map(|(access_key, _)| access_key);
        f.debug_tuple("KeyPair").field(&access_key).finish()
    }
}

impl KeyPair {
    /// A pair; without both halves, neither empty, every key is unknown.
    pub fn new(access_key: Option<String>, secret: Option<String>) -> Self {
        let secret = secret.map(Zeroizing::new);
        let pair = access_key
            .zip(secret)
            .filter(|(access_key, secret)| !access_key.is_empty() && !secret.is_empty());
        Self { pair }
    }

    /// Whose signature that is.
    ///
    /// # Errors
    /// As [`Refusal`] says.
    pub fn verify(&self, signature: &Signature<'_>) -> Result<Principal, Refusal> {
        let known = self
            .pair
            .as_ref()
            .filter(|(access_key, _)| access_key == signature.access_key);
        let secret = known.map(|(_, secret)| secret.as_str());
        let signed = Signed {
            algorithm: signature.algorithm,
            date: signature.date,
            region: signature.region,
            service: signature.service,
            message: signature.message,
            mac: signature.mac,
        };
        if !signed.is_by(secret) {
            return Err(match secret {
                Some(_) => Refusal::Mismatch,
                None => Refusal::UnknownKey,
            });
        }
        if signature.has_session_token {
            return Err(Refusal::Expired);
        }
        Ok(Principal {
            id: owner_id(OWNER_DEFAULT),
            name: OWNER_DEFAULT.to_owned(),
        })
    }
}
