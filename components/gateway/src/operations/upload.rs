//! What operations on an upload in parts share. It must never look at a body.

use billet_s3::S3Error;
use billet_s3::checksum::{self, Algorithm};
use billet_s3::payload::MAX_UPLOAD_BYTES;

use crate::bindings::billet::bucket::objects::{self, Upload};
use crate::bindings::billet::bucket::types::{Bucket, ChecksumKind};
use crate::call::Call;
use crate::convert;
use crate::refusal::{Place, Result};

/// The upload itself.
pub(crate) async fn find(call: &Call, bucket: &Bucket, id: &str) -> Result<Upload> {
    let (log, key) = (bucket.name.clone(), call.key().to_owned());
    let page = objects::list_parts(log, key, id.to_owned(), 0, 1).await;
    let place = Place {
        upload: id,
        ..call.place()
    };
    let page = page.map_err(|refusal| place.refusal(refusal))?;
    Ok(page.upload)
}

/// The algorithm in which the parts of an upload are kept.
pub(crate) fn kept_algorithm(upload: &Upload) -> Algorithm {
    let named = upload
        .checksum_algorithm
        .as_deref()
        .and_then(convert::algorithm);
    named.unwrap_or(Algorithm::Crc64Nvme)
}

/// The same for a part that comes with a checksum or without: where the upload named an
/// algorithm, no part may have another, and a composite checksum needs one of every part.
pub(crate) fn algorithm(upload: &Upload, announced: Option<Algorithm>) -> Result<Algorithm> {
    let kept = kept_algorithm(upload);
    if upload.checksum_algorithm.is_none() {
        return Ok(kept);
    }
    let composite = upload.checksum_kind == Some(ChecksumKind::Composite);
    match announced {
        Some(other) if other != kept => Err(checksum::mismatch(kept, Some(other)).into()),
        None if composite => Err(checksum::mismatch(kept, None).into()),
        _ => Ok(kept),
    }
}

/// Refuses a part that is too large.
pub(crate) fn check_size(size_bytes: u64) -> Result<()> {
    if size_bytes > MAX_UPLOAD_BYTES {
        return Err(S3Error::entity_too_large(size_bytes, MAX_UPLOAD_BYTES).into());
    }
    Ok(())
}
