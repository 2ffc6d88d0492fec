//! Signature Version 4 in the query: presigned URLs. It must never let a URL live longer than it
//! says, nor longer than a week.

use super::canonical::{Canonical, Parts, check_signed_headers};
use super::claim::{Signed, request_mac};
use super::query::{Parameters, SIGNATURE};
use super::scope::{Place, Scope, query_error};
use super::stamp::{self, Stamp};
use super::{ALGORITHM, AuthPolicy, MAX_EXPIRES_S, MAX_SKEW_MS, check_token};
use crate::error::{Code, Result, S3Error};
use crate::head::RequestHead;
use crate::payload::{self, CONTENT_SHA256, Payload};

pub(super) fn parse(
    head: &RequestHead,
    query: &Parameters,
    now_ms: u64,
    policy: &AuthPolicy,
) -> Result<Signed> {
    check_algorithm(required(query, "X-Amz-Algorithm")?)?;
    let scope = Scope::parse(required(query, "X-Amz-Credential")?, Place::Query)?;
    let session_token = query.once("X-Amz-Security-Token")?;
    check_token(scope.access_key, session_token)?;
    scope.check_region(policy)?;
    let stamp = Stamp::parse(required(query, "X-Amz-Date")?).ok_or_else(|| {
        query_error("X-Amz-Date must be in the ISO8601 Long Format \"yyyyMMdd'T'HHmmss'Z'\"")
    })?;
    scope.check_day(&stamp)?;
    let signature = required(query, SIGNATURE)?;
    let list = required(query, "X-Amz-SignedHeaders")?;
    check_life(
        &stamp,
        expires_s(required(query, "X-Amz-Expires")?)?,
        now_ms,
    )?;
    check_signed_headers(head, list, || {
        query_error(
            "X-Amz-SignedHeaders must be a sorted list of lower-case header names, each once.",
        )
    })?;
    let promise = promise(head, query)?;
    let payload = Payload::parse(promise)?;
    if payload.is_chunk_signed() {
        return Err(payload::wrong_use());
    }
    let parts = Parts {
        query,
        left_out: Some(SIGNATURE),
        signed_headers: list,
        payload: promise,
        hosts: &policy.hosts,
    };
    Ok(Signed {
        access_key: scope.access_key.to_owned(),
        session_token: session_token.map(str::to_owned),
        region: scope.region.to_owned(),
        mac: request_mac(signature)?,
        canonical: Canonical::build(head, &parts)?,
        stamp,
        payload,
    })
}

fn required<'a>(query: &'a Parameters, name: &str) -> Result<&'a str> {
    query.once(name)?.ok_or_else(|| {
        query_error(
            "Query-string authentication version 4 requires the X-Amz-Algorithm, \
             X-Amz-Credential, X-Amz-Signature, X-Amz-Date, X-Amz-SignedHeaders, and \
             X-Amz-Expires parameters.",
        )
    })
}

fn check_algorithm(name: &str) -> Result<()> {
    match name {
        ALGORITHM => Ok(()),
        "AWS4-ECDSA-P256-SHA256" => Err(query_error(
            "X-Amz-Algorithm only supports \"AWS4-HMAC-SHA256\"",
        )),
        _ => Err(query_error(
            "X-Amz-Algorithm only supports \"AWS4-HMAC-SHA256 and AWS4-ECDSA-P256-SHA256\"",
        )),
    }
}

/// What the URL says about the body: a signed header, a parameter, or nothing, which leaves the
/// body out of the signature.
fn promise<'a>(head: &'a RequestHead, query: &'a Parameters) -> Result<&'a str> {
    let header = head.once(CONTENT_SHA256)?.filter(|value| !value.is_empty());
    match (header, query.once("X-Amz-Content-Sha256")?) {
        (Some(header), Some(parameter)) if header != parameter => Err(payload::wrong_use()),
        (Some(value), _) | (None, Some(value)) => Ok(value),
        (None, None) => Ok("UNSIGNED-PAYLOAD"),
    }
}

fn expires_s(text: &str) -> Result<u64> {
    let digits = text.strip_prefix('-').unwrap_or(text);
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(query_error("X-Amz-Expires should be a number"));
    }
    if digits.len() < text.len() {
        return Err(query_error("X-Amz-Expires must be non-negative"));
    }
    match digits.parse().unwrap_or(u64::MAX) {
        0 => Err(query_error("X-Amz-Expires must be at least one second")),
        seconds if seconds > MAX_EXPIRES_S => Err(query_error(
            "X-Amz-Expires must be less than a week (in seconds); that is, the given \
             X-Amz-Expires must be less than 604800 seconds",
        )),
        seconds => Ok(seconds),
    }
}

fn check_life(stamp: &Stamp, expires_s: u64, now_ms: u64) -> Result<()> {
    let now_ms = i64::try_from(now_ms).unwrap_or(i64::MAX);
    let life_ms = i64::try_from(expires_s.saturating_mul(1000)).unwrap_or(i64::MAX);
    let end_ms = stamp.time_ms.saturating_add(life_ms);
    if now_ms > end_ms {
        return Err(S3Error::new(Code::AccessDenied)
            .message("Request has expired.")
            .field("X-Amz-Expires", expires_s.to_string())
            .field("Expires", stamp::rfc3339(end_ms))
            .field("ServerTime", stamp::rfc3339(now_ms)));
    }
    if stamp.time_ms > now_ms && stamp.time_ms.abs_diff(now_ms) > MAX_SKEW_MS {
        return Err(S3Error::new(Code::AccessDenied).message("Request is not valid yet."));
    }
    Ok(())
}
