//! What a copy reads from. It must never let a copy see more than a GET of the same object would.

use billet_s3::condition::ReadConditions;
use billet_s3::copy_source::CopySource;
use billet_s3::operation::require_null_version;
use billet_s3::{Code, headers};

use crate::bindings::billet::bucket::objects;
use crate::bindings::billet::bucket::types::Object;
use crate::call::Call;
use crate::refusal::{Place, Result};

/// The object to copy, if the caller may read it and it meets the conditions.
pub(crate) async fn find(
    call: &Call,
    source: &CopySource,
    conditions: &ReadConditions,
) -> Result<Object> {
    let place = Place {
        bucket: &source.bucket,
        key: &source.key,
        ..call.place()
    };
    let found = objects::lookup(source.bucket.clone(), source.key.clone()).await;
    let (bucket, object) = found.map_err(|refusal| place.refusal(refusal))?;
    call.check_owner(&bucket)?;
    let expected = headers::expected_source_bucket_owner(&call.head)?;
    if expected.is_some_and(|expected| expected != bucket.owner) {
        return Err(Code::AccessDenied.into());
    }
    require_null_version(&source.key, source.version_id.as_deref())?;
    let object = object.map_err(|refusal| place.refusal(refusal))?;
    conditions.check_copy_source(&object.etag, object.time_ms, call.now_ms)?;
    Ok(object)
}
