//! The table of checksum algorithms and the two ways to a multipart object's checksum. It is data
//! only and must never compute or decode a digest.

use crate::error::{Result, S3Error};

use super::{TYPE, invalid_header};

/// A checksum algorithm.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Algorithm {
    /// CRC-32 (ISO HDLC), 4 bytes.
    Crc32,
    /// CRC-32C (Castagnoli), 4 bytes.
    Crc32c,
    /// CRC-64/NVME, 8 bytes.
    Crc64Nvme,
    /// MD5, 16 bytes.
    Md5,
    /// SHA-1, 20 bytes.
    Sha1,
    /// SHA-256, 32 bytes.
    Sha256,
    /// SHA-512, 64 bytes.
    Sha512,
    /// XXH64 without a seed, 8 bytes.
    XxHash64,
    /// XXH3 of 64 bits without a seed, 8 bytes.
    XxHash3,
    /// XXH3 of 128 bits without a seed, 16 bytes.
    XxHash128,
}

/// What the protocol and the host say about one algorithm.
struct Facts {
    name: &'static str,
    header: &'static str,
    digest_name: &'static str,
    length_bytes: usize,
    composite: bool,
    full_object: bool,
}

/// A row of the table: name, header, digest name, length, COMPOSITE, FULL_OBJECT.
const fn facts(
    name: &'static str,
    header: &'static str,
    digest_name: &'static str,
    length_bytes: usize,
    composite: bool,
    full_object: bool,
) -> Facts {
    Facts {
        name,
        header,
        digest_name,
        length_bytes,
        composite,
        full_object,
    }
}

impl Algorithm {
    /// Every algorithm.
    pub const ALL: [Self; 10] = [
        Self::Crc32,
        Self::Crc32c,
        Self::Crc64Nvme,
        Self::Md5,
        Self::Sha1,
        Self::Sha256,
        Self::Sha512,
        Self::XxHash64,
        Self::XxHash3,
        Self::XxHash128,
    ];

    /// Only of CRCs can the whole's be computed from the parts', so only they go as FULL_OBJECT.
    #[rustfmt::skip]
    const fn facts(self) -> Facts {
        match self {
            Self::Crc32 => facts("CRC32", "x-amz-checksum-crc32", "crc32", 4, true, true),
            Self::Crc32c => facts("CRC32C", "x-amz-checksum-crc32c", "crc32c", 4, true, true),
            Self::Crc64Nvme => {
                facts("CRC64NVME", "x-amz-checksum-crc64nvme", "crc64nvme", 8, false, true)
            }
            Self::Md5 => facts("MD5", "x-amz-checksum-md5", "md5", 16, true, false),
            Self::Sha1 => facts("SHA1", "x-amz-checksum-sha1", "sha1", 20, true, false),
            Self::Sha256 => facts("SHA256", "x-amz-checksum-sha256", "sha2-256", 32, true, false),
            Self::Sha512 => facts("SHA512", "x-amz-checksum-sha512", "sha2-512", 64, true, false),
            Self::XxHash64 => {
                facts("XXHASH64", "x-amz-checksum-xxhash64", "xxh64", 8, true, false)
            }
            Self::XxHash3 => {
                facts("XXHASH3", "x-amz-checksum-xxhash3", "xxh3-64", 8, true, false)
            }
            Self::XxHash128 => {
                facts("XXHASH128", "x-amz-checksum-xxhash128", "xxh3-128", 16, true, false)
            }
        }
    }

    /// The name in XML and in `x-amz-checksum-algorithm`: `CRC32`. The XML element that carries a
    /// value is this name behind `Checksum`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        self.facts().name
    }

    /// The header and trailer that carry a value: `x-amz-checksum-crc32`.
    #[must_use]
    pub const fn header(self) -> &'static str {
        self.facts().header
    }

    /// The name under which the host computes it: `crc32`, `sha2-256`, `xxh3-64`.
    #[must_use]
    pub const fn digest_name(self) -> &'static str {
        self.facts().digest_name
    }

    /// The length of a raw digest.
    #[must_use]
    pub const fn length_bytes(self) -> usize {
        self.facts().length_bytes
    }

    /// Whether a multipart object may have a checksum of this type.
    #[must_use]
    pub const fn allows(self, kind: Type) -> bool {
        match kind {
            Type::Composite => self.facts().composite,
            Type::FullObject => self.facts().full_object,
        }
    }

    /// Reads a name, in any case, as headers and XML give it.
    ///
    /// # Errors
    /// `InvalidRequest` that lists the names there are.
    pub fn parse(name: &str) -> Result<Self> {
        let found = Self::ALL
            .into_iter()
            .find(|each| each.name().eq_ignore_ascii_case(name));
        found.ok_or_else(|| {
            S3Error::invalid_request(
                "Checksum algorithm provided is unsupported. Please try again with any of the \
                 valid types: [CRC32, CRC32C, CRC64NVME, MD5, SHA1, SHA256, SHA512, XXHASH128, \
                 XXHASH3, XXHASH64]",
            )
        })
    }

    /// The algorithm of a header or trailer, given in lower case.
    pub(super) fn of_header(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|each| each.header() == name)
    }
}

/// How the checksum of a multipart object is made from its parts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Type {
    /// The digest of the parts' digests, with `-N` behind it.
    Composite,
    /// The digest of all bytes.
    FullObject,
}

impl Type {
    /// The name on the wire.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Composite => "COMPOSITE",
            Self::FullObject => "FULL_OBJECT",
        }
    }

    /// What CreateMultipartUpload takes where the client names no type: composite, if it can be.
    #[must_use]
    pub const fn default_of(algorithm: Algorithm) -> Self {
        if algorithm.allows(Self::Composite) {
            Self::Composite
        } else {
            Self::FullObject
        }
    }

    /// Reads the value of `x-amz-checksum-type`, in any case.
    ///
    /// # Errors
    /// `InvalidRequest`.
    pub fn parse(value: &str) -> Result<Self> {
        [Self::Composite, Self::FullObject]
            .into_iter()
            .find(|each| each.name().eq_ignore_ascii_case(value))
            .ok_or_else(|| invalid_header(TYPE))
    }
}
