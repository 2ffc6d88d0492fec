//! UploadPart. It must never read a body for an upload that is not there.

use billet_s3::etag;
use billet_s3::operation::UploadPart;

use super::upload;
use crate::bindings::billet::bucket::changes::{Op, PutPart};
use crate::call::Call;
use crate::intake::{Body, Promise};
use crate::refusal::{Place, Result};
use crate::reply::Reply;
use crate::{checksums, durable};

pub(crate) async fn handle(call: &Call, asked: UploadPart, body: Body) -> Result<Reply> {
    let promise = Promise::read(&call.head, call.identity.payload())?;
    let bucket = call.own_bucket().await?;
    let found = upload::find(call, &bucket, &asked.upload_id).await?;
    let keep = upload::algorithm(&found, promise.algorithm())?;
    durable::wanted(&call.head, &bucket, call.settings)?;
    let stored = body
        .store(&bucket.space, &call.identity, &promise, keep)
        .await?;
    let (tag, kept) = (stored.etag(), stored.kept());
    // The checksum that the client knows is the one to tell.
    let told: Vec<_> = kept.iter().rev().take(1).cloned().collect();
    let part = PutPart {
        key: call.key().to_owned(),
        upload: asked.upload_id.clone(),
        number: asked.part_number,
        source: stored.source,
        etag: tag.clone(),
        checksums: kept,
    };
    let place = Place {
        upload: &asked.upload_id,
        ..call.place()
    };
    let change = call.change(&bucket, &place, Op::PutPart(part)).await?;
    let reply = Reply::empty(200).header("ETag", etag::quote(&tag));
    Ok(change.told(reply.headers(checksums::of_part(&told))))
}
