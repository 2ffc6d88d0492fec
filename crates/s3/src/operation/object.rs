//! The parameters of operations on objects and uploads. It must never read a body.

use super::limit::{self, Wording};
use super::upload::PART_NUMBER_MAX;
use crate::checksum::Algorithm;
use crate::condition::{IfRange, ReadConditions, WriteCondition};
use crate::copy_source::CopySource;
use crate::error::{Code, Result, S3Error};
use crate::head::RequestHead;
use crate::headers::{self, ObjectHeaders};
use crate::query::Query;

/// GET and HEAD of an object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GetObject {
    /// The version asked for.
    pub version_id: Option<String>,
    /// The `Range` header, for [`crate::range::Range::resolve`]; never with `part_number`.
    pub range: Option<String>,
    /// `If-Range`: whether `range` counts.
    pub if_range: Option<IfRange>,
    /// The part asked for, 1 to [`PART_NUMBER_MAX`].
    pub part_number: Option<u32>,
    /// Conditions.
    pub conditions: ReadConditions,
    /// `x-amz-checksum-mode: ENABLED`
    pub checksum_mode: bool,
    /// `response-*` parameters; only signed requests may have them.
    pub overrides: ResponseOverrides,
}

/// Response headers that a signed query may set.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ResponseOverrides {
    /// Lower-case header names and values, in a fixed order.
    pub headers: Vec<(&'static str, String)>,
}

impl ResponseOverrides {
    fn parse(query: &Query) -> Result<Self> {
        const NAMES: &[(&str, &str)] = &[
            ("response-cache-control", "cache-control"),
            ("response-content-disposition", "content-disposition"),
            ("response-content-encoding", "content-encoding"),
            ("response-content-language", "content-language"),
            ("response-content-type", "content-type"),
            ("response-expires", "expires"),
        ];
        let mut found = Vec::new();
        for (parameter, header) in NAMES {
            let Some(value) = query.filled(parameter) else {
                continue;
            };
            if value.chars().any(char::is_control) {
                let message = "The value holds characters that are not allowed in a header.";
                return Err(S3Error::invalid_argument(parameter, "", message));
            }
            found.push((*header, value.to_owned()));
        }
        Ok(Self { headers: found })
    }

    /// The value that replaces a header (lower-case name), if any.
    #[must_use]
    pub fn get(&self, header: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(name, _)| *name == header)
            .map(|(_, value)| value.as_str())
    }
}

impl GetObject {
    pub(super) fn parse(head: &RequestHead, query: &Query) -> Result<Self> {
        headers::refuse_encryption(head)?;
        // A repeated Range is several ranges, which S3 ignores.
        let mut ranges = head.values("range");
        let range = match (ranges.next(), ranges.next()) {
            (Some(range), None) => std::str::from_utf8(range).ok(),
            _ => None,
        };
        let range = range.map(str::trim).filter(|range| !range.is_empty());
        let range = range.map(str::to_owned);
        let part_number = query.get("partNumber").map(part_number).transpose()?;
        if part_number.is_some() && range.is_some() {
            return Err(S3Error::invalid_request(
                "Cannot specify both Range header and partNumber query parameter",
            ));
        }
        let checksum_mode = match head.once("x-amz-checksum-mode")? {
            None | Some("") => false,
            Some(mode) if mode.eq_ignore_ascii_case("ENABLED") => true,
            Some(_) => {
                return Err(S3Error::invalid_request(
                    "Value for x-amz-checksum-mode header is invalid.",
                ));
            }
        };
        Ok(Self {
            version_id: version_id(query)?,
            range,
            if_range: IfRange::parse(head)?,
            part_number,
            conditions: ReadConditions::parse(head)?,
            checksum_mode,
            overrides: ResponseOverrides::parse(query)?,
        })
    }
}

/// `PUT /b/k`. Body, checksum and payload hash have their own readers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PutObject {
    /// What the object carries beside its bytes.
    pub headers: ObjectHeaders,
    /// What must hold of the object that is there.
    pub condition: Option<WriteCondition>,
}

impl PutObject {
    pub(super) fn parse(head: &RequestHead, now_ms: u64) -> Result<Self> {
        let headers = ObjectHeaders::parse(head)?;
        headers::refuse_unsupported(head, now_ms)?;
        Ok(Self {
            headers,
            condition: WriteCondition::parse_put(head)?,
        })
    }
}

/// `DELETE /b/k`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeleteObject {
    /// The version to delete.
    pub version_id: Option<String>,
    /// What must hold of the object that is there.
    pub condition: Option<WriteCondition>,
}

impl DeleteObject {
    pub(super) fn parse(head: &RequestHead, query: &Query) -> Result<Self> {
        // These are for directory buckets; to ignore a condition would delete what it protects.
        refuse_headers(
            head,
            &["x-amz-if-match-size", "x-amz-if-match-last-modified-time"],
        )?;
        let condition = WriteCondition::parse_delete(head)?;
        Ok(Self {
            version_id: version_id(query)?,
            condition,
        })
    }
}

/// Where a copy takes its headers from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MetadataDirective {
    /// From the source.
    Copy,
    /// From the request.
    Replace(ObjectHeaders),
}

/// `PUT /b/k` with a copy source. That a copy onto itself changes something is the caller's to
/// check, as only it knows both objects.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CopyObject {
    /// What to copy.
    pub source: CopySource,
    /// What must hold of the source.
    pub source_conditions: ReadConditions,
    /// Where the headers come from.
    pub metadata: MetadataDirective,
    /// What must hold of the object that is there.
    pub condition: Option<WriteCondition>,
    /// The checksum the copy shall have, if another than the source's.
    pub checksum_algorithm: Option<Algorithm>,
}

impl CopyObject {
    pub(super) fn parse(head: &RequestHead, source: &str, now_ms: u64) -> Result<Self> {
        let source = CopySource::parse(source)?;
        let own = ObjectHeaders::parse(head)?;
        let metadata = match directive(head, "x-amz-metadata-directive", "metadata")? {
            Directive::Copy => MetadataDirective::Copy,
            Directive::Replace => MetadataDirective::Replace(own),
        };
        directive(head, "x-amz-tagging-directive", "tagging")?;
        let algorithm = head
            .once("x-amz-checksum-algorithm")?
            .filter(|name| !name.is_empty());
        let checksum_algorithm = algorithm.map(Algorithm::parse).transpose()?;
        headers::refuse_unsupported(head, now_ms)?;
        Ok(Self {
            source,
            source_conditions: ReadConditions::parse_copy_source(head)?,
            metadata,
            condition: WriteCondition::parse_put(head)?,
            checksum_algorithm,
        })
    }

    /// The error for a copy of an object onto itself that changes nothing.
    #[must_use]
    pub fn onto_itself() -> S3Error {
        S3Error::invalid_request(
            "This copy request is illegal because it is trying to copy an object to itself without \
             changing the object's metadata, storage class, website redirect location or \
             encryption attributes.",
        )
    }
}

enum Directive {
    Copy,
    Replace,
}

fn directive(head: &RequestHead, header: &'static str, word: &str) -> Result<Directive> {
    match head.once(header)? {
        None | Some("" | "COPY") => Ok(Directive::Copy),
        Some("REPLACE") => Ok(Directive::Replace),
        Some(other) => {
            let message = format!("Unknown {word} directive.");
            Err(S3Error::invalid_argument(header, other, message))
        }
    }
}

/// `GET /b/k?attributes`: which attributes are asked for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[allow(clippy::struct_excessive_bools, reason = "a set of five named flags")]
pub struct GetObjectAttributes {
    /// The version asked for.
    pub version_id: Option<String>,
    /// `ETag`
    pub etag: bool,
    /// `Checksum`
    pub checksum: bool,
    /// `ObjectParts`
    pub object_parts: bool,
    /// `StorageClass`
    pub storage_class: bool,
    /// `ObjectSize`
    pub object_size: bool,
    /// Only parts with greater numbers.
    pub part_number_marker: u32,
    /// 0 to 1,000; the page size asked for, clamped.
    pub max_parts: u32,
}

impl GetObjectAttributes {
    pub(super) fn parse(head: &RequestHead, query: &Query) -> Result<Self> {
        headers::refuse_encryption(head)?;
        let max_parts = limit::page(head.once("x-amz-max-parts")?, "max-parts", Wording::Range);
        let mut wanted = Self {
            version_id: version_id(query)?,
            part_number_marker: part_marker(head.once("x-amz-part-number-marker")?)?,
            max_parts: max_parts.unwrap_or(limit::PAGE_MAX),
            ..Self::default()
        };
        for value in head.values("x-amz-object-attributes") {
            let value = String::from_utf8_lossy(value);
            for name in value
                .split(',')
                .map(str::trim)
                .filter(|name| !name.is_empty())
            {
                wanted.want(name).ok_or_else(|| {
                    S3Error::invalid_argument(
                        "x-amz-object-attributes",
                        value.as_ref(),
                        "Invalid attribute name specified.",
                    )
                })?;
            }
        }
        Ok(wanted)
    }

    /// Refuses a request that asks for nothing. S3 looks for the bucket first.
    ///
    /// # Errors
    /// `InvalidRequest`.
    pub fn require_any(&self) -> Result<()> {
        let flags = [self.etag, self.checksum, self.object_parts];
        if flags.contains(&true) || self.storage_class || self.object_size {
            return Ok(());
        }
        Err(S3Error::invalid_request(
            "The x-amz-object-attributes header specifying the attributes to be retrieved is \
             either missing or empty",
        ))
    }

    fn want(&mut self, name: &str) -> Option<()> {
        let flag = match name {
            "ETag" => &mut self.etag,
            "Checksum" => &mut self.checksum,
            "ObjectParts" => &mut self.object_parts,
            "StorageClass" => &mut self.storage_class,
            "ObjectSize" => &mut self.object_size,
            _ => return None,
        };
        *flag = true;
        Some(())
    }
}

pub(super) fn part_number(value: &str) -> Result<u32> {
    let number = value
        .parse()
        .ok()
        .filter(|number| (1..=PART_NUMBER_MAX).contains(number));
    number.ok_or_else(|| {
        let message = "Part number must be an integer between 1 and 10000, inclusive.";
        S3Error::invalid_argument("partNumber", value, message)
    })
}

pub(super) fn part_marker(value: Option<&str>) -> Result<u32> {
    let value = value.filter(|value| !value.is_empty());
    let marker = value.map(|value| limit::integer(value, "part-number-marker", Wording::Range));
    marker.unwrap_or(Ok(0))
}

pub(super) fn version_id(query: &Query) -> Result<Option<String>> {
    match query.get("versionId") {
        Some("") => {
            let message = "Version id cannot be the empty string";
            Err(S3Error::invalid_argument("versionId", "", message))
        }
        other => Ok(other.map(str::to_owned)),
    }
}

/// For a bucket that never had versioning: only the version `null` exists.
///
/// # Errors
/// `NoSuchVersion` with key and version.
pub fn require_null_version(key: &str, version_id: Option<&str>) -> Result<()> {
    match version_id {
        None | Some("null") => Ok(()),
        Some(version) => Err(S3Error::no_such_version(key, version)),
    }
}

pub(super) fn refuse_headers(head: &RequestHead, names: &[&str]) -> Result<()> {
    for name in names {
        if head.once(name)?.is_some() {
            return Err(S3Error::new(Code::NotImplemented).field("Header", *name));
        }
    }
    Ok(())
}
