//! The canonical request of Signature Version 4, with a gap where `Host` goes. It must never
//! normalise a path: dot segments, double slashes and `%2F` are what the client signed.

use super::query::Parameters;
use crate::error::{Code, Result, S3Error};
use crate::head::RequestHead;
use crate::percent;

/// A canonical request in two halves around the value of `host`.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Canonical {
    before_host: Vec<u8>,
    after_host: Vec<u8>,
    hosts: Vec<Vec<u8>>,
}

/// What the canonical request is made of, besides the head itself.
pub(super) struct Parts<'a> {
    pub(super) query: &'a Parameters,
    /// The query parameter that is left out.
    pub(super) left_out: Option<&'a str>,
    /// The `SignedHeaders` list as received.
    pub(super) signed_headers: &'a str,
    /// The last line.
    pub(super) payload: &'a str,
    /// The values of `Host` where the head has none.
    pub(super) hosts: &'a [String],
}

impl Canonical {
    /// Builds the request; the caller has checked that the list is in order.
    pub(super) fn build(head: &RequestHead, parts: &Parts<'_>) -> Result<Self> {
        let mut text = Vec::with_capacity(1024);
        for line in [head.method.as_str(), &path(&head.raw_path)?] {
            text.extend_from_slice(line.as_bytes());
            text.push(b'\n');
        }
        text.extend_from_slice(parts.query.canonical(parts.left_out).as_bytes());
        text.push(b'\n');
        let mut before_host = Vec::new();
        for name in parts.signed_headers.split(';') {
            text.extend_from_slice(name.as_bytes());
            text.push(b':');
            if name == "host" {
                before_host = std::mem::take(&mut text);
            } else {
                text.extend_from_slice(&joined(head, name)?);
            }
            text.push(b'\n');
        }
        for line in ["\n", parts.signed_headers, "\n", parts.payload] {
            text.extend_from_slice(line.as_bytes());
        }
        let hosts = match head.once("host")? {
            Some(host) => vec![host.as_bytes().to_vec()],
            None => parts
                .hosts
                .iter()
                .map(|host| host.as_bytes().to_vec())
                .collect(),
        };
        Ok(Self {
            before_host,
            after_host: text,
            hosts,
        })
    }

    /// The values of `Host` that the client may have signed: its own, or the configured ones.
    pub(super) fn hosts(&self) -> &[Vec<u8>] {
        &self.hosts
    }

    /// The whole canonical request with one value of `Host`.
    pub(super) fn with_host(&self, host: &[u8]) -> Vec<u8> {
        [self.before_host.as_slice(), &spaced(host), &self.after_host].concat()
    }
}

/// Checks the list of signed headers: lower case, sorted, each once; `host` and every `x-amz-*`
/// header of the request are in it. `malformed` makes the error for the list's form.
pub(super) fn check_signed_headers(
    head: &RequestHead,
    list: &str,
    malformed: impl FnOnce() -> S3Error,
) -> Result<()> {
    let names: Vec<_> = list.split(';').collect();
    let lower = |name: &&str| {
        let plain = |byte: u8| byte.is_ascii_graphic() && !byte.is_ascii_uppercase();
        !name.is_empty() && name.bytes().all(|byte| plain(byte) && byte != b':')
    };
    if !names.iter().all(lower) || !names.is_sorted_by(|a, b| a < b) {
        return Err(malformed());
    }
    let present = head.headers().map(|(name, _)| name);
    let needed = present
        .filter(|name| name.starts_with("x-amz-"))
        .chain(["host"]);
    let mut missing: Vec<_> = needed
        .filter(|name| names.binary_search(name).is_err())
        .collect();
    missing.sort_unstable();
    missing.dedup();
    if missing.is_empty() {
        return Ok(());
    }
    Err(S3Error::new(Code::AccessDenied)
        .message("There were headers present in the request which were not signed")
        .field("HeadersNotSigned", missing.join(", ")))
}

/// All values of a header in wire order; one that was signed and did not come cannot be verified.
fn joined(head: &RequestHead, name: &str) -> Result<Vec<u8>> {
    let values: Vec<_> = head.values(name).map(spaced).collect();
    if values.is_empty() {
        return Err(Code::SignatureDoesNotMatch.into());
    }
    Ok(values.join(&b','))
}

/// A header's value without blanks around it and with single spaces inside.
fn spaced(value: &[u8]) -> Vec<u8> {
    let blank = |byte: &u8| matches!(byte, b' ' | b'\t');
    let start = value
        .iter()
        .position(|byte| !blank(byte))
        .unwrap_or(value.len());
    let end = value
        .iter()
        .rposition(|byte| !blank(byte))
        .map_or(start, |last| last + 1);
    let mut found = value.get(start..end).unwrap_or_default().to_vec();
    found.dedup_by(|next, last| *next == b' ' && *last == b' ');
    found
}

/// The canonical form of a raw path: encoded once, slashes kept, and an encoded slash stays one.
fn path(raw: &str) -> Result<String> {
    let parts: Option<Vec<_>> = raw
        .split('/')
        .map(|segment| percent::decode(segment, false).map(|text| encode(&text)))
        .collect();
    let path = parts
        .ok_or_else(|| S3Error::new(Code::InvalidUri))?
        .join("/");
    Ok(if path.is_empty() {
        "/".to_owned()
    } else {
        path
    })
}

/// Percent-encodes all but letters, digits and `-._~`.
pub(super) fn encode(text: &str) -> String {
    percent::encode(text).replace('/', "%2F")
}
