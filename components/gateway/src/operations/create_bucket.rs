//! CreateBucket. It must never take a name that a signature or a host could read in two ways.

use billet_s3::bucket_name;
use billet_s3::xml::request::{self, SMALL_BODY_MAX_BYTES};

use super::bucket_tagging;
use crate::bindings::billet::bucket::changes::{CreateBucket, Op};
use crate::call::{Call, apply};
use crate::convert;
use crate::intake::Body;
use crate::refusal::Result;
use crate::reply::Reply;

pub(crate) async fn handle(call: &Call, body: Body) -> Result<Reply> {
    bucket_name::check_new(call.bucket())?;
    let document = body
        .document(&call.head, &call.identity, SMALL_BODY_MAX_BYTES)
        .await?;
    let configuration = request::create_bucket(&document)?;
    configuration.check_region(&call.settings.region)?;
    let create = CreateBucket {
        owner: call.identity.id().to_owned(),
        owner_name: call.identity.name().to_owned(),
        region: call.settings.region.clone(),
        space: call.settings.space.clone(),
    };
    let mut ops = vec![Op::CreateBucket(create)];
    if !configuration.tags.is_empty() {
        ops.push(Op::Configure(vec![bucket_tagging::setting(
            &configuration.tags,
        )?]));
    }
    let outcomes = apply(call.bucket(), ops).await;
    let outcomes: std::result::Result<Vec<_>, _> = outcomes.into_iter().collect();
    let done = outcomes
        .map_err(|refusal| call.place().refusal(refusal))?
        .pop();
    let done = done.ok_or(billet_s3::Code::InternalError)?;
    Ok(Reply::empty(200)
        .header(
            "x-amz-bucket-arn",
            format!("arn:aws:s3:::{}", call.bucket()),
        )
        .header("Location", format!("/{}", call.bucket()))
        .header("x-billet-root", convert::cid(&done.root)))
}
