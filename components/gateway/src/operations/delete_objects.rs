//! DeleteObjects: many keys in one commit, each with an outcome of its own. It must never let one
//! bad entry stop the others.

use billet_s3::checksum::{self, Announced};
use billet_s3::condition::WriteCondition;
use billet_s3::operation::require_null_version;
use billet_s3::xml::request::{self, DELETE_BODY_MAX_BYTES, ObjectIdentifier};
use billet_s3::xml::response::{self, Deleted, DeletedLine};
use billet_s3::{Code, S3Error};

use super::write_conditions;
use crate::bindings::billet::bucket::changes::{Delete, Op};
use crate::call::{Call, apply};
use crate::durable;
use crate::intake::Body;
use crate::refusal::{Place, Result};
use crate::reply::Reply;

pub(crate) async fn handle(call: &Call, body: Body) -> Result<Reply> {
    let md5 = checksum::content_md5(&call.head)?;
    if md5.is_none() && Announced::parse(&call.head)? == Announced::Nothing {
        return Err(checksum::missing().into());
    }
    let bucket = call.own_bucket().await?;
    let level = durable::wanted(&call.head, &bucket, call.settings)?;
    let document = body
        .document(&call.head, &call.identity, DELETE_BODY_MAX_BYTES)
        .await?;
    let asked = request::delete_objects(&document)?;
    let verdicts: Vec<_> = asked.objects.iter().map(check).collect();
    let pairs = asked.objects.iter().zip(&verdicts);
    let ops: Vec<_> = pairs
        .filter(|(_, verdict)| verdict.is_ok())
        .map(|(each, _)| op(each))
        .collect();
    let done = if ops.is_empty() {
        Vec::new()
    } else {
        apply(&bucket.name, ops).await
    };
    let newest = done.iter().flatten().map(|done| done.seq).max();
    let mut done = done.into_iter();
    let mut lines = Vec::with_capacity(asked.objects.len());
    for (object, verdict) in asked.objects.into_iter().zip(verdicts) {
        let place = Place {
            key: &object.key,
            ..call.place()
        };
        let outcome = verdict.and_then(|()| match done.next() {
            Some(Ok(_)) => Ok(()),
            Some(Err(refusal)) => Err(place.refusal(refusal).error().clone()),
            None => Err(Code::InternalError.into()),
        });
        lines.push(line(object, outcome));
    }
    if let Some(seq) = newest {
        durable::settle(&bucket.name, seq, level).await?;
    }
    let reply = Reply::xml(response::delete_objects(&lines, asked.quiet));
    Ok(reply.header(durable::HEADER, durable::name(level)))
}

/// What can be said of an entry without looking at the bucket.
fn check(object: &ObjectIdentifier) -> std::result::Result<(), S3Error> {
    object.check()?;
    require_null_version(&object.key, object.version_id.as_deref())
}

fn op(object: &ObjectIdentifier) -> Op {
    let condition = object.etag.as_deref().map(WriteCondition::etag);
    Op::Delete(Delete {
        key: object.key.clone(),
        conditions: write_conditions::kept(condition),
    })
}

fn line(object: ObjectIdentifier, outcome: std::result::Result<(), S3Error>) -> DeletedLine {
    let ObjectIdentifier {
        key, version_id, ..
    } = object;
    match outcome {
        Ok(()) => DeletedLine::Deleted(Deleted {
            key,
            version_id,
            delete_marker: None,
        }),
        Err(error) => DeletedLine::Failed {
            key,
            version_id,
            error,
        },
    }
}
