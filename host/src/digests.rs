//! Digests by the names of the contract. Must never do I/O.

use md5::Md5;
use sha1::Sha1;
use sha2::{Digest as _, Sha256};

/// A digest under way.
pub(crate) enum Digester {
    Sha256(Sha256),
    Sha1(Sha1),
    Md5(Md5),
    Crc(crc_fast::Digest, usize),
}

impl Digester {
    /// A fresh digest; none for an algorithm that is not there.
    pub(crate) fn new(algorithm: &str) -> Option<Self> {
        use crc_fast::CrcAlgorithm;
        Some(match algorithm {
            "sha2-256" => Self::Sha256(Sha256::new()),
            "sha1" => Self::Sha1(Sha1::new()),
            "md5" => Self::Md5(Md5::new()),
            "crc32" => Self::Crc(crc_fast::Digest::new(CrcAlgorithm::Crc32IsoHdlc), 4),
            "crc32c" => Self::Crc(crc_fast::Digest::new(CrcAlgorithm::Crc32Iscsi), 4),
            "crc64nvme" => Self::Crc(crc_fast::Digest::new(CrcAlgorithm::Crc64Nvme), 8),
            _ => return None,
        })
    }

    /// Adds bytes.
    pub(crate) fn update(&mut self, bytes: &[u8]) {
        match self {
            Self::Sha256(state) => state.update(bytes),
            Self::Sha1(state) => state.update(bytes),
            Self::Md5(state) => state.update(bytes),
            Self::Crc(state, _) => state.update(bytes),
        }
    }

    /// The digest, raw; the most significant byte first for the CRCs.
    pub(crate) fn finish(self) -> Vec<u8> {
        match self {
            Self::Sha256(state) => state.finalize().to_vec(),
            Self::Sha1(state) => state.finalize().to_vec(),
            Self::Md5(state) => state.finalize().to_vec(),
            Self::Crc(state, bytes) => {
                let value = state.finalize().to_be_bytes();
                value.into_iter().skip(8_usize.saturating_sub(bytes)).collect()
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Check values of the catalogues: the digest of `123456789`.
    #[test]
    fn every_algorithm_gives_its_published_check_value() {
        for (algorithm, expected) in [
            ("crc32", "cbf43926"),
            ("crc32c", "e3069283"),
            ("crc64nvme", "ae8b14860a799888"),
            ("md5", "25f9e794323b453885f5181f1b624d0b"),
            ("sha1", "f7c3bc1d808e04732adf679965ccc34ca7ae3441"),
            ("sha2-256", "15e2b0d3c33891ebb0f1ef609ec419420c20e320ce94c65fbc8c3312448eb225"),
        ] {
            let mut whole = Digester::new(algorithm).unwrap();
            whole.update(b"123456789");
            assert_eq!(hex::encode(whole.finish()), expected, "{algorithm}");
            let mut parts = Digester::new(algorithm).unwrap();
            parts.update(b"1234");
            parts.update(b"");
            parts.update(b"56789");
            assert_eq!(hex::encode(parts.finish()), expected, "{algorithm} in parts");
        }
        assert!(Digester::new("sha512").is_none());
    }
}
