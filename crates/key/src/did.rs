//! Identities: `did:key`, `did:web` and others, as text.
//!
//! Must never look an identity up: a `did:key` is its own key, all else is for a resolver.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::key::PublicKey;

/// Most bytes of an identity.
pub const DID_BYTES_MAX: usize = 2048;

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
        Self(format!("did:key:{}", key.to_multikey()))
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
            "key" => PublicKey::from_multikey(self.name()),
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
