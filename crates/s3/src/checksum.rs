//! Object checksums as headers and trailers state them: names, shapes, and which go together. It
//! must never compute a digest; the caller brings those, raw, from whoever has the bytes.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::error::{Code, Result, S3Error};
use crate::head::RequestHead;

const PREFIX: &str = "x-amz-checksum-";
const ALGORITHM: &str = "x-amz-checksum-algorithm";
const TYPE: &str = "x-amz-checksum-type";
const SDK_ALGORITHM: &str = "x-amz-sdk-checksum-algorithm";
const TRAILER: &str = "x-amz-trailer";

/// Algorithms that AWS has and this program has not.
const NOT_OFFERED: &[&str] = &["MD5", "SHA512", "XXHASH64", "XXHASH3", "XXHASH128"];

/// A checksum algorithm.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Algorithm {
    /// CRC-32 (ISO HDLC), 4 bytes.
    Crc32,
    /// CRC-32C (Castagnoli), 4 bytes.
    Crc32c,
    /// CRC-64/NVME, 8 bytes.
    Crc64Nvme,
    /// SHA-1, 20 bytes.
    Sha1,
    /// SHA-256, 32 bytes.
    Sha256,
}

impl Algorithm {
    /// Every algorithm.
    pub const ALL: [Self; 5] = [
        Self::Crc32,
        Self::Crc32c,
        Self::Crc64Nvme,
        Self::Sha1,
        Self::Sha256,
    ];

    /// The name in XML and in `x-amz-checksum-algorithm`: `CRC32`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Crc32 => "CRC32",
            Self::Crc32c => "CRC32C",
            Self::Crc64Nvme => "CRC64NVME",
            Self::Sha1 => "SHA1",
            Self::Sha256 => "SHA256",
        }
    }

    /// The header and trailer that carry a value: `x-amz-checksum-crc32`.
    #[must_use]
    pub const fn header(self) -> &'static str {
        match self {
            Self::Crc32 => "x-amz-checksum-crc32",
            Self::Crc32c => "x-amz-checksum-crc32c",
            Self::Crc64Nvme => "x-amz-checksum-crc64nvme",
            Self::Sha1 => "x-amz-checksum-sha1",
            Self::Sha256 => "x-amz-checksum-sha256",
        }
    }

    /// The name under which the host computes it: `crc32`, `sha2-256`.
    #[must_use]
    pub const fn digest_name(self) -> &'static str {
        match self {
            Self::Crc32 => "crc32",
            Self::Crc32c => "crc32c",
            Self::Crc64Nvme => "crc64nvme",
            Self::Sha1 => "sha1",
            Self::Sha256 => "sha2-256",
        }
    }

    /// The length of a raw digest.
    #[must_use]
    pub const fn length_bytes(self) -> usize {
        match self {
            Self::Crc32 | Self::Crc32c => 4,
            Self::Crc64Nvme => 8,
            Self::Sha1 => 20,
            Self::Sha256 => 32,
        }
    }

    /// Whether a multipart object may have a checksum of this type.
    #[must_use]
    pub const fn allows(self, kind: Type) -> bool {
        match self {
            Self::Crc32 | Self::Crc32c => true,
            Self::Crc64Nvme => matches!(kind, Type::FullObject),
            Self::Sha1 | Self::Sha256 => matches!(kind, Type::Composite),
        }
    }

    /// Reads a name, in any case, as headers and XML give it.
    ///
    /// # Errors
    /// `NotImplemented` for an algorithm that AWS has and this program has not, else
    /// `InvalidRequest`.
    pub fn parse(name: &str) -> Result<Self> {
        let found = Self::ALL
            .into_iter()
            .find(|each| each.name().eq_ignore_ascii_case(name));
        found.ok_or_else(|| {
            not_offered(name).unwrap_or_else(|| {
                S3Error::invalid_request(
                    "Checksum algorithm provided is unsupported. Please try again with any of \
                     the valid types: [CRC32, CRC32C, CRC64NVME, MD5, SHA1, SHA256, SHA512, \
                     XXHASH128, XXHASH3, XXHASH64]",
                )
            })
        })
    }

    fn of_header(name: &str) -> Option<Self> {
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

    /// What CreateMultipartUpload takes where the client names no type.
    #[must_use]
    pub const fn default_of(algorithm: Algorithm) -> Self {
        match algorithm {
            Algorithm::Crc64Nvme => Self::FullObject,
            _ => Self::Composite,
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

/// A digest and its algorithm; the digest always has the algorithm's length.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checksum {
    algorithm: Algorithm,
    digest: Vec<u8>,
}

impl Checksum {
    /// A checksum from a raw digest; `None` when its length is wrong.
    #[must_use]
    pub fn new(algorithm: Algorithm, digest: &[u8]) -> Option<Self> {
        (digest.len() == algorithm.length_bytes()).then(|| Self {
            algorithm,
            digest: digest.to_vec(),
        })
    }

    /// A checksum from base64 text; `None` when the text or the length is wrong.
    #[must_use]
    pub fn decode(algorithm: Algorithm, base64: &str) -> Option<Self> {
        Self::new(algorithm, &STANDARD.decode(base64).ok()?)
    }

    /// The algorithm.
    #[must_use]
    pub fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// The raw digest, big-endian for a CRC.
    #[must_use]
    pub fn digest(&self) -> &[u8] {
        &self.digest
    }

    /// The digest in base64, without any `-N`.
    #[must_use]
    pub fn to_base64(&self) -> String {
        STANDARD.encode(&self.digest)
    }

    /// Compares with the digest of what came.
    ///
    /// # Errors
    /// `BadDigest` that names the algorithm.
    pub fn check(&self, computed: &[u8]) -> Result<()> {
        if self.digest == computed {
            return Ok(());
        }
        Err(S3Error::bad_checksum(self.algorithm.name()))
    }
}

/// What the head of an upload says about the checksum of its body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Announced {
    /// Nothing: the server chooses.
    Nothing,
    /// The value itself.
    Value(Checksum),
    /// The value follows in a trailer.
    Trailer(Algorithm),
}

impl Announced {
    /// Reads `x-amz-checksum-*`, `x-amz-trailer` and `x-amz-sdk-checksum-algorithm`.
    ///
    /// # Errors
    /// `InvalidRequest` for an unknown algorithm, a malformed value, more than one checksum, or
    /// names that contradict each other; `NotImplemented` for an algorithm not offered.
    pub fn parse(head: &RequestHead) -> Result<Self> {
        let sdk = head.once(SDK_ALGORITHM)?.filter(|name| !name.is_empty());
        let sdk = sdk.map(Algorithm::parse).transpose()?;
        if head.values(TRAILER).any(|name| !name.is_empty()) && names(head).next().is_some() {
            return Err(more_than_one());
        }
        let found = match (one_header(head)?, trailer(head)?) {
            (None, None) if sdk.is_some() => {
                return Err(S3Error::invalid_request(
                    "x-amz-sdk-checksum-algorithm specified, but no corresponding \
                     x-amz-checksum-* or x-amz-trailer headers were found.",
                ));
            }
            (None, None) => return Ok(Self::Nothing),
            (None, Some(algorithm)) => Self::Trailer(algorithm),
            (Some((algorithm, text)), _) => Self::Value(
                Checksum::decode(algorithm, text)
                    .ok_or_else(|| invalid_header(algorithm.header()))?,
            ),
        };
        if sdk.is_some_and(|sdk| found.algorithm() != Some(sdk)) {
            return Err(invalid_header(SDK_ALGORITHM));
        }
        Ok(found)
    }

    /// The algorithm, if one was named.
    #[must_use]
    pub fn algorithm(&self) -> Option<Algorithm> {
        match self {
            Self::Nothing => None,
            Self::Value(checksum) => Some(checksum.algorithm),
            Self::Trailer(algorithm) => Some(*algorithm),
        }
    }
}

/// The one algorithm that `x-amz-trailer` declares.
///
/// # Errors
/// `InvalidRequest` when it declares anything but one checksum.
pub fn trailer(head: &RequestHead) -> Result<Option<Algorithm>> {
    let Some(name) = head.once(TRAILER)?.filter(|name| !name.is_empty()) else {
        return Ok(None);
    };
    let name = name.to_ascii_lowercase();
    if let Some(algorithm) = Algorithm::of_header(&name) {
        return Ok(Some(algorithm));
    }
    let refusal = name.strip_prefix(PREFIX).and_then(not_offered);
    Err(refusal.unwrap_or_else(|| {
        S3Error::invalid_request("The value specified in the x-amz-trailer header is not supported")
    }))
}

/// What CreateMultipartUpload asks for with `x-amz-checksum-algorithm` and `x-amz-checksum-type`;
/// CopyObject sends the algorithm alone.
///
/// # Errors
/// `InvalidRequest` for an unknown name, a type without an algorithm, or a pair that AWS does not
/// have; `NotImplemented` for an algorithm not offered.
pub fn requested(head: &RequestHead) -> Result<Option<(Algorithm, Type)>> {
    let algorithm = head.once(ALGORITHM)?.filter(|name| !name.is_empty());
    let algorithm = algorithm.map(Algorithm::parse).transpose()?;
    let kind = head.once(TYPE)?.filter(|name| !name.is_empty());
    let kind = kind.map(Type::parse).transpose()?;
    match (algorithm, kind) {
        (None, None) => Ok(None),
        (None, Some(_)) => Err(S3Error::invalid_request(
            "The x-amz-checksum-type header can only be used with the x-amz-checksum-algorithm \
             header.",
        )),
        (Some(algorithm), None) => Ok(Some((algorithm, Type::default_of(algorithm)))),
        (Some(algorithm), Some(kind)) if algorithm.allows(kind) => Ok(Some((algorithm, kind))),
        (Some(algorithm), Some(kind)) => Err(S3Error::invalid_request(format!(
            "The {} checksum type cannot be used with the {} checksum algorithm.",
            kind.name(),
            algorithm.name().to_ascii_lowercase(),
        ))),
    }
}

/// What CompleteMultipartUpload says the whole object's checksum is.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Completed {
    /// The value of `x-amz-checksum-*`, without `-N`.
    pub checksum: Option<Checksum>,
    /// The `N` of `-N`, where there was one: the count of parts.
    pub part_count: Option<u32>,
    /// The value of `x-amz-checksum-type`.
    pub kind: Option<Type>,
}

impl Completed {
    /// Reads the headers of CompleteMultipartUpload.
    ///
    /// # Errors
    /// `InvalidRequest` for a malformed value or more than one; a `-N` behind CRC64NVME is
    /// malformed.
    pub fn parse(head: &RequestHead) -> Result<Self> {
        let kind = head.once(TYPE)?.filter(|name| !name.is_empty());
        let kind = kind.map(Type::parse).transpose()?;
        let Some((algorithm, text)) = one_header(head)? else {
            return Ok(Self {
                kind,
                ..Self::default()
            });
        };
        let invalid = || invalid_header(algorithm.header());
        let (base64, count) = match text.split_once('-') {
            Some((base64, count)) if algorithm.allows(Type::Composite) => (base64, Some(count)),
            _ => (text, None),
        };
        let part_count = count.map(str::parse).transpose().map_err(|_| invalid())?;
        let checksum = Checksum::decode(algorithm, base64).ok_or_else(invalid)?;
        Ok(Self {
            checksum: Some(checksum),
            part_count,
            kind,
        })
    }
}

/// Reads `Content-MD5`: 16 raw bytes.
///
/// # Errors
/// `InvalidDigest` when it is not the base64 of 16 bytes; an empty value is none.
pub fn content_md5(head: &RequestHead) -> Result<Option<[u8; 16]>> {
    let Some(text) = head.once("content-md5")? else {
        return Ok(None);
    };
    let bytes = STANDARD
        .decode(text)
        .ok()
        .and_then(|bytes| bytes.try_into().ok());
    let invalid = || S3Error::new(Code::InvalidDigest).field("Content-MD5", text);
    bytes.map(Some).ok_or_else(invalid)
}

/// Compares the MD5 of what came with `Content-MD5`.
///
/// # Errors
/// `BadDigest` with both digests: the computed one in base64, the promised one in hex.
pub fn check_md5(promised: &[u8; 16], computed: &[u8; 16]) -> Result<()> {
    if promised == computed {
        return Ok(());
    }
    Err(S3Error::bad_digest(
        &STANDARD.encode(computed),
        &hex::encode(promised),
    ))
}

/// An operation that demands `Content-MD5` or a checksum had neither (DeleteObjects).
#[must_use]
pub fn missing() -> S3Error {
    S3Error::invalid_request(
        "Missing required header for this request: Content-MD5 OR x-amz-checksum-*",
    )
}

/// A part came with another algorithm than its upload was created with, or (`None`) with none.
#[must_use]
pub fn mismatch(expected: Algorithm, actual: Option<Algorithm>) -> S3Error {
    S3Error::invalid_request(format!(
        "Checksum Type mismatch occurred, expected checksum Type: {}, actual checksum Type: {}",
        expected.name(),
        actual.map_or("null", Algorithm::name),
    ))
}

/// A trailer's value is not a digest of its algorithm.
pub(crate) fn invalid_trailer(algorithm: Algorithm) -> S3Error {
    S3Error::invalid_request(format!(
        "Value for {} trailing header is invalid.",
        algorithm.header()
    ))
}

/// The names of all headers that carry a checksum's value, whole and without their prefix.
fn names(head: &RequestHead) -> impl Iterator<Item = (&str, &str)> {
    head.headers()
        .filter_map(|(name, _)| Some((name, name.strip_prefix(PREFIX)?)))
        .filter(|(_, algorithm)| !matches!(*algorithm, "algorithm" | "type" | "mode"))
}

/// The one `x-amz-checksum-<algorithm>` header there may be, undecoded.
fn one_header(head: &RequestHead) -> Result<Option<(Algorithm, &str)>> {
    let mut names = names(head);
    let Some((name, algorithm)) = names.next() else {
        return Ok(None);
    };
    if names.next().is_some() {
        return Err(more_than_one());
    }
    let algorithm = Algorithm::of_header(name).ok_or_else(|| {
        not_offered(algorithm).unwrap_or_else(|| {
            S3Error::invalid_request(
                "The algorithm type you specified in x-amz-checksum- header is invalid.",
            )
        })
    })?;
    Ok(head.once(name)?.map(|text| (algorithm, text)))
}

fn not_offered(name: &str) -> Option<S3Error> {
    let known = NOT_OFFERED
        .iter()
        .find(|each| each.eq_ignore_ascii_case(name))?;
    Some(
        S3Error::new(Code::NotImplemented)
            .message(format!("The checksum algorithm {known} is not supported.")),
    )
}

fn invalid_header(name: &str) -> S3Error {
    S3Error::invalid_request(format!("Value for {name} header is invalid."))
}

fn more_than_one() -> S3Error {
    S3Error::invalid_request(
        "Expecting a single x-amz-checksum- header. Multiple checksum Types are not allowed.",
    )
}
