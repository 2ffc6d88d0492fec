//! What `x-amz-content-sha256` promises about a body, and how long the body is. It must never let
//! a value it does not know through: a framing that is not understood would be stored as data.

use crate::error::{Code, Result, S3Error};
use crate::head::RequestHead;

/// The largest body of one PUT or one part.
pub const MAX_UPLOAD_BYTES: u64 = 5 * 1024 * 1024 * 1024;

/// The header that says how a body is protected.
pub const CONTENT_SHA256: &str = "x-amz-content-sha256";
/// The header with a framed body's length without its frames.
pub const DECODED_LENGTH: &str = "x-amz-decoded-content-length";

/// The SHA-256 of no bytes.
const EMPTY_SHA256: [u8; 32] = [
    0xe3, 0xb0, 0xc4, 0x42, 0x98, 0xfc, 0x1c, 0x14, 0x9a, 0xfb, 0xf4, 0xc8, 0x99, 0x6f, 0xb9, 0x24,
    0x27, 0xae, 0x41, 0xe4, 0x64, 0x9b, 0x93, 0x4c, 0xa4, 0x95, 0x99, 0x1b, 0x78, 0x52, 0xb8, 0x55,
];

/// How a body is protected and framed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Payload {
    /// Plain bytes with this SHA-256.
    Digest([u8; 32]),
    /// Plain bytes that no signature covers.
    Unsigned,
    /// aws-chunked, each chunk signed.
    StreamingSigned,
    /// aws-chunked, each chunk and the trailer signed.
    StreamingSignedTrailer,
    /// aws-chunked without signatures, with an optional trailer.
    StreamingUnsignedTrailer,
}

impl Payload {
    /// Reads the value of `x-amz-content-sha256`.
    ///
    /// # Errors
    /// `NotImplemented` for the two ECDSA framings, `InvalidArgument` for anything else that is
    /// neither a known word nor 64 hex digits.
    pub fn parse(value: &str) -> Result<Self> {
        match value {
            "UNSIGNED-PAYLOAD" => Ok(Self::Unsigned),
            "STREAMING-AWS4-HMAC-SHA256-PAYLOAD" => Ok(Self::StreamingSigned),
            "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER" => Ok(Self::StreamingSignedTrailer),
            "STREAMING-UNSIGNED-PAYLOAD-TRAILER" => Ok(Self::StreamingUnsignedTrailer),
            "STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD"
            | "STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD-TRAILER" => {
                Err(S3Error::new(Code::NotImplemented).message(format!(
                    "The chunk encoding algorithm {value} is not supported."
                )))
            }
            _ => digest(value)
                .map(Self::Digest)
                .ok_or_else(|| invalid_value(value)),
        }
    }

    /// Whether the body is aws-chunked.
    #[must_use]
    pub const fn is_framed(&self) -> bool {
        match self {
            Self::Digest(_) | Self::Unsigned => false,
            Self::StreamingSigned
            | Self::StreamingSignedTrailer
            | Self::StreamingUnsignedTrailer => true,
        }
    }

    /// Whether each chunk carries a signature that continues the request's own.
    #[must_use]
    pub const fn is_chunk_signed(&self) -> bool {
        matches!(self, Self::StreamingSigned | Self::StreamingSignedTrailer)
    }

    /// Refuses a framed body, for every operation but PutObject and UploadPart.
    ///
    /// # Errors
    /// `InvalidRequest`.
    pub fn require_plain(&self) -> Result<()> {
        if self.is_framed() {
            Err(wrong_use())
        } else {
            Ok(())
        }
    }

    /// The same for a request without a body.
    ///
    /// # Errors
    /// As [`Payload::check_sha256`].
    pub fn check_empty(&self) -> Result<()> {
        self.check_sha256(&EMPTY_SHA256)
    }

    /// Compares the SHA-256 of the body that came with what was promised.
    ///
    /// # Errors
    /// `XAmzContentSHA256Mismatch` when a digest was promised and differs.
    pub fn check_sha256(&self, computed: &[u8; 32]) -> Result<()> {
        match self {
            Self::Digest(promised) if promised != computed => {
                Err(S3Error::new(Code::XAmzContentSha256Mismatch)
                    .field("ClientComputedContentSHA256", hex::encode(promised))
                    .field("S3ComputedContentSHA256", hex::encode(computed)))
            }
            _ => Ok(()),
        }
    }
}

/// The length of the object or part in an upload, framed or not.
///
/// # Errors
/// `MissingContentLength` (411) when the header that must state it is missing or not a number;
/// `EntityTooLarge` above [`MAX_UPLOAD_BYTES`]; `InvalidRequest` when it is repeated.
pub fn body_length_bytes(head: &RequestHead, payload: &Payload) -> Result<u64> {
    let name = if payload.is_framed() {
        DECODED_LENGTH
    } else {
        "content-length"
    };
    let missing = || S3Error::new(Code::MissingContentLength);
    let value = head.once(name)?.ok_or_else(missing)?;
    if value.is_empty() || !value.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(missing());
    }
    let length_bytes = value.parse().unwrap_or(u64::MAX);
    if length_bytes > MAX_UPLOAD_BYTES {
        return Err(S3Error::entity_too_large(length_bytes, MAX_UPLOAD_BYTES));
    }
    Ok(length_bytes)
}

/// What to store as `Content-Encoding`: the codings that were given without `aws-chunked`, which
/// is this protocol's framing and not the object's. `None` when nothing is left.
#[must_use]
pub fn stored_encoding(content_encoding: &str) -> Option<String> {
    let kept: Vec<_> = content_encoding
        .split(',')
        .map(str::trim)
        .filter(|coding| !coding.is_empty() && !coding.eq_ignore_ascii_case("aws-chunked"))
        .collect();
    (!kept.is_empty()).then(|| kept.join(","))
}

/// A known value of `x-amz-content-sha256` in a request that cannot have it.
pub(crate) fn wrong_use() -> S3Error {
    S3Error::invalid_request("The value of x-amz-content-sha256 header is invalid.")
}

fn invalid_value(value: &str) -> S3Error {
    S3Error::invalid_argument(
        CONTENT_SHA256,
        value,
        "x-amz-content-sha256 must be UNSIGNED-PAYLOAD, STREAMING-UNSIGNED-PAYLOAD-TRAILER, \
         STREAMING-AWS4-HMAC-SHA256-PAYLOAD, STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER, \
         STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD, \
         STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD-TRAILER or a valid sha256 value.",
    )
}

fn digest(value: &str) -> Option<[u8; 32]> {
    let mut digest = [0; 32];
    hex::decode_to_slice(value, &mut digest).ok()?;
    Some(digest)
}
