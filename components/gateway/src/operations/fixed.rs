//! Sub-resources with one answer each, as nothing is configured. It must never answer for a bucket
//! or an object that is not there.

use billet_s3::operation::Fixed;
use billet_s3::xml::response;

use crate::call::Call;
use crate::refusal::Result;
use crate::reply::Reply;

pub(crate) async fn of_bucket(call: &Call, answer: Fixed) -> Result<Reply> {
    call.own_bucket().await?;
    told(answer)
}

pub(crate) async fn of_object(call: &Call, answer: Fixed) -> Result<Reply> {
    call.own_object(None).await?;
    told(answer)
}

pub(crate) async fn location(call: &Call) -> Result<Reply> {
    let bucket = call.own_bucket().await?;
    Ok(Reply::xml(response::bucket_location(&bucket.region)))
}

fn told(answer: Fixed) -> Result<Reply> {
    match answer {
        Fixed::Error(error) => Err(error.into()),
        Fixed::Document(document) => Ok(Reply::xml(document)),
        Fixed::NoContent => Ok(Reply::empty(204)),
    }
}
