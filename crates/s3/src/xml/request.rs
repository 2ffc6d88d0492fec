//! Readers of request bodies. They must never accept half a document, nor hold more entries than
//! S3 allows.

mod acl;

use super::read::{Xml, malformed};
use crate::checksum::{Algorithm, Checksum};
use crate::error::{Code, Result, S3Error};
use crate::etag::unquote;
use crate::operation::PART_NUMBER_MAX;
use crate::tag::{Tag, TagOwner, check_set};
use crate::target::check_key;

pub use super::read::{ATTRIBUTES_MAX, DEPTH_MAX};
pub use acl::check_acl;

/// The largest body of CreateBucket, of tagging and of an ACL.
pub const SMALL_BODY_MAX_BYTES: usize = 64 * 1024;
/// The largest body of DeleteObjects, whose keys may come escaped to six times their size.
pub const DELETE_BODY_MAX_BYTES: usize = 2 * 1024 * 1024;
/// The largest body of CompleteMultipartUpload.
pub const COMPLETE_BODY_MAX_BYTES: usize = 4 * 1024 * 1024;
/// The most keys of one DeleteObjects.
pub const DELETE_KEYS_MAX: usize = 1000;
/// The most parts of an upload.
pub const PARTS_MAX: usize = 10_000;

/// `CreateBucketConfiguration`
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CreateBucketConfiguration {
    /// The region asked for.
    pub location_constraint: Option<String>,
    /// Tags to set on the new bucket.
    pub tags: Vec<Tag>,
}

impl CreateBucketConfiguration {
    /// Checks the location against the one region of this endpoint. No location means that region.
    ///
    /// # Errors
    /// `InvalidLocationConstraint` with the location: another region, or `us-east-1`, which S3
    /// wants left out.
    pub fn check_region(&self, region: &str) -> Result<()> {
        match self.location_constraint.as_deref() {
            None => Ok(()),
            Some(location) if location == region && location != "us-east-1" => Ok(()),
            Some(location) => {
                Err(S3Error::new(Code::InvalidLocationConstraint)
                    .field("LocationConstraint", location))
            }
        }
    }
}

/// Reads the body of CreateBucket; an empty one is allowed.
///
/// # Errors
/// `MalformedXML`, `MaxMessageLengthExceeded`, `InvalidTag`, `NotImplemented` for a directory
/// bucket.
pub fn create_bucket(body: &[u8]) -> Result<CreateBucketConfiguration> {
    let mut configuration = CreateBucketConfiguration::default();
    if body.is_empty() {
        return Ok(configuration);
    }
    let mut xml = Xml::open(body, SMALL_BODY_MAX_BYTES, "CreateBucketConfiguration")?;
    let mut location = None;
    while let Some(name) = xml.child()? {
        match name.as_str() {
            "LocationConstraint" => set_once(&mut location, xml.text()?)?,
            "Tags" => configuration.tags = tag_list(&mut xml)?,
            "Location" | "Bucket" => return Err(S3Error::new(Code::NotImplemented)),
            _ => return Err(malformed()),
        }
    }
    xml.finish()?;
    configuration.location_constraint = location.filter(|location| !location.is_empty());
    check_set(&configuration.tags, TagOwner::Bucket)?;
    Ok(configuration)
}

/// Reads a `Tagging` document.
///
/// # Errors
/// `MalformedXML`, `MaxMessageLengthExceeded`, `BadRequest` for too many tags, `InvalidTag`.
pub fn tagging(body: &[u8], owner: TagOwner) -> Result<Vec<Tag>> {
    let mut xml = Xml::open(body, SMALL_BODY_MAX_BYTES, "Tagging")?;
    let mut tags = None;
    while let Some(name) = xml.child()? {
        match name.as_str() {
            "TagSet" if tags.is_none() => tags = Some(tag_list(&mut xml)?),
            _ => return Err(malformed()),
        }
    }
    xml.finish()?;
    let tags = tags.ok_or_else(malformed)?;
    check_set(&tags, owner)?;
    Ok(tags)
}

fn tag_list(xml: &mut Xml<'_>) -> Result<Vec<Tag>> {
    let mut tags = Vec::new();
    while let Some(name) = xml.child()? {
        if name != "Tag" {
            return Err(malformed());
        }
        let (mut key, mut value) = (None, None);
        while let Some(name) = xml.child()? {
            match name.as_str() {
                "Key" => set_once(&mut key, xml.text()?)?,
                "Value" => set_once(&mut value, xml.text()?)?,
                _ => return Err(malformed()),
            }
        }
        let (key, value) = key.zip(value).ok_or_else(malformed)?;
        tags.push(Tag { key, value });
    }
    Ok(tags)
}

/// The body of DeleteObjects.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delete {
    /// Only errors are to be told.
    pub quiet: bool,
    /// 1 to [`DELETE_KEYS_MAX`] objects in the order given; duplicates stay.
    pub objects: Vec<ObjectIdentifier>,
}

/// One object to delete.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ObjectIdentifier {
    /// The key as given; [`ObjectIdentifier::check`] tells whether one can exist under it.
    pub key: String,
    /// The version to delete.
    pub version_id: Option<String>,
    /// Deleted only if the object has this ETag, given without quotes; `*` is any.
    pub etag: Option<String>,
}

impl ObjectIdentifier {
    /// Checks the key; an error belongs into this key's entry of the answer.
    ///
    /// # Errors
    /// `KeyTooLongError`, `InvalidArgument`.
    pub fn check(&self) -> Result<()> {
        check_key(&self.key)
    }
}

/// Reads the body of DeleteObjects.
///
/// # Errors
/// `MalformedXML` (also for none or more than 1,000 keys), `MaxMessageLengthExceeded`,
/// `NotImplemented` for the conditions of directory buckets.
pub fn delete_objects(body: &[u8]) -> Result<Delete> {
    let mut xml = Xml::open(body, DELETE_BODY_MAX_BYTES, "Delete")?;
    let mut quiet = None;
    let mut objects = Vec::new();
    while let Some(name) = xml.child()? {
        match name.as_str() {
            "Quiet" => set_once(&mut quiet, xml.text()?)?,
            "Object" if objects.len() == DELETE_KEYS_MAX => return Err(malformed()),
            "Object" => objects.push(object_identifier(&mut xml)?),
            _ => return Err(malformed()),
        }
    }
    xml.finish()?;
    if objects.is_empty() {
        return Err(malformed());
    }
    let quiet = boolean(quiet.as_deref().unwrap_or_default())?;
    Ok(Delete { quiet, objects })
}

fn object_identifier(xml: &mut Xml<'_>) -> Result<ObjectIdentifier> {
    let (mut key, mut version_id, mut etag) = (None, None, None);
    while let Some(name) = xml.child()? {
        match name.as_str() {
            "Key" => set_once(&mut key, xml.text()?)?,
            "VersionId" => set_once(&mut version_id, xml.text()?)?,
            "ETag" => set_once(&mut etag, xml.text()?)?,
            "LastModifiedTime" | "Size" => {
                return Err(S3Error::new(Code::NotImplemented).field("Header", name));
            }
            _ => return Err(malformed()),
        }
    }
    Ok(ObjectIdentifier {
        key: key.filter(|key| !key.is_empty()).ok_or_else(malformed)?,
        version_id: version_id.filter(|version| !version.is_empty()),
        etag: etag
            .map(|etag| unquote(&etag).to_owned())
            .filter(|etag| !etag.is_empty()),
    })
}

/// A part as CompleteMultipartUpload names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CompletedPart {
    /// 1 to 10,000.
    pub number: u32,
    /// Without quotes.
    pub etag: String,
    /// The part's checksum, if the client repeats it.
    pub checksum: Option<Checksum>,
}

/// Reads the body of CompleteMultipartUpload: 1 to [`PARTS_MAX`] parts with ascending numbers.
///
/// # Errors
/// `MalformedXML` (also for no part), `MaxMessageLengthExceeded`, `InvalidArgument` for a part
/// number that cannot be or for more than one checksum of a part, `InvalidPartOrder`.
pub fn complete_multipart_upload(body: &[u8]) -> Result<Vec<CompletedPart>> {
    let mut xml = Xml::open(body, COMPLETE_BODY_MAX_BYTES, "CompleteMultipartUpload")?;
    let mut parts: Vec<CompletedPart> = Vec::new();
    while let Some(name) = xml.child()? {
        if name != "Part" || parts.len() == PARTS_MAX {
            return Err(malformed());
        }
        parts.push(completed_part(&mut xml)?);
    }
    xml.finish()?;
    if parts.is_empty() {
        return Err(malformed());
    }
    if !parts.is_sorted_by(|left, right| left.number < right.number) {
        return Err(S3Error::new(Code::InvalidPartOrder));
    }
    Ok(parts)
}

fn completed_part(xml: &mut Xml<'_>) -> Result<CompletedPart> {
    let (mut number, mut etag) = (None, None);
    let mut checksums: Vec<(Algorithm, String)> = Vec::new();
    while let Some(name) = xml.child()? {
        match name.as_str() {
            "PartNumber" => set_once(&mut number, xml.text()?)?,
            "ETag" => set_once(&mut etag, xml.text()?)?,
            _ => {
                let name = name.strip_prefix("Checksum").ok_or_else(malformed)?;
                let mut known = Algorithm::ALL.into_iter();
                let algorithm = known.find(|each| each.name() == name);
                let algorithm = algorithm.ok_or_else(malformed)?;
                let text = xml.text()?;
                if !text.is_empty() {
                    checksums.push((algorithm, text));
                }
            }
        }
    }
    Ok(CompletedPart {
        number: part_number(&number.ok_or_else(malformed)?)?,
        etag: unquote(etag.ok_or_else(malformed)?.trim()).to_owned(),
        checksum: part_checksum(&checksums)?,
    })
}

fn part_number(text: &str) -> Result<u32> {
    let number: i64 = text.trim().parse().map_err(|_| malformed())?;
    match u32::try_from(number) {
        Ok(number) if (1..=PART_NUMBER_MAX).contains(&number) => Ok(number),
        Ok(number) if number > PART_NUMBER_MAX => {
            let message = "Part number must be an integer between 1 and 10000, inclusive.";
            Err(S3Error::invalid_argument("partNumber", text, message))
        }
        _ => Err(S3Error::invalid_argument(
            "PartNumber",
            text,
            "PartNumber must be >= 1",
        )),
    }
}

fn part_checksum(given: &[(Algorithm, String)]) -> Result<Option<Checksum>> {
    let invalid = |value: String| {
        let message = "Invalid Base64 or multiple checksums present in request";
        S3Error::invalid_argument("Checksum", value, message)
    };
    match given {
        [] => Ok(None),
        [(algorithm, text)] => {
            let checksum = Checksum::decode(*algorithm, text);
            checksum.map(Some).ok_or_else(|| invalid(text.clone()))
        }
        several => {
            let listed = several
                .iter()
                .map(|(algorithm, text)| format!("{}:{text};", algorithm.name()));
            Err(invalid(listed.collect()))
        }
    }
}

fn set_once(slot: &mut Option<String>, text: String) -> Result<()> {
    match slot.replace(text) {
        None => Ok(()),
        Some(_) => Err(malformed()),
    }
}

fn boolean(text: &str) -> Result<bool> {
    match text.trim() {
        "true" | "1" => Ok(true),
        "false" | "0" | "" => Ok(false),
        _ => Err(malformed()),
    }
}
