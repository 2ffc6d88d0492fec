//! DeleteBucket. It must never decide by itself that a bucket is empty: the commit does.

use crate::bindings::billet::bucket::changes::Op;
use crate::call::Call;
use crate::refusal::Result;
use crate::reply::Reply;

pub(crate) async fn handle(call: &Call) -> Result<Reply> {
    let bucket = call.own_bucket().await?;
    let change = call
        .change(&bucket, &call.place(), Op::DeleteBucket)
        .await?;
    Ok(change.told(Reply::empty(204)))
}
