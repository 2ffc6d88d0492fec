//! `billet bucket ls`, `root` and `set`.
//!
//! Must never show a deleted bucket as a live one, nor change more of one than was asked for.

use serde_json::{Value, json};

use super::{Failure, Inside, Out, Verdict};
use crate::apply::apply;
use crate::bindings::exports::billet::bucket::buckets::Bucket;
use crate::bindings::exports::billet::bucket::changes::{Op, Setting};
use crate::bindings::exports::billet::bucket::objects::Refusal;
use crate::mst::Lost;

/// Buckets that are asked for at once.
const PAGE: usize = 1_000;

/// Longest value of a setting that is shown.
const VALUE_BYTES_MAX: usize = 64;

/// A line for each bucket. One that cannot be read is told and hides no other.
pub(super) async fn list(inside: &Inside, out: &Out) -> Result<Verdict, Failure> {
    let (mut after, mut verdict) = (None::<String>, Verdict::Whole);
    loop {
        let from = after.take();
        let heads = inside
            .on_thread(move |store| store.heads("", from.as_deref(), PAGE))
            .await??;
        let Some((last, _)) = heads.last() else {
            return Ok(verdict);
        };
        after = Some(last.clone());
        for (name, _) in heads {
            match called(inside, &name).await? {
                Ok(bucket) => out.line(&line(bucket)?).await?,
                Err(Refusal::NoSuchBucket) => {}
                Err(refusal) => {
                    let failure = Failure::from(refusal);
                    if !failure.is_damage {
                        return Err(failure);
                    }
                    verdict = Verdict::Damaged;
                    let line = json!({"bucket": name, "damage": true, "what": failure.text});
                    out.line(&line).await?;
                }
            }
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
    Ok(called(inside, name).await??)
}

/// What `mst` says of a bucket.
async fn called(inside: &Inside, name: &str) -> Result<Result<Bucket, Refusal>, Failure> {
    let name = name.to_owned();
    let head = inside.mst().await?.read(move |accessor, native| {
        Box::pin(async move {
            let buckets = native.billet_bucket_buckets();
            buckets.call_head(accessor, name).await
        })
    });
    Ok(head.await?)
}

/// Sets the level that a bucket's writes wait for, in a commit of its own.
pub(super) async fn set(
    inside: &Inside,
    name: &str,
    durability: String,
    out: &Out,
) -> Result<Verdict, Failure> {
    // An unknown bucket is told by its name.
    head(inside, name).await?;
    let setting = Setting {
        name: "durability".to_owned(),
        value: durability.into_bytes(),
    };
    let ops = vec![Op::Configure(vec![setting])];
    let mst = inside.mst().await?;
    let done = apply(mst, inside.metrics(), name.to_owned(), ops).await;
    match done.map(|mut outcomes| outcomes.pop()) {
        Ok(Some(Ok(_))) => root(inside, name, out).await,
        Ok(Some(Err(refusal))) => Err(refusal.into()),
        Ok(None) | Err(Lost) => Err(Failure::new("the instance ended: ask again")),
    }
}

/// Lets a bucket be written again whose commits were lost; without a name lets buckets be created
/// again, although some that nobody knows of may have been lost.
pub(super) async fn accept_loss(
    inside: &Inside,
    name: Option<String>,
    out: &Out,
) -> Result<Verdict, Failure> {
    if name.as_deref() == Some("") {
        return Err(Failure::new("the bucket's name is empty"));
    }
    let log = name.clone().unwrap_or_default();
    let mut lost = inside.storage().store().damaged().into_iter();
    let lost = lost.find(|(other, _)| *other == log);
    let Some((_, what)) = lost else {
        return Err(Failure::new(match name {
            Some(name) => format!("no loss of {name} stands in the way of writing it"),
            None => "no loss stands in the way of creating buckets".to_owned(),
        }));
    };
    inside.on_thread(move |store| store.forgive(&log)).await??;
    tracing::warn!(bucket = name, what, "a loss was accepted");
    out.line(&json!({"bucket": name, "accepted": what})).await?;
    Ok(Verdict::Whole)
}

fn line(bucket: Bucket) -> Result<Value, Failure> {
    let settings: Vec<_> = bucket.settings.iter().map(shown).collect();
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

/// A setting as `name=value`; by its name alone where the value is no short text.
fn shown(setting: &Setting) -> String {
    let value = std::str::from_utf8(&setting.value).ok();
    match value.filter(|value| value.len() <= VALUE_BYTES_MAX && !value.contains(char::is_control))
    {
        Some(value) => format!("{}={value}", setting.name),
        None => setting.name.clone(),
    }
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
