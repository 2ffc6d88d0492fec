//! The names of blocks: CIDv1, one of three codecs, SHA-256.
//!
//! Must never accept another version, codec or hash: what Billet cannot check it does not name.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use sha2::Digest as _;

/// A SHA-256 digest, 32 bytes.
pub type Digest = [u8; 32];

/// Bytes of a binary [`Cid`]: version, codec, hash code, digest length, digest.
pub const CID_BYTES: usize = 36;

/// How the bytes of a block are to be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Codec {
    /// Plain bytes (multicodec 0x55).
    Raw,
    /// A UnixFS node (multicodec 0x70).
    DagPb,
    /// DAG-CBOR (multicodec 0x71).
    DagCbor,
}

impl Codec {
    /// The multicodec number; below 128, so one byte on the wire.
    pub const fn code(self) -> u8 {
        match self {
            Self::Raw => 0x55,
            Self::DagPb => 0x70,
            Self::DagCbor => 0x71,
        }
    }

    const fn from_code(code: u8) -> Option<Self> {
        match code {
            0x55 => Some(Self::Raw),
            0x70 => Some(Self::DagPb),
            0x71 => Some(Self::DagCbor),
            _ => None,
        }
    }
}

/// SHA-256 of some bytes.
pub fn sha256(bytes: &[u8]) -> Digest {
    sha2::Sha256::digest(bytes).into()
}

/// The name of a block. Orders by codec, then digest.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Cid {
    codec: Codec,
    digest: Digest,
}

/// Why some bytes or text are not a [`Cid`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CidError {
    /// Not the form of a CID at all.
    #[error("not a CID: {0}")]
    Malformed(String),
    /// A CID, but not CIDv1, SHA-256 and one of raw, dag-pb, dag-cbor.
    #[error("a CID of a kind that is not stored here")]
    Unsupported,
}

impl Cid {
    /// The CID whose digest is already known.
    pub const fn new(codec: Codec, digest: Digest) -> Self {
        Self { codec, digest }
    }

    /// Hashes `bytes` and names them.
    pub fn of(codec: Codec, bytes: &[u8]) -> Self {
        Self::new(codec, sha256(bytes))
    }

    /// How the block is to be read.
    pub const fn codec(&self) -> Codec {
        self.codec
    }

    /// The SHA-256 digest of the block.
    pub const fn digest(&self) -> &Digest {
        &self.digest
    }

    /// Whether `bytes` are the block of this name.
    pub fn matches(&self, bytes: &[u8]) -> bool {
        sha256(bytes) == self.digest
    }

    /// The binary form, 36 bytes.
    pub fn to_bytes(&self) -> [u8; CID_BYTES] {
        let mut bytes = [0; CID_BYTES];
        let (head, digest) = bytes.split_at_mut(4);
        head.copy_from_slice(&[1, self.codec.code(), 0x12, 32]);
        digest.copy_from_slice(&self.digest);
        bytes
    }

    /// Reads the binary form; all 36 bytes and no more.
    ///
    /// # Errors
    /// `Unsupported` for a CID of another kind, `Malformed` for anything else.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, CidError> {
        if let Some((&[1, code, 0x12, 32], digest)) = bytes.split_first_chunk::<4>()
            && let Ok(digest) = Digest::try_from(digest)
            && let Some(codec) = Codec::from_code(code)
        {
            return Ok(Self::new(codec, digest));
        }
        match cid::Cid::try_from(bytes) {
            Ok(cid) if cid.encoded_len() == bytes.len() => Err(CidError::Unsupported),
            Ok(_) => Err(CidError::Malformed("bytes behind its end".to_owned())),
            Err(error) => Err(CidError::Malformed(error.to_string())),
        }
    }
}

impl fmt::Display for Cid {
    /// The text form: base32 lower case, as in `bafy…` and `bafk…`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&cid::Cid::from(*self), f)
    }
}

impl fmt::Debug for Cid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Cid {
    type Err = CidError;

    fn from_str(text: &str) -> Result<Self, CidError> {
        // The parser would pass over everything before this.
        if text.contains("/ipfs/") {
            return Err(CidError::Malformed("a path, not a CID".to_owned()));
        }
        let cid: cid::Cid = text
            .parse()
            .map_err(|error: cid::Error| CidError::Malformed(error.to_string()))?;
        Self::from_bytes(&cid.to_bytes())
    }
}

impl From<Cid> for cid::Cid {
    fn from(cid: Cid) -> Self {
        let hash = multihash::Multihash::wrap(0x12, &cid.digest).unwrap_or_default();
        Self::new_v1(u64::from(cid.codec.code()), hash)
    }
}

impl Serialize for Cid {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        ipld_core::cid::Cid::from(*self).serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Cid {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let cid = ipld_core::cid::Cid::deserialize(deserializer)?;
        Self::from_bytes(&cid.to_bytes()).map_err(serde::de::Error::custom)
    }
}

/// A block with its name. Nothing here says that the two belong together; see [`Cid::matches`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Block {
    /// The name.
    pub cid: Cid,
    /// The bytes.
    pub bytes: Vec<u8>,
}

impl Block {
    /// Names `bytes` by hashing them.
    pub fn new(codec: Codec, bytes: Vec<u8>) -> Self {
        Self {
            cid: Cid::of(codec, &bytes),
            bytes,
        }
    }
}
