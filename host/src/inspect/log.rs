//! `billet log`: a bucket's commits, the newest first, and what each changed.
//!
//! Must never take a commit's word for what it changed in the tree: two roots tell.

use serde_json::{Map, Value, json};

use billet_block::Cid;
use billet_storage::{Record, StoreError};

use super::bucket::text;
use super::{Failure, Inside, Out, Verdict};
use crate::bindings::exports::billet::bucket::inspect::{Description, Difference};

/// Differences that are counted; with more, the counts are least ones.
const COUNTED_MAX: u32 = 1_000;

/// What was before a commit.
enum Before {
    /// It is the first one.
    Nothing,
    /// It went with its segment once what it had made was on the network, so nobody knows here.
    Gone,
    /// Another commit.
    Commit(Cid, Box<Record>),
}

/// A line for each commit, at most `limit`; of each at most `keys` changed keys.
pub(super) async fn log(
    inside: &Inside,
    bucket: &str,
    limit: Option<u64>,
    keys: u32,
    out: &Out,
) -> Result<Verdict, Failure> {
    let standing = inside.storage().store().head(bucket)?;
    let head = standing.newest.ok_or_else(|| {
        Failure::new("there never was such a bucket; `billet bucket ls` lists those there are")
    })?;
    let mut left = limit.unwrap_or(u64::MAX);
    let newest = read(inside, head.commit).await?;
    let newest = newest.ok_or_else(|| lost(head.commit))?;
    let mut next = Before::Commit(head.commit, Box::new(newest));
    while let (Before::Commit(commit, record), true) = (&next, left > 0) {
        left = left.saturating_sub(1);
        let before = before(inside, bucket, record).await?;
        out.line(&line(inside, *commit, record, &before, keys).await?)
            .await?;
        next = before;
    }
    Ok(Verdict::Whole)
}

async fn before(inside: &Inside, bucket: &str, record: &Record) -> Result<Before, Failure> {
    let Some(prev) = record.prev else {
        return Ok(Before::Nothing);
    };
    let seq = record.seq.saturating_sub(1);
    match read(inside, prev).await? {
        Some(record) => Ok(Before::Commit(prev, Box::new(record))),
        None if inside.storage().store().may_be_gone(bucket, seq) => Ok(Before::Gone),
        None => Err(lost(prev)),
    }
}

/// The record of a commit; none where it is not there.
async fn read(inside: &Inside, commit: Cid) -> Result<Option<Record>, Failure> {
    match inside.on_thread(move |store| store.record(&commit)).await? {
        Ok(record) => Ok(Some(record)),
        Err(StoreError::NotFound) => Ok(None),
        Err(StoreError::Corrupt(_)) => Err(lost(commit)),
        Err(error) => Err(error.into()),
    }
}

fn lost(commit: Cid) -> Failure {
    Failure::damage(format!(
        "the commit {commit} is missing or damaged: `billet fsck` says what else is"
    ))
}

async fn line(
    inside: &Inside,
    commit: Cid,
    record: &Record,
    before: &Before,
    keys: u32,
) -> Result<Value, Failure> {
    let mut line = Map::new();
    let mut put = |name: &str, value: Value| line.insert(name.to_owned(), value);
    put("seq", record.seq.into());
    put("time_ms", record.time_ms.into());
    put("commit", commit.to_string().into());
    put("root", record.root.to_string().into());
    put("state", record.state.to_string().into());
    put("rows", record.rows.len().into());
    put("adopted", record.adopt.len().into());
    put("held", record.hold.len().into());
    put("discarded", record.discard.len().into());
    let before = match before {
        Before::Gone => {
            put("before", "gone".into());
            return Ok(Value::Object(line));
        }
        Before::Nothing => None,
        Before::Commit(_, record) => Some(&**record),
    };
    if before.is_none_or(|before| before.state != record.state) {
        put("bucket", state_change(inside, record, before).await?);
    }
    if before.is_none_or(|before| before.root != record.root) {
        put("keys", key_changes(inside, record, before, keys).await?);
    }
    Ok(Value::Object(line))
}

async fn key_changes(
    inside: &Inside,
    record: &Record,
    before: Option<&Record>,
    keys: u32,
) -> Result<Value, Failure> {
    let before = before.map(|before| before.root.to_bytes().to_vec());
    let after = record.root.to_bytes().to_vec();
    let found = inside.mst().await?.read(move |accessor, native| {
        Box::pin(async move {
            let inspect = native.billet_bucket_inspect();
            inspect
                .call_diff(accessor, before, after, None, COUNTED_MAX)
                .await
        })
    });
    let found: Vec<Difference> = found.await??;
    let count = |kind: &str| found.iter().filter(|one| kind_of(one) == kind).count();
    let shown = usize::try_from(keys).unwrap_or(usize::MAX);
    let list: Result<Vec<_>, Failure> = found
        .iter()
        .take(shown)
        .map(|one| {
            let cid = |cid: &Option<Vec<u8>>| cid.as_deref().map(text).transpose();
            Ok(json!({
                "key": one.key,
                "change": kind_of(one),
                "before": cid(&one.before)?,
                "after": cid(&one.after)?,
            }))
        })
        .collect();
    Ok(json!({
        "put": count("put"),
        "replaced": count("replaced"),
        "deleted": count("deleted"),
        "more": found.len() >= usize::try_from(COUNTED_MAX).unwrap_or(usize::MAX),
        "list": list?,
    }))
}

fn kind_of(difference: &Difference) -> &'static str {
    match (&difference.before, &difference.after) {
        (None, _) => "put",
        (Some(_), None) => "deleted",
        (Some(_), Some(_)) => "replaced",
    }
}

async fn state_change(
    inside: &Inside,
    record: &Record,
    before: Option<&Record>,
) -> Result<Value, Failure> {
    let now = describe(inside, &record.state).await?;
    let before = match before {
        Some(before) => Some(describe(inside, &before.state).await?),
        None => None,
    };
    let was_live = before.as_ref().is_some_and(|before| before.live);
    let change = match (was_live, now.live) {
        (false, true) => "created",
        (_, false) => "deleted",
        (true, true) => "configured",
    };
    let settings = |state: &Description| -> Vec<(String, Vec<u8>)> {
        let settings = state.settings.iter();
        settings
            .map(|one| (one.name.clone(), one.value.clone()))
            .collect()
    };
    let old = before.as_ref().map(settings).unwrap_or_default();
    let new = settings(&now);
    let set = new.iter().filter(|one| !old.contains(one));
    let set: Vec<_> = set.map(|(name, _)| name.as_str()).collect();
    let removed = old
        .iter()
        .filter(|(name, _)| new.iter().all(|(other, _)| other != name));
    let removed: Vec<_> = removed.map(|(name, _)| name.as_str()).collect();
    Ok(json!({
        "change": change,
        "owner": now.owner,
        "set": set,
        "removed": removed,
    }))
}

async fn describe(inside: &Inside, state: &Cid) -> Result<Description, Failure> {
    let state = state.to_bytes().to_vec();
    let found = inside.mst().await?.read(move |accessor, native| {
        Box::pin(async move {
            let inspect = native.billet_bucket_inspect();
            inspect.call_describe(accessor, state).await
        })
    });
    Ok(found.await??)
}
