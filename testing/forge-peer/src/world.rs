//! What all parts of the peer share: parties, clock, rules, numbers, and how calls are run.
//!
//! Must never hold a lock while one party calls another.

use std::collections::HashMap;
use std::io::Read as _;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use ed25519_dalek::VerifyingKey;
use ipld_core::ipld::Ipld;

use crate::cbor::{self, LIST_MAX};
use crate::check::{self, Names, Proofs, Refusal};
use crate::container;
use crate::counters::Counters;
use crate::fault::{Faults, Kind as Fault, Point};
use crate::fields;
use crate::indexer::Indexer;
use crate::key::{self, Key};
use crate::node::Node;
use crate::service::Service;
use crate::token::{Draft, Kind, Token};

/// How much stricter than the real services the peer is; each of these a real one lets pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Strict {
    /// Containers and tokens must be in the one canonical form.
    pub canonical: bool,
    /// Arguments must be the declared ones, none missing.
    pub declared: bool,
    /// A body PUT to a node must say its length.
    pub length: bool,
}

impl Strict {
    /// All of it.
    pub const ALL: Self = Self {
        canonical: true,
        declared: true,
        length: true,
    };
    /// As lenient as the real services were seen to be.
    pub const AS_OBSERVED: Self = Self {
        canonical: false,
        declared: false,
        length: true,
    };
}

/// All parties and what they share.
#[derive(Debug)]
pub(crate) struct World {
    pub(crate) strict: Strict,
    pub(crate) directory: Directory,
    pub(crate) service: Service,
    pub(crate) nodes: Vec<Node>,
    pub(crate) indexer: Indexer,
    faults: Mutex<Faults>,
    counters: Mutex<Counters>,
    /// How many marked points were come to.
    marks: Mutex<u64>,
    marked: Condvar,
    /// No party but control can be reached.
    down: AtomicBool,
    /// Seconds ahead of the machine's clock; or, where `stopped`, the time itself.
    clock: AtomicI64,
    stopped: AtomicBool,
}

/// A lock that a failed thread does not spoil.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl World {
    pub(crate) fn new(
        strict: Strict,
        directory: Directory,
        service: Service,
        nodes: Vec<Node>,
        indexer: Indexer,
    ) -> Self {
        Self {
            strict,
            directory,
            service,
            nodes,
            indexer,
            faults: Mutex::default(),
            counters: Mutex::default(),
            marks: Mutex::default(),
            marked: Condvar::new(),
            down: AtomicBool::new(false),
            clock: AtomicI64::new(0),
            stopped: false.into(),
        }
    }

    pub(crate) fn faults(&self) -> MutexGuard<'_, Faults> {
        lock(&self.faults)
    }

    pub(crate) fn counters(&self) -> MutexGuard<'_, Counters> {
        lock(&self.counters)
    }

    /// A marked point is come to.
    pub(crate) fn mark(&self) {
        *lock(&self.marks) += 1;
        self.marked.notify_all();
    }

    /// Waits until so many marked points were come to since the start; whether they were in time.
    pub(crate) fn await_marks(&self, count: u64, within: Duration) -> bool {
        let waited = self
            .marked
            .wait_timeout_while(lock(&self.marks), within, |marks| *marks < count);
        *waited.unwrap_or_else(PoisonError::into_inner).0 >= count
    }

    pub(crate) fn is_down(&self) -> bool {
        self.down.load(Ordering::SeqCst)
    }

    pub(crate) fn set_down(&self, down: bool) {
        self.down.store(down, Ordering::SeqCst);
    }

    /// Seconds since 1970, as the parties believe.
    pub(crate) fn now(&self) -> i64 {
        let clock = self.clock.load(Ordering::SeqCst);
        if self.stopped.load(Ordering::SeqCst) {
            return clock;
        }
        let real = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .map_or(0, |time| time.as_secs());
        clock.saturating_add(i64::try_from(real).unwrap_or(i64::MAX))
    }

    pub(crate) fn set_offset(&self, seconds: i64) {
        self.clock.store(seconds, Ordering::SeqCst);
        self.stopped.store(false, Ordering::SeqCst);
    }

    pub(crate) fn stop_at(&self, seconds: i64) {
        self.clock.store(seconds, Ordering::SeqCst);
        self.stopped.store(true, Ordering::SeqCst);
    }

    /// What goes wrong at a step now, counted.
    pub(crate) fn fault(&self, step: &str, node: Option<usize>) -> Option<Fault> {
        let fault = self.faults().at(step, node)?;
        let name = serde_json::to_value(&fault)
            .ok()
            .and_then(|value| value.get("kind")?.as_str().map(str::to_owned))
            .unwrap_or_default();
        Counters::more(&mut self.counters().faults, &name);
        Some(fault)
    }
}

/// Where keys of names come from.
#[derive(Debug, Default)]
pub(crate) struct Directory {
    known: Mutex<HashMap<String, String>>,
    authority: String,
}

impl Directory {
    pub(crate) fn new(authority: &str) -> Self {
        Self {
            known: Mutex::default(),
            authority: authority.to_owned(),
        }
    }

    pub(crate) fn learn(&self, did: &str, did_key: &str) {
        lock(&self.known).insert(did.to_owned(), did_key.to_owned());
    }
}

impl Names for Directory {
    fn key(&self, did: &str) -> Result<VerifyingKey, Refusal> {
        let unknown = || {
            Refusal::new(
                "DIDKeyResolutionError",
                format!("unable to resolve {did:?} key: not resolvable by any resolver"),
            )
        };
        if let Some(key) = key::public(did) {
            return Ok(key);
        }
        let known = lock(&self.known).get(did).cloned();
        if let Some(known) = known {
            return key::public(&known).ok_or_else(unknown);
        }
        let found = fetch_document(did).ok_or_else(unknown)?;
        self.learn(did, &found);
        key::public(&found).ok_or_else(unknown)
    }

    fn authority(&self) -> &str {
        &self.authority
    }
}

/// The key in the document of a `did:web` of this machine; no other is asked.
fn fetch_document(did: &str) -> Option<String> {
    let host = did.strip_prefix("did:web:")?.replace("%3A", ":");
    let address: std::net::SocketAddr = host.parse().ok()?;
    if !address.ip().is_loopback() {
        return None;
    }
    let answer = crate::wire::send(address, "GET", "/.well-known/did.json", &[], &[]).ok()?;
    let document: serde_json::Value = serde_json::from_slice(&answer.body).ok()?;
    let method = document.get("verificationMethod")?.get(0)?;
    let key = method.get("publicKeyMultibase")?.as_str()?;
    (answer.status == 200).then(|| format!("did:key:{key}"))
}

/// What a task brought: its result and the tokens that go with it.
#[derive(Debug)]
pub(crate) struct Done {
    pub(crate) ok: Ipld,
    pub(crate) tokens: Vec<Arc<Token>>,
}

impl Done {
    pub(crate) fn ok(ok: Ipld) -> Self {
        Self {
            ok,
            tokens: Vec::new(),
        }
    }

    pub(crate) fn unit() -> Self {
        Self::ok(cbor::map([]))
    }
}

/// A task with what came beside it.
pub(crate) struct Task<'a> {
    pub(crate) token: &'a Arc<Token>,
    pub(crate) beside: &'a Proofs,
    pub(crate) now: i64,
    pub(crate) fault: Option<&'a Fault>,
}

impl Task<'_> {
    /// The subject.
    pub(crate) fn sub(&self) -> &str {
        self.token.sub().unwrap_or_default()
    }

    /// The invocation with its proofs, to hand on.
    pub(crate) fn with_proofs(&self) -> Vec<Arc<Token>> {
        let proofs = self.token.prf();
        std::iter::once(self.token)
            .chain(proofs.iter().filter_map(|link| self.beside.get(link)))
            .cloned()
            .collect()
    }
}

/// One that executes tasks.
pub(crate) trait Party {
    fn key(&self) -> &Key;
    fn node(&self) -> Option<usize>;
    fn knows(&self, cmd: &str) -> bool;
    fn execute(&self, world: &World, task: &Task<'_>) -> Result<Done, Refusal>;
    /// Called with what came and what goes, when an exchange is over.
    fn record(&self, _came: &[Arc<Token>], _goes: &[Arc<Token>]) {}
    /// Called instead when the answer was too large to go.
    fn forget(&self, _goes: &[Arc<Token>]) {}
}

/// How an exchange ends.
#[derive(Debug)]
pub(crate) enum Outcome {
    /// With these tokens; the fault, if any, concerns the connection.
    Answer(Vec<Arc<Token>>, Option<Fault>),
    /// With status 500 and this text.
    Failed(String),
    /// Nothing was done; the fault says how the connection ends.
    Nothing(Fault),
}

/// Runs what a container asks of a party.
pub(crate) fn run(world: &World, party: &dyn Party, body: &[u8]) -> Outcome {
    let contents = match container::read(body) {
        Ok(contents) if world.strict.canonical && !contents.canonical => {
            return Outcome::Failed(
                "decoding request: unmarshaling request container: not canonical".into(),
            );
        }
        Ok(contents) => contents.tokens,
        Err(error) => {
            return Outcome::Failed(format!(
                "decoding request: unmarshaling request container: \
                 unmarshaling container model CBOR: {error}"
            ));
        }
    };
    let beside: Proofs = contents
        .iter()
        .map(|token| (token.cid(), Arc::clone(token)))
        .collect();
    let asked: Vec<(&Arc<Token>, Option<Fault>)> = contents
        .iter()
        .filter(|token| token.kind() == Kind::Invocation && token.aud() == party.key().did())
        .map(|token| (token, world.fault(token.cmd(), party.node())))
        .collect();
    let wire = asked
        .iter()
        .filter_map(|(_, fault)| fault.clone())
        .find(|fault| fault.is_of_the_wire() || *fault == Fault::Duplicate);
    if let Some(
        fault @ (Fault::Timeout { .. }
        | Fault::ResetRequest { .. }
        | Fault::Status { .. }
        | Fault::Mark { at: Point::Before }),
    ) = wire
    {
        return Outcome::Nothing(fault);
    }
    if let Some(Fault::Delay { ms }) = wire {
        std::thread::sleep(Duration::from_millis(ms));
    }
    let rounds = if wire == Some(Fault::Duplicate) { 2 } else { 1 };
    let mut goes = Vec::new();
    for _ in 0..rounds {
        goes = execute_all(world, party, &asked, &beside);
        if goes.len() as u64 > LIST_MAX {
            party.forget(&goes);
            return Outcome::Failed("encoding response: too many tokens".into());
        }
        party.record(&contents, &goes);
    }
    Outcome::Answer(goes, wire)
}

fn execute_all(
    world: &World,
    party: &dyn Party,
    asked: &[(&Arc<Token>, Option<Fault>)],
    beside: &Proofs,
) -> Vec<Arc<Token>> {
    let mut goes: Vec<Arc<Token>> = Vec::new();
    for (token, fault) in asked {
        let ahead = match fault {
            Some(Fault::Expired { seconds }) => *seconds,
            _ => 0,
        };
        let task = Task {
            token,
            beside,
            now: world.now().saturating_add(ahead),
            fault: fault.as_ref(),
        };
        let result = execute(world, party, &task);
        let (out, follow) = match result {
            Ok(done) => (Ok(done.ok), done.tokens),
            Err(refusal) => (Err(refusal), Vec::new()),
        };
        goes.extend(receipt(world, party.key(), &task, out).map(Arc::new));
        goes.extend(follow);
    }
    let mut seen = std::collections::HashSet::new();
    goes.retain(|token| seen.insert(token.cid()));
    goes
}

fn execute(world: &World, party: &dyn Party, task: &Task<'_>) -> Result<Done, Refusal> {
    if let Some(Fault::Refused { name }) = task.fault {
        return Err(Refusal::new(name, "refused on demand"));
    }
    let cmd = task.token.cmd();
    let declared = fields::of(cmd)
        .filter(|_| party.knows(cmd))
        .ok_or_else(|| Refusal::new("HandlerNotFound", format!("handler not found: {cmd:?}")))?;
    check::invocation(task.token, task.beside, task.now, &world.directory)?;
    if world.strict.declared {
        fields::strict(task.token, &declared)?;
    }
    let done = party.execute(world, task)?;
    Counters::more(&mut world.counters().commands, cmd);
    Ok(done)
}

/// The receipt of a task, or what a fault makes of it.
pub(crate) fn receipt(
    world: &World,
    key: &Key,
    task: &Task<'_>,
    out: Result<Ipld, Refusal>,
) -> Option<Token> {
    let mut ran = task.token.task();
    let mut exp = None;
    let out = match out {
        Ok(ok) => cbor::map([("ok", ok)]),
        Err(refusal) => {
            Counters::more(&mut world.counters().refused, &refusal.name);
            if refusal.name == "HandlerExecutionError" {
                exp = Some(world.now().saturating_add(30));
            }
            let error = cbor::map([
                ("name", Ipld::String(refusal.name)),
                ("message", Ipld::String(refusal.message)),
            ]);
            cbor::map([("error", error)])
        }
    };
    if task.fault == Some(&Fault::WrongReceipt) {
        ran = cbor::block_cid(&key::nonce());
    }
    let draft = |signer: &str| {
        let draft = Draft::receipt(signer, ran, out.clone(), world.now());
        match exp {
            Some(exp) => draft.exp(exp),
            None => draft,
        }
    };
    spoil(task.fault, key, draft)
}

/// Signs a receipt, or what a fault makes of it.
pub(crate) fn spoil(
    fault: Option<&Fault>,
    key: &Key,
    draft: impl Fn(&str) -> Draft,
) -> Option<Token> {
    match fault {
        Some(Fault::NoReceipt) => None,
        Some(Fault::BadSignature) => Some(draft(key.did()).sign_badly(key)),
        Some(Fault::StrangerReceipt) => {
            let stranger = Key::named("stranger");
            Some(draft(stranger.did()).sign(&stranger))
        }
        _ => Some(draft(key.did()).sign(key)),
    }
}

/// What a called party answered: the receipt of the task, and the other tokens.
pub(crate) type Called = (Arc<Token>, Vec<Arc<Token>>);

/// Runs one task at another party, as over a connection of its own.
///
/// # Errors
/// The connection's failure as the caller sees it.
pub(crate) fn call(
    world: &World,
    party: &dyn Party,
    invocation: &Arc<Token>,
    beside: &[Arc<Token>],
) -> Result<Called, String> {
    let lost = || Err("executing request: roundtripping request: EOF".to_owned());
    if party
        .node()
        .is_some_and(|index| world.nodes.get(index).is_some_and(Node::is_down))
    {
        return lost();
    }
    let tokens: Vec<Arc<Token>> = std::iter::once(invocation).chain(beside).cloned().collect();
    let goes = match run(world, party, &container::write(&tokens)) {
        Outcome::Answer(goes, None | Some(Fault::Delay { .. } | Fault::Duplicate)) => goes,
        Outcome::Nothing(Fault::Timeout { ms }) => {
            std::thread::sleep(Duration::from_millis(ms));
            return lost();
        }
        Outcome::Answer(..) | Outcome::Nothing(_) => return lost(),
        Outcome::Failed(text) => return Err(format!("executing request: {text}")),
    };
    let task = invocation.task();
    let found = goes.iter().position(|token| token.ran() == Some(task));
    match found {
        Some(place) => {
            let mut others = goes;
            let receipt = others.swap_remove(place);
            Ok((receipt, others))
        }
        None => Err(format!("missing receipt for task {task}")),
    }
}

/// Bytes of a file, for what is small.
pub(crate) fn read_file(path: &std::path::Path, most: u64) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    std::fs::File::open(path)?
        .take(most)
        .read_to_end(&mut bytes)?;
    Ok(bytes)
}
