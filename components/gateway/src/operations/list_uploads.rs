//! ListMultipartUploads and ListParts. It must never tell an upload's parts under another key.

use billet_s3::operation::{ListMultipartUploads, ListParts};
use billet_s3::xml::response::{
    ListMultipartUploadsResult, ListPartsResult, ListedUpload, Owner, UploadLine,
};

use super::list_objects::query;
use crate::bindings::billet::bucket::objects::UploadLine as Line;
use crate::bindings::billet::bucket::objects::{self, Upload};
use crate::call::Call;
use crate::convert;
use crate::refusal::{Place, Result};
use crate::reply::Reply;

pub(crate) async fn uploads(call: &Call, request: ListMultipartUploads) -> Result<Reply> {
    let bucket = call.own_bucket().await?;
    let owner = convert::owner(&bucket);
    let after = Some(request.key_marker.clone()).filter(|marker| !marker.is_empty());
    let after_id = request.upload_id_marker.clone().filter(|_| after.is_some());
    let query = query(&request.listing, after);
    let page = objects::list_uploads(bucket.name, query, after_id).await;
    let page = page.map_err(|refusal| call.place().refusal(refusal))?;
    let line = |line| match line {
        Line::Upload(upload) => UploadLine::Upload(listed(upload)),
        Line::Prefix(prefix) => UploadLine::Prefix(prefix),
    };
    let lines: Vec<_> = page.lines.into_iter().map(line).collect();
    let result = ListMultipartUploadsResult {
        bucket: call.bucket(),
        request: &request,
        lines: &lines,
        truncated: page.truncated,
        owner: &owner,
    };
    Ok(Reply::xml(result.to_xml()))
}

pub(crate) async fn parts(call: &Call, request: ListParts) -> Result<Reply> {
    let bucket = call.own_bucket().await?;
    let owner = convert::owner(&bucket);
    let (log, key, id) = (
        bucket.name,
        call.key().to_owned(),
        request.upload_id.clone(),
    );
    let page = objects::list_parts(log, key, id, request.part_number_marker, request.max_parts);
    let place = Place {
        upload: &request.upload_id,
        ..call.place()
    };
    let page = page.await.map_err(|refusal| place.refusal(refusal))?;
    let parts: Vec<_> = page.parts.into_iter().map(convert::part).collect();
    let upload = listed(page.upload);
    let result = ListPartsResult {
        bucket: call.bucket(),
        key: call.key(),
        request: &request,
        initiator: &upload.initiator,
        owner: &owner,
        checksum: upload.checksum,
        parts: &parts,
        truncated: page.truncated,
    };
    Ok(Reply::xml(result.to_xml()))
}

fn listed(upload: Upload) -> ListedUpload {
    let algorithm = upload
        .checksum_algorithm
        .as_deref()
        .and_then(convert::algorithm);
    ListedUpload {
        key: upload.key,
        upload_id: upload.id,
        initiator: Owner {
            id: upload.owner,
            name: upload.owner_name,
        },
        initiated_ms: upload.started_ms,
        checksum: algorithm.zip(upload.checksum_kind.map(convert::kind)),
    }
}
