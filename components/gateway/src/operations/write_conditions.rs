//! What a write demands of the object that is there. The commit decides; asking beforehand only
//! spares a client the upload of a body that will be refused. It must never be the only check.

use billet_s3::condition::WriteCondition;

use crate::bindings::billet::bucket::objects;
use crate::bindings::billet::bucket::types::{Bucket, Condition, Refusal};
use crate::call::Call;
use crate::refusal::Result;

/// A condition as the commit evaluates it.
pub(crate) fn kept(condition: Option<WriteCondition>) -> Vec<Condition> {
    let any = || vec!["*".to_owned()];
    let condition = match condition {
        None => return Vec::new(),
        Some(WriteCondition::Absent) => Condition::IfNoneMatch(any()),
        Some(WriteCondition::Exists) => Condition::IfMatch(any()),
        Some(WriteCondition::Etag(etag)) => Condition::IfMatch(vec![etag]),
    };
    vec![condition]
}

/// Refuses a write whose condition does not hold now, and gives what the commit has to check.
pub(crate) async fn early(
    call: &Call,
    bucket: &Bucket,
    condition: Option<WriteCondition>,
) -> Result<Vec<Condition>> {
    let Some(condition) = condition else {
        return Ok(Vec::new());
    };
    let found = objects::lookup(bucket.name.clone(), call.key().to_owned()).await;
    let etag = match found.and_then(|(_, object)| object) {
        Ok(object) => Some(object.etag),
        Err(Refusal::NoSuchKey) => None,
        Err(other) => return Err(call.place().refusal(other)),
    };
    let holds = match &condition {
        WriteCondition::Absent => etag.is_none(),
        WriteCondition::Exists => etag.is_some(),
        WriteCondition::Etag(wanted) => etag.as_ref() == Some(wanted),
    };
    if !holds {
        return Err(condition.failure(call.key(), etag.is_some()).into());
    }
    Ok(kept(Some(condition)))
}
