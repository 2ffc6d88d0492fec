//! CompleteMultipartUpload. It must never make an object of other parts than those named, and
//! answers the same again when it is asked the same again.

use std::rc::Rc;

use billet_s3::checksum::{self, Algorithm, Completed, Type};
use billet_s3::operation::CompleteMultipartUpload;
use billet_s3::xml::request::{self, COMPLETE_BODY_MAX_BYTES, CompletedPart};
use billet_s3::xml::response::{self, CompleteMultipartUploadResult};

use super::{upload, write_conditions};
use crate::bindings::billet::bucket::changes::{Complete, Op};
use crate::bindings::billet::bucket::objects::{self, NamedPart, Upload};
use crate::bindings::billet::bucket::types::{self as bucket, Bucket, Object, Refusal};
use crate::call::Call;
use crate::convert;
use crate::intake::Body;
use crate::patience::{Work, within};
use crate::refusal::{Place, Result};
use crate::reply::Reply;

pub(crate) async fn handle(
    call: Rc<Call>,
    asked: CompleteMultipartUpload,
    body: Body,
) -> Result<Reply> {
    let promised = Completed::parse(&call.head)?;
    let bucket = call.own_bucket().await?;
    let document = body
        .enclosed(&call.identity, COMPLETE_BODY_MAX_BYTES)
        .await?;
    let named_parts = request::complete_multipart_upload(&document)?;
    let keep_alive_ms = call.settings.keep_alive_ms;
    let mut work: Work<Result<Reply>> =
        Box::pin(async move { complete(&call, asked, promised, bucket, named_parts).await });
    match within(&mut work, keep_alive_ms).await {
        Some(outcome) => outcome,
        None => Ok(Reply::late(work, keep_alive_ms)),
    }
}

/// The part that takes long where there are many parts.
async fn complete(
    call: &Call,
    asked: CompleteMultipartUpload,
    promised: Completed,
    bucket: Bucket,
    named_parts: Vec<CompletedPart>,
) -> Result<Reply> {
    let parts: Vec<_> = named_parts.iter().map(named).collect();
    let conditions = write_conditions::early(call, &bucket, asked.condition.clone()).await;
    let place = Place {
        upload: &asked.upload_id,
        parts: &parts,
        ..call.place()
    };
    let (log, key) = (bucket.name.clone(), call.key().to_owned());
    let id = asked.upload_id.clone();
    // Somebody may have completed or aborted it by now: then the bucket says so.
    let found = upload::find(call, &bucket, &asked.upload_id).await.ok();
    let created = found.as_ref().and_then(created);
    for part in &named_parts {
        checksum::check_part(created, part.number, part.checksum.as_ref())?;
    }
    let assembly = match objects::assemble(log, key, id.clone(), parts.clone()).await {
        Ok(assembly) => assembly,
        Err(Refusal::Completed(object)) => return Ok(told(call, &object, parts.len())),
        Err(refusal) => return Err(place.refusal(refusal)),
    };
    // A repeated completion is answered before its condition is looked at.
    let conditions = conditions?;
    if let Some(declared) = asked.object_size_bytes
        && declared != assembly.size
    {
        return Err(CompleteMultipartUpload::size_mismatch(declared, assembly.size).into());
    }
    let count = u32::try_from(parts.len()).unwrap_or(u32::MAX);
    let checksum = promised
        .expected(created, count)?
        .map(|checksum| bucket::Checksum {
            kind: convert::kept_kind(created.map_or(Type::FullObject, |(_, kind)| kind)),
            ..convert::full(&checksum)
        });
    let complete = Complete {
        key: call.key().to_owned(),
        upload: id,
        checksum,
        parts: parts.clone(),
        assembly,
        size: asked.object_size_bytes,
        conditions,
    };
    match call.attempt(&bucket, Op::Complete(complete)).await? {
        Ok(change) => match &change.done.object {
            Some(object) => Ok(change.told(told(call, object, parts.len()))),
            None => Err(billet_s3::Code::InternalError.into()),
        },
        Err(Refusal::Completed(object)) => Ok(told(call, &object, parts.len())),
        Err(refusal) => Err(place.refusal(refusal)),
    }
}

/// A part as the bucket compares it.
fn named(part: &CompletedPart) -> NamedPart {
    NamedPart {
        number: part.number,
        etag: part.etag.clone(),
        checksums: part.checksum.iter().map(convert::full).collect(),
    }
}

fn told(call: &Call, object: &Object, parts: usize) -> Reply {
    let host = call.identity.host().unwrap_or_default();
    let result = CompleteMultipartUploadResult {
        location: &format!("http://{host}{}", call.target.to_raw_path()),
        bucket: call.bucket(),
        key: call.key(),
        etag: &object.etag,
        checksum: convert::first(&object.checksums),
        part_count: u32::try_from(parts).unwrap_or(u32::MAX),
    };
    Reply::xml(response::complete_multipart_upload(&result))
        .header("x-ipfs-cid", convert::cid(&object.content.root))
}

/// What an upload was created with; none where it named no algorithm.
fn created(upload: &Upload) -> Option<(Algorithm, Type)> {
    let algorithm = convert::algorithm(upload.checksum_algorithm.as_deref()?)?;
    Some((
        algorithm,
        upload.checksum_kind.map_or(Type::FullObject, convert::kind),
    ))
}
