//! From method, target, query and headers to an operation. It must never authorise: what it refuses
//! it refuses to everybody, and it tells nothing of what exists.

use super::bucket::{
    CreateBucket, ListBuckets, ListMultipartUploads, ListObjectVersions, ListObjects, ListObjectsV2,
};
use super::object::{
    CopyObject, DeleteObject, GetObject, GetObjectAttributes, PutObject, version_id,
};
use super::upload::{
    AbortMultipartUpload, CompleteMultipartUpload, CreateMultipartUpload, ListParts, UploadPart,
    UploadPartCopy,
};
use super::{BucketAction, ObjectAction, Operation, fixed};
use crate::error::{Code, Resource, Result, S3Error};
use crate::head::RequestHead;
use crate::payload::{self, CONTENT_SHA256, Payload};
use crate::query::Query;
use crate::target::Target;

const COPY_SOURCE: &str = "x-amz-copy-source";

/// What is offered for other methods or for objects only. A PUT or DELETE that names one of these
/// must not create or delete the bucket.
const BUCKET_ONLY_ELSEWHERE: &[&str] = &[
    "acl",
    "attributes",
    "delete",
    "legal-hold",
    "list-type",
    "location",
    "partNumber",
    "restore",
    "retention",
    "select",
    "tagging",
    "torrent",
    "uploadId",
    "uploads",
    "versionId",
    "versions",
];

/// The same for objects: a PUT or DELETE that names one of these must not touch the object, and
/// none but HEAD may that names what only a bucket has.
const OBJECT_ONLY_ELSEWHERE: &[&str] = &[
    "acl",
    "attributes",
    "delete",
    "legal-hold",
    "location",
    "retention",
    "uploads",
    "versions",
];

/// Routes a request and reads its parameters. `now_ms` is the server's time in milliseconds since
/// 1970. Parameters that S3 does not know are ignored.
///
/// # Errors
/// `MethodNotAllowed` with method and resource, `InvalidRequest` for a framed body where neither an
/// object nor a part is put, and every error of a parameter.
pub fn route(head: &RequestHead, target: &Target, query: &Query, now_ms: u64) -> Result<Operation> {
    let request = Request {
        head,
        query,
        now_ms,
        method: head.method.as_str(),
    };
    if request.method == "OPTIONS" {
        return Err(request.preflight(target));
    }
    request.refuse_copy_source()?;
    let framed = request.is_framed()?;
    if framed && target.key.is_none() {
        return Err(payload::wrong_use());
    }
    let operation = request.operation(target)?;
    if framed && !operation.puts_bytes() {
        return Err(payload::wrong_use());
    }
    Ok(operation)
}

struct Request<'a> {
    head: &'a RequestHead,
    query: &'a Query,
    now_ms: u64,
    method: &'a str,
}

impl Request<'_> {
    fn operation(&self, target: &Target) -> Result<Operation> {
        match (&target.bucket, &target.key) {
            (None, _) if self.method == "GET" => {
                Ok(Operation::ListBuckets(ListBuckets::parse(self.query)?))
            }
            (None, _) => Err(S3Error::method_not_allowed(
                self.method,
                Resource::Service,
                None,
            )),
            (Some(bucket), None) => Ok(Operation::Bucket {
                bucket: bucket.clone(),
                action: self.bucket(bucket)?,
            }),
            (Some(bucket), Some(key)) => Ok(Operation::Object {
                bucket: bucket.clone(),
                key: key.clone(),
                action: self.object()?,
            }),
        }
    }

    /// Whether the body is said to come in frames, by a header or by a presigned URL.
    fn is_framed(&self) -> Result<bool> {
        let header = self.head.once(CONTENT_SHA256)?;
        let value = header.or_else(|| self.query.get("X-Amz-Content-Sha256"));
        let payload = value.and_then(|value| Payload::parse(value).ok());
        Ok(payload.is_some_and(|payload| payload.is_framed()))
    }

    /// A copy source belongs to PUT alone, and to a POST that is not about an upload it is nothing.
    fn refuse_copy_source(&self) -> Result<()> {
        let counts = match self.method {
            "GET" | "HEAD" | "DELETE" => true,
            "POST" => self.query.has("uploadId"),
            _ => false,
        };
        match self.head.once(COPY_SOURCE)?.filter(|_| counts) {
            None => Ok(()),
            Some(source) => Err(S3Error::invalid_argument(
                COPY_SOURCE,
                source,
                "You can only specify a copy source header for copy requests.",
            )),
        }
    }

    fn bucket(&self, name: &str) -> Result<BucketAction> {
        if self.method == "HEAD" {
            return Ok(BucketAction::HeadBucket);
        }
        if let Some(action) = fixed::bucket(self.method, name, self.query) {
            return Ok(action);
        }
        match self.method {
            "GET" => self.get_bucket(),
            "PUT" if self.query.has("tagging") => Ok(BucketAction::PutBucketTagging),
            "PUT" if self.query.has("acl") => Ok(BucketAction::PutBucketAcl),
            "DELETE" if self.query.has("tagging") => Ok(BucketAction::DeleteBucketTagging),
            "POST" if self.query.has("delete") => Ok(BucketAction::DeleteObjects),
            _ if self.names_any(BUCKET_ONLY_ELSEWHERE) => Err(S3Error::method_not_allowed(
                self.method,
                Resource::Bucket,
                None,
            )),
            "PUT" => Ok(BucketAction::CreateBucket(CreateBucket::parse(self.head)?)),
            "DELETE" => Ok(BucketAction::DeleteBucket),
            "POST" => Err(self.post_form()?),
            _ => Err(S3Error::method_not_allowed(
                self.method,
                Resource::Bucket,
                None,
            )),
        }
    }

    fn names_any(&self, names: &[&str]) -> bool {
        names.iter().any(|name| self.query.has(name))
    }

    fn get_bucket(&self) -> Result<BucketAction> {
        let query = self.query;
        Ok(if query.has("location") {
            BucketAction::GetBucketLocation
        } else if query.has("tagging") {
            BucketAction::GetBucketTagging
        } else if query.has("acl") {
            BucketAction::GetBucketAcl
        } else if query.has("uploads") {
            BucketAction::ListMultipartUploads(ListMultipartUploads::parse(query)?)
        } else if query.has("versions") {
            BucketAction::ListObjectVersions(ListObjectVersions::parse(query)?)
        } else if query.get("list-type") == Some("2") {
            BucketAction::ListObjectsV2(ListObjectsV2::parse(query)?)
        } else {
            BucketAction::ListObjects(ListObjects::parse(query)?)
        })
    }

    /// A POST on a bucket is a form upload or a mistake.
    fn post_form(&self) -> Result<S3Error> {
        const CONDITION: &str = "Bucket POST must be of the enclosure-type multipart/form-data";
        let kind = self.head.once("content-type")?.unwrap_or_default();
        let kind = kind.split(';').next().unwrap_or_default().trim();
        if kind.eq_ignore_ascii_case("multipart/form-data") {
            return Ok(S3Error::new(Code::NotImplemented));
        }
        Ok(S3Error::precondition_failed(CONDITION))
    }

    fn object(&self) -> Result<ObjectAction> {
        if self.method != "HEAD"
            && let Some(action) = fixed::object(self.method, self.query)
        {
            return Ok(action);
        }
        let elsewhere = match self.method {
            "GET" => fixed::is_of_bucket(self.query),
            "PUT" | "DELETE" => {
                fixed::is_of_bucket(self.query) || self.names_any(OBJECT_ONLY_ELSEWHERE)
            }
            _ => false,
        };
        match self.method {
            "HEAD" => {
                let parsed = GetObject::parse(self.head, self.query)?;
                Ok(ObjectAction::HeadObject(Box::new(parsed)))
            }
            "PUT" if self.query.has("acl") => Ok(ObjectAction::PutObjectAcl {
                version_id: version_id(self.query)?,
            }),
            _ if elsewhere => Err(S3Error::method_not_allowed(
                self.method,
                Resource::Object,
                None,
            )),
            "GET" => self.get_object(),
            "PUT" => self.put_object(),
            "DELETE" => self.delete_object(),
            "POST" => self.post_object(),
            _ => Err(S3Error::method_not_allowed(
                self.method,
                Resource::Object,
                None,
            )),
        }
    }

    fn get_object(&self) -> Result<ObjectAction> {
        let query = self.query;
        if query.has("uploads") {
            return Err(S3Error::invalid_request(
                "Key is not expected for the GET method ?uploads subresource",
            ));
        }
        if query.has("versions") {
            return Err(S3Error::invalid_request(
                "There is no such thing as the ?versions sub-resource for a key",
            ));
        }
        Ok(if query.has("acl") {
            ObjectAction::GetObjectAcl {
                version_id: version_id(query)?,
            }
        } else if query.has("attributes") {
            ObjectAction::GetObjectAttributes(GetObjectAttributes::parse(self.head, query)?)
        } else if let Some(upload_id) = query.get("uploadId") {
            ObjectAction::ListParts(ListParts::parse(query, upload_id)?)
        } else {
            ObjectAction::GetObject(Box::new(GetObject::parse(self.head, query)?))
        })
    }

    fn put_object(&self) -> Result<ObjectAction> {
        let source = self.head.once(COPY_SOURCE)?;
        match (
            self.query.get("partNumber"),
            self.query.get("uploadId"),
            source,
        ) {
            (Some(number), Some(upload_id), source) => {
                let part = UploadPart::parse(self.head, upload_id, number)?;
                let Some(source) = source else {
                    return Ok(ObjectAction::UploadPart(part));
                };
                let copy = UploadPartCopy::parse(self.head, part, source)?;
                Ok(ObjectAction::UploadPartCopy(Box::new(copy)))
            }
            (Some(_), None, _) => Err(S3Error::invalid_argument(
                "partNumber",
                "partNumber",
                "This operation does not accept partNumber without uploadId",
            )),
            (None, Some(_), _) => {
                let allow = Some("DELETE, POST, GET");
                Err(S3Error::method_not_allowed(
                    self.method,
                    Resource::Upload,
                    allow,
                ))
            }
            (None, None, Some(source)) => {
                let copy = CopyObject::parse(self.head, source, self.now_ms)?;
                Ok(ObjectAction::CopyObject(Box::new(copy)))
            }
            (None, None, None) => {
                let put = PutObject::parse(self.head, self.now_ms)?;
                Ok(ObjectAction::PutObject(Box::new(put)))
            }
        }
    }

    fn delete_object(&self) -> Result<ObjectAction> {
        Ok(match self.query.get("uploadId") {
            Some(upload_id) => ObjectAction::AbortMultipartUpload(AbortMultipartUpload::parse(
                self.head, upload_id,
            )?),
            None => ObjectAction::DeleteObject(DeleteObject::parse(self.head, self.query)?),
        })
    }

    fn post_object(&self) -> Result<ObjectAction> {
        if let Some(upload_id) = self.query.get("uploadId") {
            let complete = CompleteMultipartUpload::parse(self.head, upload_id)?;
            return Ok(ObjectAction::CompleteMultipartUpload(complete));
        }
        if self.query.has("uploads") {
            let create = CreateMultipartUpload::parse(self.head, self.now_ms)?;
            return Ok(ObjectAction::CreateMultipartUpload(Box::new(create)));
        }
        // The conformance suite expects the service as the resource here.
        Err(S3Error::method_not_allowed(
            self.method,
            Resource::Service,
            None,
        ))
    }

    /// No bucket has CORS rules: every preflight is refused, the ill-formed ones as such.
    fn preflight(&self, target: &Target) -> S3Error {
        let values = |name| self.head.values(name).next().map(String::from_utf8_lossy);
        if values("origin").is_none_or(|origin| origin.is_empty()) {
            return S3Error::new(Code::BadRequest)
                .message("Insufficient information. Origin request header needed.");
        }
        let method = values("access-control-request-method").unwrap_or_default();
        if !matches!(method.as_ref(), "GET" | "PUT" | "POST" | "DELETE" | "HEAD") {
            return S3Error::new(Code::BadRequest)
                .message(format!("Invalid Access-Control-Request-Method: {method}"));
        }
        let resource = if target.key.is_some() {
            Resource::Object
        } else {
            Resource::Bucket
        };
        S3Error::new(Code::AccessForbidden)
            .field("Method", method)
            .field("ResourceType", resource.name())
    }
}
