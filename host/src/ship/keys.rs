//! The keys of the agent and of the space: files that only their owner may read.
//!
//! Must never log a key, keep one behind a dropped value, or use a file that others can read.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{Read, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use multibase::Base;
use ring::signature::{Ed25519KeyPair, KeyPair};
use zeroize::Zeroizing;

const FILE_BYTES_MAX: u64 = 64 << 10;
const PEM_BEGIN: &str = "-----BEGIN PRIVATE KEY-----";
const PEM_END: &str = "-----END PRIVATE KEY-----";
/// The multicodec of an Ed25519 private key, in front of the seed.
const PRIVATE_TAG: [u8; 2] = [0x80, 0x26];
/// What stands before the seed in PKCS#8: version 0, Ed25519, a string of 34 bytes, of 32.
const PKCS8_HEAD: [u8; 16] = [
    0x30, 0x2e, 2, 1, 0, 0x30, 5, 6, 3, 0x2b, 0x65, 0x70, 4, 0x22, 4, 0x20,
];
/// The multicodec of an Ed25519 public key.
const PUBLIC_TAG: [u8; 2] = [0xed, 0x01];

/// Why a key cannot be used. No variant holds one.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum KeyError {
    /// The file cannot be read or written.
    #[error("{path}: {source}", path = .path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// Others can read the file.
    #[error("{path} can be read by others (mode {mode:03o}); run: chmod 600 {path}",
        path = .path.display())]
    Exposed {
        /// The file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// Neither PKCS#8 in PEM nor the tagged form, or no Ed25519 key.
    #[error("{path} has no Ed25519 private key", path = .0.display())]
    NotAKey(PathBuf),
    /// The system has no random numbers.
    #[error("no random numbers: {0}")]
    NoRandom(String),
}

/// The keys at hand, by the names that the component knows.
pub(crate) struct Keys {
    keys: BTreeMap<String, Ed25519KeyPair>,
    space: Option<String>,
}

impl Keys {
    /// Reads both files. The agent's is made where it is not there; a space's is made by whoever
    /// wants one.
    ///
    /// # Errors
    /// As the variants of [`KeyError`] say.
    pub(crate) fn open(agent: &Path, space: &Path) -> Result<Self, KeyError> {
        let mut keys = BTreeMap::new();
        let key = match read(agent)? {
            Some(key) => key,
            None => make(agent)?,
        };
        keys.insert("agent".to_owned(), key);
        let space = read(space)?.map(|key| {
            let did = did_of(&key);
            keys.insert(format!("space:{did}"), key);
            did
        });
        Ok(Self { keys, space })
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
        self.keys.get(name).map(did_of)
    }

    /// A signature by a named key.
    pub(crate) fn sign(&self, name: &str, bytes: &[u8]) -> Option<Vec<u8>> {
        let key = self.keys.get(name)?;
        Some(key.sign(bytes).as_ref().to_vec())
    }
}

/// The key in a file, none where there is no file.
fn read(path: &Path) -> Result<Option<Ed25519KeyPair>, KeyError> {
    let failed = |source| KeyError::Io {
        path: path.to_path_buf(),
        source,
    };
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(failed(error)),
    };
    let mode = file.metadata().map_err(failed)?.mode() & 0o777;
    if mode & 0o077 != 0 {
        let path = path.to_path_buf();
        return Err(KeyError::Exposed { path, mode });
    }
    let mut text = Zeroizing::new(String::new());
    file.take(FILE_BYTES_MAX)
        .read_to_string(&mut text)
        .map_err(failed)?;
    let key = from_pem(&text).or_else(|| from_tagged(text.trim()));
    let not_a_key = || KeyError::NotAKey(path.to_path_buf());
    key.ok_or_else(not_a_key).map(Some)
}

/// The first `PRIVATE KEY` block, PKCS#8.
fn from_pem(text: &str) -> Option<Ed25519KeyPair> {
    let (_, block) = text.split_once(PEM_BEGIN)?;
    let (block, _) = block.split_once(PEM_END)?;
    let block: Zeroizing<String> = Zeroizing::new(block.split_ascii_whitespace().collect());
    let der = Zeroizing::new(Base::Base64Pad.decode(block.as_str()).ok()?);
    Ed25519KeyPair::from_pkcs8_maybe_unchecked(&der).ok()
}

/// Multibase `M`: Base64 with padding of the tag and the seed.
fn from_tagged(text: &str) -> Option<Ed25519KeyPair> {
    if !text.starts_with('M') {
        return None;
    }
    let bytes = Zeroizing::new(multibase::decode(text).ok()?.1);
    Ed25519KeyPair::from_seed_unchecked(bytes.strip_prefix(&PRIVATE_TAG)?).ok()
}

/// Makes a key and its file, durably, before anybody learns of it.
fn make(path: &Path) -> Result<Ed25519KeyPair, KeyError> {
    let mut seed = Zeroizing::new([0_u8; 32]);
    getrandom::fill(seed.as_mut_slice()).map_err(|error| KeyError::NoRandom(error.to_string()))?;
    let key = Ed25519KeyPair::from_seed_unchecked(seed.as_slice());
    let key = key.map_err(|_| KeyError::NotAKey(path.to_path_buf()))?;
    let pem = to_pem(&seed);
    write(path, pem.as_bytes()).map_err(|source| KeyError::Io {
        path: path.to_path_buf(),
        source,
    })?;
    Ok(key)
}

/// PKCS#8 without the public half, as other programs of the network write it.
fn to_pem(seed: &[u8; 32]) -> Zeroizing<String> {
    let der = Zeroizing::new([PKCS8_HEAD.as_slice(), seed].concat());
    let text = Zeroizing::new(Base::Base64Pad.encode(der.as_slice()));
    Zeroizing::new(format!("{PEM_BEGIN}\n{}\n{PEM_END}\n", text.as_str()))
}

fn write(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    std::fs::create_dir_all(folder)?;
    let mut file = File::options()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)?;
    file.write_all(bytes)?;
    // What is signed with it is lost with it: the key and its entry are durable before they are
    // used.
    file.sync_all()?;
    File::open(folder)?.sync_all()
}

/// `did:key:z…`: the tagged public key in Base58.
fn did_of(key: &Ed25519KeyPair) -> String {
    let public = key.public_key().as_ref();
    let bytes = [PUBLIC_TAG.as_slice(), public].concat();
    format!("did:key:{}", multibase::encode(Base::Base58Btc, bytes))
}

#[cfg(test)]
mod tests {
    use ring::signature::{ED25519, UnparsedPublicKey};

    use super::*;

    #[test]
    fn a_did_is_the_public_key() {
        let key = Ed25519KeyPair::from_seed_unchecked(&[1; 32]).unwrap();
        let did = did_of(&key);
        assert!(
            did.starts_with("did:key:z6Mk"),
            "as all Ed25519 keys: {did}"
        );
        let (_, text) = did.split_at("did:key:".len());
        let (_, bytes) = multibase::decode(text).unwrap();
        assert_eq!(
            bytes.strip_prefix(&PUBLIC_TAG).unwrap(),
            key.public_key().as_ref()
        );
    }

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
        let seed = [7; 32];
        let tagged = format!(
            "M{}\n",
            STANDARD.encode([PRIVATE_TAG.as_slice(), &seed].concat())
        );
        assert!(tagged.starts_with("MgC"), "as other programs write it");
        write(&space, tagged.as_bytes()).unwrap();
        let both = Keys::open(&agent, &space).unwrap();
        let did = did_of(&Ed25519KeyPair::from_seed_unchecked(&seed).unwrap());
        assert_eq!(both.names(), ["agent".to_owned(), format!("space:{did}")]);
        assert_eq!(both.space(), Some(did.as_str()));
        let signature = both.sign(&format!("space:{did}"), b"bytes").unwrap();
        let public = Ed25519KeyPair::from_seed_unchecked(&seed).unwrap();
        let public = UnparsedPublicKey::new(&ED25519, public.public_key().as_ref().to_vec());
        public.verify(b"bytes", &signature).unwrap();
        assert_eq!(both.sign("space:other", b"bytes"), None);
    }

    #[test]
    fn what_others_can_read_or_is_no_key_is_refused() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key");
        make(&path).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o640)).unwrap();
        let exposed = read(&path).unwrap_err();
        assert!(matches!(exposed, KeyError::Exposed { mode: 0o640, .. }));
        assert!(make(&path).is_err(), "never over another");
        let other = folder.path().join("other");
        write(
            &other,
            b"-----BEGIN PRIVATE KEY-----\nMAA=\n-----END PRIVATE KEY-----",
        )
        .unwrap();
        assert!(matches!(read(&other).unwrap_err(), KeyError::NotAKey(_)));
    }
}
