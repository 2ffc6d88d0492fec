//! The one table from what a bucket or the store refuses to what S3 says. It must never tell a
//! client more than S3 would, and never turn a failure into a success.

use billet_s3::{Code, S3Error};

use crate::bindings::billet::bucket::objects::NamedPart;
use crate::bindings::billet::bucket::types::Refusal;
use crate::bindings::billet::store::types::{Cid, StoreError};

/// The longest key.
pub(crate) const MAX_KEY_BYTES: usize = 1024;

/// An error with what HTTP says beside it.
#[derive(Debug)]
pub(crate) struct Failure {
    error: S3Error,
    retry_ms: Option<u32>,
    damaged: Option<Cid>,
}

/// The result of everything that answers a request.
pub(crate) type Result<T> = std::result::Result<T, Failure>;

impl Failure {
    /// What S3 says.
    pub(crate) fn error(&self) -> &S3Error {
        &self.error
    }

    /// When to come again, in whole seconds.
    pub(crate) fn retry_after_s(&self) -> Option<u32> {
        self.retry_ms.map(|ms| ms.div_ceil(1000).max(1))
    }

    /// The block that is damaged, where that is why.
    pub(crate) fn damaged(&self) -> Option<&Cid> {
        self.damaged.as_ref()
    }

    fn later(code: Code, message: &'static str, retry_ms: u32) -> Self {
        Self {
            error: S3Error::new(code).message(message),
            retry_ms: Some(retry_ms),
            damaged: None,
        }
    }
}

impl From<S3Error> for Failure {
    fn from(error: S3Error) -> Self {
        Self {
            error,
            retry_ms: None,
            damaged: None,
        }
    }
}

impl From<Code> for Failure {
    fn from(code: Code) -> Self {
        S3Error::new(code).into()
    }
}

/// What a request was about: the words that go into its errors.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Place<'a> {
    /// The bucket's name.
    pub(crate) bucket: &'a str,
    /// The key, where there is one.
    pub(crate) key: &'a str,
    /// The bucket and key of a copy's source.
    pub(crate) source: (&'a str, &'a str),
    /// The upload's id.
    pub(crate) upload: &'a str,
    /// The parts that a completion named.
    pub(crate) parts: &'a [NamedPart],
    /// The canonical id of whoever asks.
    pub(crate) caller: &'a str,
}

impl Place<'_> {
    /// What S3 says to a refusal.
    pub(crate) fn refusal(&self, refusal: Refusal) -> Failure {
        let error = match refusal {
            Refusal::NoSuchBucket => S3Error::of_bucket(Code::NoSuchBucket, self.bucket),
            Refusal::BucketExists(owner) if owner == self.caller => {
                S3Error::of_bucket(Code::BucketAlreadyOwnedByYou, self.bucket)
            }
            Refusal::BucketExists(_) => S3Error::of_bucket(Code::BucketAlreadyExists, self.bucket),
            Refusal::BucketNotEmpty => S3Error::of_bucket(Code::BucketNotEmpty, self.bucket),
            Refusal::NoSuchKey => S3Error::no_such_key(self.key),
            Refusal::NoSuchUpload => S3Error::no_such_upload(self.upload),
            Refusal::PreconditionFailed(name) => S3Error::precondition_failed(condition(&name)),
            Refusal::SourcePreconditionFailed(name) => {
                S3Error::precondition_failed(source_condition(&name))
            }
            Refusal::NoSuchSource => S3Error::no_such_key(self.source.1),
            Refusal::InvalidPart(number) => {
                S3Error::invalid_part(self.upload, number, self.etag_of(number))
            }
            Refusal::InvalidPartOrder => Code::InvalidPartOrder.into(),
            Refusal::PartTooSmall(part) => {
                S3Error::entity_too_small(part.size, part.least, part.number, &part.etag)
            }
            Refusal::Mismatch(what) if what == "size" => S3Error::invalid_request(
                "The provided 'x-amz-mp-object-size' header value does not match what was \
                 computed.",
            ),
            Refusal::Mismatch(what) => S3Error::bad_checksum(&algorithm(&what)),
            Refusal::KeyTooLong => S3Error::key_too_long(self.key.len(), MAX_KEY_BYTES),
            Refusal::TreeFull => S3Error::invalid_argument(
                "Key",
                self.key,
                "The bucket cannot take this key beside the keys it has.",
            ),
            // Both are answered by the operations that can meet them; here they are faults.
            Refusal::SourceElsewhere | Refusal::Completed(_) => Code::InternalError.into(),
            Refusal::Invalid(_) => Code::InternalError.into(),
            Refusal::Store(error) => return store(error),
        };
        error.into()
    }

    fn etag_of(&self, number: u32) -> &str {
        let part = self.parts.iter().find(|part| part.number == number);
        part.map_or("", |part| part.etag.as_str())
    }
}

/// What S3 says to an error of the store.
pub(crate) fn store(error: StoreError) -> Failure {
    match error {
        StoreError::Full => Failure::later(
            Code::ServiceUnavailable,
            "There is no room to store this now. Reads go on.",
            60_000,
        ),
        StoreError::Busy(ms) => {
            Failure::later(Code::SlowDown, "Please reduce your request rate.", ms)
        }
        StoreError::Unavailable => Failure::later(
            Code::ServiceUnavailable,
            "The data cannot be reached now. Please try again.",
            5_000,
        ),
        // Lost against others again and again; nothing was done. No client tries a 409 again.
        StoreError::Conflict => Failure::later(
            Code::ServiceUnavailable,
            "The bucket is being changed by too many at once. Please try again.",
            1_000,
        ),
        StoreError::Corrupt(block) => Failure {
            error: S3Error::new(Code::InternalError)
                .message("The stored data is damaged and was not served."),
            retry_ms: None,
            damaged: Some(block),
        },
        StoreError::NotFound | StoreError::Invalid(_) => Code::InternalError.into(),
    }
}

/// What S3 says when `bodies.put` fails.
pub(crate) fn put(error: StoreError) -> Failure {
    match error {
        // Fewer or more bytes than were declared.
        StoreError::Invalid(_) => Code::IncompleteBody.into(),
        other => store(other),
    }
}

/// What S3 says when a commit stands but the network does not have it.
pub(crate) fn settle(error: StoreError) -> Failure {
    match error {
        StoreError::Unavailable => S3Error::new(Code::ServiceUnavailable)
            .message("The change is stored here, but this host has no network to store it on.")
            .into(),
        StoreError::Busy(ms) => Failure::later(
            Code::ServiceUnavailable,
            "The change is stored here; the network does not have it yet.",
            ms,
        ),
        other => store(other),
    }
}

fn condition(name: &str) -> &'static str {
    match name {
        "If-Match" => "If-Match",
        "If-None-Match" => "If-None-Match",
        "If-Modified-Since" => "If-Modified-Since",
        _ => "If-Unmodified-Since",
    }
}

fn source_condition(name: &str) -> &'static str {
    match condition(name) {
        "If-Match" => "x-amz-copy-source-If-Match",
        "If-None-Match" => "x-amz-copy-source-If-None-Match",
        "If-Modified-Since" => "x-amz-copy-source-If-Modified-Since",
        _ => "x-amz-copy-source-If-Unmodified-Since",
    }
}

/// The name of an algorithm as errors spell it.
fn algorithm(digest: &str) -> String {
    let known = billet_s3::checksum::Algorithm::ALL.into_iter();
    let mut known = known.filter(|each| each.digest_name() == digest);
    known
        .next()
        .map_or_else(|| digest.to_uppercase(), |each| each.name().to_owned())
}
