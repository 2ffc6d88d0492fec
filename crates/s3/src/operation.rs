//! Which S3 operation a request asks for, with its parameters typed and checked. It must never fall
//! through: a sub-resource that is known and not offered has an answer of its own here.

mod bucket;
mod fixed;
mod limit;
mod object;
mod route;
mod upload;

pub use bucket::{
    BUCKETS_PAGE_MAX, CreateBucket, ListBuckets, ListMultipartUploads, ListObjectVersions,
    ListObjects, ListObjectsV2, Listing,
};
pub use fixed::Fixed;
pub use object::{
    CopyObject, DeleteObject, GetObject, GetObjectAttributes, MetadataDirective, PutObject,
    ResponseOverrides, require_null_version,
};
pub use route::route;
pub use upload::{
    AbortMultipartUpload, CompleteMultipartUpload, CreateMultipartUpload, ListParts,
    PART_NUMBER_MAX, UploadPart, UploadPartCopy,
};

/// A routed request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Operation {
    /// `GET /`
    ListBuckets(ListBuckets),
    /// Anything aimed at a bucket.
    Bucket {
        /// The bucket's name, well formed.
        bucket: String,
        /// What to do.
        action: BucketAction,
    },
    /// Anything aimed at a key.
    Object {
        /// The bucket's name, well formed.
        bucket: String,
        /// The key, 1 to 1,024 bytes.
        key: String,
        /// What to do.
        action: ObjectAction,
    },
}

/// An operation on a bucket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BucketAction {
    /// `PUT /b`; the body is read by [`crate::xml::request::create_bucket`].
    CreateBucket(CreateBucket),
    /// `HEAD /b`
    HeadBucket,
    /// `DELETE /b`
    DeleteBucket,
    /// `GET /b?location`
    GetBucketLocation,
    /// `GET /b`
    ListObjects(ListObjects),
    /// `GET /b?list-type=2`
    ListObjectsV2(ListObjectsV2),
    /// `GET /b?versions`
    ListObjectVersions(ListObjectVersions),
    /// `GET /b?uploads`
    ListMultipartUploads(ListMultipartUploads),
    /// `POST /b?delete`; the body is read by [`crate::xml::request::delete_objects`].
    DeleteObjects,
    /// `GET /b?acl`
    GetBucketAcl,
    /// `PUT /b?acl`; the body is read by [`crate::xml::request::check_acl`].
    PutBucketAcl,
    /// `GET /b?tagging`
    GetBucketTagging,
    /// `PUT /b?tagging`; the body is read by [`crate::xml::request::tagging`].
    PutBucketTagging,
    /// `DELETE /b?tagging`
    DeleteBucketTagging,
    /// A sub-resource with one fixed answer, given once the bucket is known to exist.
    NotConfigured(Fixed),
}

/// An operation on an object or an upload.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ObjectAction {
    /// `GET /b/k`
    GetObject(Box<GetObject>),
    /// `HEAD /b/k`
    HeadObject(Box<GetObject>),
    /// `PUT /b/k`
    PutObject(Box<PutObject>),
    /// `DELETE /b/k`
    DeleteObject(DeleteObject),
    /// `PUT /b/k` with `x-amz-copy-source`
    CopyObject(Box<CopyObject>),
    /// `POST /b/k?uploads`
    CreateMultipartUpload(Box<CreateMultipartUpload>),
    /// `PUT /b/k?partNumber&uploadId`
    UploadPart(UploadPart),
    /// The same with `x-amz-copy-source`
    UploadPartCopy(Box<UploadPartCopy>),
    /// `POST /b/k?uploadId`; the body is read by
    /// [`crate::xml::request::complete_multipart_upload`].
    CompleteMultipartUpload(CompleteMultipartUpload),
    /// `DELETE /b/k?uploadId`
    AbortMultipartUpload(AbortMultipartUpload),
    /// `GET /b/k?uploadId`
    ListParts(ListParts),
    /// `GET /b/k?attributes`
    GetObjectAttributes(GetObjectAttributes),
    /// `GET /b/k?acl`
    GetObjectAcl {
        /// The version asked for.
        version_id: Option<String>,
    },
    /// `PUT /b/k?acl`; the body is read by [`crate::xml::request::check_acl`].
    PutObjectAcl {
        /// The version asked for.
        version_id: Option<String>,
    },
    /// A sub-resource with one fixed answer, given once the object is known to exist.
    NotConfigured(Fixed),
}

impl Operation {
    /// The operation's name as AWS spells it, for logs.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::ListBuckets(_) => "ListBuckets",
            Self::Bucket { action, .. } => action.name(),
            Self::Object { action, .. } => action.name(),
        }
    }

    /// Whether its body is read.
    #[must_use]
    pub fn takes_body(&self) -> bool {
        match self {
            Self::ListBuckets(_) => false,
            Self::Bucket { action, .. } => matches!(
                action,
                BucketAction::CreateBucket(_)
                    | BucketAction::DeleteObjects
                    | BucketAction::PutBucketAcl
                    | BucketAction::PutBucketTagging
            ),
            Self::Object { action, .. } => {
                self.puts_bytes()
                    || matches!(
                        action,
                        ObjectAction::CompleteMultipartUpload(_)
                            | ObjectAction::PutObjectAcl { .. }
                    )
            }
        }
    }

    /// Whether the body is the bytes of an object or a part, which alone may come in frames.
    fn puts_bytes(&self) -> bool {
        let Self::Object { action, .. } = self else {
            return false;
        };
        matches!(
            action,
            ObjectAction::PutObject(_) | ObjectAction::UploadPart(_)
        )
    }
}

impl BucketAction {
    fn name(&self) -> &'static str {
        match self {
            Self::CreateBucket(_) => "CreateBucket",
            Self::HeadBucket => "HeadBucket",
            Self::DeleteBucket => "DeleteBucket",
            Self::GetBucketLocation => "GetBucketLocation",
            Self::ListObjects(_) => "ListObjects",
            Self::ListObjectsV2(_) => "ListObjectsV2",
            Self::ListObjectVersions(_) => "ListObjectVersions",
            Self::ListMultipartUploads(_) => "ListMultipartUploads",
            Self::DeleteObjects => "DeleteObjects",
            Self::GetBucketAcl => "GetBucketAcl",
            Self::PutBucketAcl => "PutBucketAcl",
            Self::GetBucketTagging => "GetBucketTagging",
            Self::PutBucketTagging => "PutBucketTagging",
            Self::DeleteBucketTagging => "DeleteBucketTagging",
            Self::NotConfigured(_) => "BucketNotConfigured",
        }
    }
}

impl ObjectAction {
    fn name(&self) -> &'static str {
        match self {
            Self::GetObject(_) => "GetObject",
            Self::HeadObject(_) => "HeadObject",
            Self::PutObject(_) => "PutObject",
            Self::DeleteObject(_) => "DeleteObject",
            Self::CopyObject(_) => "CopyObject",
            Self::CreateMultipartUpload(_) => "CreateMultipartUpload",
            Self::UploadPart(_) => "UploadPart",
            Self::UploadPartCopy(_) => "UploadPartCopy",
            Self::CompleteMultipartUpload(_) => "CompleteMultipartUpload",
            Self::AbortMultipartUpload(_) => "AbortMultipartUpload",
            Self::ListParts(_) => "ListParts",
            Self::GetObjectAttributes(_) => "GetObjectAttributes",
            Self::GetObjectAcl { .. } => "GetObjectAcl",
            Self::PutObjectAcl { .. } => "PutObjectAcl",
            Self::NotConfigured(_) => "ObjectNotConfigured",
        }
    }
}
