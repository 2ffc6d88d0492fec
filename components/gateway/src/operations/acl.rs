//! ACLs, which are switched off: there is one, and no other can be put. It must never answer for a
//! bucket or an object that is not there.

use billet_s3::xml::request::{self, SMALL_BODY_MAX_BYTES};
use billet_s3::xml::response;

use crate::bindings::billet::bucket::types::Bucket;
use crate::call::Call;
use crate::convert;
use crate::intake::Body;
use crate::refusal::Result;
use crate::reply::Reply;

pub(crate) async fn get_bucket(call: &Call) -> Result<Reply> {
    let bucket = call.own_bucket().await?;
    Ok(get(&bucket))
}

pub(crate) async fn get_object(call: &Call, version_id: Option<String>) -> Result<Reply> {
    let (bucket, _) = call.own_object(version_id.as_deref()).await?;
    Ok(get(&bucket))
}

pub(crate) async fn put_bucket(call: &Call, body: Body) -> Result<Reply> {
    let bucket = call.own_bucket().await?;
    put(call, &bucket, body).await
}

pub(crate) async fn put_object(
    call: &Call,
    version_id: Option<String>,
    body: Body,
) -> Result<Reply> {
    let (bucket, _) = call.own_object(version_id.as_deref()).await?;
    put(call, &bucket, body).await
}

fn get(bucket: &Bucket) -> Reply {
    Reply::xml(response::access_control_policy(&convert::owner(bucket)))
}

/// Nothing is kept: what is accepted holds already.
async fn put(call: &Call, bucket: &Bucket, body: Body) -> Result<Reply> {
    let document = body
        .document(&call.head, &call.identity, SMALL_BODY_MAX_BYTES)
        .await?;
    request::check_acl(&call.head, &document, &bucket.owner)?;
    Ok(Reply::empty(200))
}
