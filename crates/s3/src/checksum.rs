//! Object checksums as headers and trailers state them: names, shapes, and which go together. It
//! must never compute a digest; the caller brings those, raw, from whoever has the bytes.

mod algorithm;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

pub use algorithm::{Algorithm, Type};

use crate::error::{Code, Result, S3Error};
use crate::head::RequestHead;

const PREFIX: &str = "x-amz-checksum-";
const ALGORITHM: &str = "x-amz-checksum-algorithm";
const MODE: &str = "x-amz-checksum-mode";
const TYPE: &str = "x-amz-checksum-type";
const SDK_ALGORITHM: &str = "x-amz-sdk-checksum-algorithm";
const TRAILER: &str = "x-amz-trailer";

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
    /// names that contradict each other.
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
    let algorithm = Algorithm::of_header(&name).ok_or_else(|| {
        S3Error::invalid_request("The value specified in the x-amz-trailer header is not supported")
    });
    algorithm.map(Some)
}

/// What CreateMultipartUpload asks for with `x-amz-checksum-algorithm` and `x-amz-checksum-type`;
/// CopyObject sends the algorithm alone.
///
/// # Errors
/// `InvalidRequest` for an unknown name, a type without an algorithm, or a pair that AWS does not
/// have.
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
        let part_count = count.map(|text| part_count(text).ok_or_else(invalid));
        let part_count = part_count.transpose()?;
        let checksum = Checksum::decode(algorithm, base64).ok_or_else(invalid)?;
        Ok(Self {
            checksum: Some(checksum),
            part_count,
            kind,
        })
    }

    /// The checksum that the whole must turn out to have, if the client may state one. `created`
    /// is what the upload was created with; without, what the client states of the value is
    /// ignored, as AWS does, and the whole gets a FULL_OBJECT checksum of the server's choice.
    ///
    /// # Errors
    /// `InvalidRequest` for another type than the upload's; `BadDigest` for another algorithm or
    /// another count of parts.
    pub fn expected(
        &self,
        created: Option<(Algorithm, Type)>,
        part_count: u32,
    ) -> Result<Option<Checksum>> {
        let own = created.map_or(Type::FullObject, |(_, kind)| kind);
        if self.kind.is_some_and(|kind| kind != own) {
            return Err(S3Error::invalid_request(format!(
                "The upload was created using the {} checksum mode. The complete request must use \
                 the same checksum mode.",
                own.name(),
            )));
        }
        let Some(((algorithm, _), checksum)) = created.zip(self.checksum.as_ref()) else {
            return Ok(None);
        };
        let counted = self
            .part_count
            .is_none_or(|count| own == Type::Composite && count == part_count);
        if counted && checksum.algorithm == algorithm {
            return Ok(Some(checksum.clone()));
        }
        Err(S3Error::bad_checksum(checksum.algorithm.name()))
    }
}

fn part_count(digits: &str) -> Option<u32> {
    let plain = digits.bytes().all(|byte| byte.is_ascii_digit());
    plain.then(|| digits.parse().ok()).flatten()
}

/// Checks which checksum CompleteMultipartUpload gives for a part; that its value is the part's is
/// the caller's to compare. `created` is what the upload was created with.
///
/// # Errors
/// `InvalidRequest` for none where the whole is made of them, `BadDigest` for another algorithm.
pub fn check_part(
    created: Option<(Algorithm, Type)>,
    number: u32,
    given: Option<&Checksum>,
) -> Result<()> {
    let Some((algorithm, kind)) = created else {
        return Ok(());
    };
    match given {
        None if kind == Type::Composite => Err(S3Error::invalid_request(format!(
            "The upload was created using a {} checksum. The complete request must include the \
             checksum for each part. It was missing for part {number} in the request.",
            algorithm.name().to_ascii_lowercase(),
        ))),
        Some(given) if given.algorithm != algorithm => {
            Err(S3Error::new(Code::BadDigest).message(format!(
                "The {} you specified for part {number} did not match what we received.",
                given.algorithm.name().to_ascii_lowercase(),
            )))
        }
        None | Some(_) => Ok(()),
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

/// The names of all headers that carry a checksum's value.
fn names(head: &RequestHead) -> impl Iterator<Item = &str> {
    head.headers()
        .map(|(name, _)| name)
        .filter(|name| name.starts_with(PREFIX) && !matches!(*name, ALGORITHM | TYPE | MODE))
}

/// The one `x-amz-checksum-<algorithm>` header there may be, undecoded.
fn one_header(head: &RequestHead) -> Result<Option<(Algorithm, &str)>> {
    let mut found = None;
    let mut count = 0;
    for name in names(head) {
        found = Some(Algorithm::of_header(name).ok_or_else(unknown_header)?);
        count += 1;
    }
    if count > 1 {
        return Err(more_than_one());
    }
    let Some(algorithm) = found else {
        return Ok(None);
    };
    Ok(head.once(algorithm.header())?.map(|text| (algorithm, text)))
}

fn unknown_header() -> S3Error {
    S3Error::invalid_request(
        "The algorithm type you specified in x-amz-checksum- header is invalid.",
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
