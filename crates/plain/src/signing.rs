//! The check of a SigV4 signature against one key pair.
//!
//! Must never tell an unknown key from a wrong signature by the time it takes, nor show a secret.

use std::fmt;

use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

/// Whose the buckets are; the same owner as a native host's where it names none.
const OWNER: &str = "billet";

/// A secret that stands in where there is none, so that the same work is done.
const SECRET_OF_NOBODY: &str = "0000000000000000000000000000000000000000";

const ALGORITHM: &str = "AWS4-HMAC-SHA256";

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
        let secret = known.map_or(SECRET_OF_NOBODY, |(_, secret)| secret.as_str());
        let good = expected_mac(secret, signature)
            .is_some_and(|expected| expected.as_slice().ct_eq(signature.mac).into());
        if known.is_none() {
            return Err(Refusal::UnknownKey);
        }
        if !good || signature.algorithm != ALGORITHM {
            return Err(Refusal::Mismatch);
        }
        if signature.has_session_token {
            return Err(Refusal::Expired);
        }
        Ok(principal())
    }
}

fn principal() -> Principal {
    let digest = Sha256::digest(format!("billet owner {OWNER}"));
    let digits = digest.iter().flat_map(|byte| [byte >> 4, byte & 15]);
    Principal {
        id: digits
            .filter_map(|digit| char::from_digit(u32::from(digit), 16))
            .collect(),
        name: OWNER.to_owned(),
    }
}

/// The MAC that the holder of `secret` makes: the chain of keys, then the message.
fn expected_mac(secret: &str, signature: &Signature<'_>) -> Option<[u8; 32]> {
    let Signature {
        date,
        region,
        service,
        ..
    } = signature;
    let mut key = Zeroizing::new(format!("AWS4{secret}").into_bytes());
    for step in [*date, *region, *service, "aws4_request"] {
        key = Zeroizing::new(mac(&key, step.as_bytes())?.to_vec());
    }
    mac(&key, signature.message)
}

/// None for a key that HMAC cannot take, of which there is none.
fn mac(key: &[u8], message: &[u8]) -> Option<[u8; 32]> {
    let mac = Hmac::<Sha256>::new_from_slice(key).ok()?;
    Some(mac.chain_update(message).finalize().into_bytes().into())
}
