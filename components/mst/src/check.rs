//! Checking all that trees and states reach.
//!
//! Must never stop at damage, and never hold more of a check than where it stands.

use billet_block::Cid;
use billet_bucket::{
    Blocked, Check, Checked, Named, Promise, Refusal, Span, StoreError, Target, View,
};

use crate::bindings::billet::store::types::{Digest, StoreError as OutError};
use crate::bindings::exports::billet::bucket::inspect;
use crate::bindings::{wit_future, wit_stream};
use crate::fetch::{bytes, supply_blocks};
use crate::{CACHES, convert};
use wit_bindgen::rt::async_support::{FutureReader, StreamReader, StreamWriter, spawn_local};

/// Findings that are written at once.
const PAGE_FINDINGS: usize = 64;

/// Parts in a page of findings after which it is written; one body can have 10,000 more.
const PAGE_PARTS: usize = 2_048;

/// Leaves that are read at once, each of at most 1 MiB.
const LEAVES_AT_ONCE: usize = 4;

/// What `check` answers.
pub(crate) type Told = (
    StreamReader<inspect::Checked>,
    FutureReader<Result<(), OutError>>,
);

/// Begins a check.
pub(crate) fn start(targets: &[Target]) -> Told {
    let walk = Check::new(targets);
    let (writer, findings) = wit_stream::new::<inspect::Checked>();
    let (end, ended) = wit_future::new::<Result<(), OutError>>(|| Err(OutError::Unavailable));
    spawn_local(async move {
        let told = write(walk, writer).await;
        // Whoever asked may have gone.
        let _ = end.write(told.map_err(convert::out_error)).await;
    });
    (findings, ended)
}

/// Refuses what is not whole, down to the last leaf.
pub(crate) async fn refuse_damage(targets: &[Target]) -> Result<(), Refusal> {
    let mut view = View::new(&CACHES);
    let mut check = Check::new(targets);
    let mut key = String::new();
    while let Some(found) = next(&mut check, &mut view).await? {
        match found {
            Checked::Body(promise) => key = promise.key,
            Checked::Leaves(leaves) => read(&key, &leaves).await?,
            Checked::Damaged(damage) => {
                return Err(refused(&damage.cid, &damage.key, &damage.reason));
            }
        }
    }
    Ok(())
}

/// Reads leaves, which must be there and as long as their links say.
async fn read(key: &str, leaves: &[Span]) -> Result<(), Refusal> {
    for some in leaves.chunks(LEAVES_AT_ONCE) {
        let cids: Vec<Cid> = some.iter().map(|leaf| leaf.cid).collect();
        // Which of them it is is found by asking for each alone.
        let found = match bytes(&cids).await {
            Ok(found) => found,
            Err(error) => {
                for cid in &cids {
                    if let Err(error) = bytes(&[*cid]).await {
                        return Err(refused(cid, key, &error.to_string()));
                    }
                }
                return Err(error.into());
            }
        };
        for (leaf, bytes) in some.iter().zip(found) {
            if bytes.len() as u64 != leaf.length {
                return Err(refused(&leaf.cid, key, "not as long as its link says"));
            }
        }
    }
    Ok(())
}

fn refused(cid: &Cid, key: &str, reason: &str) -> Refusal {
    Refusal::Invalid(format!("block {cid} of key {key:?}: {reason}"))
}

/// The next finding of a check.
async fn next(check: &mut Check, view: &mut View<'_>) -> Result<Option<Checked>, StoreError> {
    loop {
        match check.next(view) {
            Ok(found) => return Ok(found),
            Err(Blocked::Failed(Refusal::Store(error))) => return Err(error),
            Err(Blocked::Failed(refusal)) => {
                return Err(StoreError::Invalid(refusal.to_string()));
            }
            Err(Blocked::Need(need)) => {
                view.forget_blocks();
                let lost = |cid, error| {
                    check.lose(cid, error);
                    Ok(())
                };
                supply_blocks(view, &need, lost).await?;
            }
        }
    }
}

/// Writes a check out for as long as somebody reads.
async fn write(
    mut check: Check,
    mut writer: StreamWriter<inspect::Checked>,
) -> Result<(), StoreError> {
    let mut view = View::new(&CACHES);
    let (mut page, mut parts) = (Vec::new(), 0);
    loop {
        let found = next(&mut check, &mut view).await?;
        let is_end = found.is_none();
        if let Some(Checked::Body(body)) = &found {
            parts += body.parts.len();
        }
        page.extend(found.map(checked));
        if is_end || page.len() >= PAGE_FINDINGS || parts >= PAGE_PARTS {
            parts = 0;
            let left = writer.write_all(std::mem::take(&mut page)).await;
            if is_end || !left.is_empty() {
                return Ok(());
            }
        }
    }
}

fn checked(found: Checked) -> inspect::Checked {
    match found {
        Checked::Body(body) => inspect::Checked::Body(promise(body)),
        Checked::Leaves(leaves) => {
            inspect::Checked::Leaves(leaves.into_iter().map(convert::span).collect())
        }
        Checked::Damaged(damage) => inspect::Checked::Damaged(inspect::Damage {
            cid: damage.cid.to_bytes().to_vec(),
            key: damage.key,
            reason: damage.reason,
        }),
    }
}

fn digests(digests: Vec<Named>) -> Vec<Digest> {
    let digests = digests.into_iter();
    let digests = digests.map(|(algorithm, value)| Digest { algorithm, value });
    digests.collect()
}

/// As the contract has it.
pub(crate) fn promise(promise: Promise) -> inspect::Promise {
    let parts = promise.parts.into_iter();
    let parts = parts.map(|part| inspect::PromisedPart {
        size: part.size,
        digests: digests(part.digests),
    });
    inspect::Promise {
        key: promise.key,
        manifest: promise.manifest.to_bytes().to_vec(),
        root: promise.root.to_bytes().to_vec(),
        size: promise.size,
        digests: digests(promise.digests),
        parts: parts.collect(),
        composites: digests(promise.composites),
    }
}
