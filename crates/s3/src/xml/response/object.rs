//! The answers of operations on objects and uploads. They must never carry a quote unescaped or a
//! checksum without its algorithm.

use crate::checksum::{Checksum, Type};
use crate::date;
use crate::error::S3Error;
use crate::etag::quote;
use crate::xml::write::Writer;

use super::ListedPart;

/// Writes `ChecksumCRC32` and the like; `suffix` is the `-N` of a composite one.
fn write_checksum(writer: &mut Writer, prefix: &str, checksum: &Checksum, suffix: Option<u32>) {
    let element = format!("{prefix}{}", checksum.algorithm().name());
    let value = checksum.to_base64();
    match suffix {
        Some(count) => writer.text(&element, &format!("{value}-{count}")),
        None => writer.text(&element, &value),
    }
}

/// What became of one key of DeleteObjects.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DeletedLine {
    /// It is gone, or never was.
    Deleted(Deleted),
    /// It was not deleted.
    Failed {
        /// The key as given.
        key: String,
        /// The version as given.
        version_id: Option<String>,
        /// Why.
        error: S3Error,
    },
}

/// A key that is gone.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Deleted {
    /// The key as given.
    pub key: String,
    /// The version as given.
    pub version_id: Option<String>,
    /// The delete marker that was made, or whose version was deleted.
    pub delete_marker: Option<String>,
}

/// The answer of DeleteObjects; `quiet` leaves out what went well.
#[must_use]
pub fn delete_objects(lines: &[DeletedLine], quiet: bool) -> String {
    let mut writer = Writer::root("DeleteResult");
    for line in lines {
        match line {
            DeletedLine::Deleted(_) if quiet => {}
            DeletedLine::Deleted(deleted) => writer.nest("Deleted", |entry| {
                entry.text("Key", &deleted.key);
                entry.optional("VersionId", deleted.version_id.as_deref());
                if let Some(marker) = &deleted.delete_marker {
                    entry.value("DeleteMarker", true);
                    entry.text("DeleteMarkerVersionId", marker);
                }
            }),
            DeletedLine::Failed {
                key,
                version_id,
                error,
            } => writer.nest("Error", |entry| {
                entry.text("Key", key);
                entry.optional("VersionId", version_id.as_deref());
                entry.text("Code", error.code.name());
                entry.text("Message", &error.message);
            }),
        }
    }
    writer.close("DeleteResult");
    writer.finish()
}

/// The answer of CreateMultipartUpload.
#[must_use]
pub fn initiate_multipart_upload(bucket: &str, key: &str, upload_id: &str) -> String {
    let mut writer = Writer::root("InitiateMultipartUploadResult");
    writer.text("Bucket", bucket);
    writer.text("Key", key);
    writer.text("UploadId", upload_id);
    writer.close("InitiateMultipartUploadResult");
    writer.finish()
}

/// The answer of CopyObject and UploadPartCopy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CopyResult {
    /// With or without quotes.
    pub etag: String,
    /// When the copy was made, in milliseconds since 1970.
    pub modified_ms: u64,
    /// The copy's checksum; the type is written for objects only.
    pub checksum: Option<(Checksum, Type)>,
    /// How many parts a composite checksum is made of.
    pub part_count: Option<u32>,
}

/// The answer of CopyObject.
#[must_use]
pub fn copy_object(result: &CopyResult) -> String {
    write_copy("CopyObjectResult", result, true)
}

/// The answer of UploadPartCopy.
#[must_use]
pub fn copy_part(result: &CopyResult) -> String {
    write_copy("CopyPartResult", result, false)
}

fn write_copy(root: &str, result: &CopyResult, with_type: bool) -> String {
    let mut writer = Writer::root(root);
    writer.text("LastModified", &date::iso(result.modified_ms));
    writer.text("ETag", &quote(&result.etag));
    if let Some((checksum, kind)) = &result.checksum {
        if with_type {
            writer.text("ChecksumType", kind.name());
        }
        write_checksum(&mut writer, "Checksum", checksum, result.part_count);
    }
    writer.close(root);
    writer.finish()
}

/// The answer of CompleteMultipartUpload.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CompleteMultipartUploadResult<'a> {
    /// The object's URL.
    pub location: &'a str,
    /// The bucket's name.
    pub bucket: &'a str,
    /// The key.
    pub key: &'a str,
    /// With or without quotes.
    pub etag: &'a str,
    /// The object's checksum.
    pub checksum: Option<(Checksum, Type)>,
    /// How many parts there were; written behind a composite checksum.
    pub part_count: u32,
}

/// The document, whole. For an answer whose declaration was sent before the work was done, send
/// what follows [`crate::xml::response::DECLARATION`].
#[must_use]
pub fn complete_multipart_upload(result: &CompleteMultipartUploadResult<'_>) -> String {
    let mut writer = Writer::root("CompleteMultipartUploadResult");
    writer.text("Location", result.location);
    writer.text("Bucket", result.bucket);
    writer.text("Key", result.key);
    writer.text("ETag", &quote(result.etag));
    if let Some((checksum, kind)) = &result.checksum {
        let suffix = (*kind == Type::Composite).then_some(result.part_count);
        write_checksum(&mut writer, "Checksum", checksum, suffix);
        writer.text("ChecksumType", kind.name());
    }
    writer.close("CompleteMultipartUploadResult");
    writer.finish()
}

/// The parts in the answer of GetObjectAttributes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AttributeParts<'a> {
    /// How many parts the object has in all.
    pub total: u32,
    /// Only parts with greater numbers are listed.
    pub part_number_marker: u32,
    /// The page size.
    pub max_parts: u32,
    /// More follow after the last part.
    pub truncated: bool,
    /// The page; S3 lists parts only of objects whose parts have checksums.
    pub parts: &'a [ListedPart],
}

/// The answer of GetObjectAttributes: exactly the attributes that were asked for are `Some`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AttributesResult<'a> {
    /// Without quotes, as S3 has it here.
    pub etag: Option<&'a str>,
    /// The whole object's checksum, without `-N` as S3 has it here.
    pub checksum: Option<(Checksum, Type)>,
    /// Its parts, for a multipart object.
    pub parts: Option<AttributeParts<'a>>,
    /// Whether the storage class was asked for.
    pub storage_class: bool,
    /// Size in bytes.
    pub size_bytes: Option<u64>,
}

/// The document.
#[must_use]
pub fn get_object_attributes(result: &AttributesResult<'_>) -> String {
    const ROOT: &str = "GetObjectAttributesResponse";
    let mut writer = Writer::root(ROOT);
    writer.optional("ETag", result.etag.map(crate::etag::unquote));
    if let Some((checksum, kind)) = &result.checksum {
        writer.nest("Checksum", |entry| {
            write_checksum(entry, "Checksum", checksum, None);
            entry.text("ChecksumType", kind.name());
        });
    }
    if let Some(parts) = &result.parts {
        writer.nest("ObjectParts", |entry| write_parts(entry, parts));
    }
    if result.storage_class {
        writer.text("StorageClass", "STANDARD");
    }
    if let Some(size_bytes) = result.size_bytes {
        writer.value("ObjectSize", size_bytes);
    }
    writer.close(ROOT);
    writer.finish()
}

fn write_parts(writer: &mut Writer, parts: &AttributeParts<'_>) {
    writer.value("PartsCount", parts.total);
    writer.value("PartNumberMarker", parts.part_number_marker);
    writer.value(
        "NextPartNumberMarker",
        parts.parts.last().map_or(0, |part| part.number),
    );
    writer.value("MaxParts", parts.max_parts);
    writer.value("IsTruncated", parts.truncated);
    for part in parts.parts {
        writer.nest("Part", |entry| {
            entry.value("PartNumber", part.number);
            entry.value("Size", part.size_bytes);
            if let Some(checksum) = &part.checksum {
                write_checksum(entry, "Checksum", checksum, None);
            }
        });
    }
}
