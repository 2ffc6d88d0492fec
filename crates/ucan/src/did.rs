//! Identities: `did:key`, `did:web` and others, as text.
//!
//! Must never look an identity up: a `did:key` is its own key, all else is for a resolver.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::key::PublicKey;
use crate::limits::DID_BYTES_MAX;

/// The multicodec prefix of an Ed25519 public key, 0xed as a varint.
const ED25519_PUBLIC: [u8; 2] = [0xed, 0x01];

/// A decentralised identity: `did:`, a method, `:` and a text of the method's own.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Did(String);

/// A text that is no identity, or none that could have a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not an identity of the form did:method:name")]
pub struct DidError;

impl Did {
    /// The `did:key` of a public key.
    pub fn of_key(key: &PublicKey) -> Self {
        Self(format!("did:key:{}", multikey(key)))
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The method, such as `key`, `web` or `mailto`.
    pub fn method(&self) -> &str {
        self.0.split(':').nth(1).unwrap_or_default()
    }

    /// What stands behind the method and its colon.
    pub fn name(&self) -> &str {
        self.0.splitn(3, ':').nth(2).unwrap_or_default()
    }

    /// The key that a `did:key` is, when it is an Ed25519 key.
    pub fn key(&self) -> Option<PublicKey> {
        match self.method() {
            "key" => read_multikey(self.name()),
            _ => None,
        }
    }

    /// Where the document of a `did:web` is, over `scheme` (`https`; `http` in tests).
    pub fn document_url(&self, scheme: &str) -> Option<String> {
        if self.method() != "web" {
            return None;
        }
        let mut segments = self.name().split(':');
        let host = segments.next()?.replace("%3A", ":").replace("%3a", ":");
        let sound = |text: &str, more: &str| {
            let known = |c: char| c.is_ascii_alphanumeric() || "-._~".contains(c);
            !text.is_empty() && text.chars().all(|c| known(c) || more.contains(c))
        };
        let path: Vec<&str> = segments.collect();
        let dots = |text: &&str| *text == "." || *text == "..";
        if !sound(&host, ":") || !path.iter().all(|s| sound(s, "")) || path.iter().any(dots) {
            return None;
        }
        match path.as_slice() {
            [] => Some(format!("{scheme}://{host}/.well-known/did.json")),
            path => Some(format!("{scheme}://{host}/{}/did.json", path.join("/"))),
        }
    }
}

/// A public key in multibase, as in `did:key` and in documents.
pub(crate) fn multikey(key: &PublicKey) -> String {
    let bytes = [ED25519_PUBLIC.as_slice(), key.as_bytes()].concat();
    multibase::encode(multibase::Base::Base58Btc, bytes)
}

/// Reads a public key in multibase base58btc; `None` for keys that are not Ed25519.
pub(crate) fn read_multikey(text: &str) -> Option<PublicKey> {
    // 34 bytes are at most 47 letters.
    if text.len() > 48 {
        return None;
    }
    let (base, bytes) = multibase::decode(text).ok()?;
    let key = bytes.strip_prefix(&ED25519_PUBLIC)?;
    match base {
        multibase::Base::Base58Btc => Some(PublicKey::new(key.try_into().ok()?)),
        _ => None,
    }
}

impl FromStr for Did {
    type Err = DidError;

    fn from_str(text: &str) -> Result<Self, DidError> {
        let mut parts = text.splitn(3, ':');
        let (Some("did"), Some(method), Some(name)) = (parts.next(), parts.next(), parts.next())
        else {
            return Err(DidError);
        };
        let small = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
        let sound = !method.is_empty() && method.bytes().all(small) && !name.is_empty();
        let visible = name.bytes().all(|byte| byte.is_ascii_graphic());
        if !sound || !visible || text.len() > DID_BYTES_MAX {
            return Err(DidError);
        }
        if method == "key" && !name.starts_with('z') {
            return Err(DidError);
        }
        Ok(Self(text.to_owned()))
    }
}

impl TryFrom<String> for Did {
    type Error = DidError;

    fn try_from(text: String) -> Result<Self, DidError> {
        text.parse()
    }
}

impl From<Did> for String {
    fn from(did: Did) -> Self {
        did.0
    }
}

impl fmt::Display for Did {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
