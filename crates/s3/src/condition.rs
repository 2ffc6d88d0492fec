//! Conditions of reads, copies and writes. It must never touch storage: reads are decided against
//! an ETag and a time, writes are parsed here and decided inside the commit.

use crate::date;
use crate::error::{Code, Result, S3Error};
use crate::etag::{EtagMatch, unquote};
use crate::head::RequestHead;

/// The four conditions that a read or a copy's source can carry.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ReadConditions {
    /// `If-Match`
    pub if_match: Option<EtagMatch>,
    /// `If-None-Match`
    pub if_none_match: Option<EtagMatch>,
    /// `If-Modified-Since`, milliseconds since 1970.
    pub if_modified_since: Option<u64>,
    /// `If-Unmodified-Since`, milliseconds since 1970.
    pub if_unmodified_since: Option<u64>,
}

/// Which condition did not hold, and in what way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Failure {
    /// The client has it already; names the header.
    Unchanged(&'static str),
    /// It is not what the client wants; names the header.
    Changed(&'static str),
}

impl ReadConditions {
    /// Reads the headers of GET and HEAD. Dates that cannot be read are ignored.
    ///
    /// # Errors
    /// `InvalidRequest` for a repeated date header.
    pub fn parse(head: &RequestHead) -> Result<Self> {
        Ok(Self {
            if_match: tags(head, "if-match")?,
            if_none_match: tags(head, "if-none-match")?,
            if_modified_since: head.once("if-modified-since")?.and_then(date::parse),
            if_unmodified_since: head.once("if-unmodified-since")?.and_then(date::parse),
        })
    }

    /// Reads the `x-amz-copy-source-if-*` headers.
    ///
    /// # Errors
    /// `InvalidRequest` for a repeated date header.
    pub fn parse_copy_source(head: &RequestHead) -> Result<Self> {
        let time = |name| Ok::<_, S3Error>(head.once(name)?.and_then(date::parse));
        Ok(Self {
            if_match: tags(head, "x-amz-copy-source-if-match")?,
            if_none_match: tags(head, "x-amz-copy-source-if-none-match")?,
            if_modified_since: time("x-amz-copy-source-if-modified-since")?,
            if_unmodified_since: time("x-amz-copy-source-if-unmodified-since")?,
        })
    }

    /// Decides for GET and HEAD, in the order of RFC 9110.
    ///
    /// # Errors
    /// `PreconditionFailed` with the condition, or `NotModified` (304, no body).
    pub fn check_read(&self, etag: &str, modified_ms: u64, now_ms: u64) -> Result<()> {
        match self.failure(etag, modified_ms, now_ms) {
            None => Ok(()),
            Some(Failure::Unchanged(_)) => Err(S3Error::new(Code::NotModified)),
            Some(Failure::Changed(name)) => Err(S3Error::precondition_failed(name)),
        }
    }

    /// Decides for the source of a copy: every failure is a 412.
    ///
    /// # Errors
    /// `PreconditionFailed` with the condition.
    pub fn check_copy_source(&self, etag: &str, modified_ms: u64, now_ms: u64) -> Result<()> {
        let name = match self.failure(etag, modified_ms, now_ms) {
            None => return Ok(()),
            Some(Failure::Unchanged(name) | Failure::Changed(name)) => name,
        };
        Err(S3Error::precondition_failed(match name {
            "If-Match" => "x-amz-copy-source-If-Match",
            "If-None-Match" => "x-amz-copy-source-If-None-Match",
            "If-Modified-Since" => "x-amz-copy-source-If-Modified-Since",
            _ => "x-amz-copy-source-If-Unmodified-Since",
        }))
    }

    /// Times compare at the precision of `Last-Modified`: seconds. A date in the future says
    /// nothing and is ignored.
    fn failure(&self, etag: &str, modified_ms: u64, now_ms: u64) -> Option<Failure> {
        let modified_s = modified_ms / 1000;
        let not_after = |since_ms: u64| modified_s <= since_ms / 1000;
        match &self.if_match {
            Some(tags) if !tags.matches_strong(etag) => return Some(Failure::Changed("If-Match")),
            Some(_) => {}
            None if self
                .if_unmodified_since
                .is_some_and(|since| !not_after(since)) =>
            {
                return Some(Failure::Changed("If-Unmodified-Since"));
            }
            None => {}
        }
        match &self.if_none_match {
            Some(tags) if tags.matches_weak(etag) => Some(Failure::Unchanged("If-None-Match")),
            Some(_) => None,
            None => {
                let since = self.if_modified_since.filter(|since| *since <= now_ms);
                since
                    .is_some_and(not_after)
                    .then_some(Failure::Unchanged("If-Modified-Since"))
            }
        }
    }
}

/// `If-Range`: whether a `Range` header still counts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum IfRange {
    /// The range counts if this is the object's tag.
    Etag(EtagMatch),
    /// The range counts if the object was last modified exactly then; milliseconds since 1970.
    Date(u64),
    /// Neither a tag nor a date: the range never counts.
    Unreadable,
}

impl IfRange {
    /// Reads the header if it is there.
    ///
    /// # Errors
    /// `InvalidRequest` for a repeated header.
    pub fn parse(head: &RequestHead) -> Result<Option<Self>> {
        let read = |text: &str| match date::parse(text) {
            Some(time_ms) => Self::Date(time_ms),
            None if text.is_empty() || text == "*" => Self::Unreadable,
            None => Self::Etag(EtagMatch::parse(text)),
        };
        Ok(head.once("if-range")?.map(read))
    }

    /// Whether the range is to be honoured; if not, the whole object is sent.
    #[must_use]
    pub fn holds(&self, etag: &str, modified_ms: u64) -> bool {
        match self {
            Self::Etag(tags) => tags.matches_strong(etag),
            Self::Date(time_ms) => time_ms / 1000 == modified_ms / 1000,
            Self::Unreadable => false,
        }
    }
}

/// What a write demands of the object that is there. It is decided inside the commit; `Exists` and
/// `Etag` on a missing key are `NoSuchKey`, every other failure `PreconditionFailed`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WriteCondition {
    /// `If-None-Match: *`: there is none.
    Absent,
    /// `If-Match: *`: there is one.
    Exists,
    /// `If-Match`: there is one with this ETag, given without quotes.
    Etag(String),
}

impl WriteCondition {
    /// Reads the headers of PutObject, CopyObject and CompleteMultipartUpload.
    ///
    /// # Errors
    /// `NotImplemented`, as AWS has it, for another `If-None-Match` than `*` and for both headers.
    pub fn parse_put(head: &RequestHead) -> Result<Option<Self>> {
        let if_match = filled(head, "if-match")?;
        match (if_match, filled(head, "if-none-match")?) {
            (_, Some(tag)) if unquote(tag) != "*" => Err(not_implemented(
                "If-None-Match",
                "We don\\'t accept the provided value of If-None-Match header for this API",
            )),
            (Some(_), Some(_)) => Err(not_implemented(
                "If-Match,If-None-Match",
                "Multiple conditional request headers present in the request",
            )),
            (None, Some(_)) => Ok(Some(Self::Absent)),
            (Some(tag), None) => Ok(Some(Self::etag(tag))),
            (None, None) => Ok(None),
        }
    }

    /// Reads the `If-Match` of DeleteObject.
    ///
    /// # Errors
    /// `InvalidRequest` for a repeated header.
    pub fn parse_delete(head: &RequestHead) -> Result<Option<Self>> {
        Ok(filled(head, "if-match")?.map(Self::etag))
    }

    /// The condition that an ETag text states; `*` asks for any object.
    #[must_use]
    pub fn etag(text: &str) -> Self {
        match unquote(text) {
            "*" => Self::Exists,
            tag => Self::Etag(tag.to_owned()),
        }
    }

    /// The error when the condition does not hold.
    #[must_use]
    pub fn failure(&self, key: &str, object_exists: bool) -> S3Error {
        match self {
            Self::Absent => S3Error::precondition_failed("If-None-Match"),
            _ if !object_exists => S3Error::no_such_key(key),
            _ => S3Error::precondition_failed("If-Match"),
        }
    }
}

fn not_implemented(header: &'static str, message: &'static str) -> S3Error {
    S3Error::not_implemented_header(header).field("additionalMessage", message)
}

fn filled<'a>(head: &'a RequestHead, name: &str) -> Result<Option<&'a str>> {
    Ok(head.once(name)?.filter(|value| !value.is_empty()))
}

/// A list may be spread over several headers.
fn tags(head: &RequestHead, name: &str) -> Result<Option<EtagMatch>> {
    let values: Vec<_> = head.values(name).map(String::from_utf8_lossy).collect();
    let joined = values.join(",");
    Ok((!joined.trim().is_empty()).then(|| EtagMatch::parse(&joined)))
}
