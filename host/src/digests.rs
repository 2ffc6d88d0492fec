//! Digests by the names of the contract. Must never do I/O.

use md5::Md5;
use sha1::Sha1;
use sha2::{Digest as _, Sha256, Sha512};
use xxhash_rust::xxh3::Xxh3;
use xxhash_rust::xxh64::Xxh64;

/// A digest under way.
pub(crate) enum Digester {
    Sha256(Sha256),
    Sha512(Sha512),
    Sha1(Sha1),
    Md5(Md5),
    Crc(crc_fast::Digest, usize),
    Xxh64(Xxh64),
    Xxh3(Box<Xxh3>),
    Xxh3Wide(Box<Xxh3>),
}

impl Digester {
    /// A fresh digest; none for an algorithm that is not there.
    pub(crate) fn new(algorithm: &str) -> Option<Self> {
        use crc_fast::CrcAlgorithm;
        Some(match algorithm {
            "sha2-256" => Self::Sha256(Sha256::new()),
            "sha2-512" => Self::Sha512(Sha512::new()),
            "sha1" => Self::Sha1(Sha1::new()),
            "md5" => Self::Md5(Md5::new()),
            "crc32" => Self::Crc(crc_fast::Digest::new(CrcAlgorithm::Crc32IsoHdlc), 4),
            "crc32c" => Self::Crc(crc_fast::Digest::new(CrcAlgorithm::Crc32Iscsi), 4),
            "crc64nvme" => Self::Crc(crc_fast::Digest::new(CrcAlgorithm::Crc64Nvme), 8),
            "xxh64" => Self::Xxh64(Xxh64::new(0)),
            "xxh3-64" => Self::Xxh3(Box::new(Xxh3::new())),
            "xxh3-128" => Self::Xxh3Wide(Box::new(Xxh3::new())),
            _ => return None,
        })
    }

    /// Adds bytes.
    pub(crate) fn update(&mut self, bytes: &[u8]) {
        match self {
            Self::Sha256(state) => state.update(bytes),
            Self::Sha512(state) => state.update(bytes),
            Self::Sha1(state) => state.update(bytes),
            Self::Md5(state) => state.update(bytes),
            Self::Crc(state, _) => state.update(bytes),
            Self::Xxh64(state) => state.update(bytes),
            Self::Xxh3(state) | Self::Xxh3Wide(state) => state.update(bytes),
        }
    }

    /// The digest, raw; the most significant byte first for the CRCs and the XXHs.
    pub(crate) fn finish(self) -> Vec<u8> {
        match self {
            Self::Sha256(state) => state.finalize().to_vec(),
            Self::Sha512(state) => state.finalize().to_vec(),
            Self::Sha1(state) => state.finalize().to_vec(),
            Self::Md5(state) => state.finalize().to_vec(),
            Self::Xxh64(state) => state.digest().to_be_bytes().to_vec(),
            Self::Xxh3(state) => state.digest().to_be_bytes().to_vec(),
            Self::Xxh3Wide(state) => state.digest128().to_be_bytes().to_vec(),
            Self::Crc(state, bytes) => {
                let value = state.finalize().to_be_bytes();
                value
                    .into_iter()
                    .skip(8_usize.saturating_sub(bytes))
                    .collect()
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Of `abcdefg`, as versitygw's conformance suite has them in base64.
    #[test]
    fn every_checksum_of_s3_is_as_clients_compute_it() {
        for (algorithm, expected) in [
            (
                "sha2-512",
                "d716a4188569b68ab1b6dfac178e570114cdf0ea3a1cc0e31486c3e41241bc6a\
                 76424e8c37ab26f096fc85ef9886c8cb634187f4fddff645fb099f1ff54c6b8c",
            ),
            ("md5", "7ac66c0f148de9519b8bd264312c4d64"),
            ("xxh64", "1860940e2902822d"),
            ("xxh3-64", "5a40dc3fd44c052f"),
            ("xxh3-128", "2aafd83869a59c313fe798c0edaa6dc6"),
        ] {
            let mut digest = Digester::new(algorithm).unwrap();
            digest.update(b"abcd");
            digest.update(b"efg");
            assert_eq!(hex::encode(digest.finish()), expected, "{algorithm}");
        }
    }

    /// Check values of the catalogues: the digest of `123456789`.
    #[test]
    fn every_algorithm_gives_its_published_check_value() {
        for (algorithm, expected) in [
            ("crc32", "cbf43926"),
            ("crc32c", "e3069283"),
            ("crc64nvme", "ae8b14860a799888"),
            ("md5", "25f9e794323b453885f5181f1b624d0b"),
            ("sha1", "f7c3bc1d808e04732adf679965ccc34ca7ae3441"),
            (
                "sha2-256",
                "15e2b0d3c33891ebb0f1ef609ec419420c20e320ce94c65fbc8c3312448eb225",
            ),
        ] {
            let mut whole = Digester::new(algorithm).unwrap();
            whole.update(b"123456789");
            assert_eq!(hex::encode(whole.finish()), expected, "{algorithm}");
            let mut parts = Digester::new(algorithm).unwrap();
            parts.update(b"1234");
            parts.update(b"");
            parts.update(b"56789");
            assert_eq!(
                hex::encode(parts.finish()),
                expected,
                "{algorithm} in parts"
            );
        }
        assert!(Digester::new("sha512").is_none());
    }
}
