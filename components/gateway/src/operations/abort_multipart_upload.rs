//! AbortMultipartUpload. It must never touch an object.

use billet_s3::operation::AbortMultipartUpload;

use crate::bindings::billet::bucket::changes::{Abort, Op};
use crate::call::Call;
use crate::refusal::{Place, Result};
use crate::reply::Reply;

pub(crate) async fn handle(call: &Call, asked: AbortMultipartUpload) -> Result<Reply> {
    let bucket = call.own_bucket().await?;
    let place = Place {
        upload: &asked.upload_id,
        ..call.place()
    };
    let abort = Abort {
        key: call.key().to_owned(),
        upload: asked.upload_id.clone(),
        started_ms: None,
    };
    let change = call.change(&bucket, &place, Op::Abort(abort)).await?;
    Ok(change.told(Reply::empty(204)))
}
