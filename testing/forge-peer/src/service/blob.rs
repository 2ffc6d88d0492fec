//! Blobs: add, conclude, remove, abort.
//!
//! Must never judge a put receipt: only what the node knows of the bytes counts.

use std::sync::Arc;

use cid::Cid;
use ipld_core::ipld::Ipld;

use super::{LIFE_S, Service, lists};
use crate::cbor;
use crate::check::Refusal;
use crate::fault::Kind as Fault;
use crate::fields;
use crate::key::Key;
use crate::node::{Node, is_sha256};
use crate::token::{Draft, Kind, Token};
use crate::world::{Called, Done, Party, Task, World, call};

/// Most chains that are remembered.
const CHAINS_MAX: usize = 200_000;

/// What one add promised.
#[derive(Clone, Debug)]
pub(crate) struct Chain {
    space: String,
    digest: Vec<u8>,
    size: u64,
    node: usize,
    allocate: Arc<Token>,
    put: Arc<Token>,
    accept: Arc<Token>,
}

fn blob(digest: &[u8], size: u64) -> Ipld {
    cbor::map([
        ("digest", Ipld::Bytes(digest.to_vec())),
        ("size", Ipld::Integer(size.into())),
    ])
}

/// A receipt that reports a failure, as the refusal it carries.
fn passed(called: Called) -> Result<Called, Refusal> {
    match called.0.out() {
        Ok(_) => Ok(called),
        Err((name, message)) => Err(Refusal { name, message }),
    }
}

impl Service {
    /// An invocation of a node with the proof that it takes.
    fn ask(&self, world: &World, node: &Node, cmd: &str, args: Ipld) -> (Draft, Vec<Arc<Token>>) {
        let mut proofs = node.proofs_for(self.key.did());
        proofs.retain(|proof| proof.cmd() == cmd);
        let links: Vec<Cid> = proofs.iter().map(|proof| proof.cid()).collect();
        let did = node.key().did();
        let draft = Draft::invocation(did, cmd, args)
            .aud(did)
            .prf(&links)
            .exp(world.now().saturating_add(LIFE_S));
        (draft, proofs)
    }

    pub(super) fn blob_add(&self, world: &World, task: &Task<'_>) -> Result<Done, Refusal> {
        let space = task.sub().to_owned();
        let wanted = fields::map(task.token.args(), "blob")?;
        let digest = fields::bytes(&wanted, "digest")?;
        let size = fields::number(&wanted, "size")?;
        self.provisioned(&space, "storage")?;
        if let Some(done) = self.known(&space, &digest) {
            return Ok(done);
        }
        let add = task.token.task();
        let (node, allocate, allocated) = self
            .allocate(world, &space, &digest, size, add)
            .ok_or_else(|| {
                Refusal::new("CandidateUnavailable", "no storage providers available")
            })?;
        let chain = self.promise(world, (space, digest, size), node, allocate);
        let accept = chain.accept.task();
        {
            let mut state = self.state();
            if state.chains.len() >= CHAINS_MAX {
                return Err(Refusal::handler("/blob/add", "full"));
            }
            state.chains.insert(chain.put.task(), chain.clone());
            state.adds.insert(add, chain.node);
            if task.fault == Some(&Fault::ForgedAccept) {
                state
                    .messages
                    .keep(vec![Arc::new(forged(accept, world.now()))]);
            }
        }
        let here = matches!(allocated.out(), Ok(Ipld::Map(ok)) if !ok.contains_key("address"));
        let mut tokens = vec![
            Arc::clone(&chain.allocate),
            Arc::clone(&chain.put),
            Arc::clone(&chain.accept),
            allocated,
        ];
        if here {
            let put = put_key(&chain.digest);
            let out = cbor::map([("ok", cbor::map([]))]);
            let ran = chain.put.task();
            tokens.push(Arc::new(
                Draft::receipt(put.did(), ran, out, world.now()).sign(&put),
            ));
            let accepted = self.accept(world, &chain).map_err(|message| {
                Refusal::handler("/blob/add", &format!("executing invocation: {message}"))
            })?;
            tokens.extend(accepted);
        }
        Ok(Done {
            ok: cbor::map([("site", cbor::awaits(accept))]),
            tokens,
        })
    }

    /// The original chain of a blob that the space has, with the receipts anybody posted of it.
    fn known(&self, space: &str, digest: &[u8]) -> Option<Done> {
        let state = self.state();
        let blobs = state.registered.get(space)?;
        let blob = blobs.iter().find(|blob| blob.digest == digest)?;
        let chain = state.chains.get(&blob.put)?;
        let links = [&chain.allocate, &chain.put, &chain.accept];
        let mut tokens: Vec<Arc<Token>> = links.into_iter().cloned().collect();
        let receipts = links.map(|token| state.messages.receipt(token.task()));
        tokens.extend(receipts.into_iter().flatten());
        Some(Done {
            ok: cbor::map([("site", cbor::awaits(chain.accept.task()))]),
            tokens,
        })
    }

    /// Asks the nodes one after another until one takes the blob.
    fn allocate(
        &self,
        world: &World,
        space: &str,
        digest: &[u8],
        size: u64,
        add: Cid,
    ) -> Option<(usize, Arc<Token>, Arc<Token>)> {
        let count = world.nodes.len();
        let start = {
            let mut state = self.state();
            state.turn = state.turn.wrapping_add(1);
            state.turn - 1
        };
        let holds = |index: &usize| {
            let node = world.nodes.get(*index);
            node.is_some_and(|node| node.path(digest).exists())
        };
        let mut order: Vec<usize> = (0..count).map(|step| (start + step) % count).collect();
        // The real one chooses by weight; the same bytes go where they are, so that runs repeat.
        order.sort_by_key(|index| !(is_sha256(digest) && holds(index)));
        for index in order {
            let node = world.nodes.get(index)?;
            let args = cbor::map([
                ("space", Ipld::String(space.into())),
                ("blob", blob(digest, size)),
                ("cause", Ipld::Link(add)),
            ]);
            let (draft, proofs) = self.ask(world, node, "/blob/allocate", args);
            let allocate = Arc::new(draft.sign(&self.key));
            if let Ok((receipt, _)) = call(world, node, &allocate, &proofs)
                && receipt.out().is_ok()
            {
                return Some((index, allocate, receipt));
            }
        }
        None
    }

    /// The put and accept that follow an allocation.
    fn promise(
        &self,
        world: &World,
        (space, digest, size): (String, Vec<u8>, u64),
        node: usize,
        allocate: Arc<Token>,
    ) -> Chain {
        let put_key = put_key(&digest);
        let did = put_key.did();
        let keys = cbor::map([
            ("id", Ipld::String(did.into())),
            ("keys", cbor::map([(did, Ipld::Bytes(put_key.tagged()))])),
        ]);
        let args = cbor::map([
            ("body", blob(&digest, size)),
            ("destination", cbor::awaits(allocate.task())),
        ]);
        let put = Draft::invocation(did, "/http/put", args)
            .aud(did)
            .exp(world.now().saturating_add(LIFE_S))
            .meta(cbor::map([("keys", keys)]))
            .sign(&put_key);
        let accept = match world.nodes.get(node) {
            Some(node) => {
                let draft = self.accept_of(world, node, &space, blob(&digest, size), put.task());
                draft.0.sign(&self.key)
            }
            None => put.clone(),
        };
        Chain {
            space,
            digest,
            size,
            node,
            allocate,
            put: Arc::new(put),
            accept: Arc::new(accept),
        }
    }

    fn accept_of(
        &self,
        world: &World,
        node: &Node,
        space: &str,
        blob: Ipld,
        put: Cid,
    ) -> (Draft, Vec<Arc<Token>>) {
        let args = cbor::map([
            ("space", Ipld::String(space.into())),
            ("blob", blob),
            ("_put", cbor::awaits(put)),
        ]);
        let (draft, proofs) = self.ask(world, node, "/blob/accept", args);
        (draft.no_nonce(), proofs)
    }

    /// Has the node accept a chain's blob and registers it; the error is the node's message.
    fn accept(&self, world: &World, chain: &Chain) -> Result<Vec<Arc<Token>>, String> {
        let node = world.nodes.get(chain.node).ok_or("no such node")?;
        let wanted = blob(&chain.digest, chain.size);
        let put = chain.put.task();
        let (draft, proofs) = self.accept_of(world, node, &chain.space, wanted, put);
        let accept = Arc::new(draft.sign(&self.key));
        let (receipt, others) = call(world, node, &accept, &proofs)?;
        if let Err((_, message)) = receipt.out() {
            return Err(message);
        }
        let mut tokens = others;
        tokens.push(receipt);
        let mut state = self.state();
        let mut message = tokens.clone();
        message.push(accept);
        state.messages.keep(message);
        let blobs = state.registered.entry(chain.space.clone()).or_default();
        if blobs.iter().all(|blob| blob.digest != chain.digest) {
            blobs.push(lists::Blob {
                digest: chain.digest.clone(),
                size: chain.size,
                put,
                inserted_at: world.now(),
            });
        }
        Ok(tokens)
    }

    pub(super) fn conclude(&self, world: &World, task: &Task<'_>) -> Result<Done, Refusal> {
        let args = task.token.args();
        fields::link_list(args, "receipts")?;
        // This generation reads `receipt` alone; a list beside it does no harm.
        let receipt = fields::link(args, "receipt")
            .ok()
            .and_then(|link| task.beside.get(&link))
            .filter(|token| token.kind() == Kind::Receipt)
            .ok_or_else(|| {
                Refusal::new("ConclusionReceiptNotFound", "conclusion receipt not found")
            })?;
        let chain = receipt
            .ran()
            .and_then(|put| self.state().chains.get(&put).cloned());
        if let Some(chain) = chain {
            self.accept(world, &chain).map_err(|message| {
                let text = format!(
                    "concluding \"/http/put\": executing blob accept: \
                     executing invocation: {message}"
                );
                Refusal::handler("/ucan/conclude", &text)
            })?;
        }
        Ok(Done::unit())
    }

    pub(super) fn blob_remove(&self, world: &World, task: &Task<'_>) -> Result<Done, Refusal> {
        let digest = fields::bytes(task.token.args(), "digest")?;
        let space = task.sub();
        let node = {
            let mut state = self.state();
            let blobs = state.registered.get_mut(space);
            let gone = blobs.and_then(|blobs| {
                let place = blobs.iter().position(|blob| blob.digest == digest)?;
                Some(blobs.remove(place))
            });
            gone.and_then(|blob| state.chains.get(&blob.put).map(|chain| chain.node))
        };
        if let Some(node) = node.and_then(|index| world.nodes.get(index)) {
            let args = cbor::map([
                ("space", Ipld::String(space.into())),
                ("digest", Ipld::Bytes(digest)),
                ("cause", Ipld::Link(task.token.task())),
            ]);
            let (draft, mut beside) = self.ask(world, node, "/blob/release", args);
            beside.extend(task.with_proofs());
            // Best effort, as observed: the answer is the same when the node is down.
            let _ = call(world, node, &Arc::new(draft.sign(&self.key)), &beside);
        }
        Ok(Done::unit())
    }

    pub(super) fn blob_abort(&self, world: &World, task: &Task<'_>) -> Result<Done, Refusal> {
        let args = task.token.args();
        let digest = fields::bytes(args, "digest")?;
        let cause = fields::link(args, "cause")?;
        let index = self.state().adds.get(&cause).copied();
        let node = index
            .and_then(|index| world.nodes.get(index))
            .ok_or_else(|| {
                Refusal::new(
                    "MissingCause",
                    "cause does not resolve to a known /blob/add task",
                )
            })?;
        let args = cbor::map([
            ("space", Ipld::String(task.sub().into())),
            ("digest", Ipld::Bytes(digest)),
        ]);
        let (draft, proofs) = self.ask(world, node, "/blob/reject", args);
        let called = call(world, node, &Arc::new(draft.sign(&self.key)), &proofs);
        let called = called.map_err(|message| {
            let text = format!("executing reject on provider: executing invocation: {message}");
            Refusal::handler("/blob/abort", &text)
        })?;
        passed(called)?;
        Ok(Done::unit())
    }

    pub(super) fn index_add(&self, world: &World, task: &Task<'_>) -> Result<Done, Refusal> {
        let link = fields::link(task.token.args(), "index")?;
        let space = task.sub();
        self.provisioned(space, "storage")?;
        let digest = link.hash().to_bytes();
        let state = self.state();
        let blobs = state.registered.get(space);
        if !blobs.is_some_and(|blobs| blobs.iter().any(|blob| blob.digest == digest)) {
            return Err(Refusal::new("IndexNotFound", "index not found in space"));
        }
        drop(state);
        if self.deployment.no_indexer {
            return Err(Refusal::new(
                "IndexerNotConfigured",
                "indexer is not configured",
            ));
        }
        let mut chain = self.authority(task);
        let indexer = world.indexer.key().did();
        let exp = world.now().saturating_add(LIFE_S);
        let leaf = Draft::delegation(indexer, Some(space), "/content/retrieve").exp(exp);
        chain.push(Arc::new(leaf.sign(&self.key)));
        let links = chain.iter().map(|token| Ipld::Link(token.cid())).collect();
        let args = cbor::map([("index", Ipld::Link(link))]);
        let claim = Draft::invocation(self.key.did(), "/assert/index", args)
            .aud(indexer)
            .exp(exp)
            .meta(cbor::map([("retrievalAuth", Ipld::List(links))]))
            .sign(&self.key);
        let failed = |message: String| {
            let text = format!(
                "publishing index claim: executing assert index invocation: \
                 executing invocation: {message}"
            );
            Refusal::handler("/index/add", &text)
        };
        let called = call(world, &world.indexer, &Arc::new(claim), &chain).map_err(failed)?;
        passed(called).map_err(|refusal| failed(refusal.message))?;
        Ok(Done::unit())
    }

    /// The delegations from the space to this service for reading, root first.
    fn authority(&self, task: &Task<'_>) -> Vec<Arc<Token>> {
        let reads = |token: &Arc<Token>| {
            token.kind() == Kind::Delegation
                && matches!(token.cmd(), "/" | "/content" | "/content/retrieve")
                && token.sub().is_none_or(|sub| sub == task.sub())
        };
        let mut chain: Vec<Arc<Token>> = Vec::new();
        let mut holder = self.key.did().to_owned();
        while holder != task.sub() && chain.len() < task.beside.len() {
            let mut links = task.beside.values();
            let Some(link) = links.find(|token| reads(token) && token.aud() == holder) else {
                return Vec::new();
            };
            holder = link.iss().to_owned();
            chain.insert(0, Arc::clone(link));
        }
        chain
    }
}

/// The key whose seed is the blob's own digest.
fn put_key(digest: &[u8]) -> Key {
    let seed = digest.last_chunk::<32>().copied().unwrap_or_default();
    Key::from_seed(seed)
}

/// A stranger's receipt of an accept, naming no location that exists.
fn forged(accept: Cid, now: i64) -> Token {
    let stranger = Key::named("stranger");
    let out = cbor::map([(
        "ok",
        cbor::map([
            ("site", Ipld::Link(cbor::block_cid(b"nowhere"))),
            ("pdp", cbor::awaits(cbor::block_cid(b"never"))),
        ]),
    )]);
    Draft::receipt(stranger.did(), accept, out, now).sign(&stranger)
}
