//! GetObjectAttributes. It must never tell more than was asked for.

use billet_s3::date;
use billet_s3::operation::{GetObjectAttributes, require_null_version};
use billet_s3::xml::response::{self, AttributeParts, AttributesResult, ListedPart};

use crate::bindings::billet::bucket::types::{Object, PartSize};
use crate::call::Call;
use crate::convert;
use crate::refusal::Result;
use crate::reply::Reply;

pub(crate) async fn handle(call: &Call, asked: GetObjectAttributes) -> Result<Reply> {
    let (_, object) = call.found().await?;
    asked.require_any()?;
    require_null_version(call.key(), asked.version_id.as_deref())?;
    let object = object?;
    let (parts, truncated) = page(&asked, &object);
    let parts = AttributeParts {
        total: u32::try_from(object.parts.len()).unwrap_or(u32::MAX),
        part_number_marker: asked.part_number_marker,
        max_parts: asked.max_parts,
        truncated,
        parts: &parts,
    };
    let result = AttributesResult {
        etag: asked.etag.then_some(object.etag.as_str()),
        checksum: convert::first(&object.checksums).filter(|_| asked.checksum),
        parts: (asked.object_parts && !object.parts.is_empty()).then_some(parts),
        storage_class: asked.storage_class,
        size_bytes: asked.object_size.then_some(object.content.size),
    };
    Ok(Reply::xml(response::get_object_attributes(&result))
        .header("Last-Modified", date::http(object.time_ms)))
}

/// The parts that were asked for, and whether more follow.
fn page(asked: &GetObjectAttributes, object: &Object) -> (Vec<ListedPart>, bool) {
    let most = asked.max_parts as usize;
    let after = object
        .parts
        .iter()
        .filter(|part| part.number > asked.part_number_marker);
    let mut found: Vec<_> = after.take(most.saturating_add(1)).map(listed).collect();
    let truncated = found.len() > most;
    found.truncate(most);
    (found, truncated)
}

fn listed(part: &PartSize) -> ListedPart {
    ListedPart {
        number: part.number,
        modified_ms: 0,
        etag: String::new(),
        size_bytes: part.size,
        checksum: part.checksums.iter().find_map(convert::checksum),
    }
}
