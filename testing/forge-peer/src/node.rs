//! A storage node: allocations, uploaded bytes, accepts, retrieval, release.
//!
//! Must never hold a blob in memory, nor answer for bytes whose digest it has not computed.

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, OnceLock};

use ipld_core::ipld::Ipld;

use crate::cbor::{self, Map};
use crate::check::{self, Proofs, Refusal};
use crate::container;
use crate::counters::Counters;
use crate::fault::Kind as Fault;
use crate::fields;
use crate::key::{self, Key};
use crate::token::{Draft, Kind, Token};
use crate::world::{Done, Party, Task, World, lock};

/// Largest blob, in bytes.
pub(crate) const BLOB_MAX: u64 = 268_435_456;
/// How long an upload address holds, in seconds.
const ALLOCATION_S: i64 = 86_400;
/// Most blobs and most open uploads of one node.
const ENTRIES_MAX: usize = 200_000;

/// One storage node.
#[derive(Debug)]
pub(crate) struct Node {
    index: usize,
    key: Key,
    url: OnceLock<String>,
    folder: PathBuf,
    down: AtomicBool,
    lies: AtomicBool,
    /// The proofs given to services, by their names.
    given: Mutex<HashMap<String, Vec<Arc<Token>>>>,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    uploads: HashMap<String, Upload>,
    /// Sizes of the blobs on disk, by multihash.
    held: HashMap<Vec<u8>, u64>,
    /// Who has which blob here, with the location commitment once accepted.
    claims: BTreeMap<(Vec<u8>, String), Option<Arc<Token>>>,
}

/// What an upload address stands for.
#[derive(Clone, Debug)]
pub(crate) struct Upload {
    pub(crate) digest: Vec<u8>,
    pub(crate) size: u64,
    expires: i64,
}

/// A retrieval that may go on, or how it ends.
#[derive(Debug)]
pub(crate) enum Retrieval {
    /// Status 500 with this text.
    Failed(String),
    /// This status, the receipt, and the error's name where the node itself refused.
    Refused(u16, Arc<Token>, Option<String>),
    /// Bytes from start to end, both included, of so many, with the receipt.
    Bytes {
        receipt: Option<Arc<Token>>,
        digest: Vec<u8>,
        path: PathBuf,
        start: u64,
        end: u64,
        total: u64,
        fault: Option<Fault>,
    },
}

impl Node {
    pub(crate) fn new(index: usize, key: Key, folder: PathBuf) -> std::io::Result<Self> {
        std::fs::create_dir_all(&folder)?;
        Ok(Self {
            index,
            key,
            url: OnceLock::new(),
            folder,
            down: AtomicBool::new(false),
            lies: AtomicBool::new(false),
            given: Mutex::default(),
            state: Mutex::default(),
        })
    }

    pub(crate) fn listen_at(&self, url: String) {
        // Set once, when the listeners are bound.
        let _ = self.url.set(url);
    }

    pub(crate) fn url(&self) -> &str {
        self.url.get().map_or("", String::as_str)
    }

    pub(crate) fn is_down(&self) -> bool {
        self.down.load(Ordering::SeqCst)
    }

    pub(crate) fn set_down(&self, down: bool) {
        self.down.store(down, Ordering::SeqCst);
    }

    pub(crate) fn lies(&self) -> bool {
        self.lies.load(Ordering::SeqCst)
    }

    pub(crate) fn set_lies(&self, lies: bool) {
        self.lies.store(lies, Ordering::SeqCst);
    }

    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    pub(crate) fn path(&self, digest: &[u8]) -> PathBuf {
        self.folder.join(hex::encode(digest))
    }

    /// The proofs that a service needs to use this node.
    pub(crate) fn proofs_for(&self, service: &str) -> Vec<Arc<Token>> {
        let mut given = lock(&self.given);
        let make = || self.delegate_to(service);
        given.entry(service.to_owned()).or_insert_with(make).clone()
    }

    fn delegate_to(&self, service: &str) -> Vec<Arc<Token>> {
        [
            "/blob/allocate",
            "/blob/accept",
            "/blob/replica/allocate",
            "/pdp/info",
            "/blob/release",
            "/blob/reject",
        ]
        .iter()
        .map(|cmd| {
            let sub = Some(self.key.did());
            Arc::new(Draft::delegation(service, sub, cmd).sign(&self.key))
        })
        .collect()
    }

    fn allocate(&self, world: &World, task: &Task<'_>) -> Result<Done, Refusal> {
        let args = task.token.args();
        let (space, digest, size) = blob_of(args)?;
        if !is_sha256(&digest) {
            return Err(Refusal::handler("/blob/allocate", "unsupported hash"));
        }
        if size > BLOB_MAX {
            return Err(Refusal::new(
                "BlobSizeLimitExceeded",
                format!("blob of {size} bytes is over the limit of {BLOB_MAX}"),
            ));
        }
        let mut state = lock(&self.state);
        let now = world.now();
        state.uploads.retain(|_, upload| upload.expires > now);
        if state.uploads.len() >= ENTRIES_MAX || state.claims.len() >= ENTRIES_MAX {
            return Err(Refusal::new("NoCapacity", "node is full"));
        }
        let claim = (digest.clone(), space);
        let first = !state.claims.contains_key(&claim);
        state.claims.entry(claim).or_default();
        let mut ok = Map::new();
        let counted = if first { size } else { 0 };
        ok.insert("size".into(), Ipld::Integer(counted.into()));
        if !state.held.contains_key(&digest) {
            let id = hex::encode(key::nonce());
            let expires = now.saturating_add(ALLOCATION_S);
            ok.insert(
                "address".into(),
                cbor::map([
                    (
                        "url",
                        Ipld::String(format!("{}/pdp/piece/upload/{id}", self.url())),
                    ),
                    ("headers", cbor::map([])),
                    ("expires", Ipld::Integer(expires.into())),
                ]),
            );
            let upload = Upload {
                digest,
                size,
                expires,
            };
            state.uploads.insert(id, upload);
        }
        Ok(Done::ok(Ipld::Map(ok)))
    }

    /// What an upload address stands for, while it holds.
    pub(crate) fn upload(&self, id: &str, now: i64) -> Option<Upload> {
        let state = lock(&self.state);
        let upload = state.uploads.get(id)?;
        (upload.expires > now).then(|| upload.clone())
    }

    /// Takes over a file whose digest was computed; the address is used up.
    pub(crate) fn keep(&self, world: &World, id: &str, from: &Path) -> std::io::Result<()> {
        let mut state = lock(&self.state);
        let Some(upload) = state.uploads.remove(id) else {
            return std::fs::remove_file(from);
        };
        std::fs::rename(from, self.path(&upload.digest))?;
        if state.held.insert(upload.digest, upload.size).is_some() {
            world.counters().puts_again += 1;
        } else {
            world.counters().blobs_held += 1;
        }
        Ok(())
    }

    fn accept(&self, world: &World, task: &Task<'_>) -> Result<Done, Refusal> {
        let (space, digest, _) = blob_of(task.token.args())?;
        let claim = (digest.clone(), space.clone());
        let mut state = lock(&self.state);
        let held = state.held.get(&digest).copied();
        let (Some(size), Some(accepted)) = (held, state.claims.get_mut(&claim)) else {
            return Err(Refusal::handler("/blob/accept", "piece not found"));
        };
        let again = accepted.is_some();
        let location = match accepted {
            Some(location) => Arc::clone(location),
            None => {
                let location = Arc::new(self.location(&space, &digest, size));
                *accepted = Some(Arc::clone(&location));
                location
            }
        };
        drop(state);
        {
            let mut counters = world.counters();
            Counters::more(&mut counters.accepts, &hex::encode(&digest));
            counters.accepts_again += u64::from(again);
        }
        let location = match task.fault {
            Some(Fault::OtherSpace) => {
                let other = Key::named("another space");
                Arc::new(self.location(other.did(), &digest, size))
            }
            _ => location,
        };
        let blob = cbor::map([("blob", Ipld::Bytes(digest))]);
        let pdp = Draft::invocation(self.key.did(), "/pdp/accept", blob).no_nonce();
        let pdp = Arc::new(pdp.sign(&self.key));
        let ok = cbor::map([
            ("site", Ipld::Link(location.cid())),
            ("pdp", cbor::awaits(pdp.task())),
        ]);
        let tokens = match task.fault {
            Some(Fault::NoLocation) => vec![pdp],
            _ => vec![location, pdp],
        };
        Ok(Done { ok, tokens })
    }

    fn location(&self, space: &str, digest: &[u8], size: u64) -> Token {
        let cid = multihash::Multihash::from_bytes(digest)
            .map(|hash| cid::Cid::new_v1(0x55, hash).to_string())
            .unwrap_or_default();
        let end = size.saturating_sub(1);
        let args = cbor::map([
            ("space", Ipld::String(space.into())),
            ("content", Ipld::Bytes(digest.to_vec())),
            (
                "location",
                Ipld::List(vec![Ipld::String(format!("{}/piece/{cid}", self.url()))]),
            ),
            (
                "range",
                cbor::map([
                    ("start", Ipld::Integer(0)),
                    ("end", Ipld::Integer(end.into())),
                ]),
            ),
        ]);
        Draft::invocation(space, "/assert/location", args).sign(&self.key)
    }

    fn drop_claim(&self, world: &World, space: &str, digest: &[u8]) {
        let mut state = lock(&self.state);
        let claim = (digest.to_vec(), space.to_owned());
        state.claims.remove(&claim);
        let wanted = state.claims.keys().any(|(other, _)| other == digest);
        if wanted {
            return;
        }
        state.uploads.retain(|_, upload| upload.digest != digest);
        if state.held.remove(digest).is_some() {
            world.counters().blobs_held -= 1;
            // Gone already is as good as removed.
            let _ = std::fs::remove_file(self.path(digest));
        }
    }

    fn reject(&self, world: &World, task: &Task<'_>) -> Result<Done, Refusal> {
        let args = task.token.args();
        let (space, digest) = (fields::text(args, "space")?, fields::bytes(args, "digest")?);
        let claim = (digest.clone(), space.clone());
        if matches!(lock(&self.state).claims.get(&claim), Some(Some(_))) {
            return Err(Refusal::new(
                "BlobAccepted",
                "blob has been accepted by the space; release the claim via /blob/remove",
            ));
        }
        self.drop_claim(world, &space, &digest);
        Ok(Done::unit())
    }

    fn release(&self, world: &World, task: &Task<'_>) -> Result<Done, Refusal> {
        let args = task.token.args();
        let cause = fields::link(args, "cause")?;
        let removes = |token: &Arc<Token>| token.cmd() == "/blob/remove" && token.task() == cause;
        let removal = task
            .beside
            .values()
            .find(|token| removes(token))
            .ok_or_else(|| Refusal::new("UnknownCause", "cause is not in the container"))?;
        let allowed = check::invocation(removal, task.beside, task.now, &world.directory);
        allowed.map_err(|refusal| Refusal::new("InvalidCause", refusal.to_string()))?;
        let (space, digest) = (fields::text(args, "space")?, fields::bytes(args, "digest")?);
        self.drop_claim(world, &space, &digest);
        Ok(Done::unit())
    }

    /// The location commitments of a digest here.
    pub(crate) fn locations(&self, digest: &[u8]) -> Vec<Arc<Token>> {
        lock(&self.state)
            .claims
            .iter()
            .filter(|((other, _), _)| other == digest)
            .filter_map(|(_, location)| location.clone())
            .collect()
    }

    /// Every accepted blob: digest, space, size.
    pub(crate) fn accepted(&self) -> Vec<(Vec<u8>, String, u64)> {
        let state = lock(&self.state);
        state
            .claims
            .iter()
            .filter(|(_, location)| location.is_some())
            .map(|((digest, space), _)| {
                let size = state.held.get(digest).copied().unwrap_or(0);
                (digest.clone(), space.clone(), size)
            })
            .collect()
    }

    /// Copies an accepted blob from another node and commits to it as its own.
    pub(crate) fn copy_from(&self, other: &Self, space: &str, digest: &[u8]) -> bool {
        let size = lock(&other.state).held.get(digest).copied();
        let Some(size) = size else { return false };
        if std::fs::copy(other.path(digest), self.path(digest)).is_err() {
            return false;
        }
        let location = Arc::new(self.location(space, digest, size));
        let mut state = lock(&self.state);
        state.held.insert(digest.to_vec(), size);
        state
            .claims
            .insert((digest.to_vec(), space.to_owned()), Some(location));
        true
    }

    /// Judges a retrieval by its header; `step` is what rules for faults call it.
    pub(crate) fn retrieve(&self, world: &World, header: Option<&[u8]>, step: &str) -> Retrieval {
        let Some(header) = header else {
            return Retrieval::Failed(
                "decoding request: missing required \"X-UCAN-Container\" header".into(),
            );
        };
        let contents = match container::read_outer(header) {
            Ok(contents) if world.strict.canonical && !contents.canonical => {
                return Retrieval::Failed("decoding request: container is not canonical".into());
            }
            Ok(contents) => contents.tokens,
            Err(error) => {
                return Retrieval::Failed(format!("decoding request: decoding container: {error}"));
            }
        };
        let mut asked = contents
            .iter()
            .filter(|token| token.kind() == Kind::Invocation && token.aud() == self.key.did());
        let (Some(token), None) = (asked.next(), asked.next()) else {
            return Retrieval::Failed("missing UCAN invocation".into());
        };
        let beside: Proofs = contents
            .iter()
            .map(|token| (token.cid(), Arc::clone(token)))
            .collect();
        let fault = world.fault(step, Some(self.index));
        let ahead = match fault {
            Some(Fault::Expired { seconds }) => seconds,
            _ => 0,
        };
        let task = Task {
            token,
            beside: &beside,
            now: world.now().saturating_add(ahead),
            fault: fault.as_ref(),
        };
        self.judge(world, &task, fault.clone())
    }

    fn judge(&self, world: &World, task: &Task<'_>, fault: Option<Fault>) -> Retrieval {
        let refuse = |status: u16, refusal: Refusal, own: bool| {
            let name = own.then(|| refusal.name.clone());
            match crate::world::receipt(world, &self.key, task, Err(refusal)) {
                Some(receipt) => Retrieval::Refused(status, Arc::new(receipt), name),
                None => Retrieval::Failed("no receipt".into()),
            }
        };
        if let Some(Fault::Refused { name }) = &fault {
            return refuse(403, Refusal::new(name, "refused on demand"), true);
        }
        let (space, digest, start, end) = match retrieval_of(world, task) {
            Ok(wanted) => wanted,
            Err(refusal) => return refuse(200, refusal, false),
        };
        let state = lock(&self.state);
        let claimed = state.claims.contains_key(&(digest.clone(), space));
        let held = state.held.get(&digest).copied();
        drop(state);
        if !claimed {
            let refusal = Refusal::new("NotAllocated", "no allocation for blob in space");
            return refuse(404, refusal, true);
        }
        let Some(total) = held else {
            return refuse(404, Refusal::new("NotFound", "blob not found"), true);
        };
        if start > end || end >= total {
            let refusal = Refusal::new(
                "RangeNotSatisfiable",
                format!("range {start}-{end} of {total}"),
            );
            return refuse(416, refusal, true);
        }
        let receipt = crate::world::receipt(world, &self.key, task, Ok(cbor::map([])));
        Retrieval::Bytes {
            receipt: receipt.map(Arc::new),
            path: self.path(&digest),
            digest,
            start,
            end,
            total,
            fault,
        }
    }
}

fn retrieval_of(world: &World, task: &Task<'_>) -> Result<(String, Vec<u8>, u64, u64), Refusal> {
    let cmd = task.token.cmd();
    let declared = fields::of(cmd)
        .filter(|_| cmd == "/content/retrieve")
        .ok_or_else(|| Refusal::new("HandlerNotFound", format!("handler not found: {cmd:?}")))?;
    check::invocation(task.token, task.beside, task.now, &world.directory)?;
    if world.strict.declared {
        fields::strict(task.token, &declared)?;
    }
    let args = task.token.args();
    let digest = fields::bytes(&fields::map(args, "blob")?, "digest")?;
    let (start, end) = fields::range(args)?;
    Counters::more(&mut world.counters().commands, cmd);
    Ok((task.sub().to_owned(), digest, start, end))
}

/// Whether bytes are a SHA-256 multihash.
pub(crate) fn is_sha256(digest: &[u8]) -> bool {
    digest.len() == 34 && digest.starts_with(&[0x12, 0x20])
}

fn blob_of(args: &Map) -> Result<(String, Vec<u8>, u64), Refusal> {
    let space = fields::text(args, "space")?;
    let blob = fields::map(args, "blob")?;
    let digest = fields::bytes(&blob, "digest")?;
    Ok((space, digest, fields::number(&blob, "size")?))
}

impl Party for Node {
    fn key(&self) -> &Key {
        &self.key
    }

    fn node(&self) -> Option<usize> {
        Some(self.index)
    }

    fn knows(&self, cmd: &str) -> bool {
        matches!(
            cmd,
            "/blob/allocate" | "/blob/accept" | "/blob/release" | "/blob/reject"
        )
    }

    fn execute(&self, world: &World, task: &Task<'_>) -> Result<Done, Refusal> {
        match task.token.cmd() {
            "/blob/allocate" => self.allocate(world, task),
            "/blob/accept" => self.accept(world, task),
            "/blob/release" => self.release(world, task),
            _ => self.reject(world, task),
        }
    }
}
