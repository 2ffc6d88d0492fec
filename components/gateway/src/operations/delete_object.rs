//! DeleteObject. It must never refuse a key that is not there, unless a condition asks for it.

use billet_s3::operation::{DeleteObject, require_null_version};

use super::write_conditions;
use crate::bindings::billet::bucket::changes::{Delete, Op};
use crate::call::Call;
use crate::refusal::Result;
use crate::reply::Reply;

pub(crate) async fn handle(call: &Call, asked: DeleteObject) -> Result<Reply> {
    let bucket = call.own_bucket().await?;
    require_null_version(call.key(), asked.version_id.as_deref())?;
    let delete = Delete {
        key: call.key().to_owned(),
        conditions: write_conditions::kept(asked.condition),
    };
    let change = call
        .change(&bucket, &call.place(), Op::Delete(delete))
        .await?;
    Ok(change.told(Reply::empty(204)))
}
