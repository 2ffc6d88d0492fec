//! The peer as a library: started, steered and read from a test.
//!
//! Must never outlive its handle: dropping it closes every listener.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use cid::Cid;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::runtime::{Builder, Runtime};

use crate::container;
use crate::counters::Counters;
use crate::fault::{BadRule, Rule};
use crate::http::{self, Role};
use crate::indexer::Indexer;
use crate::key::{self, Key};
use crate::node::Node;
use crate::service::{Deployment, Service};
use crate::world::{Directory, Party as _, Strict, World};

/// How a peer is made.
#[derive(Clone, Debug)]
pub struct Config {
    /// An existing folder for the blobs; what is in it afterwards is of no use to anybody.
    pub folder: PathBuf,
    /// The upload service's key; it signs as that key's DID.
    pub service: Key,
    /// The storage nodes' keys; at least one.
    pub nodes: Vec<Key>,
    /// The indexer's key.
    pub indexer: Key,
    /// Provisioning needs a payment plan.
    pub plan_required: bool,
    /// The service has no indexer.
    pub no_indexer: bool,
    /// How strict it is.
    pub strict: Strict,
    /// Ports: service, indexer, control, then the nodes; missing ones are chosen.
    pub ports: Vec<u16>,
}

impl Config {
    /// Two nodes, keys that are the same in every run, all strictness, free ports.
    pub fn new(folder: impl Into<PathBuf>) -> Self {
        Self {
            folder: folder.into(),
            service: Key::named("forge-peer/upload-service"),
            nodes: vec![
                Key::named("forge-peer/node-0"),
                Key::named("forge-peer/node-1"),
            ],
            indexer: Key::named("forge-peer/indexer"),
            plan_required: false,
            no_indexer: false,
            strict: Strict::ALL,
            ports: Vec::new(),
        }
    }
}

/// A running peer.
#[derive(Debug)]
pub struct Peer {
    world: Arc<World>,
    runtime: Option<Runtime>,
    /// Where the upload service listens.
    pub service: SocketAddr,
    /// Where the indexer listens.
    pub indexer: SocketAddr,
    /// Where other processes read counters and set faults.
    pub control: SocketAddr,
    /// Where the nodes listen.
    pub nodes: Vec<SocketAddr>,
}

impl Peer {
    /// Starts all listeners on loopback.
    ///
    /// # Errors
    /// The folder cannot be used, or a port is taken.
    pub fn start(config: Config) -> io::Result<Self> {
        let world = Arc::new(build(&config)?);
        let runtime = Builder::new_multi_thread()
            .worker_threads(4)
            .thread_name("forge-peer")
            .enable_all()
            .build()?;
        let listen = |place: usize, role: Role| -> io::Result<SocketAddr> {
            let port = config.ports.get(place).copied().unwrap_or(0);
            let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
            let listener = runtime.block_on(TcpListener::bind(address))?;
            let address = listener.local_addr()?;
            if let Role::Node(index) = role
                && let Some(node) = world.nodes.get(index)
            {
                node.listen_at(format!("http://{address}"));
            }
            runtime.spawn(http::serve(listener, role, Arc::clone(&world)));
            Ok(address)
        };
        let service = listen(0, Role::Service)?;
        let indexer = listen(1, Role::Indexer)?;
        let control = listen(2, Role::Control)?;
        let nodes = (0..config.nodes.len())
            .map(|index| listen(3 + index, Role::Node(index)))
            .collect::<io::Result<_>>()?;
        Ok(Self {
            world,
            runtime: Some(runtime),
            service,
            indexer,
            control,
            nodes,
        })
    }

    /// The upload service's name.
    pub fn service_did(&self) -> &str {
        self.world.service.key().did()
    }

    /// The indexer's name.
    pub fn indexer_did(&self) -> &str {
        self.world.indexer.key().did()
    }

    /// A node's name; empty where there is no such node.
    pub fn node_did(&self, index: usize) -> &str {
        let node = self.world.nodes.get(index);
        node.map_or("", |node| node.key().did())
    }

    /// The container of delegations with which a service may use a node, as `0x40` outer form.
    pub fn proofs(&self, index: usize, service_did: &str) -> Vec<u8> {
        let node = self.world.nodes.get(index);
        node.map_or_else(Vec::new, |node| {
            container::write_raw(&node.proofs_for(service_did))
        })
    }

    /// The numbers so far.
    pub fn counters(&self) -> Counters {
        self.world.counters().clone()
    }

    /// Starts the numbers from zero; what nodes hold stays counted.
    pub fn reset_counters(&self) {
        reset_counters(&self.world);
    }

    /// Adds a rule for a fault.
    ///
    /// # Errors
    /// The rule asks for too much.
    pub fn fault(&self, rule: Rule) -> Result<(), BadRule> {
        self.world.faults().add(rule)
    }

    /// Drops all rules.
    pub fn clear_faults(&self) {
        self.world.faults().clear();
    }

    /// Sets the clocks of all parties that many seconds ahead of the machine's.
    pub fn set_clock_offset(&self, seconds: i64) {
        self.world.set_offset(seconds);
    }

    /// Stops the clocks of all parties at a time in seconds since 1970.
    pub fn stop_clock(&self, seconds: i64) {
        self.world.stop_at(seconds);
    }

    /// Tells the parties the key of a name that they could not resolve.
    pub fn learn(&self, did: &str, did_key: &str) {
        self.world.directory.learn(did, did_key);
    }

    /// Posts every link that was mailed to an address; how many there were.
    ///
    /// # Errors
    /// The address is none, or a link is refused.
    pub fn click(&self, email: &str) -> Result<usize, String> {
        click(&self.world, email)
    }

    /// Switches a node off (connections are reset) or on.
    pub fn set_down(&self, index: usize, down: bool) {
        if let Some(node) = self.world.nodes.get(index) {
            node.set_down(down);
        }
    }

    /// Makes service, indexer and nodes unreachable (connections are reset), or lets all be again.
    pub fn set_all_down(&self, down: bool) {
        self.world.set_down(down);
    }

    /// Waits until so many points that [`crate::fault::Kind::Mark`] names were come to since the
    /// start; whether they were in time.
    pub fn await_marks(&self, count: u64, within: Duration) -> bool {
        self.world.await_marks(count, within)
    }

    /// Published roots: space, root, shards.
    pub fn uploads(&self) -> Vec<(String, Cid, Vec<Cid>)> {
        self.world.service.uploads()
    }

    /// Makes a node send other bytes than it was given, with a good receipt.
    pub fn set_lies(&self, index: usize, lies: bool) {
        if let Some(node) = self.world.nodes.get(index) {
            node.set_lies(lies);
        }
    }

    /// Has a second node hold an accepted blob and commit to it; whether there was such a blob.
    pub fn copy(&self, from: usize, to: usize, space: &str, digest: &[u8]) -> bool {
        match (self.world.nodes.get(from), self.world.nodes.get(to)) {
            (Some(from), Some(to)) => to.copy_from(from, space, digest),
            _ => false,
        }
    }

    /// Every accepted blob: node, digest, space, size in bytes.
    pub fn accepted(&self) -> Vec<(usize, Vec<u8>, String, u64)> {
        let nodes = self.world.nodes.iter().enumerate();
        nodes
            .flat_map(|(index, node)| {
                let accepted = node.accepted().into_iter();
                accepted.map(move |(digest, space, size)| (index, digest, space, size))
            })
            .collect()
    }

    /// Where a node keeps the bytes of a multihash.
    pub fn blob_path(&self, index: usize, digest: &[u8]) -> Option<PathBuf> {
        self.world.nodes.get(index).map(|node| node.path(digest))
    }

    /// The names and addresses of all parties, as the control listener tells them.
    pub fn state(&self) -> Value {
        let mut state = state(&self.world);
        if let Value::Object(map) = &mut state {
            map.insert(
                "service_url".into(),
                json!(format!("http://{}", self.service)),
            );
            map.insert(
                "indexer_url".into(),
                json!(format!("http://{}", self.indexer)),
            );
            map.insert(
                "control_url".into(),
                json!(format!("http://{}", self.control)),
            );
        }
        state
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

fn build(config: &Config) -> io::Result<World> {
    let directory = Directory::new(config.service.did());
    let keys = config
        .nodes
        .iter()
        .chain([&config.service, &config.indexer]);
    for key in keys {
        directory.learn(key.did(), &key.did_key());
    }
    let nodes = config
        .nodes
        .iter()
        .enumerate()
        .map(|(index, key)| {
            let folder = config.folder.join(format!("node-{index}"));
            Node::new(index, key.clone(), folder)
        })
        .collect::<io::Result<Vec<_>>>()?;
    let deployment = Deployment {
        plan_required: config.plan_required,
        no_indexer: config.no_indexer,
    };
    let indexer = Indexer::new(config.indexer.clone(), config.folder.join("indexer"))?;
    let service = Service::new(config.service.clone(), deployment);
    Ok(World::new(
        config.strict,
        directory,
        service,
        nodes,
        indexer,
    ))
}

pub(crate) fn state(world: &World) -> Value {
    let nodes: Vec<Value> = world
        .nodes
        .iter()
        .map(|node| {
            json!({
                "did": node.key().did(),
                "url": node.url(),
                "down": node.is_down(),
                "lies": node.lies(),
            })
        })
        .collect();
    json!({
        "service_did": world.service.key().did(),
        "indexer_did": world.indexer.key().did(),
        "nodes": nodes,
        "now": world.now(),
        "registered": world.service.registered(),
        "indexes": world.indexer.published(),
    })
}

pub(crate) fn blobs(world: &World) -> Value {
    let nodes = world.nodes.iter().enumerate();
    nodes
        .flat_map(|(index, node)| {
            node.accepted()
                .into_iter()
                .map(move |(digest, space, size)| {
                    let digest = hex::encode(digest);
                    json!({"node": index, "digest": digest, "space": space, "size": size})
                })
        })
        .collect()
}

pub(crate) fn uploads(world: &World) -> Value {
    let uploads = world.service.uploads().into_iter();
    uploads
        .map(|(space, root, shards)| {
            let shards: Vec<String> = shards.iter().map(ToString::to_string).collect();
            json!({"space": space, "root": root.to_string(), "shards": shards})
        })
        .collect()
}

pub(crate) fn reset_counters(world: &World) {
    let mut counters = world.counters();
    *counters = Counters {
        blobs_held: counters.blobs_held,
        ..Counters::default()
    };
}

pub(crate) fn click(world: &World, email: &str) -> Result<usize, String> {
    let account = key::account(email).ok_or("no e-mail address")?;
    let links = world.service.mailed(&account);
    for link in &links {
        http::confirm(world, link)?;
    }
    world.service.empty_mail(&account);
    Ok(links.len())
}
