//! Answers of the sub-resources that are known and not offered: what AWS says where nothing was
//! configured. It must never claim a setting that this program does not have.

use super::{BucketAction, ObjectAction};
use crate::error::{Code, S3Error};
use crate::query::Query;
use crate::xml::write::Writer;

/// One fixed answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fixed {
    /// An error document.
    Error(S3Error),
    /// 200 with this XML document.
    Document(String),
    /// 204: what shall be deleted is not there.
    NoContent,
}

/// What a sub-resource of a bucket answers to GET, and whether DELETE has something to refuse.
enum Unset {
    /// An error with the bucket's name; deleting it again changes nothing.
    Missing(Code),
    /// An empty or default document.
    Document(fn() -> String),
    /// A family of configurations with ids: an error for one, an empty document for the list.
    Family(&'static str),
    /// Not offered at all.
    Unknown,
}

const BUCKET: &[(&str, Unset)] = &[
    ("policy", Unset::Missing(Code::NoSuchBucketPolicy)),
    ("policyStatus", Unset::Missing(Code::NoSuchBucketPolicy)),
    ("cors", Unset::Missing(Code::NoSuchCorsConfiguration)),
    ("website", Unset::Missing(Code::NoSuchWebsiteConfiguration)),
    (
        "lifecycle",
        Unset::Missing(Code::NoSuchLifecycleConfiguration),
    ),
    (
        "replication",
        Unset::Missing(Code::ReplicationConfigurationNotFoundError),
    ),
    (
        "encryption",
        Unset::Missing(Code::ServerSideEncryptionConfigurationNotFoundError),
    ),
    (
        "object-lock",
        Unset::Missing(Code::ObjectLockConfigurationNotFoundError),
    ),
    (
        "publicAccessBlock",
        Unset::Missing(Code::NoSuchPublicAccessBlockConfiguration),
    ),
    ("ownershipControls", Unset::Document(ownership_controls)),
    (
        "versioning",
        Unset::Document(|| empty("VersioningConfiguration")),
    ),
    ("logging", Unset::Document(|| empty("BucketLoggingStatus"))),
    (
        "accelerate",
        Unset::Document(|| empty("AccelerateConfiguration")),
    ),
    (
        "notification",
        Unset::Document(|| empty("NotificationConfiguration")),
    ),
    ("requestPayment", Unset::Document(request_payment)),
    (
        "analytics",
        Unset::Family("ListBucketAnalyticsConfigurationResult"),
    ),
    (
        "inventory",
        Unset::Family("ListInventoryConfigurationsResult"),
    ),
    ("metrics", Unset::Family("ListMetricsConfigurationsResult")),
    (
        "intelligent-tiering",
        Unset::Family("ListBucketIntelligentTieringConfigurationsOutput"),
    ),
    ("abac", Unset::Unknown),
    ("metadataConfiguration", Unset::Unknown),
    ("metadataInventoryTable", Unset::Unknown),
    ("metadataJournalTable", Unset::Unknown),
    ("metadataTable", Unset::Unknown),
    ("session", Unset::Unknown),
];

/// The answer to GET, PUT, POST or DELETE of a bucket's sub-resource, if the query names one.
pub(super) fn bucket(method: &str, name: &str, query: &Query) -> Option<BucketAction> {
    let (_, unset) = BUCKET.iter().find(|(each, _)| query.has(each))?;
    let answer = match (method, unset) {
        ("GET", Unset::Missing(code)) => Fixed::Error(S3Error::of_bucket(*code, name)),
        ("GET", Unset::Document(document)) => Fixed::Document(document()),
        ("GET", Unset::Family(_)) if query.has("id") => {
            Fixed::Error(S3Error::of_bucket(Code::NoSuchConfiguration, name))
        }
        ("GET", Unset::Family(list)) => Fixed::Document(empty_list(list)),
        ("DELETE", Unset::Missing(code)) if is_deletable(*code) => Fixed::NoContent,
        ("DELETE", Unset::Family(_)) => {
            Fixed::Error(S3Error::of_bucket(Code::NoSuchConfiguration, name))
        }
        _ => not_implemented(),
    };
    Some(BucketAction::NotConfigured(answer))
}

/// Whether the query names a sub-resource that only a bucket has.
pub(super) fn is_of_bucket(query: &Query) -> bool {
    BUCKET.iter().any(|(name, _)| query.has(name))
}

/// An object lock configuration cannot be deleted.
fn is_deletable(code: Code) -> bool {
    code != Code::ObjectLockConfigurationNotFoundError
}

/// The answer to a sub-resource of an object, if the query names one that is not offered.
pub(super) fn object(method: &str, query: &Query) -> Option<ObjectAction> {
    let lock = ["retention", "legal-hold"]
        .iter()
        .any(|name| query.has(name));
    let other = [
        "torrent",
        "restore",
        "select",
        "renameObject",
        "encryption",
        "annotations",
    ];
    let answer = if query.has("tagging") {
        match method {
            "GET" => Fixed::Document(crate::xml::response::tagging(&[])),
            "DELETE" => Fixed::NoContent,
            _ => not_implemented(),
        }
    } else if lock && matches!(method, "GET" | "PUT") {
        Fixed::Error(S3Error::invalid_request(
            "Bucket is missing Object Lock Configuration",
        ))
    } else if other.iter().any(|name| query.has(name)) {
        not_implemented()
    } else {
        return None;
    };
    Some(ObjectAction::NotConfigured(answer))
}

pub(super) fn not_implemented() -> Fixed {
    Fixed::Error(S3Error::new(Code::NotImplemented))
}

fn empty(root: &str) -> String {
    let mut writer = Writer::root(root);
    writer.close(root);
    writer.finish()
}

fn empty_list(root: &str) -> String {
    let mut writer = Writer::root(root);
    writer.value("IsTruncated", false);
    writer.close(root);
    writer.finish()
}

fn request_payment() -> String {
    let mut writer = Writer::root("RequestPaymentConfiguration");
    writer.text("Payer", "BucketOwner");
    writer.close("RequestPaymentConfiguration");
    writer.finish()
}

/// ACLs are off, which is what AWS calls this.
fn ownership_controls() -> String {
    let mut writer = Writer::root("OwnershipControls");
    writer.nest("Rule", |rule| {
        rule.text("ObjectOwnership", "BucketOwnerEnforced")
    });
    writer.close("OwnershipControls");
    writer.finish()
}
