//! The request headers that describe an object: user metadata, system headers, and those that ask
//! for what is not offered. It must never store, and never accept in silence what it cannot do.

use std::collections::BTreeMap;

use crate::date;
use crate::error::{Code, Result, S3Error};
use crate::head::RequestHead;
use crate::tag;

/// The most bytes of user metadata, names (without prefix) and values together.
pub const USER_METADATA_MAX_BYTES: usize = 2048;
/// The media type of an object that was given none.
pub const CONTENT_TYPE_DEFAULT: &str = "binary/octet-stream";

const META_PREFIX: &str = "x-amz-meta-";

/// What an object carries beside its bytes. An empty header counts as absent.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ObjectHeaders {
    /// `Content-Type`; `None` stands for [`CONTENT_TYPE_DEFAULT`].
    pub content_type: Option<String>,
    /// `Cache-Control`
    pub cache_control: Option<String>,
    /// `Content-Disposition`
    pub content_disposition: Option<String>,
    /// `Content-Encoding` without `aws-chunked`, which is a framing and not a coding.
    pub content_encoding: Option<String>,
    /// `Content-Language`
    pub content_language: Option<String>,
    /// `Expires`, kept as text.
    pub expires: Option<String>,
    /// `x-amz-website-redirect-location`
    pub website_redirect_location: Option<String>,
    /// User metadata: names in lower case without `x-amz-meta-`.
    pub metadata: BTreeMap<String, String>,
}

impl ObjectHeaders {
    /// Reads the headers of PutObject, CopyObject and CreateMultipartUpload.
    ///
    /// # Errors
    /// `MetadataTooLarge`, `InvalidRedirectLocation`, `InvalidRequest` for a repeated header or for
    /// control characters in a value.
    pub fn parse(head: &RequestHead) -> Result<Self> {
        let website_redirect_location = text(head, "x-amz-website-redirect-location")?;
        if let Some(location) = &website_redirect_location {
            let starts = ["/", "http://", "https://"];
            if !starts.iter().any(|start| location.starts_with(start)) {
                return Err(S3Error::new(Code::InvalidRedirectLocation));
            }
        }
        Ok(Self {
            content_type: text(head, "content-type")?,
            cache_control: joined(head, "cache-control")?,
            content_disposition: text(head, "content-disposition")?,
            content_encoding: joined(head, "content-encoding")?.and_then(|value| codings(&value)),
            content_language: joined(head, "content-language")?,
            expires: text(head, "expires")?,
            website_redirect_location,
            metadata: user_metadata(head)?,
        })
    }
}

/// Values of one name are joined by a comma, whatever the case of the names was.
fn user_metadata(head: &RequestHead) -> Result<BTreeMap<String, String>> {
    let mut metadata: BTreeMap<String, String> = BTreeMap::new();
    let mut size_bytes = 0;
    for (name, value) in head.headers() {
        let Some(name) = name.strip_prefix(META_PREFIX) else {
            continue;
        };
        let value = printable(name, utf8(name, value)?)?;
        if let Some(present) = metadata.get_mut(name) {
            size_bytes += value.len() + 1;
            present.push(',');
            present.push_str(&value);
        } else {
            size_bytes += name.len() + value.len();
            metadata.insert(name.to_owned(), value);
        }
    }
    if size_bytes > USER_METADATA_MAX_BYTES {
        return Err(S3Error::metadata_too_large(
            size_bytes,
            USER_METADATA_MAX_BYTES,
        ));
    }
    Ok(metadata)
}

/// The codings without `aws-chunked`, or nothing if none is left.
fn codings(value: &str) -> Option<String> {
    let kept = value
        .split(',')
        .map(str::trim)
        .filter(|coding| !coding.is_empty() && !coding.eq_ignore_ascii_case("aws-chunked"));
    let kept = kept.collect::<Vec<_>>().join(",");
    (!kept.is_empty()).then_some(kept)
}

fn text(head: &RequestHead, name: &str) -> Result<Option<String>> {
    let value = head.once(name)?.filter(|value| !value.is_empty());
    value.map(|value| printable(name, value)).transpose()
}

/// For headers that are lists and may be repeated.
fn joined(head: &RequestHead, name: &str) -> Result<Option<String>> {
    let values = head
        .values(name)
        .map(|value| utf8(name, value))
        .collect::<Result<Vec<_>>>()?;
    let value = values.join(",");
    if value.trim().is_empty() {
        Ok(None)
    } else {
        printable(name, &value).map(Some)
    }
}

fn utf8<'a>(name: &str, value: &'a [u8]) -> Result<&'a str> {
    std::str::from_utf8(value)
        .map_err(|_| S3Error::invalid_request(format!("The header {name} is not valid text.")))
}

fn printable(name: &str, value: &str) -> Result<String> {
    if value
        .chars()
        .any(|character| character.is_control() && character != '\t')
    {
        return Err(S3Error::invalid_request(format!(
            "The header {name} holds characters that are not allowed."
        )));
    }
    Ok(value.trim_matches([' ', '\t']).to_owned())
}

/// Refuses the headers of a write that ask for something that is not offered, after checking their
/// syntax: encryption, storage classes, ACLs, object lock, tags, appending.
///
/// # Errors
/// `NotImplemented` with the header, or the error AWS gives where the feature is switched off.
pub fn refuse_unsupported(head: &RequestHead, now_ms: u64) -> Result<()> {
    refuse_encryption(head)?;
    refuse_storage_class(head)?;
    refuse_acl(head)?;
    refuse_tagging(head)?;
    refuse_object_lock(head, now_ms)?;
    if head.once("x-amz-write-offset-bytes")?.is_some() {
        return Err(S3Error::not_implemented_header("x-amz-write-offset-bytes"));
    }
    Ok(())
}

/// Refuses server-side encryption of any kind, for reads and writes.
///
/// # Errors
/// `NotImplemented` with the header.
pub fn refuse_encryption(head: &RequestHead) -> Result<()> {
    let asks = |name: &str| {
        name.starts_with("x-amz-server-side-encryption")
            || name.starts_with("x-amz-copy-source-server-side-encryption")
    };
    match head.headers().find(|(name, _)| asks(name)) {
        Some((name, _)) => Err(S3Error::not_implemented_header(name)),
        None => Ok(()),
    }
}

fn refuse_storage_class(head: &RequestHead) -> Result<()> {
    match head.once("x-amz-storage-class")? {
        None | Some("" | "STANDARD") => Ok(()),
        Some(other) => {
            Err(S3Error::new(Code::InvalidStorageClass).field("StorageClassRequested", other))
        }
    }
}

/// ACLs are switched off ("bucket owner enforced"): only the two canned ones that say just that
/// are accepted.
///
/// # Errors
/// `AccessControlListNotSupported`, `InvalidArgument` for a canned ACL that does not exist,
/// `InvalidRequest` for a canned ACL together with grants.
pub fn refuse_acl(head: &RequestHead) -> Result<()> {
    let canned = head.once("x-amz-acl")?.filter(|acl| !acl.is_empty());
    let grants = head
        .headers()
        .any(|(name, value)| name.starts_with("x-amz-grant-") && !value.is_empty());
    match canned {
        Some(_) if grants => Err(S3Error::invalid_request(
            "Specifying both Canned ACLs and Header Grants is not allowed.",
        )),
        None if grants => Err(S3Error::new(Code::AccessControlListNotSupported)),
        None | Some("private" | "bucket-owner-full-control") => Ok(()),
        Some(acl) if is_canned_acl(acl) => Err(S3Error::new(Code::AccessControlListNotSupported)),
        Some(acl) => Err(S3Error::invalid_argument("x-amz-acl", acl, "")),
    }
}

/// Whether a canned ACL of this name exists in S3.
#[must_use]
pub fn is_canned_acl(acl: &str) -> bool {
    matches!(
        acl,
        "private"
            | "public-read"
            | "public-read-write"
            | "authenticated-read"
            | "aws-exec-read"
            | "bucket-owner-read"
            | "bucket-owner-full-control"
            | "log-delivery-write"
    )
}

fn refuse_tagging(head: &RequestHead) -> Result<()> {
    let Some(header) = head.once("x-amz-tagging")? else {
        return Ok(());
    };
    if tag::parse_header(header)?.is_empty() {
        return Ok(());
    }
    Err(S3Error::not_implemented_header("x-amz-tagging"))
}

/// Checks the object lock headers as AWS does, then refuses them, as no bucket has a lock.
fn refuse_object_lock(head: &RequestHead, now_ms: u64) -> Result<()> {
    const UNTIL: &str = "x-amz-object-lock-retain-until-date";
    const MODE: &str = "x-amz-object-lock-mode";
    const HOLD: &str = "x-amz-object-lock-legal-hold";
    let given = |name| Ok::<_, S3Error>(head.once(name)?.filter(|value| !value.is_empty()));
    let (until, mode, hold) = (given(UNTIL)?, given(MODE)?, given(HOLD)?);
    let invalid = S3Error::invalid_argument;
    let both = "x-amz-object-lock-retain-until-date and x-amz-object-lock-mode must both be \
                supplied.";
    match (until, mode) {
        (Some(_), None) => return Err(invalid(MODE, "", both)),
        (None, Some(_)) => return Err(invalid(UNTIL, "", both)),
        _ => {}
    }
    if let Some(until) = until {
        let message = "The retain until date must be provided in ISO 8601 format";
        let until_ms = date::parse_iso(until).ok_or_else(|| invalid(UNTIL, until, message))?;
        if until_ms < now_ms {
            return Err(invalid(
                UNTIL,
                until,
                "The retain until date must be in the future!",
            ));
        }
    }
    if let Some(mode) = mode.filter(|mode| !matches!(*mode, "GOVERNANCE" | "COMPLIANCE")) {
        return Err(invalid(MODE, mode, "Unknown wormMode directive."));
    }
    if let Some(hold) = hold.filter(|hold| !matches!(*hold, "ON" | "OFF")) {
        return Err(invalid(
            HOLD,
            hold,
            "Legal Hold must be either of 'ON' or 'OFF'",
        ));
    }
    if mode.is_none() && hold.is_none() {
        return Ok(());
    }
    Err(S3Error::invalid_request(
        "Bucket is missing ObjectLockConfiguration",
    ))
}

/// The account that a request expects to own the bucket; the caller compares and answers
/// `AccessDenied` when it is another.
///
/// # Errors
/// `InvalidRequest` for a repeated header.
pub fn expected_bucket_owner(head: &RequestHead) -> Result<Option<&str>> {
    Ok(head
        .once("x-amz-expected-bucket-owner")?
        .filter(|owner| !owner.is_empty()))
}

/// The same for the bucket a copy reads from.
///
/// # Errors
/// `InvalidRequest` for a repeated header.
pub fn expected_source_bucket_owner(head: &RequestHead) -> Result<Option<&str>> {
    Ok(head
        .once("x-amz-source-expected-bucket-owner")?
        .filter(|owner| !owner.is_empty()))
}
