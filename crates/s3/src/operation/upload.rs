//! The parameters of operations on multipart uploads. It must never read a body.

use super::limit::{self, Wording};
use super::object::{part_marker, part_number, refuse_headers};
use crate::condition::{ReadConditions, WriteCondition};
use crate::copy_source::CopySource;
use crate::error::{Result, S3Error};
use crate::head::RequestHead;
use crate::headers::{self, ObjectHeaders};
use crate::query::Query;
use crate::range::CopyRange;

/// The greatest part number.
pub const PART_NUMBER_MAX: u32 = 10_000;

/// `POST /b/k?uploads`. The checksum headers have their own reader.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CreateMultipartUpload {
    /// What the object will carry beside its bytes.
    pub headers: ObjectHeaders,
}

impl CreateMultipartUpload {
    pub(super) fn parse(head: &RequestHead, now_ms: u64) -> Result<Self> {
        let headers = ObjectHeaders::parse(head)?;
        headers::refuse_unsupported(head, now_ms)?;
        Ok(Self { headers })
    }
}

/// `PUT /b/k?partNumber&uploadId`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UploadPart {
    /// The upload's id as it came.
    pub upload_id: String,
    /// 1 to [`PART_NUMBER_MAX`].
    pub part_number: u32,
}

impl UploadPart {
    pub(super) fn parse(head: &RequestHead, upload_id: &str, number: &str) -> Result<Self> {
        headers::refuse_encryption(head)?;
        Ok(Self {
            upload_id: upload_id.to_owned(),
            part_number: part_number(number)?,
        })
    }
}

/// The same with `x-amz-copy-source`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UploadPartCopy {
    /// The part to make.
    pub part: UploadPart,
    /// What to copy, as it came.
    source: String,
    /// Which bytes of it; `None` is all.
    pub range: Option<CopyRange>,
    /// What must hold of the source.
    pub source_conditions: ReadConditions,
}

impl UploadPartCopy {
    pub(super) fn parse(head: &RequestHead, part: UploadPart, source: &str) -> Result<Self> {
        let range = head
            .once("x-amz-copy-source-range")?
            .filter(|range| !range.is_empty());
        Ok(Self {
            part,
            source: source.to_owned(),
            range: range.map(CopyRange::parse).transpose()?,
            source_conditions: ReadConditions::parse_copy_source(head)?,
        })
    }

    /// What to copy. S3 looks for the bucket of the upload first.
    ///
    /// # Errors
    /// As [`CopySource::parse`].
    pub fn source(&self) -> Result<CopySource> {
        CopySource::parse(&self.source)
    }
}

/// `POST /b/k?uploadId`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CompleteMultipartUpload {
    /// The upload's id as it came.
    pub upload_id: String,
    /// What must hold of the object that is there.
    pub condition: Option<WriteCondition>,
    /// `x-amz-mp-object-size`: what the parts must add up to, in bytes.
    pub object_size_bytes: Option<u64>,
}

impl CompleteMultipartUpload {
    pub(super) fn parse(head: &RequestHead, upload_id: &str) -> Result<Self> {
        headers::refuse_encryption(head)?;
        let size = head
            .once("x-amz-mp-object-size")?
            .filter(|size| !size.is_empty());
        let object_size_bytes = size.map(object_size).transpose()?;
        let condition = WriteCondition::parse_put(head)?;
        Ok(Self {
            upload_id: upload_id.to_owned(),
            condition,
            object_size_bytes,
        })
    }

    /// The error when the parts add up to another size than the client said. The conformance
    /// suite expects the sizes in this order, whatever the sentence says of them.
    #[must_use]
    pub fn size_mismatch(declared_bytes: u64, actual_bytes: u64) -> S3Error {
        S3Error::invalid_request(format!(
            "The provided 'x-amz-mp-object-size' header value {actual_bytes} does not match \
             what was computed: {declared_bytes}"
        ))
    }
}

fn object_size(value: &str) -> Result<u64> {
    let number: i64 = value.parse().map_err(|_| {
        S3Error::invalid_request(format!(
            "Value for x-amz-mp-object-size header is invalid: '{value}'"
        ))
    })?;
    u64::try_from(number).map_err(|_| {
        S3Error::invalid_request(format!(
            "Value for x-amz-mp-object-size header is less than zero: '{number}'"
        ))
    })
}

/// `DELETE /b/k?uploadId`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AbortMultipartUpload {
    /// The upload's id as it came.
    pub upload_id: String,
}

impl AbortMultipartUpload {
    pub(super) fn parse(head: &RequestHead, upload_id: &str) -> Result<Self> {
        refuse_headers(head, &["x-amz-if-match-initiated-time"])?;
        Ok(Self {
            upload_id: upload_id.to_owned(),
        })
    }
}

/// `GET /b/k?uploadId`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListParts {
    /// The upload's id as it came.
    pub upload_id: String,
    /// Only parts with greater numbers.
    pub part_number_marker: u32,
    /// 0 to 1,000; the page size asked for, clamped.
    pub max_parts: u32,
    /// `encoding-type=url`: the key goes out percent-encoded.
    pub encode_url: bool,
}

impl ListParts {
    pub(super) fn parse(query: &Query, upload_id: &str) -> Result<Self> {
        Ok(Self {
            upload_id: upload_id.to_owned(),
            part_number_marker: part_marker(query.get("part-number-marker"))?,
            max_parts: limit::page(query.get("max-parts"), "max-parts", Wording::Range)?,
            encode_url: query.get("encoding-type").is_some_and(|kind| kind == "url"),
        })
    }
}
