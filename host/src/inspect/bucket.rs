//! `billet bucket ls` and `billet bucket root`.
//!
//! Must never show a deleted bucket as a live one.

use serde_json::{Value, json};

use super::{Failure, Inside, Out, Verdict};
use crate::bindings::exports::billet::bucket::buckets::Bucket;

/// Buckets that are asked for at once.
const PAGE: u32 = 1_000;

/// A line for each bucket.
pub(super) async fn list(inside: &Inside, out: &Out) -> Result<Verdict, Failure> {
    let mst = inside.mst().await?;
    let mut after = None;
    loop {
        let from = after.take();
        let page = mst.read(move |accessor, native| {
            Box::pin(async move {
                let buckets = native.billet_bucket_buckets();
                buckets
                    .call_list_buckets(accessor, String::new(), from, PAGE)
                    .await
            })
        });
        let (page, has_more) = page.await??;
        after = page.last().map(|bucket| bucket.name.clone());
        for bucket in page {
            out.line(&line(bucket)?).await?;
        }
        if !has_more || after.is_none() {
            return Ok(Verdict::Whole);
        }
    }
}

/// One line: where a bucket stands.
pub(super) async fn root(inside: &Inside, name: &str, out: &Out) -> Result<Verdict, Failure> {
    out.line(&line(head(inside, name).await?)?).await?;
    Ok(Verdict::Whole)
}

/// Where a live bucket stands.
pub(super) async fn head(inside: &Inside, name: &str) -> Result<Bucket, Failure> {
    let name = name.to_owned();
    let head = inside.mst().await?.read(move |accessor, native| {
        Box::pin(async move {
            let buckets = native.billet_bucket_buckets();
            buckets.call_head(accessor, name).await
        })
    });
    Ok(head.await??)
}

fn line(bucket: Bucket) -> Result<Value, Failure> {
    let settings: Vec<_> = bucket.settings.into_iter().map(|one| one.name).collect();
    Ok(json!({
        "bucket": bucket.name,
        "root": text(&bucket.root)?,
        "state": text(&bucket.state)?,
        "seq": bucket.seq,
        "created_ms": bucket.created_ms,
        "owner": bucket.owner,
        "owner_name": bucket.owner_name,
        "region": bucket.region,
        "space": bucket.space,
        "settings": settings,
    }))
}

/// A CID as people write it.
///
/// # Errors
/// When the bytes are none.
pub(super) fn text(cid: &[u8]) -> Result<String, Failure> {
    let cid = billet_block::Cid::from_bytes(cid);
    cid.map(|cid| cid.to_string())
        .map_err(|error| Failure::new(format!("not a CID: {error}")))
}
