//! A CAR file as a new bucket: checked to its last byte, then stored, then one commit.
//!
//! Must never make a bucket of a file that is not whole: what was stored until then is garbage
//! that no commit names.

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use billet_block::Cid;
use billet_storage::{CLAIM_AGE_MAX_MS, ClaimId, Store, StoreError};
use serde::{Deserialize, Serialize};

use super::check::Faults;
use super::{
    Archive, Blocks as _, CarryError, Checked, Inspector, Progress, bucket_name, verify_archive,
};
use crate::apply;
use crate::bindings::exports::billet::bucket::changes::{CreateBucket, ImportRoot, Op};
use crate::bindings::exports::billet::bucket::objects::Refusal;
use crate::inspect::Failure;
use crate::metrics::Metrics;
use crate::mst::{Lost, Mst};
use crate::storage::{Home, Storage};

/// Bytes of blocks that are staged at once; so many are written at once and not kept in memory.
const STAGE_BYTES: usize = 8 << 20;

/// How often claims are renewed while an import goes on.
const RENEW_EVERY: Duration = Duration::from_millis(CLAIM_AGE_MAX_MS / 15);

/// The bucket to be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Import {
    pub(crate) name: String,
    /// Canonical id of the owner, and the name for display.
    pub(crate) owner: (String, String),
}

/// What came of an import.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Imported {
    /// The bucket's root.
    pub root: String,
    /// What was checked on the way.
    pub checked: Checked,
}

/// Where a bucket is made.
pub(crate) struct Target<'a> {
    pub(crate) storage: &'a Arc<Storage>,
    pub(crate) mst: &'a Arc<Mst>,
    pub(crate) metrics: &'a Arc<Metrics>,
}

/// Makes a bucket of a file, in the region and the space of whoever has the store.
///
/// # Errors
/// `Damaged` after faults were told, `Refused` when there is such a bucket; there is no new one.
pub(crate) async fn import(
    inspector: &Inspector,
    target: Target<'_>,
    path: &Path,
    bucket: Import,
    progress: Arc<Progress>,
    fault: Faults,
) -> Result<Imported, CarryError> {
    check_name(&bucket.name)?;
    if bucket.owner.1.is_empty() {
        let text = "nobody has an empty name: leave --owner out for the default owner";
        return Err(CarryError::Refused(text.to_owned()));
    }
    refuse_existing(target.mst, &bucket.name).await?;
    let verified = verify_archive(inspector, path, Arc::clone(&progress), fault).await;
    let (checked, archive) = verified.map_err(|error| match error {
        CarryError::Io(error) => CarryError::Failed(format!("{}: {error}", path.display())),
        error => error,
    })?;
    if checked.faults > 0 {
        let text = format!("{} faults: nothing was imported", checked.faults);
        return Err(CarryError::Damaged(text));
    }
    let (root, state) = match *archive.roots() {
        [root, ref state @ ..] => (root, state.first().copied()),
        [] => return Err(CarryError::Damaged("no root".to_owned())),
    };
    let Home { region, space } = target.storage.home().clone();
    let stored_in = space.clone();
    progress.begin(checked.bytes);
    let kept = Arc::<Kept>::default();
    let feeding = Arc::clone(&kept);
    let fed = target
        .storage
        .run(move |store| feed(store, &archive, &stored_in, &progress, &feeding));
    let fed = keeping(target.storage.store(), &kept, fed).await;
    fed.map_err(|error| failed(Failure::from(error)))?;
    let op = Op::ImportRoot(ImportRoot {
        bucket: CreateBucket {
            owner: bucket.owner.0,
            owner_name: bucket.owner.1,
            region,
            space,
        },
        root: root.to_bytes().to_vec(),
        state: state.map(|state| state.to_bytes().to_vec()),
        claims: kept.claims(),
    });
    // All that was stored is read again before it is committed.
    let done = apply::apply(target.mst, target.metrics, bucket.name, vec![op]);
    let done = keeping(target.storage.store(), &kept, done).await;
    let outcome = done.map_err(|Lost| lost())?.pop();
    match outcome.ok_or_else(lost)? {
        Ok(_) => Ok(Imported {
            root: root.to_string(),
            checked,
        }),
        Err(Refusal::BucketExists(_)) => Err(exists()),
        Err(refusal) => Err(failed(Failure::from(refusal))),
    }
}

fn lost() -> CarryError {
    CarryError::Failed("the instance ended: the bucket may have been made".to_owned())
}

/// Why the store did not take it, in words for people.
fn failed(Failure { text, is_damage }: Failure) -> CarryError {
    let text = format!("nothing was imported: {text}");
    if is_damage {
        CarryError::Damaged(text)
    } else {
        CarryError::Failed(text)
    }
}

fn exists() -> CarryError {
    CarryError::Refused("there is a bucket of this name already".to_owned())
}

/// Refuses what no request could name.
fn check_name(name: &str) -> Result<(), CarryError> {
    if bucket_name::is_fit(name) {
        Ok(())
    } else {
        let text = format!("{name:?} is no name for a bucket: use --bucket");
        Err(CarryError::Refused(text))
    }
}

async fn refuse_existing(mst: &Mst, name: &str) -> Result<(), CarryError> {
    let name = name.to_owned();
    let head = mst.read(|accessor, native| {
        Box::pin(async move {
            let buckets = native.billet_bucket_buckets();
            buckets.call_head(accessor, name).await
        })
    });
    match head.await {
        Ok(Err(Refusal::NoSuchBucket)) => Ok(()),
        Ok(Ok(_)) => Err(exists()),
        Ok(Err(refusal)) => Err(CarryError::Failed(format!("{refusal:?}"))),
        Err(Lost) => Err(CarryError::Failed("an instance ended early".to_owned())),
    }
}

/// Claims that are not to grow old.
#[derive(Default)]
struct Kept(Mutex<Vec<ClaimId>>);

impl Kept {
    fn add(&self, claim: ClaimId) {
        let mut claims = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        claims.push(claim);
    }

    fn claims(&self) -> Vec<ClaimId> {
        let claims = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        claims.clone()
    }
}

/// Does something that can take longer than claims wait, and renews these meanwhile.
async fn keeping<R>(store: &Store, kept: &Kept, work: impl Future<Output = R>) -> R {
    let mut ticks = tokio::time::interval(RENEW_EVERY);
    let mut work = std::pin::pin!(work);
    loop {
        tokio::select! {
            done = &mut work => return done,
            _ = ticks.tick() => store.renew_pending(&kept.claims()),
        }
    }
}

/// Stores the blocks of a file, with claims over them, of which none stay when it fails or nobody
/// waits for it any more. Leaves come first: they take longest, and their claim counts from its
/// end.
fn feed(
    store: &Arc<Store>,
    archive: &Archive,
    space: &str,
    progress: &Progress,
    kept: &Kept,
) -> Result<(), StoreError> {
    let go_on = || {
        let gone = |error: std::io::Error| StoreError::Invalid(error.to_string());
        progress.go_on().map_err(gone)
    };
    let read = |cid: &Cid| {
        go_on()?;
        archive.block(cid).map_err(|_| StoreError::Corrupt(*cid))
    };
    let leaves = archive.in_order(true);
    if !leaves.is_empty() {
        let mut body = store.begin_body(space)?;
        for cid in leaves {
            let bytes = read(&cid)?;
            body.append(cid, &bytes)?;
            progress.add(bytes.len());
        }
        kept.add(body.finish()?);
    }
    let stage = || {
        let (mut batch, mut length) = (Vec::new(), 0);
        let blocks = archive.in_order(false);
        let last = blocks.len();
        for (index, cid) in blocks.into_iter().enumerate() {
            let bytes = read(&cid)?;
            length += bytes.len();
            batch.push((cid, bytes));
            if length >= STAGE_BYTES || index + 1 == last {
                kept.add(store.stage(space, std::mem::take(&mut batch))?);
                length = 0;
            }
        }
        Ok(())
    };
    let staged: Result<(), StoreError> = stage().and_then(|()| go_on());
    if staged.is_err() {
        store.discard_pending(&kept.claims());
    }
    staged
}

#[cfg(test)]
mod tests {
    use billet_block::Codec;
    use billet_car::{Header, frame_header};
    use billet_storage::sim::Sim;
    use billet_storage::{Change, CommitRequest, Config};
    use bytes::Bytes;

    use super::*;

    /// For so many minutes.
    async fn go_on(sim: &Sim, minutes: u64) {
        let now_ms = 1_000_000;
        for minute in 1..=minutes {
            tokio::time::sleep(Duration::from_secs(60)).await;
            sim.set_now_ms(now_ms + minute * 60_000);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn what_was_stored_waits_for_a_commit_that_takes_an_hour() {
        let sim = Sim::new();
        sim.set_now_ms(1_000_000);
        let store = Store::open(Config::default(), sim.effects()).unwrap();
        let stage = |bytes: &'static [u8]| {
            let block = (Cid::of(Codec::Raw, bytes), Bytes::from_static(bytes));
            store.stage("space", vec![block]).unwrap()
        };
        let (kept, left) = (Kept::default(), stage(b"left alone"));
        kept.add(stage(b"kept"));
        keeping(&store, &kept, go_on(&sim, 60)).await;
        let commit = |claims: Vec<ClaimId>| {
            let root = Cid::of(Codec::Raw, b"kept");
            let change = Change {
                space: "space".to_owned(),
                root,
                state: root,
                time_ms: 0,
            };
            let request = CommitRequest {
                log: "log".to_owned(),
                change: Some(change),
                adopt: claims,
                ..CommitRequest::default()
            };
            store.commit_group(vec![request]).pop().unwrap()
        };
        assert_eq!(commit(vec![left]), Err(StoreError::NotFound));
        assert!(commit(kept.claims()).is_ok());
    }

    #[test]
    fn a_full_disk_is_told_in_words() {
        use crate::bindings::billet::store::types;
        let full = failed(Failure::from(types::StoreError::Full)).to_string();
        assert_eq!(full, "nothing was imported: no room on the disk");
        let full = failed(Failure::from(Refusal::Store(types::StoreError::Full))).to_string();
        assert_eq!(full, "nothing was imported: no room on the disk");
    }

    #[test]
    fn what_nobody_waits_for_leaves_no_claims() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file.car");
        let blocks = [b"a leaf", b"a node"];
        let [leaf, node] = blocks.map(|bytes| Cid::of(Codec::Raw, bytes));
        let roots = vec![node];
        let mut file = Header { roots }.encode().unwrap();
        for (cid, bytes) in [leaf, node].iter().zip(blocks) {
            file.extend(frame_header(cid, bytes.len()).unwrap());
            file.extend(bytes);
        }
        std::fs::write(&path, file).unwrap();
        let progress = Progress::default();
        let archive = Archive::open(&path, &progress, &mut |fault| panic!("{fault:?}")).unwrap();
        archive.reach_leaf(&leaf);
        archive.reach(&node);
        let store = Store::open(Config::default(), Sim::new().effects()).unwrap();
        let kept = Kept::default();
        feed(&store, &archive, "space", &progress, &kept).unwrap();
        assert_eq!((kept.claims().len(), store.pending_claims()), (2, 2));
        store.discard_pending(&kept.claims());

        progress.cancel();
        feed(&store, &archive, "space", &progress, &Kept::default()).unwrap_err();
        assert_eq!(store.pending_claims(), 0);
        Archive::open(&path, &progress, &mut |_| {}).unwrap_err();
    }
}
