//! The listings: objects (both versions), versions, uploads, parts. They must never sort or fold;
//! lines come in the order in which the bucket gave them.

use super::Owner;
use crate::checksum::{Algorithm, Checksum, Type};
use crate::date;
use crate::etag::quote;
use crate::list;
use crate::operation::{
    ListMultipartUploads, ListObjectVersions, ListObjects, ListObjectsV2, ListParts, Listing,
};
use crate::percent;
use crate::xml::write::Writer;

/// An object in a listing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedObject {
    /// Key, as it is.
    pub key: String,
    /// When it was last modified, in milliseconds since 1970.
    pub modified_ms: u64,
    /// With or without quotes.
    pub etag: String,
    /// Size in bytes.
    pub size_bytes: u64,
    /// Its checksum, if any.
    pub checksum: Option<(Algorithm, Type)>,
}

/// A line of a listing of objects.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ObjectLine {
    /// An object.
    Object(ListedObject),
    /// Keys rolled up at the delimiter.
    Prefix(String),
}

impl ObjectLine {
    fn place(&self) -> &str {
        match self {
            Self::Object(object) => &object.key,
            Self::Prefix(prefix) => prefix,
        }
    }
}

/// How keys are written: as they are, or percent-encoded where the client asked for it.
#[derive(Clone, Copy)]
struct Keys {
    encode_url: bool,
}

impl Keys {
    fn text(self, writer: &mut Writer, element: &str, key: &str) {
        if self.encode_url {
            writer.text(element, &percent::encode(key));
        } else {
            writer.text(element, key);
        }
    }

    fn optional(self, writer: &mut Writer, element: &str, key: Option<&str>) {
        if let Some(key) = key {
            self.text(writer, element, key);
        }
    }

    fn encoding_type(self, writer: &mut Writer) {
        if self.encode_url {
            writer.text("EncodingType", "url");
        }
    }
}

impl Listing {
    fn keys(&self) -> Keys {
        Keys {
            encode_url: self.encode_url,
        }
    }

    fn write_prefixes<'a>(&self, writer: &mut Writer, prefixes: impl Iterator<Item = &'a str>) {
        for prefix in prefixes {
            writer.nest("CommonPrefixes", |entry| {
                self.keys().text(entry, "Prefix", prefix)
            });
        }
    }
}

fn prefixes(lines: &[ObjectLine]) -> impl Iterator<Item = &str> {
    lines.iter().filter_map(|line| match line {
        ObjectLine::Prefix(prefix) => Some(prefix.as_str()),
        ObjectLine::Object(_) => None,
    })
}

fn write_contents(writer: &mut Writer, lines: &[ObjectLine], keys: Keys, owner: Option<&Owner>) {
    for line in lines {
        let ObjectLine::Object(object) = line else {
            continue;
        };
        writer.nest("Contents", |entry| {
            keys.text(entry, "Key", &object.key);
            entry.text("LastModified", &date::iso(object.modified_ms));
            entry.text("ETag", &quote(&object.etag));
            write_algorithm(entry, object.checksum);
            entry.value("Size", object.size_bytes);
            if let Some(owner) = owner {
                owner.write(entry, "Owner");
            }
            entry.text("StorageClass", "STANDARD");
        });
    }
}

fn write_algorithm(writer: &mut Writer, checksum: Option<(Algorithm, Type)>) {
    if let Some((algorithm, kind)) = checksum {
        writer.text("ChecksumAlgorithm", algorithm.name());
        writer.text("ChecksumType", kind.name());
    }
}

/// The answer of ListObjects.
#[derive(Debug)]
pub struct ListObjectsResult<'a> {
    /// The bucket's name.
    pub bucket: &'a str,
    /// What was asked.
    pub request: &'a ListObjects,
    /// The page.
    pub lines: &'a [ObjectLine],
    /// More follow after the last line.
    pub truncated: bool,
    /// The owner of every object.
    pub owner: &'a Owner,
}

impl ListObjectsResult<'_> {
    /// The document. `NextMarker` is there only with a delimiter, as in S3.
    #[must_use]
    pub fn to_xml(&self) -> String {
        let listing = &self.request.listing;
        let keys = listing.keys();
        let mut writer = Writer::root("ListBucketResult");
        writer.text("Name", self.bucket);
        keys.text(&mut writer, "Prefix", &listing.prefix);
        keys.text(&mut writer, "Marker", &self.request.marker);
        if let Some(last) = self.lines.last().filter(|_| self.truncated)
            && listing.delimiter.is_some()
        {
            keys.text(&mut writer, "NextMarker", last.place());
        }
        writer.value("MaxKeys", listing.max_keys);
        keys.optional(&mut writer, "Delimiter", listing.delimiter.as_deref());
        keys.encoding_type(&mut writer);
        writer.value("IsTruncated", self.truncated && !self.lines.is_empty());
        write_contents(&mut writer, self.lines, keys, Some(self.owner));
        listing.write_prefixes(&mut writer, prefixes(self.lines));
        writer.close("ListBucketResult");
        writer.finish()
    }
}

/// The answer of ListObjectsV2.
#[derive(Debug)]
pub struct ListObjectsV2Result<'a> {
    /// The bucket's name.
    pub bucket: &'a str,
    /// What was asked.
    pub request: &'a ListObjectsV2,
    /// The page.
    pub lines: &'a [ObjectLine],
    /// More follow after the last line.
    pub truncated: bool,
    /// The owner of every object; written only if the client asked for it.
    pub owner: &'a Owner,
}

impl ListObjectsV2Result<'_> {
    /// The document. A truncated page always has a token.
    #[must_use]
    pub fn to_xml(&self) -> String {
        let listing = &self.request.listing;
        let keys = listing.keys();
        let last = self.lines.last().filter(|_| self.truncated);
        let next = last.map(|line| list::encode_token(line.place()));
        let mut writer = Writer::root("ListBucketResult");
        writer.text("Name", self.bucket);
        keys.text(&mut writer, "Prefix", &listing.prefix);
        writer.optional(
            "ContinuationToken",
            self.request.continuation_token.as_deref(),
        );
        writer.optional("NextContinuationToken", next.as_deref());
        keys.optional(
            &mut writer,
            "StartAfter",
            self.request.start_after.as_deref(),
        );
        writer.value("KeyCount", self.lines.len());
        writer.value("MaxKeys", listing.max_keys);
        keys.optional(&mut writer, "Delimiter", listing.delimiter.as_deref());
        keys.encoding_type(&mut writer);
        writer.value("IsTruncated", next.is_some());
        let owner = self.request.fetch_owner.then_some(self.owner);
        write_contents(&mut writer, self.lines, keys, owner);
        listing.write_prefixes(&mut writer, prefixes(self.lines));
        writer.close("ListBucketResult");
        writer.finish()
    }
}

/// A version or a delete marker.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedVersion {
    /// Key, modification time, ETag, size and checksum; a marker has only the first two.
    pub object: ListedObject,
    /// `null` in a bucket that never had versioning.
    pub version_id: String,
    /// Whether it is the newest of its key.
    pub is_latest: bool,
    /// Whether it is a delete marker.
    pub is_delete_marker: bool,
}

/// A line of a listing of versions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum VersionLine {
    /// A version or a marker.
    Version(ListedVersion),
    /// Keys rolled up at the delimiter.
    Prefix(String),
}

impl VersionLine {
    /// The line of an object in a bucket that never had versioning.
    #[must_use]
    pub fn unversioned(line: ObjectLine) -> Self {
        match line {
            ObjectLine::Prefix(prefix) => Self::Prefix(prefix),
            ObjectLine::Object(object) => Self::Version(ListedVersion {
                object,
                version_id: "null".to_owned(),
                is_latest: true,
                is_delete_marker: false,
            }),
        }
    }
}

/// The answer of ListObjectVersions.
#[derive(Debug)]
pub struct ListObjectVersionsResult<'a> {
    /// The bucket's name.
    pub bucket: &'a str,
    /// What was asked.
    pub request: &'a ListObjectVersions,
    /// The page: by key, newest version first.
    pub lines: &'a [VersionLine],
    /// More follow after the last line.
    pub truncated: bool,
    /// The owner of every version.
    pub owner: &'a Owner,
}

impl ListObjectVersionsResult<'_> {
    /// The document.
    #[must_use]
    pub fn to_xml(&self) -> String {
        let listing = &self.request.listing;
        let keys = listing.keys();
        let mut writer = Writer::root("ListVersionsResult");
        writer.text("Name", self.bucket);
        keys.text(&mut writer, "Prefix", &listing.prefix);
        keys.text(&mut writer, "KeyMarker", &self.request.key_marker);
        let version_marker = self.request.version_id_marker.as_deref();
        writer.text("VersionIdMarker", version_marker.unwrap_or_default());
        match self.lines.last().filter(|_| self.truncated) {
            None => {}
            Some(VersionLine::Prefix(prefix)) => keys.text(&mut writer, "NextKeyMarker", prefix),
            Some(VersionLine::Version(version)) => {
                keys.text(&mut writer, "NextKeyMarker", &version.object.key);
                writer.text("NextVersionIdMarker", &version.version_id);
            }
        }
        writer.value("MaxKeys", listing.max_keys);
        keys.optional(&mut writer, "Delimiter", listing.delimiter.as_deref());
        keys.encoding_type(&mut writer);
        writer.value("IsTruncated", self.truncated && !self.lines.is_empty());
        for line in self.lines {
            if let VersionLine::Version(version) = line {
                self.write_version(&mut writer, version);
            }
        }
        let prefixes = self.lines.iter().filter_map(|line| match line {
            VersionLine::Prefix(prefix) => Some(prefix.as_str()),
            VersionLine::Version(_) => None,
        });
        listing.write_prefixes(&mut writer, prefixes);
        writer.close("ListVersionsResult");
        writer.finish()
    }

    fn write_version(&self, writer: &mut Writer, version: &ListedVersion) {
        let object = &version.object;
        let marker = version.is_delete_marker;
        writer.nest(if marker { "DeleteMarker" } else { "Version" }, |entry| {
            self.request.listing.keys().text(entry, "Key", &object.key);
            entry.text("VersionId", &version.version_id);
            entry.value("IsLatest", version.is_latest);
            entry.text("LastModified", &date::iso(object.modified_ms));
            if !marker {
                entry.text("ETag", &quote(&object.etag));
                write_algorithm(entry, object.checksum);
                entry.value("Size", object.size_bytes);
            }
            self.owner.write(entry, "Owner");
            if !marker {
                entry.text("StorageClass", "STANDARD");
            }
        });
    }
}

/// An upload in a listing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedUpload {
    /// The key it will become.
    pub key: String,
    /// The upload's id.
    pub upload_id: String,
    /// Who started it.
    pub initiator: Owner,
    /// When it was started, in milliseconds since 1970.
    pub initiated_ms: u64,
    /// The checksum it was created with.
    pub checksum: Option<(Algorithm, Type)>,
}

/// A line of a listing of uploads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum UploadLine {
    /// An upload.
    Upload(ListedUpload),
    /// Keys rolled up at the delimiter.
    Prefix(String),
}

/// The answer of ListMultipartUploads.
#[derive(Debug)]
pub struct ListMultipartUploadsResult<'a> {
    /// The bucket's name.
    pub bucket: &'a str,
    /// What was asked.
    pub request: &'a ListMultipartUploads,
    /// The page: by key, then by id.
    pub lines: &'a [UploadLine],
    /// More follow after the last line.
    pub truncated: bool,
    /// The owner of the bucket, and so of every object in it.
    pub owner: &'a Owner,
}

impl ListMultipartUploadsResult<'_> {
    /// The document.
    #[must_use]
    pub fn to_xml(&self) -> String {
        let listing = &self.request.listing;
        let keys = listing.keys();
        let mut writer = Writer::root("ListMultipartUploadsResult");
        writer.text("Bucket", self.bucket);
        keys.text(&mut writer, "KeyMarker", &self.request.key_marker);
        let id_marker = self.request.upload_id_marker.as_deref().unwrap_or_default();
        writer.text("UploadIdMarker", id_marker);
        match self.lines.last().filter(|_| self.truncated) {
            None => {}
            Some(UploadLine::Prefix(prefix)) => keys.text(&mut writer, "NextKeyMarker", prefix),
            Some(UploadLine::Upload(upload)) => {
                keys.text(&mut writer, "NextKeyMarker", &upload.key);
                writer.text("NextUploadIdMarker", &upload.upload_id);
            }
        }
        keys.optional(&mut writer, "Delimiter", listing.delimiter.as_deref());
        keys.text(&mut writer, "Prefix", &listing.prefix);
        keys.encoding_type(&mut writer);
        writer.value("MaxUploads", listing.max_keys);
        writer.value("IsTruncated", self.truncated && !self.lines.is_empty());
        for line in self.lines {
            if let UploadLine::Upload(upload) = line {
                self.write_upload(&mut writer, upload);
            }
        }
        let prefixes = self.lines.iter().filter_map(|line| match line {
            UploadLine::Prefix(prefix) => Some(prefix.as_str()),
            UploadLine::Upload(_) => None,
        });
        listing.write_prefixes(&mut writer, prefixes);
        writer.close("ListMultipartUploadsResult");
        writer.finish()
    }

    fn write_upload(&self, writer: &mut Writer, upload: &ListedUpload) {
        writer.nest("Upload", |entry| {
            self.request.listing.keys().text(entry, "Key", &upload.key);
            entry.text("UploadId", &upload.upload_id);
            upload.initiator.write(entry, "Initiator");
            self.owner.write(entry, "Owner");
            entry.text("StorageClass", "STANDARD");
            entry.text("Initiated", &date::iso(upload.initiated_ms));
            write_algorithm(entry, upload.checksum);
        });
    }
}

/// A part in a listing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedPart {
    /// 1 to 10,000.
    pub number: u32,
    /// When it was put, in milliseconds since 1970.
    pub modified_ms: u64,
    /// With or without quotes.
    pub etag: String,
    /// Size in bytes.
    pub size_bytes: u64,
    /// Its checksum, if any.
    pub checksum: Option<Checksum>,
}

/// The answer of ListParts.
#[derive(Debug)]
pub struct ListPartsResult<'a> {
    /// The bucket's name.
    pub bucket: &'a str,
    /// The key.
    pub key: &'a str,
    /// What was asked.
    pub request: &'a ListParts,
    /// Who started the upload.
    pub initiator: &'a Owner,
    /// The owner of the bucket.
    pub owner: &'a Owner,
    /// The checksum the upload was created with.
    pub checksum: Option<(Algorithm, Type)>,
    /// The page, by number.
    pub parts: &'a [ListedPart],
    /// More follow after the last part.
    pub truncated: bool,
}

impl ListPartsResult<'_> {
    /// The document.
    #[must_use]
    pub fn to_xml(&self) -> String {
        let keys = Keys {
            encode_url: self.request.encode_url,
        };
        let mut writer = Writer::root("ListPartsResult");
        writer.text("Bucket", self.bucket);
        keys.text(&mut writer, "Key", self.key);
        keys.encoding_type(&mut writer);
        writer.text("UploadId", &self.request.upload_id);
        self.initiator.write(&mut writer, "Initiator");
        self.owner.write(&mut writer, "Owner");
        writer.text("StorageClass", "STANDARD");
        writer.value("PartNumberMarker", self.request.part_number_marker);
        let next = self.parts.last().map_or(0, |part| part.number);
        writer.value("NextPartNumberMarker", next);
        writer.value("MaxParts", self.request.max_parts);
        writer.value("IsTruncated", self.truncated);
        write_algorithm(&mut writer, self.checksum);
        for part in self.parts {
            writer.nest("Part", |entry| {
                entry.value("PartNumber", part.number);
                entry.text("LastModified", &date::iso(part.modified_ms));
                entry.text("ETag", &quote(&part.etag));
                entry.value("Size", part.size_bytes);
                if let Some(checksum) = &part.checksum {
                    let element = format!("Checksum{}", checksum.algorithm().name());
                    entry.text(&element, &checksum.to_base64());
                }
            });
        }
        writer.close("ListPartsResult");
        writer.finish()
    }
}
