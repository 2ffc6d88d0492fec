//! Who speaks for an identity: documents of `did:web`, the authority over accounts.
//!
//! Must never fetch: the caller brings the bytes, and this says what keys are in them.

use std::collections::BTreeMap;

use serde::Deserialize;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::limits::{DOCUMENT_BYTES_MAX, DOCUMENT_METHODS_MAX};
use billet_key::Did;
use billet_key::PublicKey;

/// What a key is used for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// Asking, claiming, answering.
    Invocation,
    /// Passing on.
    Delegation,
}

/// One way in which an identity can be seen to have said something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Method {
    /// It signed with this key.
    Key(PublicKey),
    /// This other identity says so.
    Authority(Did),
}

/// Finds out who speaks for identities other than `did:key`.
pub trait Resolver {
    /// The methods that are good at `now_s` (seconds since 1970) for this purpose; `None` when
    /// nothing is known of the identity.
    fn methods(&self, did: &Did, purpose: Purpose, now_s: u64) -> Option<Vec<Method>>;
}

/// A resolver over what the caller has fetched and configured.
#[derive(Clone, Debug, Default)]
pub struct Directory {
    /// The documents at hand.
    pub documents: BTreeMap<Did, Document>,
    /// Whose word counts for accounts (`did:mailto`).
    pub authority: Option<Did>,
}

impl Resolver for Directory {
    fn methods(&self, did: &Did, purpose: Purpose, now_s: u64) -> Option<Vec<Method>> {
        if did.method() == "mailto" {
            return Some(vec![Method::Authority(self.authority.clone()?)]);
        }
        let keys = self.documents.get(did)?.keys(purpose, now_s);
        Some(keys.map(Method::Key).collect())
    }
}

/// Why bytes are not the document of an identity.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DocumentError {
    /// Not a document, or a larger one than anybody needs.
    #[error("not the document of an identity: {0}")]
    Malformed(String),
    /// The document of somebody else.
    #[error("the document of {0}")]
    OtherIdentity(String),
}

/// The keys of an identity. Methods of a kind that is not known are left out.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Document {
    keys: Vec<Key>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Key {
    key: PublicKey,
    /// It is good before this time, in seconds since 1970.
    until_s: Option<u64>,
    invocation: bool,
    delegation: bool,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Written {
    id: String,
    #[serde(default)]
    verification_method: Vec<WrittenMethod>,
    capability_invocation: Option<Vec<Reference>>,
    capability_delegation: Option<Vec<Reference>>,
}

#[derive(Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
struct WrittenMethod {
    id: String,
    #[serde(rename = "type")]
    kind: String,
    public_key_multibase: Option<String>,
    expires: Option<String>,
    revoked: Option<String>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Reference {
    Name(String),
    Method(WrittenMethod),
}

impl Document {
    /// The document of an identity with this one key for everything.
    pub fn of_key(key: PublicKey) -> Self {
        Self {
            keys: vec![Key {
                key,
                until_s: None,
                invocation: true,
                delegation: true,
            }],
        }
    }

    /// Reads the JSON document that was fetched for `did`.
    ///
    /// # Errors
    /// As the variants of [`DocumentError`] say.
    pub fn from_json(json: &[u8], did: &Did) -> Result<Self, DocumentError> {
        let malformed = |what: &str| DocumentError::Malformed(what.to_owned());
        if json.len() > DOCUMENT_BYTES_MAX {
            return Err(malformed("too long"));
        }
        let written: Written =
            serde_json::from_slice(json).map_err(|error| malformed(&error.to_string()))?;
        if written.id != did.as_str() {
            return Err(DocumentError::OtherIdentity(written.id));
        }
        let lists = [
            &written.capability_invocation,
            &written.capability_delegation,
        ];
        let listed = lists.into_iter().flatten().map(Vec::len).max().unwrap_or(0);
        if written.verification_method.len().max(listed) > DOCUMENT_METHODS_MAX {
            return Err(malformed("too many methods"));
        }
        let embedded = lists.into_iter().flatten().flatten();
        let embedded = embedded.filter_map(|reference| match reference {
            Reference::Method(method) => Some((method, false)),
            Reference::Name(_) => None,
        });
        let listed = written.verification_method.iter();
        let methods = listed.map(|method| (method, true)).chain(embedded);
        let keys = methods.filter_map(|(method, listed)| {
            // Without a list of its own, a purpose is served by all listed methods.
            let serves = |list: &Option<Vec<Reference>>| match list {
                Some(list) => list.iter().any(|reference| reference.means(method, did)),
                None => listed,
            };
            Some(Key {
                key: method.key()?,
                until_s: method.until_s()?,
                invocation: serves(&written.capability_invocation),
                delegation: serves(&written.capability_delegation),
            })
        });
        Ok(Self {
            keys: keys.collect(),
        })
    }

    fn keys(&self, purpose: Purpose, now_s: u64) -> impl Iterator<Item = PublicKey> {
        let good = move |key: &&Key| {
            let serves = match purpose {
                Purpose::Invocation => key.invocation,
                Purpose::Delegation => key.delegation,
            };
            serves && key.until_s.is_none_or(|until_s| now_s < until_s)
        };
        self.keys.iter().filter(good).map(|key| key.key)
    }
}

impl Reference {
    fn means(&self, method: &WrittenMethod, did: &Did) -> bool {
        let whole = |id: &str| match id.starts_with('#') {
            true => format!("{did}{id}"),
            false => id.to_owned(),
        };
        let id = match self {
            Self::Name(id) => id,
            Self::Method(method) => &method.id,
        };
        whole(id) == whole(&method.id)
    }
}

impl WrittenMethod {
    fn key(&self) -> Option<PublicKey> {
        match self.kind.as_str() {
            "Multikey" => PublicKey::from_multikey(self.public_key_multibase.as_deref()?),
            _ => None,
        }
    }

    /// When the method ends, if it does; `None` when that cannot be read.
    fn until_s(&self) -> Option<Option<u64>> {
        let mut until_s = None;
        for text in [&self.expires, &self.revoked].into_iter().flatten() {
            let time = OffsetDateTime::parse(text, &Rfc3339).ok()?;
            let time_s = u64::try_from(time.unix_timestamp()).unwrap_or(0);
            until_s = Some(until_s.map_or(time_s, |until_s: u64| until_s.min(time_s)));
        }
        Some(until_s)
    }
}
