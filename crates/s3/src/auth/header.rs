//! Signature Version 4 in the `Authorization` header. It must never accept a request whose time
//! lies outside the window or whose body is not spoken for.

use super::canonical::{Canonical, Parts, check_signed_headers};
use super::claim::{Signed, request_mac};
use super::query::Parameters;
use super::scope::{Place, Scope, header_error};
use super::stamp::{self, Stamp};
use super::{ALGORITHM, AuthPolicy, MAX_SKEW_MS, check_token, unsupported};
use crate::error::{Code, Result, S3Error};
use crate::head::RequestHead;
use crate::payload::{CONTENT_SHA256, Payload};

pub(super) fn parse(
    head: &RequestHead,
    authorization: &str,
    query: &Parameters,
    now_ms: u64,
    policy: &AuthPolicy,
) -> Result<Signed> {
    let compact;
    let components = match split(authorization)? {
        list if list.contains(' ') => {
            compact = list.replace(' ', "");
            Components::parse(&compact)?
        }
        list => Components::parse(list)?,
    };
    let scope = Scope::parse(components.credential, Place::Header)?;
    let stamp = signed_time(head, now_ms)?;
    scope.check_region(policy)?;
    scope.check_day(&stamp)?;
    let session_token = head.once("x-amz-security-token")?;
    check_token(scope.access_key, session_token)?;
    let promise = head.once(CONTENT_SHA256)?.filter(|value| !value.is_empty());
    let promise = promise.ok_or_else(|| {
        S3Error::invalid_request("Missing required header for this request: x-amz-content-sha256")
    })?;
    let payload = Payload::parse(promise)?;
    let list = components.signed_headers;
    check_signed_headers(head, list, || malformed(&format!("SignedHeaders={list}")))?;
    let parts = Parts {
        query,
        left_out: None,
        signed_headers: list,
        payload: promise,
        hosts: &policy.hosts,
    };
    Ok(Signed {
        access_key: scope.access_key.to_owned(),
        session_token: session_token.map(str::to_owned),
        region: scope.region.to_owned(),
        mac: request_mac(components.signature)?,
        canonical: Canonical::build(head, &parts)?,
        stamp,
        payload,
    })
}

/// What follows the algorithm's name.
fn split(authorization: &str) -> Result<&str> {
    let Some((algorithm, list)) = authorization.split_once(' ') else {
        return Err(S3Error::invalid_argument(
            "Authorization",
            authorization,
            "Authorization header is invalid -- one and only one ' ' (space) required.",
        ));
    };
    match algorithm {
        ALGORITHM => Ok(list),
        "AWS" | "AWS4-ECDSA-P256-SHA256" => Err(unsupported()),
        _ => Err(S3Error::invalid_argument(
            "Authorization",
            algorithm,
            "Unsupported Authorization Type",
        )),
    }
}

/// The three components, in any order, each once.
struct Components<'a> {
    credential: &'a str,
    signed_headers: &'a str,
    signature: &'a str,
}

impl<'a> Components<'a> {
    fn parse(list: &'a str) -> Result<Self> {
        let components: Vec<_> = list.split(',').collect();
        if components.len() != 3 {
            return Err(header_error(
                "the authorization header requires three components: Credential, \
                 SignedHeaders, and Signature.",
            ));
        }
        let mut pairs = Vec::with_capacity(3);
        for component in components {
            let pair = component
                .split_once('=')
                .filter(|(_, value)| !value.contains('='));
            pairs.push(pair.ok_or_else(|| malformed(component))?);
        }
        // Three pairs and three names to find: none can be there twice.
        let find = |wanted: &str| {
            let found = pairs
                .iter()
                .find(|(name, _)| *name == wanted)
                .map(|(_, value)| *value);
            found.ok_or_else(|| header_error(&format!("missing {wanted}.")))
        };
        Ok(Self {
            credential: find("Credential")?,
            signed_headers: find("SignedHeaders")?,
            signature: find("Signature")?,
        })
    }
}

/// The request's time: `x-amz-date`, else `Date` in the same form, near enough to ours.
fn signed_time(head: &RequestHead, now_ms: u64) -> Result<Stamp> {
    let mut text = head.once("x-amz-date")?.unwrap_or_default();
    if text.is_empty() {
        text = head.once("date")?.unwrap_or_default();
    }
    let stamp = Stamp::parse(text).ok_or_else(|| {
        S3Error::new(Code::AccessDenied)
            .message("AWS authentication requires a valid Date or x-amz-date header.")
    })?;
    let now_ms = i64::try_from(now_ms).unwrap_or(i64::MAX);
    if stamp.time_ms.abs_diff(now_ms) > MAX_SKEW_MS {
        return Err(S3Error::new(Code::RequestTimeTooSkewed)
            .field("RequestTime", stamp.text)
            .field("ServerTime", stamp::rfc3339(now_ms))
            .field("MaxAllowedSkewMilliseconds", MAX_SKEW_MS.to_string()));
    }
    Ok(stamp)
}

fn malformed(component: &str) -> S3Error {
    header_error(&format!(
        "the authorization component {component:?} is malformed."
    ))
}
