//! CreateMultipartUpload. It must never accept a checksum that the completion could not make.

use billet_s3::checksum;
use billet_s3::operation::CreateMultipartUpload;
use billet_s3::xml::response::initiate_multipart_upload;

use crate::bindings::billet::bucket::changes::{CreateUpload, Op};
use crate::call::Call;
use crate::refusal::Result;
use crate::reply::Reply;
use crate::{attributes, convert, intake};

pub(crate) async fn handle(call: &Call, asked: CreateMultipartUpload) -> Result<Reply> {
    let requested = checksum::requested(&call.head)?;
    if let Some((algorithm, _)) = requested {
        intake::offered(algorithm)?;
    }
    let bucket = call.own_bucket().await?;
    let create = CreateUpload {
        key: call.key().to_owned(),
        owner: call.identity.id().to_owned(),
        owner_name: call.identity.name().to_owned(),
        attributes: attributes::kept(asked.headers),
        checksum_algorithm: requested.map(|(algorithm, _)| algorithm.digest_name().to_owned()),
        checksum_kind: requested.map(|(_, kind)| convert::kept_kind(kind)),
    };
    let change = call
        .change(&bucket, &call.place(), Op::CreateUpload(create))
        .await?;
    let id = change.done.upload.as_deref().unwrap_or_default();
    let mut reply = Reply::xml(initiate_multipart_upload(call.bucket(), call.key(), id));
    if let Some((algorithm, kind)) = requested {
        reply = reply
            .header("x-amz-checksum-algorithm", algorithm.name())
            .header("x-amz-checksum-type", kind.name());
    }
    Ok(change.told(reply))
}
