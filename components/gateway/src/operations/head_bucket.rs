//! HeadBucket. It must never tell anything of a bucket that is not the caller's.

use crate::call::Call;
use crate::convert;
use crate::refusal::Result;
use crate::reply::Reply;

pub(crate) async fn handle(call: &Call) -> Result<Reply> {
    let bucket = call.own_bucket().await?;
    Ok(Reply::empty(200)
        .header("x-amz-bucket-region", bucket.region)
        .header("x-amz-access-point-alias", "false")
        .header("x-billet-root", convert::cid(&bucket.root)))
}
