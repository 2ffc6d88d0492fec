//! Looking through all that trees and states reach, to find what is missing or wrong.
//!
//! Every block of the catalog is read and must belong where it is; leaves are named for whoever
//! reads them, with what their body must be as a whole. Damage ends nothing but what is below it.
//! Must never pass over a key without telling of its body or of the damage before it.

use std::cell::RefCell;
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use billet_block::Cid;
use billet_manifest::{Checksum, ChecksumKind, File, Object};
use billet_tree::{Closure, ReachedKind, TreeError, get};
use billet_unixfs::{Spans, Step, UnixfsError};

use crate::lookup::Span;
use crate::need::{Blocked, Need};
use crate::refusal::StoreError;
use crate::{Target, View, bodies, checksum};

/// Keys that are looked at together; a manifest can have 2 MiB.
const QUEUE_MAX: usize = 32;

/// Leaves that are told at once.
const LEAVES_MAX: usize = 256;

/// A digest by the store's name of its algorithm, raw.
pub type Named = (String, Vec<u8>);

/// What a part of a body must be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PromisedPart {
    /// Bytes.
    pub size: u64,
    /// Of its bytes.
    pub digests: Vec<Named>,
}

/// What a manifest says of a body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Promise {
    /// The key.
    pub key: String,
    /// The manifest's block.
    pub manifest: Cid,
    /// The file.
    pub root: Cid,
    /// Bytes.
    pub size: u64,
    /// Of the whole body.
    pub digests: Vec<Named>,
    /// In order; empty unless uploaded in parts.
    pub parts: Vec<PromisedPart>,
    /// Each of the parts' digests by the same algorithm, one after another.
    pub composites: Vec<Named>,
}

/// A block that is missing, damaged or not what its place asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Damage {
    /// The block.
    pub cid: Cid,
    /// The key that leads there; of a tree's node the key before it, or the empty text.
    pub key: String,
    /// For people.
    pub reason: String,
}

/// What a check came by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Checked {
    /// A manifest that can be read. The leaves of its body follow.
    Body(Promise),
    /// The next leaves of that body, each whole.
    Leaves(Vec<Span>),
    /// What is below it was not looked at.
    Damaged(Damage),
}

/// A check under way. Memory is bounded by the height of the trees, a queue and what is lost.
pub struct Check {
    targets: VecDeque<Target>,
    tree: Option<Closure>,
    /// Keys with their manifests, and what was found damaged between them.
    queue: VecDeque<Result<(String, Cid), Damage>>,
    /// The body under way.
    body: Option<(String, File, Spans)>,
    /// Nodes that cannot be had.
    lost: BTreeMap<Cid, StoreError>,
}

impl Check {
    /// Of all that these reach, in their order.
    pub fn new(targets: &[Target]) -> Self {
        Self {
            targets: targets.iter().copied().collect(),
            tree: None,
            queue: VecDeque::new(),
            body: None,
            lost: BTreeMap::new(),
        }
    }

    /// Tells that a node which was needed cannot be had.
    pub fn lose(&mut self, cid: Cid, error: StoreError) {
        self.lost.insert(cid, error);
    }

    /// What comes next, or none at the end. A check that is blocked has not moved.
    ///
    /// # Errors
    /// `Need` alone: supply it, or tell of nodes that they are lost, and call again.
    pub fn next(&mut self, view: &View<'_>) -> Result<Option<Checked>, Blocked> {
        loop {
            if let Some(found) = self.body(view)? {
                return Ok(Some(found));
            }
            self.fill(view)?;
            if !self.queue.is_empty() {
                return self.value(view);
            }
            match self.targets.front() {
                None => return Ok(None),
                Some(Target::Tree(root)) => self.tree = Some(Closure::new(*root, None)),
                Some(Target::State(cid)) => {
                    let mut need = Need::default();
                    let state = view.state(cid, &mut need).ok_or(Blocked::Need(need))?;
                    self.queue
                        .extend(state.err().map(|error| Err(damage(*cid, "", &error))));
                }
            }
            self.targets.pop_front();
        }
    }

    /// Moves keys of the tree into the queue.
    fn fill(&mut self, view: &View<'_>) -> Result<(), Blocked> {
        let Some(tree) = &mut self.tree else {
            return Ok(());
        };
        while self.queue.len() < QUEUE_MAX {
            let damage = match tree.next(view) {
                Ok(Some(reached)) => {
                    if reached.kind == ReachedKind::Value {
                        self.queue.push_back(Ok((reached.key, reached.cid)));
                    }
                    continue;
                }
                Ok(None) => {
                    self.tree = None;
                    break;
                }
                Err(TreeError::Missing(missing)) => {
                    let mut lost = missing.need.iter();
                    let lost = lost.find_map(|cid| Some((*cid, self.lost.get(cid)?)));
                    match lost {
                        Some((cid, error)) => damage(cid, tree.after_key(), error),
                        None if !self.queue.is_empty() => break,
                        None => return Err(Blocked::of_tree(TreeError::Missing(missing))),
                    }
                }
                Err(TreeError::Damaged { cid, error }) => damage(cid, tree.after_key(), &error),
                Err(error) => return Err(Blocked::of_tree(error)),
            };
            self.queue.push_back(Err(damage));
            tree.skip();
        }
        Ok(())
    }

    /// Takes the first of the queue.
    fn value(&mut self, view: &View<'_>) -> Result<Option<Checked>, Blocked> {
        let mut need = Need::default();
        for (_, cid) in self.queue.iter().flatten() {
            // Told when its turn comes.
            let _ = view.object(cid, &mut need);
        }
        let first = match self.queue.front() {
            None => return Ok(None),
            Some(Err(damage)) => Err(damage.clone()),
            Some(Ok((key, cid))) => match view.object(cid, &mut Need::default()) {
                None => return Err(Blocked::Need(need)),
                Some(Err(error)) => Err(damage(*cid, key, &error)),
                Some(Ok(object)) => promise(&object, key, *cid),
            },
        };
        let first = first.and_then(|promise| {
            let spans = Spans::whole(promise.root, promise.size);
            let spans = spans.map_err(|error| damage(promise.manifest, &promise.key, &error))?;
            let (root, size) = (promise.root, promise.size);
            self.body = Some((promise.key.clone(), File { root, size }, spans));
            Ok(promise)
        });
        self.queue.pop_front();
        Ok(Some(match first {
            Ok(promise) => Checked::Body(promise),
            Err(damage) => Checked::Damaged(damage),
        }))
    }

    /// The next leaves of the body under way, or why there are no more; none at its end.
    fn body(&mut self, view: &View<'_>) -> Result<Option<Checked>, Blocked> {
        let Some((key, file, spans)) = &mut self.body else {
            return Ok(None);
        };
        let mut leaves = Vec::new();
        while leaves.len() < LEAVES_MAX {
            match leaf(view, *file, spans) {
                Ok(Some(span)) => leaves.push(span),
                _ if !leaves.is_empty() => break,
                Ok(None) => {
                    self.body = None;
                    return Ok(None);
                }
                Err(Stopped::Need(need)) => return Err(Blocked::Need(need)),
                Err(Stopped::At(cid, reason)) => {
                    let damage = damage(cid, key, &reason);
                    self.body = None;
                    return Ok(Some(Checked::Damaged(damage)));
                }
            }
        }
        Ok(Some(Checked::Leaves(leaves)))
    }
}

/// Why a body does not go on.
enum Stopped {
    Need(Need),
    At(Cid, String),
}

/// The next leaf. The block of an empty body is read here: no leaf stands for it.
fn leaf(view: &View<'_>, file: File, spans: &mut Spans) -> Result<Option<Span>, Stopped> {
    let lost = RefCell::new(None);
    let need = RefCell::new(Need::default());
    let read = |cid: &Cid| match view.file(cid, &mut need.borrow_mut())? {
        Ok(bytes) => Some(bytes),
        Err(error) => {
            lost.replace(Some((*cid, error)));
            None
        }
    };
    let is_wrong = file.size == 0 && read(&file.root).is_some_and(|bytes| !bytes.is_empty());
    let step = spans.next(read);
    if let Ok(Step::NeedBlock { ahead, .. }) = &step {
        ahead.iter().for_each(|cid| drop(read(cid)));
    }
    if let Some((cid, error)) = lost.into_inner() {
        return Err(Stopped::At(cid, error.to_string()));
    }
    match step {
        Err(UnixfsError::Mismatch(cid)) => {
            let reason = "not the node that its link names".to_owned();
            Err(Stopped::At(cid, reason))
        }
        Err(error) => Err(Stopped::At(file.root, error.to_string())),
        Ok(_) if is_wrong => {
            let reason = "bytes in an empty body".to_owned();
            Err(Stopped::At(file.root, reason))
        }
        Ok(Step::Span {
            cid,
            offset,
            length,
        }) => Ok(Some(Span {
            cid,
            offset,
            length,
        })),
        Ok(_) if need.borrow().is_empty() => Ok(None),
        Ok(_) => Err(Stopped::Need(need.into_inner())),
    }
}

fn damage(cid: Cid, key: &str, reason: &impl ToString) -> Damage {
    Damage {
        cid,
        key: key.to_owned(),
        reason: reason.to_string(),
    }
}

/// What a manifest says, if it belongs to that key and agrees with itself.
fn promise(object: &Arc<Object>, key: &str, manifest: Cid) -> Result<Promise, Damage> {
    let wrong = |reason: &str| damage(manifest, key, &reason);
    if object.key != key {
        return Err(wrong("the manifest of another key"));
    }
    if let Some(reason) = bodies::outgrown(object) {
        return Err(wrong(reason));
    }
    let file = object.content.file();
    let sizes = object
        .parts
        .iter()
        .try_fold(0_u64, |sum, part| sum.checked_add(part.size));
    if !object.parts.is_empty() && sizes != Some(file.size) {
        return Err(wrong("parts that do not add up to the body"));
    }
    let of_kind = |kind: ChecksumKind| {
        let checksums = object.checksums.iter();
        checksums.filter(move |checksum| checksum.kind == kind).map(
            |Checksum {
                 algorithm, value, ..
             }| (algorithm.clone(), value.clone()),
        )
    };
    let mut digests: Vec<Named> = of_kind(ChecksumKind::FullObject).collect();
    let mut composites: Vec<Named> = of_kind(ChecksumKind::Composite).collect();
    let sha256 = object.sha256.iter();
    digests.extend(sha256.map(|value| ("sha2-256".to_owned(), value.clone())));
    let md5 = |hex: &str| Some(("md5".to_owned(), checksum::read_md5(hex)?));
    match object.etag.split_once('-') {
        None => digests.extend(md5(&object.etag)),
        Some((etag, count)) if count == object.parts.len().to_string() => {
            composites.extend(md5(etag));
        }
        Some(_) => {}
    }
    let parts = object.parts.iter().map(|part| PromisedPart {
        size: part.size,
        digests: object
            .part_algorithm
            .clone()
            .zip(part.checksum.clone())
            .into_iter()
            .collect(),
    });
    Ok(Promise {
        key: key.to_owned(),
        manifest,
        root: file.root,
        size: file.size,
        digests,
        parts: parts.collect(),
        composites,
    })
}

/// What a tree has under a key.
///
/// # Errors
/// As blocks can fail; `Corrupt` for a manifest that is not the key's.
pub fn find_promise(view: &View<'_>, root: &Cid, key: &str) -> Result<Option<Promise>, Blocked> {
    let Some(cid) = get(view, root, key).map_err(Blocked::of_tree)? else {
        return Ok(None);
    };
    let mut need = Need::default();
    let object = view.object(&cid, &mut need).ok_or(Blocked::Need(need))??;
    let promise = promise(&object, key, cid);
    Ok(Some(
        promise.map_err(|damage| StoreError::Corrupt(damage.cid))?,
    ))
}
