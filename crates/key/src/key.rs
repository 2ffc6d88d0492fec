//! Ed25519 keys and the files they are kept in.
//!
//! Must never print a seed, leave one in memory behind a dropped value, or make one up: 32 random
//! bytes are the caller's.

use std::fmt;

use ed25519_dalek::pkcs8::spki::der::pem::LineEnding;
use ed25519_dalek::pkcs8::{DecodePrivateKey, EncodePrivateKey, KeypairBytes};
use ed25519_dalek::{Signature, Signer as _, SigningKey, VerifyingKey};
use zeroize::{Zeroize, Zeroizing};

use crate::did::Did;

/// Most bytes of a key file.
pub const KEY_FILE_BYTES_MAX: usize = 64 << 10;

/// The multicodec prefix of an Ed25519 private key, 0x1300 as a varint.
const ED25519_PRIVATE: [u8; 2] = [0x80, 0x26];

/// The multicodec prefix of an Ed25519 public key, 0xed as a varint.
const ED25519_PUBLIC: [u8; 2] = [0xed, 0x01];

const PEM_BEGIN: &str = "-----BEGIN PRIVATE KEY-----";
const PEM_END: &str = "-----END PRIVATE KEY-----";

/// Whoever can sign for an identity. The key stays where it is.
pub trait Signer {
    /// The identity that signs: a `did:key`, or the `did:web` of a service.
    fn did(&self) -> &Did;

    /// The Ed25519 signature of these bytes.
    ///
    /// # Errors
    /// Where the key is out of reach.
    fn sign(&self, bytes: &[u8]) -> Result<[u8; 64], NotSigned>;
}

/// Whoever has the key did not sign; the text says why.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not signed: {0}")]
pub struct NotSigned(pub String);

/// An Ed25519 public key, 32 bytes. Whether they are a point is seen when it is used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PublicKey([u8; 32]);

impl PublicKey {
    /// The key with these bytes.
    pub const fn new(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The 32 bytes.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// The key in multibase base58btc, as in `did:key` and in documents.
    pub fn to_multikey(&self) -> String {
        let bytes = [ED25519_PUBLIC.as_slice(), &self.0].concat();
        multibase::encode(multibase::Base::Base58Btc, bytes)
    }

    /// Reads a key in multibase base58btc; `None` for keys that are not Ed25519.
    pub fn from_multikey(text: &str) -> Option<Self> {
        // 34 bytes are at most 47 letters.
        if text.len() > 48 {
            return None;
        }
        let (base, bytes) = multibase::decode(text).ok()?;
        let key = bytes.strip_prefix(&ED25519_PUBLIC)?;
        match base {
            multibase::Base::Base58Btc => Some(Self(key.try_into().ok()?)),
            _ => None,
        }
    }

    /// Whether `signature` is this key's over `bytes`. Weak keys and signatures in another form
    /// than the one that signing gives are never true.
    pub fn verifies(&self, bytes: &[u8], signature: &[u8]) -> bool {
        let (Ok(key), Ok(signature)) = (
            VerifyingKey::from_bytes(&self.0),
            Signature::from_slice(signature),
        ) else {
            return false;
        };
        key.verify_strict(bytes, &signature).is_ok()
    }
}

/// Why a text is no key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum KeyError {
    /// Neither of the two forms of a key file.
    #[error("neither a PRIVATE KEY block nor a tagged key")]
    NotAKey,
    /// A private key of another kind than Ed25519, or one whose halves do not fit.
    #[error("not an Ed25519 private key")]
    OtherKind,
}

/// The 32 bytes that an Ed25519 key is made of. Cleared when dropped.
pub struct Seed([u8; 32]);

impl Seed {
    /// The seed with these bytes.
    pub const fn new(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// Reads a key file in either form: PKCS#8 in PEM (the first `PRIVATE KEY` block, others are
    /// passed over), or the tagged form in one line of multibase Base64.
    ///
    /// # Errors
    /// As the variants of [`KeyError`] say.
    pub fn from_file(text: &str) -> Result<Self, KeyError> {
        if text.len() > KEY_FILE_BYTES_MAX {
            return Err(KeyError::NotAKey);
        }
        match text.contains(PEM_BEGIN) {
            true => Self::from_pem(text),
            false => Self::from_text(text.trim()),
        }
    }

    fn from_pem(text: &str) -> Result<Self, KeyError> {
        let block = text.find(PEM_BEGIN).and_then(|start| text.get(start..));
        let block = block.ok_or(KeyError::NotAKey)?;
        let end = block.find(PEM_END).ok_or(KeyError::NotAKey)?;
        let block = block.get(..end + PEM_END.len()).ok_or(KeyError::NotAKey)?;
        let key = SigningKey::from_pkcs8_pem(block).map_err(|_| KeyError::OtherKind)?;
        Ok(Self(key.to_bytes()))
    }

    fn from_text(text: &str) -> Result<Self, KeyError> {
        // `M` says Base64 with padding; 34 bytes are 48 letters.
        if !text.starts_with('M') || text.len() > 64 {
            return Err(KeyError::NotAKey);
        }
        let (_, bytes) = multibase::decode(text).map_err(|_| KeyError::NotAKey)?;
        Self::from_tagged(&Zeroizing::new(bytes))
    }

    /// Reads the tagged bytes: `80 26` and the seed, 34 in all.
    ///
    /// # Errors
    /// `OtherKind` for anything else.
    pub fn from_tagged(bytes: &[u8]) -> Result<Self, KeyError> {
        let seed = bytes.strip_prefix(&ED25519_PRIVATE);
        let seed = seed.and_then(|seed| seed.try_into().ok());
        seed.map(Self).ok_or(KeyError::OtherKind)
    }

    /// The tagged bytes, 34.
    pub fn to_tagged(&self) -> Zeroizing<Vec<u8>> {
        Zeroizing::new([ED25519_PRIVATE.as_slice(), &self.0].concat())
    }

    /// The tagged form as text, `MgC…`.
    pub fn to_text(&self) -> Zeroizing<String> {
        Zeroizing::new(multibase::encode(
            multibase::Base::Base64Pad,
            self.to_tagged(),
        ))
    }

    /// PKCS#8 in PEM, as other programs of the network write it.
    ///
    /// # Errors
    /// `OtherKind` should the encoder refuse, which it has no reason to.
    pub fn to_pem(&self) -> Result<Zeroizing<String>, KeyError> {
        let pair = KeypairBytes {
            secret_key: self.0,
            public_key: None,
        };
        pair.to_pkcs8_pem(LineEnding::LF)
            .map_err(|_| KeyError::OtherKind)
    }

    /// The public key.
    pub fn public(&self) -> PublicKey {
        PublicKey(SigningKey::from_bytes(&self.0).verifying_key().to_bytes())
    }
}

impl Drop for Seed {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

impl fmt::Debug for Seed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Seed of {}", Did::of_key(&self.public()))
    }
}

/// A key in this process's memory.
pub struct Ed25519Signer {
    did: Did,
    key: SigningKey,
}

impl Ed25519Signer {
    /// Signs as the seed's `did:key`.
    pub fn new(seed: &Seed) -> Self {
        let did = Did::of_key(&seed.public());
        Self::named(seed, did)
    }

    /// Signs as another identity whose document lists this key.
    pub fn named(seed: &Seed, did: Did) -> Self {
        let key = SigningKey::from_bytes(&seed.0);
        Self { did, key }
    }
}

impl Signer for Ed25519Signer {
    fn did(&self) -> &Did {
        &self.did
    }

    fn sign(&self, bytes: &[u8]) -> Result<[u8; 64], NotSigned> {
        Ok(self.key.sign(bytes).to_bytes())
    }
}

impl fmt::Debug for Ed25519Signer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Ed25519Signer of {}", self.did)
    }
}
