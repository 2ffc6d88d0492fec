//! Key pairs and the check of a signature.
//!
//! Secrets live here and nowhere else: they are wiped when dropped, never shown by `Debug`, never
//! logged, and never handed to a guest. Must never tell an unknown key from a wrong signature by
//! the time it takes.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

use billet_digest::{OWNER_DEFAULT, Signed, owner_id};
use serde::Deserialize;
use zeroize::Zeroizing;

use crate::private_file::{self, PrivateFileError};
use crate::traits::{Credentials, Principal, Refusal, Signature};

/// Why key pairs cannot be used. No variant holds a secret.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CredentialsError {
    /// The file cannot be read or written, or others can read it.
    #[error(transparent)]
    File(#[from] PrivateFileError),
    /// The file is not in the expected form.
    #[error("{path}: {reason}", path = .path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// What is wrong; never the text itself.
        reason: String,
    },
    /// Only half of a key pair is in the environment.
    #[error("{0} is set without its counterpart: set both or neither")]
    Half(&'static str),
    /// A key pair that cannot sign.
    #[error(
        "key pair {0:?}: an access key is 3 to 128 letters, digits, - or _, \
         a secret at least 8 characters"
    )]
    Unusable(String),
}

/// One key pair.
#[derive(Clone)]
pub struct KeyPair {
    /// The public half.
    pub access_key_id: String,
    /// The secret half.
    pub secret_access_key: Zeroizing<String>,
    /// The name of whoever it belongs to; owners of the same name share buckets.
    pub owner: String,
    /// A key that is switched off.
    pub disabled: bool,
}

impl fmt::Debug for KeyPair {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeyPair")
            .field("access_key_id", &self.access_key_id)
            .field("owner", &self.owner)
            .field("disabled", &self.disabled)
            .finish_non_exhaustive()
    }
}

impl KeyPair {
    /// A key pair of the default owner.
    ///
    /// # Errors
    /// `Unusable` where the halves are too short or of other characters.
    pub fn new(access_key_id: &str, secret: &str) -> Result<Self, CredentialsError> {
        let usable = (3..=128).contains(&access_key_id.len())
            && access_key_id
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_')
            && secret.len() >= 8;
        if !usable {
            return Err(CredentialsError::Unusable(access_key_id.to_owned()));
        }
        Ok(Self {
            access_key_id: access_key_id.to_owned(),
            secret_access_key: Zeroizing::new(secret.to_owned()),
            owner: OWNER_DEFAULT.to_owned(),
            disabled: false,
        })
    }

    fn principal(&self) -> Principal {
        let (id, name) = (owner_id(&self.owner), self.owner.clone());
        Principal { id, name }
    }
}

/// All key pairs, by access key.
#[derive(Debug, Default)]
pub struct KeyRing {
    pairs: BTreeMap<String, KeyPair>,
}

impl KeyRing {
    /// Adds a key pair; one of the same access key is replaced.
    pub fn add(&mut self, pair: KeyPair) {
        self.pairs.insert(pair.access_key_id.clone(), pair);
    }

    /// Whether there is no key pair at all.
    pub fn is_empty(&self) -> bool {
        self.pairs.is_empty()
    }

    /// Adds the pair of the environment, if there is one.
    ///
    /// # Errors
    /// `Half` where one variable is set without the other, `Unusable` as [`KeyPair::new`].
    pub fn add_environment(
        &mut self,
        access: Option<String>,
        secret: Option<String>,
    ) -> Result<(), CredentialsError> {
        match (access, secret.map(Zeroizing::new)) {
            (Some(access), Some(secret)) => self.add(KeyPair::new(&access, &secret)?),
            (Some(_), None) => return Err(CredentialsError::Half("BILLET_ACCESS_KEY_ID")),
            (None, Some(_)) => return Err(CredentialsError::Half("BILLET_SECRET_ACCESS_KEY")),
            (None, None) => {}
        }
        Ok(())
    }

    /// Adds the pairs of a file; false where there is none.
    ///
    /// # Errors
    /// `File` where the file cannot be read or others can read it, `Malformed` for anything but
    /// key pairs.
    pub fn add_file(&mut self, path: &Path) -> Result<bool, CredentialsError> {
        let Some(text) = private_file::read(path, u64::MAX)? else {
            return Ok(false);
        };
        let malformed = |reason: String| CredentialsError::Malformed {
            path: path.into(),
            reason,
        };
        let file: CredentialsFile =
            toml::from_str(&text).map_err(|error| malformed(error.message().to_owned()))?;
        for entry in file.key {
            let mut pair = KeyPair::new(&entry.access_key_id, &entry.secret_access_key)?;
            pair.owner = entry.owner.unwrap_or(pair.owner);
            pair.disabled = entry.disabled;
            if self.pairs.contains_key(&pair.access_key_id) {
                return Err(malformed(format!("{} is there twice", pair.access_key_id)));
            }
            self.add(pair);
        }
        Ok(true)
    }
}

/// The file of key pairs: `[[key]]` tables.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CredentialsFile {
    #[serde(default)]
    key: Vec<FileEntry>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FileEntry {
    access_key_id: String,
    secret_access_key: Zeroizing<String>,
    owner: Option<String>,
    #[serde(default)]
    disabled: bool,
}

/// Makes a key pair and stores it in a new file of mode 0600, durable before it is told.
///
/// # Errors
/// `File` where the file is already there or cannot be written.
pub fn generate(path: &Path) -> Result<KeyPair, CredentialsError> {
    let pair = KeyPair::new(&random_text(20, UPPER)?, &random_text(40, ALPHABET)?)?;
    let text = Zeroizing::new(format!(
        "# Key pairs of this store. Keep this file private (mode 0600).\n\
         # owner = \"name\" gives a pair buckets of its own; disabled = true switches it off.\n\
         [[key]]\naccess_key_id = \"{}\"\nsecret_access_key = \"{}\"\n",
        pair.access_key_id, *pair.secret_access_key,
    ));
    private_file::make(path, text.as_bytes())?;
    Ok(pair)
}

const UPPER: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/// Random text of characters of `alphabet`, whose size divides 256, so that each is as likely.
fn random_text(length: usize, alphabet: &[u8]) -> Result<Zeroizing<String>, CredentialsError> {
    let mut bytes = Zeroizing::new(vec![0_u8; length]);
    getrandom::fill(&mut bytes).map_err(|error| CredentialsError::Malformed {
        path: "the system's randomness".into(),
        reason: error.to_string(),
    })?;
    let pick = |byte: &u8| alphabet.get(usize::from(*byte) % alphabet.len()).copied();
    Ok(Zeroizing::new(
        bytes.iter().filter_map(pick).map(char::from).collect(),
    ))
}

impl Credentials for KeyRing {
    fn verify(&self, signature: &Signature) -> Result<Principal, Refusal> {
        let pair = self.pairs.get(&signature.access_key);
        let secret = pair.map(|pair| pair.secret_access_key.as_str());
        let signed = Signed {
            algorithm: &signature.algorithm,
            date: &signature.date,
            region: &signature.region,
            service: &signature.service,
            message: &signature.message,
            mac: &signature.mac,
        };
        let is_good = signed.is_by(secret);
        let pair = pair.ok_or(Refusal::UnknownKey)?;
        if !is_good {
            return Err(Refusal::Mismatch);
        }
        if signature.session_token.is_some() {
            return Err(Refusal::Expired);
        }
        if pair.disabled {
            return Err(Refusal::Disabled);
        }
        Ok(pair.principal())
    }
}
