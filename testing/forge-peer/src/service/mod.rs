//! The upload service: what it stores, and which command goes where.
//!
//! Must never verify a receipt that somebody posts: the real one stores and serves them all.

mod access;
mod blob;
mod lists;
mod messages;

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard};

use cid::Cid;

use crate::check::Refusal;
use crate::key::Key;
use crate::token::Token;
use crate::world::{Done, Party, Task, World, lock};

pub(crate) use blob::Chain;
use messages::Messages;

/// How long the service's own invocations and delegations hold, in seconds.
const LIFE_S: i64 = 30;

/// What a deployment of the service is like.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Deployment {
    /// Provisioning needs a payment plan.
    pub(crate) plan_required: bool,
    /// There is no indexer.
    pub(crate) no_indexer: bool,
}

/// The upload service.
#[derive(Debug)]
pub(crate) struct Service {
    key: Key,
    deployment: Deployment,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    messages: Messages,
    /// Every chain that an add promised, by its put task.
    chains: HashMap<Cid, Chain>,
    /// Which node an add went to, by its task.
    adds: HashMap<Cid, usize>,
    /// Accepted blobs of spaces, in the order of their acceptance.
    registered: BTreeMap<String, Vec<lists::Blob>>,
    /// Accounts of provisioned spaces.
    spaces: HashMap<String, String>,
    customers: HashSet<String>,
    delegations: Vec<Arc<Token>>,
    mail: HashMap<String, Vec<String>>,
    uploads: BTreeMap<String, Vec<lists::Upload>>,
    /// Where the next add starts to look for a node.
    turn: usize,
}

impl Service {
    pub(crate) fn new(key: Key, deployment: Deployment) -> Self {
        Self {
            key,
            deployment,
            state: Mutex::default(),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }

    pub(crate) fn key(&self) -> &Key {
        &self.key
    }

    /// What is served for a task: every token of the messages that touch it, once a receipt of it
    /// is among them.
    pub(crate) fn receipts(&self, task: Cid) -> Option<Vec<Arc<Token>>> {
        self.state().messages.about(task)
    }

    /// The roots that were added to spaces: space, root, shards.
    pub(crate) fn uploads(&self) -> Vec<(String, Cid, Vec<Cid>)> {
        let state = self.state();
        let all = state.uploads.iter();
        all.flat_map(|(space, uploads)| {
            uploads
                .iter()
                .map(|upload| (space.clone(), upload.root, upload.shards.clone()))
        })
        .collect()
    }

    /// How many blobs are registered over all spaces.
    pub(crate) fn registered(&self) -> usize {
        self.state().registered.values().map(Vec::len).sum()
    }

    /// Refuses unless the space is provisioned.
    fn provisioned(&self, space: &str, kind: &str) -> Result<(), Refusal> {
        if self.state().spaces.contains_key(space) {
            return Ok(());
        }
        Err(Refusal::new(
            "InsufficientStorage",
            format!("space has no {kind} provider"),
        ))
    }
}

impl Party for Service {
    fn key(&self) -> &Key {
        &self.key
    }

    fn node(&self) -> Option<usize> {
        None
    }

    fn knows(&self, cmd: &str) -> bool {
        matches!(
            cmd,
            "/access/request"
                | "/access/confirm"
                | "/access/claim"
                | "/access/delegate"
                | "/provider/add"
                | "/customer/add"
                | "/space/info"
                | "/blob/add"
                | "/blob/remove"
                | "/blob/abort"
                | "/blob/list"
                | "/ucan/conclude"
                | "/index/add"
                | "/upload/add"
                | "/upload/remove"
                | "/upload/list"
                | "/upload/shard/list"
        )
    }

    fn execute(&self, world: &World, task: &Task<'_>) -> Result<Done, Refusal> {
        match task.token.cmd() {
            "/access/request" => self.access_request(world, task),
            "/access/confirm" => self.access_confirm(task),
            "/access/claim" => Ok(self.access_claim(task)),
            "/access/delegate" => self.access_delegate(task),
            "/provider/add" => self.provider_add(task),
            "/customer/add" => self.customer_add(task),
            "/space/info" => Ok(self.space_info(task)),
            "/blob/add" => self.blob_add(world, task),
            "/blob/remove" => self.blob_remove(world, task),
            "/blob/abort" => self.blob_abort(world, task),
            "/blob/list" => self.blob_list(task),
            "/ucan/conclude" => self.conclude(world, task),
            "/index/add" => self.index_add(world, task),
            "/upload/add" => self.upload_add(task),
            "/upload/remove" => self.upload_remove(task),
            "/upload/list" => self.upload_list(task),
            _ => self.shard_list(task),
        }
    }

    fn record(&self, came: &[Arc<Token>], goes: &[Arc<Token>]) {
        let mut state = self.state();
        state.messages.keep(came.to_vec());
        state.messages.keep(goes.to_vec());
    }

    fn forget(&self, goes: &[Arc<Token>]) {
        let mut state = self.state();
        for token in goes {
            state.chains.remove(&token.task());
            state.adds.remove(&token.task());
        }
    }
}
