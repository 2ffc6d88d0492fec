//! Digests by the names that the contract gives them.
//!
//! Must never know a name on one host alone: a caller cannot ask which host it is on.

use crc_fast::CrcAlgorithm;
use sha2::Digest as _;
use xxhash_rust::xxh3::Xxh3;
use xxhash_rust::xxh64::Xxh64;

/// A digest under way.
#[derive(Clone)]
pub struct Hasher(Inner);

#[derive(Clone)]
enum Inner {
    Sha256(sha2::Sha256),
    Sha512(sha2::Sha512),
    Md5(md5::Md5),
    Sha1(sha1::Sha1),
    /// With the bytes of its result.
    Crc(crc_fast::Digest, usize),
    Xxh64(Xxh64),
    Xxh3(Box<Xxh3>),
    Xxh3Wide(Box<Xxh3>),
}

impl Hasher {
    /// Starts a digest; `None` for a name that is not known.
    pub fn open(algorithm: &str) -> Option<Self> {
        let crc = |algorithm, bytes| Inner::Crc(crc_fast::Digest::new(algorithm), bytes);
        Some(Self(match algorithm {
            "sha2-256" => Inner::Sha256(sha2::Sha256::new()),
            "sha2-512" => Inner::Sha512(sha2::Sha512::new()),
            "md5" => Inner::Md5(md5::Md5::new()),
            "sha1" => Inner::Sha1(sha1::Sha1::new()),
            "crc32" => crc(CrcAlgorithm::Crc32IsoHdlc, 4),
            "crc32c" => crc(CrcAlgorithm::Crc32Iscsi, 4),
            "crc64nvme" => crc(CrcAlgorithm::Crc64Nvme, 8),
            "xxh64" => Inner::Xxh64(Xxh64::new(0)),
            "xxh3-64" => Inner::Xxh3(Box::new(Xxh3::new())),
            "xxh3-128" => Inner::Xxh3Wide(Box::new(Xxh3::new())),
            _ => return None,
        }))
    }

    /// Adds bytes.
    pub fn update(&mut self, bytes: &[u8]) {
        match &mut self.0 {
            Inner::Sha256(hasher) => hasher.update(bytes),
            Inner::Sha512(hasher) => hasher.update(bytes),
            Inner::Md5(hasher) => hasher.update(bytes),
            Inner::Sha1(hasher) => hasher.update(bytes),
            Inner::Crc(hasher, _) => hasher.update(bytes),
            Inner::Xxh64(hasher) => hasher.update(bytes),
            Inner::Xxh3(hasher) | Inner::Xxh3Wide(hasher) => hasher.update(bytes),
        }
    }

    /// The digest of all bytes so far, raw; CRCs and XXHs most significant byte first. Starts anew.
    pub fn finish(&mut self) -> Vec<u8> {
        match &mut self.0 {
            Inner::Sha256(hasher) => hasher.finalize_reset().to_vec(),
            Inner::Sha512(hasher) => hasher.finalize_reset().to_vec(),
            Inner::Md5(hasher) => hasher.finalize_reset().to_vec(),
            Inner::Sha1(hasher) => hasher.finalize_reset().to_vec(),
            Inner::Crc(hasher, length) => {
                let value = hasher.finalize_reset().to_be_bytes();
                let skipped = value.len().saturating_sub(*length);
                value.get(skipped..).unwrap_or_default().to_vec()
            }
            Inner::Xxh64(hasher) => {
                let value = hasher.digest().to_be_bytes().to_vec();
                hasher.reset(0);
                value
            }
            Inner::Xxh3(hasher) => {
                let value = hasher.digest().to_be_bytes().to_vec();
                hasher.reset();
                value
            }
            Inner::Xxh3Wide(hasher) => {
                let value = hasher.digest128().to_be_bytes().to_vec();
                hasher.reset();
                value
            }
        }
    }
}
