//! UploadPartCopy: a part made of bytes that are stored already. It must never hold those bytes.

use billet_s3::operation::UploadPartCopy;
use billet_s3::xml::response::{self, CopyResult};

use super::{source, upload};
use crate::bindings::billet::bucket::changes::{Op, PutPart};
use crate::call::Call;
use crate::refusal::{Place, Result};
use crate::reply::Reply;
use crate::{convert, transfer};

pub(crate) async fn handle(call: &Call, asked: UploadPartCopy) -> Result<Reply> {
    let bucket = call.own_bucket().await?;
    let source = asked.source()?;
    let id = &asked.part.upload_id;
    let found = upload::find(call, &bucket, id).await?;
    let object = source::find(call, &source, &asked.source_conditions).await?;
    let size = object.content.size;
    let (offset, length) = match asked.range {
        Some(range) => range.resolve(size)?,
        None => (0, size),
    };
    upload::check_size(length)?;
    let keep = upload::kept_algorithm(&found);
    let stored = transfer::put(&object.content, offset, length, &bucket.space, keep).await?;
    let (etag, checksums) = (stored.etag(), stored.kept());
    let part = PutPart {
        key: call.key().to_owned(),
        upload: id.clone(),
        number: asked.part.part_number,
        source: stored.source,
        etag: etag.clone(),
        checksums: checksums.clone(),
    };
    let place = Place {
        upload: id,
        ..call.place()
    };
    let change = call.change(&bucket, &place, Op::PutPart(part)).await?;
    // S3 tells the checksum of a part only where the upload asked for one.
    let asked_for = found.checksum_algorithm.is_some();
    let result = CopyResult {
        etag,
        modified_ms: change.done.time_ms,
        checksum: convert::first(&checksums).filter(|_| asked_for),
        part_count: None,
    };
    Ok(change.told(Reply::xml(response::copy_part(&result))))
}
