//! The keys of the agent and of the space: files that only their owner may read.
//!
//! Must never log a key, keep one behind a dropped value, or use a file that others can read.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use billet_key::{Did, Ed25519Signer, KEY_FILE_BYTES_MAX, Seed, Signer};
use zeroize::Zeroizing;

use crate::private_file::{self, PrivateFileError};

/// Why a key cannot be used. No variant holds one.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum KeyError {
    /// The file cannot be read or written, or others can read it.
    #[error(transparent)]
    File(#[from] PrivateFileError),
    /// Neither PKCS#8 in PEM nor the tagged form, or no Ed25519 key.
    #[error("{path}: {source}", path = .path.display())]
    NotAKey {
        /// The file.
        path: PathBuf,
        /// What it is not.
        source: billet_key::KeyError,
    },
    /// The system has no random numbers.
    #[error("no random numbers: {0}")]
    NoRandom(String),
}

/// The keys at hand, by the names that the component knows.
pub(crate) struct Keys {
    keys: BTreeMap<String, Ed25519Signer>,
    space: Option<String>,
    space_file: PathBuf,
}

/// What became of the wish for a key of a space.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum SpaceKey {
    /// There was none.
    Made,
    /// There was one, and it stays.
    Kept,
    /// There was one, which is in this file now.
    Replaced(PathBuf),
}

/// The name of the agent's key.
const AGENT: &str = "agent";

impl Keys {
    /// Reads both files. The agent's is made where it is not there; a space's is made by whoever
    /// wants one.
    ///
    /// # Errors
    /// As the variants of [`KeyError`] say.
    pub(crate) fn open(agent: &Path, space: &Path) -> Result<Self, KeyError> {
        let key = match read(agent)? {
            Some(key) => key,
            None => make(agent)?,
        };
        let mut keys = Self {
            keys: BTreeMap::from([(AGENT.to_owned(), key)]),
            space: None,
            space_file: space.to_path_buf(),
        };
        if let Some(key) = read(space)? {
            keys.take_space(key);
        }
        Ok(keys)
    }

    fn take_space(&mut self, key: Ed25519Signer) {
        let did = key.did().to_string();
        self.keys.retain(|name, _| name == AGENT);
        self.keys.insert(format!("space:{did}"), key);
        self.space = Some(did);
    }

    /// Sees to it that there is a key of a space, and takes up the one in the file. With `anew`
    /// one that is there goes to a file beside it and another is made; no key is ever lost.
    ///
    /// # Errors
    /// As the variants of [`KeyError`] say; the keys at hand are as before then.
    pub(crate) fn make_space(&mut self, anew: bool) -> Result<SpaceKey, KeyError> {
        let file = self.space_file.clone();
        let (key, done) = match read(&file)? {
            None => (make(&file)?, SpaceKey::Made),
            Some(key) if !anew => (key, SpaceKey::Kept),
            Some(key) => {
                let aside = put_aside(&file, key.did())?;
                let made = make(&file);
                if made.is_err() {
                    // What was there before stays the key of the space.
                    let _ = std::fs::rename(&aside, &file);
                }
                (made?, SpaceKey::Replaced(aside))
            }
        };
        self.take_space(key);
        Ok(done)
    }

    /// Where the key of a space is looked for.
    pub(crate) fn space_file(&self) -> &Path {
        &self.space_file
    }

    /// The agent's DID, a `did:key`.
    pub(crate) fn agent(&self) -> Option<String> {
        self.did(AGENT)
    }

    /// The DID of the space whose key is here.
    pub(crate) fn space(&self) -> Option<&str> {
        self.space.as_deref()
    }

    /// The names of all keys.
    pub(crate) fn names(&self) -> Vec<String> {
        self.keys.keys().cloned().collect()
    }

    /// The DID of a named key.
    pub(crate) fn did(&self, name: &str) -> Option<String> {
        self.keys.get(name).map(|key| key.did().to_string())
    }

    /// A signature by a named key.
    pub(crate) fn sign(&self, name: &str, bytes: &[u8]) -> Option<Vec<u8>> {
        let signature = self.keys.get(name)?.sign(bytes).ok()?;
        Some(signature.to_vec())
    }
}

/// Gives a key file another name, never that of another key; `make` makes it durable.
fn put_aside(file: &Path, did: &Did) -> Result<PathBuf, KeyError> {
    let stem = file.file_stem().unwrap_or_default().to_string_lossy();
    let aside = file.with_file_name(format!("{stem}-{}.pem", did.name()));
    let failed = |source| PrivateFileError::io(&aside, source);
    let is_there = read(&aside)?.is_some_and(|key| key.did() == did);
    if !is_there {
        std::fs::hard_link(file, &aside).map_err(failed)?;
    }
    // The key has another name by now.
    std::fs::remove_file(file).map_err(failed)?;
    Ok(aside)
}

/// The key in a file, none where there is no file.
fn read(path: &Path) -> Result<Option<Ed25519Signer>, KeyError> {
    let Some(text) = private_file::read(path, KEY_FILE_BYTES_MAX as u64)? else {
        return Ok(None);
    };
    let seed = Seed::from_file(&text).map_err(|source| not_a_key(path, source))?;
    Ok(Some(Ed25519Signer::new(&seed)))
}

fn not_a_key(path: &Path, source: billet_key::KeyError) -> KeyError {
    let path = path.to_path_buf();
    KeyError::NotAKey { path, source }
}

/// Makes a key and its file, durably, before anybody learns of it.
fn make(path: &Path) -> Result<Ed25519Signer, KeyError> {
    let mut random = Zeroizing::new([0_u8; 32]);
    getrandom::fill(random.as_mut_slice())
        .map_err(|error| KeyError::NoRandom(error.to_string()))?;
    let seed = Seed::new(*random);
    let pem = seed.to_pem().map_err(|source| not_a_key(path, source))?;
    private_file::make(path, pem.as_bytes())?;
    Ok(Ed25519Signer::new(&seed))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{MetadataExt, PermissionsExt};

    use super::*;

    #[test]
    fn a_key_is_made_once_and_read_in_both_forms() {
        let folder = tempfile::tempdir().unwrap();
        let (agent, space) = (
            folder.path().join("keys/agent.pem"),
            folder.path().join("space"),
        );
        let first = Keys::open(&agent, &space).unwrap();
        assert_eq!(first.names(), ["agent"]);
        assert_eq!(std::fs::metadata(&agent).unwrap().mode() & 0o777, 0o600);
        let again = Keys::open(&agent, &space).unwrap();
        assert_eq!(first.did("agent"), again.did("agent"));
        let seed = Seed::new([7; 32]);
        private_file::make(&space, seed.to_text().as_bytes()).unwrap();
        let both = Keys::open(&agent, &space).unwrap();
        let did = Did::of_key(&seed.public()).to_string();
        assert_eq!(both.names(), ["agent".to_owned(), format!("space:{did}")]);
        assert_eq!(both.space(), Some(did.as_str()));
        let signature = both.sign(&format!("space:{did}"), b"bytes").unwrap();
        assert!(seed.public().verifies(b"bytes", &signature));
        assert_eq!(both.sign("space:other", b"bytes"), None);
    }

    #[test]
    fn a_key_of_a_space_is_kept_unless_another_is_asked_for_and_never_lost() {
        let folder = tempfile::tempdir().unwrap();
        let (agent, space) = (folder.path().join("agent"), folder.path().join("space.pem"));
        let mut keys = Keys::open(&agent, &space).unwrap();
        assert_eq!(keys.space(), None);
        assert_eq!(keys.make_space(false).unwrap(), SpaceKey::Made);
        let first = keys.space().unwrap().to_owned();
        let text = std::fs::read_to_string(&space).unwrap();
        assert_eq!(keys.make_space(false).unwrap(), SpaceKey::Kept);
        assert_eq!(keys.space(), Some(first.as_str()));
        let SpaceKey::Replaced(aside) = keys.make_space(true).unwrap() else {
            panic!("it was there");
        };
        assert_eq!(std::fs::read_to_string(&aside).unwrap(), text);
        assert_eq!(std::fs::metadata(&aside).unwrap().mode() & 0o777, 0o600);
        assert_eq!(std::fs::metadata(&space).unwrap().mode() & 0o777, 0o600);
        let second = keys.space().unwrap().to_owned();
        assert_ne!(first, second);
        assert_eq!(
            keys.names(),
            ["agent".to_owned(), format!("space:{second}")]
        );
        let again = Keys::open(&agent, &space).unwrap();
        assert_eq!(again.space(), Some(second.as_str()));
    }

    #[test]
    fn what_others_can_read_or_is_no_key_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key");
        make(&path).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o640)).unwrap();
        let exposed = read(&path).unwrap_err();
        assert!(matches!(
            exposed,
            KeyError::File(PrivateFileError::Exposed { mode: 0o640, .. })
        ));
        assert!(make(&path).is_err(), "never over another");
        let other = folder.path().join("other");
        let text = b"-----BEGIN PRIVATE KEY-----\nMAA=\n-----END PRIVATE KEY-----";
        private_file::make(&other, text).unwrap();
        assert!(matches!(
            read(&other).unwrap_err(),
            KeyError::NotAKey { .. }
        ));
        let long = folder.path().join("long");
        let blanks = "\n".repeat(KEY_FILE_BYTES_MAX);
        let text = Seed::new([7; 32]).to_text().to_string() + &blanks;
        private_file::make(&long, text.as_bytes()).unwrap();
        assert!(matches!(
            read(&long).unwrap_err(),
            KeyError::File(PrivateFileError::TooLong { .. })
        ));
    }
}
