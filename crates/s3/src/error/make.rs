//! Makers for the errors that carry extra fields, so that each field's name is written once. They
//! must never decide whether the error applies.

use std::fmt::Display;

use super::{Code, S3Error};

/// What a method was aimed at, as `<ResourceType>` names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Resource {
    /// The endpoint itself: `/`.
    Service,
    /// A bucket.
    Bucket,
    /// An object.
    Object,
    /// A multipart upload.
    Upload,
    /// A bucket's policy.
    BucketPolicy,
}

impl Resource {
    /// The text of `<ResourceType>`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Service => "SERVICE",
            Self::Bucket => "BUCKET",
            Self::Object => "OBJECT",
            Self::Upload => "UPLOAD",
            Self::BucketPolicy => "BUCKETPOLICY",
        }
    }
}

impl S3Error {
    /// `InvalidArgument` with the argument's name and value.
    #[must_use]
    pub fn invalid_argument(
        name: &'static str,
        value: impl Into<String>,
        message: impl Into<std::borrow::Cow<'static, str>>,
    ) -> Self {
        let error = Self::new(Code::InvalidArgument).message(message);
        let error = error.field("ArgumentName", name);
        let value = value.into();
        if value.is_empty() {
            error
        } else {
            error.field("ArgumentValue", value)
        }
    }

    /// `InvalidRequest` with a text.
    #[must_use]
    pub fn invalid_request(message: impl Into<std::borrow::Cow<'static, str>>) -> Self {
        Self::new(Code::InvalidRequest).message(message)
    }

    /// `NotImplemented` because of one request header.
    #[must_use]
    pub fn not_implemented_header(header: impl Into<String>) -> Self {
        Self::new(Code::NotImplemented).field("Header", header)
    }

    /// `MethodNotAllowed`; `allow` is the comma-separated list for the `Allow` header.
    #[must_use]
    pub fn method_not_allowed(
        method: &str,
        resource: Resource,
        allow: Option<&'static str>,
    ) -> Self {
        let mut error = Self::new(Code::MethodNotAllowed)
            .field("Method", method)
            .field("ResourceType", resource.name());
        error.allow = allow;
        error
    }

    /// Any code whose extra field is the bucket's name: `NoSuchBucket`, `BucketNotEmpty`,
    /// `InvalidBucketName`, `BucketAlreadyOwnedByYou`, `NoSuchTagSet` and so on.
    #[must_use]
    pub fn of_bucket(code: Code, bucket: &str) -> Self {
        Self::new(code).field("BucketName", bucket)
    }

    /// `NoSuchKey`.
    #[must_use]
    pub fn no_such_key(key: &str) -> Self {
        Self::new(Code::NoSuchKey).field("Key", key)
    }

    /// `NoSuchVersion`.
    #[must_use]
    pub fn no_such_version(key: &str, version_id: &str) -> Self {
        Self::new(Code::NoSuchVersion)
            .field("Key", key)
            .field("VersionId", version_id)
    }

    /// `NoSuchUpload`.
    #[must_use]
    pub fn no_such_upload(upload_id: &str) -> Self {
        Self::new(Code::NoSuchUpload).field("UploadId", upload_id)
    }

    /// `PreconditionFailed`; `condition` is the header's canonical name, such as `If-Match`.
    #[must_use]
    pub fn precondition_failed(condition: &'static str) -> Self {
        Self::new(Code::PreconditionFailed).field("Condition", condition)
    }

    /// `InvalidRange` (416).
    #[must_use]
    pub fn invalid_range(requested: &str, size_bytes: u64) -> Self {
        Self::new(Code::InvalidRange)
            .field("RangeRequested", requested)
            .field("ActualObjectSize", size_bytes.to_string())
    }

    /// `InvalidPartNumber` (416): a GET of a part that the object does not have.
    #[must_use]
    pub fn invalid_part_number(requested: u32, actual_count: u32) -> Self {
        Self::new(Code::InvalidPartNumber)
            .field("ActualPartCount", actual_count.to_string())
            .field("PartNumberRequested", requested.to_string())
    }

    /// `InvalidPart`: a part named by CompleteMultipartUpload is missing or has another ETag.
    #[must_use]
    pub fn invalid_part(upload_id: &str, part_number: u32, etag: &str) -> Self {
        Self::new(Code::InvalidPart)
            .field("UploadId", upload_id)
            .field("PartNumber", part_number.to_string())
            .field("ETag", etag)
    }

    /// `EntityTooSmall`: a part other than the last is under the minimum.
    #[must_use]
    pub fn entity_too_small(size_bytes: u64, min_bytes: u64, part_number: u32, etag: &str) -> Self {
        Self::new(Code::EntityTooSmall)
            .field("ProposedSize", size_bytes.to_string())
            .field("MinSizeAllowed", min_bytes.to_string())
            .field("PartNumber", part_number.to_string())
            .field("ETag", etag)
    }

    /// `EntityTooLarge`.
    #[must_use]
    pub fn entity_too_large(size_bytes: u64, max_bytes: u64) -> Self {
        Self::sized(Code::EntityTooLarge, "ProposedSize", size_bytes, max_bytes)
    }

    /// `KeyTooLongError`.
    #[must_use]
    pub fn key_too_long(size_bytes: usize, max_bytes: usize) -> Self {
        Self::sized(Code::KeyTooLongError, "Size", size_bytes, max_bytes)
    }

    /// `MetadataTooLarge`.
    #[must_use]
    pub fn metadata_too_large(size_bytes: usize, max_bytes: usize) -> Self {
        Self::sized(Code::MetadataTooLarge, "Size", size_bytes, max_bytes)
    }

    fn sized(code: Code, name: &'static str, size: impl Display, max: impl Display) -> Self {
        Self::new(code)
            .field(name, size.to_string())
            .field("MaxSizeAllowed", max.to_string())
    }

    /// `MaxMessageLengthExceeded`: an XML body above its limit.
    #[must_use]
    pub fn message_too_long(max_bytes: usize) -> Self {
        Self::new(Code::MaxMessageLengthExceeded)
            .field("MaxMessageLengthBytes", max_bytes.to_string())
    }

    /// `BadDigest` for Content-MD5; both digests are base64.
    #[must_use]
    pub fn bad_digest(calculated: &str, expected: &str) -> Self {
        Self::new(Code::BadDigest)
            .field("CalculatedDigest", calculated)
            .field("ExpectedDigest", expected)
    }

    /// `BadDigest` for a checksum header; `algorithm` as the header family spells it: `CRC32`.
    #[must_use]
    pub fn bad_checksum(algorithm: &str) -> Self {
        Self::new(Code::BadDigest).message(format!(
            "The {algorithm} you specified did not match the calculated checksum."
        ))
    }
}
