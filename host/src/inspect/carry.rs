//! `billet export`, `verify`, `prove` and `import`, over a store.
//!
//! Must never change a bucket but by an import, which makes a new one or nothing.

use std::io::Write;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use billet_block::Cid;
use bytes::Bytes;
use serde_json::json;

use super::everywhere::Everywhere;
use super::{Failure, Inside, Out, Verdict, bucket};
use crate::bindings::exports::billet::bucket::objects::Refusal;
use crate::carry::{
    self, Blocks, CarryError, Checked, Fault, Faults, Import, Imported, Progress, Target,
};

/// Bytes of a file that are sent at once.
const PIECE_BYTES: usize = 1 << 20;

/// How often it is told how far a command is.
const TOLD_EVERY: Duration = Duration::from_millis(250);

impl From<CarryError> for Failure {
    fn from(error: CarryError) -> Self {
        match error {
            CarryError::Damaged(text) => Self::damage(text),
            error => Self::new(error.to_string()),
        }
    }
}

/// Sends what is written, piece by piece. To be used on a thread that may block.
struct Pieces {
    out: Out,
    buffer: Vec<u8>,
}

impl Write for Pieces {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.buffer.extend_from_slice(bytes);
        if self.buffer.len() >= PIECE_BYTES {
            self.flush()?;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        let piece = Bytes::from(std::mem::take(&mut self.buffer));
        if piece.is_empty() {
            return Ok(());
        }
        let sent = futures::executor::block_on(self.out.bytes(piece));
        sent.map_err(|Failure { text, .. }| std::io::Error::other(text))
    }
}

/// Cancels what it is about when it goes.
struct Waiting<'a>(&'a Progress);

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.cancel();
    }
}

/// Does something long and tells how far it is. When nobody reads that any more the work is
/// cancelled, and its end awaited all the same: it counts until then.
pub(crate) async fn telling<R>(
    out: &Out,
    what: &str,
    progress: &Progress,
    work: impl Future<Output = R>,
) -> R {
    let mut ticks = tokio::time::interval(TOLD_EVERY);
    let mut work = std::pin::pin!(work);
    let _waiting = Waiting(progress);
    loop {
        tokio::select! {
            done = &mut work => return done,
            () = out.closed(), if progress.go_on().is_ok() => progress.cancel(),
            _ = ticks.tick() => {
                let (done, all) = progress.now();
                out.progress(what, done, all);
            }
        }
    }
}

/// Where a walk starts: a bucket's root and state, or a root that somebody named.
async fn start(
    inside: &Inside,
    name: &str,
    root: Option<&str>,
) -> Result<(Cid, Option<Cid>), Failure> {
    let read = |cid: &[u8]| Cid::from_bytes(cid).map_err(|error| Failure::new(error.to_string()));
    let Some(root) = root else {
        let head = bucket::head(inside, name).await?;
        return Ok((read(&head.root)?, Some(read(&head.state)?)));
    };
    // An older root needs nothing of what the bucket is now, which may be damaged.
    let log = name.to_owned();
    let standing = inside.on_thread(move |store| store.head(&log)).await??;
    if standing.newest.is_none() {
        return Err(Refusal::NoSuchBucket.into());
    }
    let root = root.parse();
    let root = root.map_err(|error| Failure::new(format!("--root: {error}")))?;
    Ok((root, None))
}

fn blocks(inside: &Inside) -> Arc<dyn Blocks> {
    Everywhere::of(inside)
}

/// The bytes of a CAR.
pub(super) async fn export(
    inside: &Inside,
    name: &str,
    root: Option<&str>,
    out: &Out,
) -> Result<Verdict, Failure> {
    let start = start(inside, name, root).await?;
    let inspector = inside.inspector().await?;
    let progress = Arc::<Progress>::default();
    let pieces = Pieces {
        out: out.clone(),
        buffer: Vec::new(),
    };
    let work = carry::export(
        &inspector,
        blocks(inside),
        start,
        pieces,
        Arc::clone(&progress),
    );
    let (_, mut pieces) = telling(out, "blocks written", &progress, work).await?;
    tokio::task::spawn_blocking(move || pieces.flush())
        .await
        .map_err(|error| Failure::new(error.to_string()))?
        .map_err(|error| Failure::new(error.to_string()))?;
    Ok(Verdict::Whole)
}

/// The bytes of a CAR that proves what is under a key.
pub(super) async fn prove(
    inside: &Inside,
    name: &str,
    key: &str,
    root: Option<&str>,
    out: &Out,
) -> Result<Verdict, Failure> {
    let (root, _) = start(inside, name, root).await?;
    let inspector = inside.inspector().await?;
    let (proven, car) = carry::prove(&inspector, blocks(inside), root, key, Vec::new()).await?;
    out.bytes(Bytes::from(car)).await?;
    out.line(&proof_line(&root, key, proven.as_ref())).await?;
    Ok(Verdict::Whole)
}

/// What a proof says.
pub(crate) fn proof_line(
    root: &Cid,
    key: &str,
    proven: Option<&carry::Proven>,
) -> serde_json::Value {
    let verdict = if proven.is_some() {
        "present"
    } else {
        "absent"
    };
    json!({"verdict": verdict, "root": root.to_string(), "key": key, "object": proven})
}

/// A line for each fault.
pub(crate) fn faults(name: &str, out: &Out) -> Faults {
    let (name, out) = (name.to_owned(), out.clone());
    Box::new(move |fault: Fault| {
        let line = json!({
            "verdict": "damage",
            "bucket": name,
            "key": fault.key,
            "cid": fault.cid,
            "what": fault.reason,
        });
        // Called on threads that may block; whoever asked may be gone.
        let _ = futures::executor::block_on(out.line(&line));
    })
}

/// What a check comes to, in a word: what was not read is not called whole.
pub(super) const fn verdict(faults: u64, elsewhere: u64) -> &'static str {
    match (faults, elsewhere) {
        (0, 0) => "whole",
        (0, _) => "whole-here",
        _ => "damaged",
    }
}

/// The last line of a check, and what it means.
pub(crate) async fn summary(
    name: &str,
    root: Option<&Cid>,
    checked: &Checked,
    out: &Out,
) -> Result<Verdict, Failure> {
    let line = json!({
        "verdict": verdict(checked.faults, checked.elsewhere),
        "bucket": name,
        "root": root.map(ToString::to_string),
        "keys": checked.keys,
        "leaves": checked.leaves,
        "bytes": checked.bytes,
        "elsewhere": checked.elsewhere,
        "faults": checked.faults,
    });
    out.line(&line).await?;
    Ok(if checked.faults == 0 {
        Verdict::Whole
    } else {
        Verdict::Damaged
    })
}

/// Every block, link and digest of a bucket.
pub(super) async fn verify(
    inside: &Inside,
    name: &str,
    root: Option<&str>,
    out: &Out,
) -> Result<Verdict, Failure> {
    let (root, state) = start(inside, name, root).await?;
    let inspector = inside.inspector().await?;
    let progress = Arc::<Progress>::default();
    let blocks = blocks(inside);
    let work = carry::verify_bucket(
        &inspector,
        (Arc::clone(&blocks), blocks),
        (root, state),
        Arc::clone(&progress),
        faults(name, out),
    );
    let checked = telling(out, "bytes checked", &progress, work).await?;
    summary(name, Some(&root), &checked, out).await
}

/// A file as a new bucket.
pub(super) async fn import(
    inside: &Inside,
    path: PathBuf,
    bucket: Import,
    out: &Out,
) -> Result<Verdict, Failure> {
    let inspector = inside.inspector().await?;
    let progress = Arc::<Progress>::default();
    let target = Target {
        storage: inside.storage(),
        mst: inside.mst().await?,
        metrics: inside.metrics(),
    };
    let name = bucket.name.clone();
    let told = faults(&name, out);
    let work = carry::import(
        &inspector,
        target,
        &path,
        bucket,
        Arc::clone(&progress),
        told,
    );
    let Imported { root, checked } = telling(out, "bytes", &progress, work).await?;
    let line = json!({
        "verdict": "imported",
        "bucket": name,
        "root": root,
        "keys": checked.keys,
        "leaves": checked.leaves,
        "bytes": checked.bytes,
    });
    out.line(&line).await?;
    Ok(Verdict::Whole)
}
