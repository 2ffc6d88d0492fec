//! Writers of response documents, elements in AWS's order. They must never leave out a list's
//! mandatory fields, nor write a key unescaped.

mod list;
mod object;

use crate::date;
use crate::tag::Tag;
use crate::xml::write::Writer;

pub use crate::xml::write::DECLARATION;
pub use list::{
    ListMultipartUploadsResult, ListObjectVersionsResult, ListObjectsResult, ListObjectsV2Result,
    ListPartsResult, ListedObject, ListedPart, ListedUpload, ListedVersion, ObjectLine, UploadLine,
    VersionLine,
};
pub use object::{
    AttributeParts, AttributesResult, CompleteMultipartUploadResult, CopyResult, Deleted,
    DeletedLine, complete_multipart_upload, copy_object, copy_part, delete_objects,
    get_object_attributes, initiate_multipart_upload,
};

/// Who owns something: a canonical id and a name for display.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Owner {
    /// Canonical id.
    pub id: String,
    /// Name for display.
    pub name: String,
}

impl Owner {
    pub(crate) fn write(&self, writer: &mut Writer, element: &str) {
        writer.nest(element, |owner| {
            owner.text("ID", &self.id);
            owner.text("DisplayName", &self.name);
        });
    }
}

/// A bucket in the answer of ListBuckets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedBucket {
    /// Name.
    pub name: String,
    /// When it was created, in milliseconds since 1970.
    pub created_ms: u64,
    /// Region.
    pub region: String,
}

/// The answer of ListBuckets. `next` is the last name of a page that others follow; `prefix` is
/// given back if it was asked for.
#[must_use]
pub fn list_buckets(
    owner: &Owner,
    buckets: &[ListedBucket],
    prefix: &str,
    next: Option<&str>,
) -> String {
    const ROOT: &str = "ListAllMyBucketsResult";
    let mut writer = Writer::root(ROOT);
    owner.write(&mut writer, "Owner");
    writer.nest("Buckets", |list| {
        for bucket in buckets {
            list.nest("Bucket", |entry| {
                entry.text("Name", &bucket.name);
                entry.text("CreationDate", &date::iso(bucket.created_ms));
                entry.text("BucketRegion", &bucket.region);
            });
        }
    });
    writer.optional(
        "ContinuationToken",
        next.map(crate::list::encode_token).as_deref(),
    );
    if !prefix.is_empty() {
        writer.text("Prefix", prefix);
    }
    writer.close(ROOT);
    writer.finish()
}

/// The answer of GetBucketLocation; `us-east-1` is the empty one.
#[must_use]
pub fn bucket_location(region: &str) -> String {
    let mut writer = Writer::root("LocationConstraint");
    if region != "us-east-1" {
        writer.plain(region);
    }
    writer.close("LocationConstraint");
    writer.finish()
}

/// The answer of GetBucketAcl and GetObjectAcl: the owner and nobody else has full control.
#[must_use]
pub fn access_control_policy(owner: &Owner) -> String {
    const ROOT: &str = "AccessControlPolicy";
    const GRANTEE: &str = "<Grantee xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\" \
                           xsi:type=\"CanonicalUser\">";
    let mut writer = Writer::root(ROOT);
    owner.write(&mut writer, "Owner");
    writer.nest("AccessControlList", |list| {
        list.nest("Grant", |grant| {
            grant.raw(GRANTEE);
            grant.text("ID", &owner.id);
            grant.text("DisplayName", &owner.name);
            grant.close("Grantee");
            grant.text("Permission", "FULL_CONTROL");
        });
    });
    writer.close(ROOT);
    writer.finish()
}

/// A `Tagging` document.
#[must_use]
pub fn tagging(tags: &[Tag]) -> String {
    let mut writer = Writer::root("Tagging");
    writer.nest("TagSet", |set| {
        for tag in tags {
            set.nest("Tag", |entry| {
                entry.text("Key", &tag.key);
                entry.text("Value", &tag.value);
            });
        }
    });
    writer.close("Tagging");
    writer.finish()
}
