//! PutObject. It must never read a body whose head is refused already.

use billet_s3::checksum::Algorithm;
use billet_s3::operation::PutObject;

use super::write_conditions;
use crate::attributes;
use crate::bindings::billet::bucket::changes::{Op, Put};
use crate::call::Call;
use crate::intake::{Body, Promise};
use crate::refusal::Result;
use crate::reply::Reply;
use crate::{checksums, durable};

pub(crate) async fn handle(call: &Call, asked: PutObject, body: Body) -> Result<Reply> {
    let promise = Promise::read(&call.head, call.identity.payload())?;
    let bucket = call.own_bucket().await?;
    let conditions = write_conditions::early(call, &bucket, asked.condition).await?;
    // A level that does not exist is refused before the body is read.
    durable::wanted(&call.head, &bucket, call.settings)?;
    let keep = promise.algorithm().unwrap_or(Algorithm::Crc64Nvme);
    let stored = body
        .store(&bucket.space, &call.identity, &promise, keep)
        .await?;
    let put = Put {
        key: call.key().to_owned(),
        etag: stored.etag(),
        attributes: attributes::kept(asked.headers),
        checksums: stored.kept(),
        source: stored.source,
        conditions,
    };
    let change = call.change(&bucket, &call.place(), Op::Put(put)).await?;
    let mut reply = Reply::empty(200);
    if let Some(object) = &change.done.object {
        reply = reply
            .header("ETag", billet_s3::etag::quote(&object.etag))
            .header("x-amz-object-size", object.content.size.to_string())
            .header("x-ipfs-cid", crate::convert::cid(&object.content.root))
            .headers(checksums::headers(&object.checksums, object.parts.len()));
    }
    Ok(change.told(reply))
}
