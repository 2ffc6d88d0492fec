//! DeleteBucket. It must never decide by itself that a bucket is empty: the commit does.

use crate::bindings::billet::bucket::changes::Op;
use crate::bindings::billet::bucket::types::Refusal;
use crate::bindings::billet::store::types::StoreError;
use crate::call::Call;
use crate::refusal::Result;
use crate::reply::Reply;

/// Most commits for one request; each takes some of what a bucket has beside its keys.
const COMMITS_MAX: usize = 256;

pub(crate) async fn handle(call: &Call) -> Result<Reply> {
    let bucket = call.own_bucket().await?;
    let mut refused = Refusal::Store(StoreError::Busy(0));
    for _ in 0..COMMITS_MAX {
        match call.attempt(&bucket, Op::DeleteBucket).await? {
            Ok(change) => return Ok(change.told(Reply::empty(204))),
            Err(refusal) => refused = refusal,
        }
        // With nothing to wait for, the commit has taken a part and asking again gets on.
        if !matches!(refused, Refusal::Store(StoreError::Busy(0))) {
            break;
        }
    }
    Err(call.place().refusal(refused))
}
