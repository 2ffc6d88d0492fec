//! `billet fsck`: everything that can be wrong with a store.
//!
//! Rows against files, every block against its CID, commits against heads; then, for each head,
//! all that its root and state reach, down to the last leaf; leaves that only the network has are
//! counted and not asked for. Must never stop at the first finding, nor mend anything.

use std::sync::Arc;

use serde_json::json;

use billet_storage::{Finding, Watch};

use super::carry::{telling, verdict};
use super::everywhere::Everywhere;
use super::{Failure, Inside, Out, Verdict, segment};
use crate::carry::{CarryError, Fault, Faults, Progress, StoreBlocks, verify_bucket};

/// Heads that are read at once.
const PAGE_HEADS: usize = 100;

/// Sends findings on from a thread that may block.
struct Told {
    out: Out,
    damages: u64,
    notes: u64,
}

impl Watch for Told {
    fn found(&mut self, finding: Finding) {
        let count = if finding.kind.is_damage() {
            &mut self.damages
        } else {
            &mut self.notes
        };
        *count = count.saturating_add(1);
        // Whoever asked may be gone; then the next progress ends the check.
        let _ = futures::executor::block_on(self.out.line(&segment::line(&finding)));
    }

    fn progress(&mut self, done: u64, all: u64) -> bool {
        if all > 0 {
            self.out.progress("bytes of segments", done, all);
        }
        !self.out.is_closed()
    }
}

/// Checks the whole store; a line for each finding and one that sums up.
pub(super) async fn fsck(inside: &Inside, out: &Out) -> Result<Verdict, Failure> {
    let files = inside.files();
    let mut told = Told {
        out: out.clone(),
        damages: 0,
        notes: 0,
    };
    let checked = inside.on_thread(move |store| store.check(&*files, &mut told).map(|()| told));
    let told = checked.await??;
    let mut sum = Sum {
        damages: told.damages,
        ..Sum::default()
    };
    let mut after: Option<String> = None;
    loop {
        let store = inside.storage().store();
        let heads = store.heads("", after.as_deref(), PAGE_HEADS)?;
        after = heads.last().map(|(log, _)| log.clone());
        let is_last = heads.len() < PAGE_HEADS;
        for (log, head) in heads {
            sum.buckets = sum.buckets.saturating_add(1);
            closed(inside, &log, &head, &mut sum, out).await?;
        }
        if is_last {
            break;
        }
    }
    let segments = inside.storage().store().segments();
    let verdict = verdict(sum.damages, sum.elsewhere);
    out.line(&json!({
        "verdict": verdict,
        "segments": segments.len(),
        "buckets": sum.buckets,
        "keys": sum.keys,
        "leaves": sum.leaves,
        "elsewhere": sum.elsewhere,
        "damages": sum.damages,
        "notes": told.notes,
    }))
    .await?;
    Ok(if sum.damages > 0 {
        Verdict::Damaged
    } else {
        Verdict::Whole
    })
}

/// What was looked at and found.
#[derive(Default)]
struct Sum {
    buckets: u64,
    keys: u64,
    leaves: u64,
    elsewhere: u64,
    damages: u64,
}

/// Everything that a head's root and state reach is there and is what its name says.
async fn closed(
    inside: &Inside,
    log: &str,
    head: &billet_storage::Head,
    sum: &mut Sum,
    out: &Out,
) -> Result<(), Failure> {
    let inspector = inside.inspector().await?;
    let progress = Arc::<Progress>::default();
    let leaves = Arc::new(StoreBlocks(Arc::clone(inside.storage().store())));
    let work = verify_bucket(
        &inspector,
        (Everywhere::of(inside), leaves),
        (head.root, Some(head.state)),
        Arc::clone(&progress),
        faults(log, out),
    );
    let checked = match telling(out, "bytes of buckets", &progress, work).await {
        Err(error @ CarryError::Elsewhere) => {
            // What is beyond that block is not known, nor how much it is; the others are looked at.
            sum.elsewhere = sum.elsewhere.saturating_add(1);
            let what = error.to_string();
            let line = json!({
                "finding": "elsewhere", "damage": false, "bucket": log, "what": what,
            });
            return out.line(&line).await;
        }
        checked => checked?,
    };
    sum.keys = sum.keys.saturating_add(checked.keys);
    sum.leaves = sum.leaves.saturating_add(checked.leaves);
    sum.elsewhere = sum.elsewhere.saturating_add(checked.elsewhere);
    sum.damages = sum.damages.saturating_add(checked.faults);
    Ok(())
}

fn faults(log: &str, out: &Out) -> Faults {
    let (log, out) = (log.to_owned(), out.clone());
    Box::new(move |fault: Fault| {
        let line = json!({
            "finding": "not-closed",
            "damage": true,
            "bucket": log,
            "key": fault.key,
            "cid": fault.cid,
            "what": fault.reason,
        });
        // Called on threads that may block; whoever asked may be gone.
        let _ = futures::executor::block_on(out.line(&line));
    })
}
