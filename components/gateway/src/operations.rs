//! From an operation to the file that does it. It must never know what any of them does.

mod abort_multipart_upload;
mod acl;
mod bucket_tagging;
mod complete_multipart_upload;
mod copy_object;
mod create_bucket;
mod create_multipart_upload;
mod delete_bucket;
mod delete_object;
mod delete_objects;
mod fixed;
mod get_object_attributes;
mod head_bucket;
mod list_buckets;
mod list_objects;
mod list_uploads;
mod put_object;
mod read_object;
mod source;
mod upload;
mod upload_part;
mod upload_part_copy;
mod write_conditions;

use billet_s3::operation::{BucketAction, ObjectAction, Operation};

use std::rc::Rc;

use crate::call::Call;
use crate::intake::Body;
use crate::refusal::Result;
use crate::reply::Reply;

/// Does what was asked for.
pub(crate) async fn perform(
    call: &Rc<Call>,
    operation: Operation,
    mut body: Body,
) -> Result<Reply> {
    if !operation.takes_body() {
        body.unused(&call.head, &call.identity).await?;
    }
    match operation {
        Operation::ListBuckets(asked) => list_buckets::handle(call, asked).await,
        Operation::Bucket { action, .. } => on_bucket(call, action, body).await,
        Operation::Object { action, .. } => on_object(call, action, body).await,
    }
}

async fn on_bucket(call: &Call, action: BucketAction, body: Body) -> Result<Reply> {
    match action {
        BucketAction::CreateBucket(_) => create_bucket::handle(call, body).await,
        BucketAction::HeadBucket => head_bucket::handle(call).await,
        BucketAction::DeleteBucket => delete_bucket::handle(call).await,
        BucketAction::GetBucketLocation => fixed::location(call).await,
        BucketAction::ListObjects(asked) => list_objects::v1(call, asked).await,
        BucketAction::ListObjectsV2(asked) => list_objects::v2(call, asked).await,
        BucketAction::ListObjectVersions(asked) => list_objects::versions(call, asked).await,
        BucketAction::ListMultipartUploads(asked) => list_uploads::uploads(call, asked).await,
        BucketAction::DeleteObjects => delete_objects::handle(call, body).await,
        BucketAction::GetBucketAcl => acl::get_bucket(call).await,
        BucketAction::PutBucketAcl => acl::put_bucket(call, body).await,
        BucketAction::GetBucketTagging => bucket_tagging::get(call).await,
        BucketAction::PutBucketTagging => bucket_tagging::put(call, body).await,
        BucketAction::DeleteBucketTagging => bucket_tagging::delete(call).await,
        BucketAction::NotConfigured(answer) => fixed::of_bucket(call, answer).await,
    }
}

async fn on_object(call: &Rc<Call>, action: ObjectAction, body: Body) -> Result<Reply> {
    match action {
        ObjectAction::GetObject(asked) => read_object::handle(call, *asked, false).await,
        ObjectAction::HeadObject(asked) => read_object::handle(call, *asked, true).await,
        ObjectAction::PutObject(asked) => put_object::handle(call, *asked, body).await,
        ObjectAction::DeleteObject(asked) => delete_object::handle(call, asked).await,
        ObjectAction::CopyObject(asked) => copy_object::handle(call, *asked).await,
        ObjectAction::CreateMultipartUpload(asked) => {
            create_multipart_upload::handle(call, *asked).await
        }
        ObjectAction::UploadPart(asked) => upload_part::handle(call, asked, body).await,
        ObjectAction::UploadPartCopy(asked) => upload_part_copy::handle(call, *asked).await,
        ObjectAction::CompleteMultipartUpload(asked) => {
            complete_multipart_upload::handle(Rc::clone(call), asked, body).await
        }
        ObjectAction::AbortMultipartUpload(asked) => {
            abort_multipart_upload::handle(call, asked).await
        }
        ObjectAction::ListParts(asked) => list_uploads::parts(call, asked).await,
        ObjectAction::GetObjectAttributes(asked) => {
            get_object_attributes::handle(call, asked).await
        }
        ObjectAction::GetObjectAcl { version_id } => acl::get_object(call, version_id).await,
        ObjectAction::PutObjectAcl { version_id } => acl::put_object(call, version_id, body).await,
        ObjectAction::NotConfigured(answer) => fixed::of_object(call, answer).await,
    }
}
