//! AWS Signature Version 4 without a secret: finds out how a request presents itself, checks all
//! that needs no key, and hands out what a key holder must verify. It must never decide that a
//! request is authentic, and never treat a malformed signature as an anonymous request.

mod canonical;
mod claim;
mod header;
mod hoist;
mod presigned;
mod query;
mod scope;
mod stamp;

pub(crate) use claim::mac;
pub use claim::{Claim, Refusal, Signed};
pub use hoist::with_hoisted;

use crate::error::{Code, Result, S3Error};
use crate::head::RequestHead;
use crate::payload::{self, Payload};
use query::Mechanism;

/// The only algorithm: HMAC-SHA256.
pub const ALGORITHM: &str = "AWS4-HMAC-SHA256";
/// The only service in a credential's scope.
pub const SERVICE: &str = "s3";
/// The last word of a credential's scope.
pub const TERMINAL: &str = "aws4_request";
/// How far a signed request's time may lie from ours.
pub const MAX_SKEW_MS: u64 = 15 * 60 * 1000;
/// The longest life of a presigned URL: seven days.
pub const MAX_EXPIRES_S: u64 = 604_800;
/// The longest access key that is looked up.
pub const MAX_ACCESS_KEY_BYTES: usize = 128;

/// What the server accepts.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AuthPolicy {
    /// The regions accepted in a credential's scope; the first is the one named in errors. An
    /// empty text accepts an empty region.
    pub regions: Vec<String>,
    /// The values of `Host` to try where the request reaches us without that header.
    pub hosts: Vec<String>,
}

/// How a request presents itself. None of these is authentic yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Presented {
    /// Without a signature; what it may do is the bucket policy's to say.
    Anonymous(Payload),
    /// Signed in the `Authorization` header.
    Header(Signed),
    /// Signed in the query: a presigned URL.
    Query(Signed),
}

impl Presented {
    /// How the body is protected and framed.
    #[must_use]
    pub fn payload(&self) -> &Payload {
        match self {
            Self::Anonymous(payload) => payload,
            Self::Header(signed) | Self::Query(signed) => signed.payload(),
        }
    }

    /// What has to be verified; `None` for an anonymous request.
    #[must_use]
    pub fn signed(&self) -> Option<&Signed> {
        match self {
            Self::Anonymous(_) => None,
            Self::Header(signed) | Self::Query(signed) => Some(signed),
        }
    }
}

/// Finds out how a request presents itself and checks all that can be checked without its key.
/// `now_ms` is the time since 1970 in milliseconds.
///
/// # Errors
/// What AWS answers: `InvalidArgument` and `InvalidRequest` for mechanisms that are unknown,
/// unsupported or given twice; `AuthorizationHeaderMalformed` and
/// `AuthorizationQueryParametersError` for their parts; `AccessDenied` for a missing date, an
/// expired URL and headers that are not signed; `RequestTimeTooSkewed`; `InvalidURI` for a target
/// that cannot be decoded; and the errors of [`Payload::parse`].
pub fn parse(head: &RequestHead, now_ms: u64, policy: &AuthPolicy) -> Result<Presented> {
    let authorization = head.once("authorization")?;
    let query = query::Parameters::parse(head.raw_query.as_deref())?;
    match (authorization, query.mechanism()) {
        (None, Mechanism::None) => anonymous(head).map(Presented::Anonymous),
        (Some(value), Mechanism::None) => {
            header::parse(head, value, &query, now_ms, policy).map(Presented::Header)
        }
        (None, Mechanism::V4) => {
            presigned::parse(head, &query, now_ms, policy).map(Presented::Query)
        }
        (None, Mechanism::V2) => Err(unsupported()),
        (Some(value), Mechanism::V2 | Mechanism::V4) => Err(S3Error::invalid_argument(
            "Authorization",
            value,
            "Only one auth mechanism allowed; only the X-Amz-Algorithm query parameter, \
             Signature query string parameter or the Authorization header should be specified",
        )),
    }
}

fn anonymous(head: &RequestHead) -> Result<Payload> {
    let Some(value) = head
        .once(payload::CONTENT_SHA256)?
        .filter(|value| !value.is_empty())
    else {
        return Ok(Payload::Unsigned);
    };
    let payload = Payload::parse(value)?;
    if payload.is_chunk_signed() {
        return Err(unsigned_chunks());
    }
    Ok(payload)
}

/// Chunk signatures without a signature that they could continue.
pub(crate) fn unsigned_chunks() -> S3Error {
    S3Error::invalid_request(
        "Anonymous requests don't support this x-amz-content-sha256 value. Please use \
         UNSIGNED-PAYLOAD or STREAMING-UNSIGNED-PAYLOAD-TRAILER.",
    )
}

fn unsupported() -> S3Error {
    S3Error::invalid_request(
        "The authorization mechanism you have provided is not supported. Please use \
         AWS4-HMAC-SHA256.",
    )
}

/// Session tokens come with temporary credentials only, which AWS marks by their first letters.
fn check_token(access_key: &str, token: Option<&str>) -> Result<()> {
    if token.is_some() && !access_key.starts_with("ASIA") {
        return Err(Code::InvalidToken.into());
    }
    Ok(())
}
