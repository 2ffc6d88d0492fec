//! ListObjects, ListObjectsV2 and ListObjectVersions: one walk, three documents. It must never
//! answer more than a page.

use billet_s3::operation::{self, ListObjectVersions, ListObjects, ListObjectsV2};
use billet_s3::xml::response::{
    ListObjectVersionsResult, ListObjectsResult, ListObjectsV2Result, ObjectLine, Owner,
    VersionLine,
};

use crate::bindings::billet::bucket::objects::{self, Line, ListingQuery};
use crate::call::Call;
use crate::convert;
use crate::refusal::Result;
use crate::reply::Reply;

/// A page of a bucket.
struct Page {
    owner: Owner,
    lines: Vec<ObjectLine>,
    truncated: bool,
}

pub(crate) async fn v1(call: &Call, request: ListObjects) -> Result<Reply> {
    let after = Some(request.marker.clone()).filter(|marker| !marker.is_empty());
    let page = page(call, &request.listing, after).await?;
    let result = ListObjectsResult {
        bucket: call.bucket(),
        request: &request,
        lines: &page.lines,
        truncated: page.truncated,
        owner: &page.owner,
    };
    Ok(Reply::xml(result.to_xml()))
}

pub(crate) async fn v2(call: &Call, request: ListObjectsV2) -> Result<Reply> {
    let page = page(call, &request.listing, request.after.clone()).await?;
    let result = ListObjectsV2Result {
        bucket: call.bucket(),
        request: &request,
        lines: &page.lines,
        truncated: page.truncated,
        owner: &page.owner,
    };
    Ok(Reply::xml(result.to_xml()))
}

pub(crate) async fn versions(call: &Call, request: ListObjectVersions) -> Result<Reply> {
    // A key has one version, so that a marker behind it is a marker behind the key.
    let after = Some(request.key_marker.clone()).filter(|marker| !marker.is_empty());
    let page = page(call, &request.listing, after).await?;
    let lines: Vec<_> = page
        .lines
        .into_iter()
        .map(VersionLine::unversioned)
        .collect();
    let result = ListObjectVersionsResult {
        bucket: call.bucket(),
        request: &request,
        lines: &lines,
        truncated: page.truncated,
        owner: &page.owner,
    };
    Ok(Reply::xml(result.to_xml()))
}

/// What a listing asks of the bucket.
pub(crate) fn query(listing: &operation::Listing, after: Option<String>) -> ListingQuery {
    ListingQuery {
        prefix: listing.prefix.clone(),
        delimiter: listing.delimiter.clone().unwrap_or_default(),
        after,
        limit: listing.max_keys,
    }
}

async fn page(call: &Call, listing: &operation::Listing, after: Option<String>) -> Result<Page> {
    let bucket = call.own_bucket().await?;
    let owner = convert::owner(&bucket);
    let page = objects::list_objects(bucket.name, query(listing, after)).await;
    let page = page.map_err(|refusal| call.place().refusal(refusal))?;
    let line = |line| match line {
        Line::Object(object) => ObjectLine::Object(convert::listed(object)),
        Line::Prefix(prefix) => ObjectLine::Prefix(prefix),
    };
    Ok(Page {
        owner,
        lines: page.lines.into_iter().map(line).collect(),
        truncated: page.truncated,
    })
}
