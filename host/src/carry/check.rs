//! Checking a whole bucket, in a store or in a file: every block, link and digest.
//!
//! Must never stop at the first damage, and never call whole what was not read.

use std::path::Path;
use std::sync::Arc;

use billet_block::Cid;
use futures::executor::block_on_stream;
use serde::{Deserialize, Serialize};

use super::archive::Archive;
use super::bodies::Body;
use super::inspector::{Flow, Inspector, failed, flow};
use super::{Blocks, CarryError, EXHAUSTED, Fault, Lost, Progress, blocking};
use crate::bindings::exports::billet::bucket::inspect::{Checked as Item, Span, Target};

/// Findings that are taken from an instance at once.
const BATCH_FINDINGS: usize = 64;

/// What was looked at.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Checked {
    /// Keys whose manifest could be read.
    pub keys: u64,
    /// Leaves that were read, each as often as a body has it.
    pub leaves: u64,
    /// Bytes of them.
    pub bytes: u64,
    /// Leaves that were not read, because only the network has them.
    pub elsewhere: u64,
    /// Things that are wrong.
    pub faults: u64,
}

/// To whom faults are told.
pub type Faults = Box<dyn FnMut(Fault) + Send>;

/// Checks all that a root and a state reach in a store; `leaves` has the leaves of bodies, and
/// `catalog` all that leads to them.
///
/// # Errors
/// `Elsewhere` when the way to some leaves is not known; damage is told to `fault` and counted.
pub async fn verify_bucket(
    inspector: &Inspector,
    (catalog, leaves): (Arc<dyn Blocks>, Arc<dyn Blocks>),
    (root, state): (Cid, Option<Cid>),
    progress: Arc<Progress>,
    fault: Faults,
) -> Result<Checked, CarryError> {
    progress.begin(0);
    let checker = Checker::new(leaves, None, progress, fault);
    Ok(check(inspector, catalog, (root, state), checker).await?.0)
}

/// Checks a CAR file: its form, every block, that its roots reach them all, every digest.
///
/// # Errors
/// When it cannot be checked; damage is told to `fault` and counted.
pub async fn verify_archive(
    inspector: &Inspector,
    path: &Path,
    progress: Arc<Progress>,
    mut fault: Faults,
) -> Result<(Checked, Arc<Archive>), CarryError> {
    let (path, reading) = (path.to_owned(), Arc::clone(&progress));
    let (archive, early, mut fault) = blocking(move || {
        let mut early = 0;
        let archive = Archive::open(&path, &reading, &mut |found| {
            early += 1;
            fault(found);
        });
        (archive, early, fault)
    })
    .await?;
    let archive = Arc::new(archive?);
    let (root, state) = match *archive.roots() {
        [root] => (root, None),
        [root, state] => (root, Some(state)),
        _ => {
            let faults = early.max(1);
            if early == 0 {
                let reason = "not a bucket: the roots are to be a tree and, maybe, a state";
                blocking(move || fault(Fault::at(None, None, reason))).await?;
            }
            let none = Checked::default();
            return Ok((Checked { faults, ..none }, archive));
        }
    };
    let blocks: Arc<dyn Blocks> = archive.clone();
    progress.begin(progress.now().1);
    let leaves = Arc::clone(&blocks);
    let checker = Checker::new(leaves, Some(Arc::clone(&archive)), progress, fault);
    let (mut checked, mut fault) = check(inspector, blocks, (root, state), checker).await?;
    checked.faults += early;
    // What damage hides looks as if nothing linked it.
    if checked.faults == 0 {
        let looked = Arc::clone(&archive);
        let left = blocking(move || {
            let reason = "nothing in the bucket links this block";
            let left = looked.unreached();
            left.map(|cid| fault(Fault::at(None, Some(&cid), reason)))
                .count()
        });
        checked.faults = u64::try_from(left.await?).unwrap_or(u64::MAX);
    }
    Ok((checked, archive))
}

async fn check(
    inspector: &Inspector,
    catalog: Arc<dyn Blocks>,
    (root, state): (Cid, Option<Cid>),
    mut checker: Checker,
) -> Result<(Checked, Faults), CarryError> {
    let mut targets = vec![Target::Tree(root.to_bytes().to_vec())];
    targets.extend(state.map(|state| Target::State(state.to_bytes().to_vec())));
    let way = Arc::clone(&catalog);
    let run = inspector.run(way, async move |accessor, native| {
        let inspect = native.billet_bucket_inspect();
        let started = inspect.call_check(accessor, targets).await?;
        let (stream, end) = started.map_err(|error| failed(&error))?;
        let Flow { batches, ended } = flow(accessor, stream, end, BATCH_FINDINGS)?;
        let work = blocking(move || {
            for batch in block_on_stream(batches) {
                batch.into_iter().for_each(|item| checker.item(item));
                checker.progress.go_on()?;
            }
            checker.finish_body();
            checker.present(&*catalog, &root);
            Ok::<_, CarryError>(checker)
        });
        let checker = work.await??;
        let ended = ended.await;
        ended
            .map_err(|_| CarryError::Failed("a check broke off".to_owned()))?
            .map_err(|error| failed(&error))?;
        if checker.is_exhausted {
            return Err(CarryError::Failed(EXHAUSTED.to_owned()));
        }
        Ok((checker.checked, checker.fault))
    });
    run.await
}

/// Reads bodies and compares.
struct Checker {
    leaves: Arc<dyn Blocks>,
    /// The file, whose blocks are marked as they are reached.
    archive: Option<Arc<Archive>>,
    progress: Arc<Progress>,
    fault: Faults,
    checked: Checked,
    /// The key under way; its body is gone when it cannot be compared any more.
    key: String,
    body: Option<Body>,
    /// Whether something could not be read for want of files or memory: then nothing is whole.
    is_exhausted: bool,
}

impl Checker {
    fn new(
        leaves: Arc<dyn Blocks>,
        archive: Option<Arc<Archive>>,
        progress: Arc<Progress>,
        fault: Faults,
    ) -> Self {
        Self {
            leaves,
            archive,
            progress,
            fault,
            checked: Checked::default(),
            key: String::new(),
            body: None,
            is_exhausted: false,
        }
    }

    fn tell(&mut self, key: Option<&str>, cid: Option<&Cid>, reason: &str) {
        self.checked.faults += 1;
        (self.fault)(Fault::at(key, cid, reason));
    }

    /// Reads the root, for the empty tree is known to an instance without being read. Of any
    /// other that is lost the check has told.
    fn present(&mut self, catalog: &dyn Blocks, root: &Cid) {
        match (catalog.block(root), self.checked.faults) {
            (Err(Lost::Exhausted), _) => self.is_exhausted = true,
            (Err(lost), 0) => self.tell(None, Some(root), reason(lost)),
            _ => {}
        }
    }

    fn item(&mut self, item: Item) {
        match item {
            Item::Body(promise) => {
                self.finish_body();
                self.checked.keys += 1;
                self.key.clone_from(&promise.key);
                self.body = Some(Body::new(promise));
            }
            Item::Leaves(leaves) => leaves.iter().for_each(|leaf| self.leaf(leaf)),
            Item::Damaged(damage) => {
                // A body that is not whole was broken off by this.
                if self.body.as_ref().is_some_and(Body::is_short) {
                    self.body = None;
                }
                self.finish_body();
                let cid = Cid::from_bytes(&damage.cid).ok();
                self.tell(Some(&damage.key), cid.as_ref(), &damage.reason);
            }
        }
    }

    fn leaf(&mut self, leaf: &Span) {
        // Whoever takes batches hears of it behind this one.
        if self.progress.go_on().is_err() {
            return;
        }
        let Ok(cid) = Cid::from_bytes(&leaf.cid) else {
            return;
        };
        let wrong = match self.leaves.block(&cid) {
            Ok(bytes) => {
                if let Some(archive) = &self.archive {
                    archive.reach_leaf(&cid);
                }
                self.checked.leaves += 1;
                self.checked.bytes += bytes.len() as u64;
                self.progress.add(bytes.len());
                if let Some(body) = &mut self.body {
                    body.update(&bytes);
                }
                (bytes.len() as u64 != leaf.length).then_some("not as long as its link says")
            }
            Err(Lost::Elsewhere) => {
                // Neither right nor wrong: what it belongs to cannot be compared.
                self.checked.elsewhere += 1;
                self.body = None;
                None
            }
            Err(Lost::Exhausted) => {
                self.is_exhausted = true;
                self.body = None;
                None
            }
            Err(lost) => Some(reason(lost)),
        };
        if let Some(wrong) = wrong {
            // What it was to be cannot be compared any more; its other leaves can.
            self.body = None;
            let key = self.key.clone();
            self.tell(Some(&key), Some(&cid), wrong);
        }
    }

    fn finish_body(&mut self) {
        let Some(body) = self.body.take() else {
            return;
        };
        let key = self.key.clone();
        let manifest = Cid::from_bytes(body.manifest()).ok();
        if body.is_short() {
            self.tell(Some(&key), manifest.as_ref(), "the body ends too early");
            return;
        }
        for wrong in body.finish() {
            self.tell(Some(&key), manifest.as_ref(), &wrong);
        }
    }
}

const fn reason(lost: Lost) -> &'static str {
    match lost {
        Lost::Missing => "the block is missing",
        Lost::Damaged => "the block is damaged",
        Lost::Exhausted => EXHAUSTED,
        Lost::Elsewhere => "the block is on the network only, and it did not give it",
    }
}
