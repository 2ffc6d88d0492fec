//! The indexer: fetches published indexes with the authority it was given, answers queries.
//!
//! Must never publish an index that it could not read from a node with that authority.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use cid::Cid;
use ipld_core::ipld::Ipld;

use crate::cbor::{self};
use crate::check::Refusal;
use crate::container;
use crate::fault::Kind as Fault;
use crate::fields;
use crate::index;
use crate::key::Key;
use crate::node::{BLOB_MAX, Retrieval};
use crate::token::{Draft, Token, links};
use crate::world::{Done, Party, Task, World, lock, read_file};

/// Most slices over all indexes.
const SLICES_MAX: usize = 4_000_000;

/// The indexer.
#[derive(Debug)]
pub(crate) struct Indexer {
    key: Key,
    folder: PathBuf,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// Which indexes speak of a multihash.
    slices: HashMap<Vec<u8>, BTreeSet<Vec<u8>>>,
    published: BTreeSet<Vec<u8>>,
    count: usize,
}

impl Indexer {
    pub(crate) fn new(key: Key, folder: PathBuf) -> std::io::Result<Self> {
        std::fs::create_dir_all(&folder)?;
        Ok(Self {
            key,
            folder,
            state: Mutex::default(),
        })
    }

    /// How many indexes were published.
    pub(crate) fn published(&self) -> usize {
        lock(&self.state).published.len()
    }

    fn assert_index(&self, world: &World, task: &Task<'_>) -> Result<Done, Refusal> {
        let link = fields::link(task.token.args(), "index")?;
        let digest = link.hash().to_bytes();
        let failed = |message: String| Refusal::handler("/assert/index", &message);
        let auth = task
            .token
            .meta("retrievalAuth")
            .map(links)
            .unwrap_or_default();
        let bytes = self
            .fetch(world, task, &auth, &digest)
            .map_err(|message| failed(format!("fetching index: {message}")))?;
        if cbor::cid_of(0x0202, &bytes).hash() != link.hash() {
            return Err(failed("the node sent other bytes".into()));
        }
        let index =
            index::read(&bytes).map_err(|error| failed(format!("decoding index: {error}")))?;
        std::fs::write(self.folder.join(hex::encode(&digest)), &bytes)
            .map_err(|error| failed(error.to_string()))?;
        let mut state = lock(&self.state);
        if !state.published.insert(digest.clone()) {
            return Ok(Done::unit());
        }
        for shard in index.shards {
            let hashes = shard.slices.into_iter().map(|(hash, ..)| hash);
            for hash in std::iter::once(shard.multihash).chain(hashes) {
                state.count += 1;
                if state.count > SLICES_MAX {
                    return Err(failed("the indexer is full".into()));
                }
                state.slices.entry(hash).or_default().insert(digest.clone());
            }
        }
        Ok(Done::unit())
    }

    /// Reads an index from the node that has it.
    fn fetch(
        &self,
        world: &World,
        task: &Task<'_>,
        auth: &[Cid],
        digest: &[u8],
    ) -> Result<Vec<u8>, String> {
        let space = auth
            .iter()
            .find_map(|link| task.beside.get(link)?.sub())
            .ok_or("no authority to read it")?;
        let holder = world.nodes.iter().find_map(|node| {
            let accepted = node.accepted().into_iter();
            let size = accepted
                .filter(|(other, ..)| other == digest)
                .map(|(.., size)| size)
                .next()?;
            Some((node, size))
        });
        let (node, size) = holder.ok_or("no location for it")?;
        let args = cbor::map([
            (
                "blob",
                cbor::map([("digest", Ipld::Bytes(digest.to_vec()))]),
            ),
            (
                "range",
                Ipld::List(vec![
                    Ipld::Integer(0),
                    Ipld::Integer(size.saturating_sub(1).into()),
                ]),
            ),
        ]);
        let invocation = Draft::invocation(space, "/content/retrieve", args)
            .aud(node.key().did())
            .prf(auth)
            .exp(world.now().saturating_add(30))
            .sign(&self.key);
        let proofs = auth
            .iter()
            .filter_map(|link| task.beside.get(link))
            .cloned();
        let tokens: Vec<Arc<Token>> = std::iter::once(Arc::new(invocation))
            .chain(proofs)
            .collect();
        let header = container::write_header(&tokens);
        match node.retrieve(world, Some(header.as_bytes()), "index-fetch") {
            Retrieval::Bytes {
                path,
                fault: None | Some(Fault::Delay { .. }),
                ..
            } if !node.is_down() => read_file(&path, BLOB_MAX).map_err(|error| error.to_string()),
            Retrieval::Bytes { .. } => Err("executing /content/retrieve: EOF".into()),
            Retrieval::Refused(_, receipt, _) => {
                let message = receipt.out().err().map_or(String::new(), |(_, text)| text);
                Err(format!("executing /content/retrieve: {message}"))
            }
            Retrieval::Failed(text) => Err(format!("executing /content/retrieve: {text}")),
        }
    }

    /// Answers a query: a CAR with claims and indexes of these multihashes, the root last.
    pub(crate) fn query(
        &self,
        world: &World,
        kind: &str,
        multihashes: &[Vec<u8>],
        spaces: &[String],
    ) -> Vec<u8> {
        let mut claims: BTreeMap<Cid, Arc<Token>> = BTreeMap::new();
        let mut indexes: BTreeSet<Vec<u8>> = BTreeSet::new();
        let mut wanted: BTreeSet<Vec<u8>> = multihashes.iter().cloned().collect();
        if kind != "location" {
            let state = lock(&self.state);
            for hash in multihashes {
                indexes.extend(state.slices.get(hash).into_iter().flatten().cloned());
            }
        }
        let read = |digest: &Vec<u8>| {
            let path = self.folder.join(hex::encode(digest));
            read_file(&path, BLOB_MAX)
                .ok()
                .map(|bytes| (digest.clone(), bytes))
        };
        let indexes: Vec<(Vec<u8>, Vec<u8>)> = indexes.iter().filter_map(read).collect();
        if kind == "standard" {
            for (_, bytes) in &indexes {
                let shards = index::read(bytes)
                    .map(|index| index.shards)
                    .unwrap_or_default();
                wanted.extend(shards.into_iter().map(|shard| shard.multihash));
            }
        }
        for location in wanted
            .iter()
            .flat_map(|digest| world.nodes.iter().map(|node| node.locations(digest)))
            .flatten()
        {
            if spaces.is_empty() || spaces.iter().any(|space| location.sub() == Some(space)) {
                claims.insert(location.cid(), location);
            }
        }
        answer(&claims, &indexes)
    }
}

/// The answer's CAR. Its root block has keys that are no text, so it is written by hand.
fn answer(claims: &BTreeMap<Cid, Arc<Token>>, indexes: &[(Vec<u8>, Vec<u8>)]) -> Vec<u8> {
    let mut root = vec![0xa1, 0x76];
    root.extend_from_slice(b"index/query/result@0.1");
    root.extend_from_slice(&[0xa2, 0x66]);
    root.extend_from_slice(b"claims");
    let list = claims.keys().copied().map(Ipld::Link).collect();
    root.extend(cbor::write(&Ipld::List(list)));
    root.push(0x67);
    root.extend_from_slice(b"indexes");
    // A query of a few digests names few indexes.
    let count = u8::try_from(indexes.len()).unwrap_or(u8::MAX);
    match count {
        0..=23 => root.push(0xa0 | count),
        _ => root.extend_from_slice(&[0xb8, count]),
    }
    let mut blocks: Vec<(Cid, Vec<u8>)> = claims
        .iter()
        .map(|(cid, token)| (*cid, token.bytes().to_vec()))
        .collect();
    for (digest, bytes) in indexes.iter().take(usize::from(count)) {
        let cid = cbor::cid_of(0x0202, bytes);
        root.extend_from_slice(&[0x78, u8::try_from(digest.len()).unwrap_or(0)]);
        root.extend_from_slice(digest);
        root.extend(cbor::write(&Ipld::Link(cid)));
        blocks.push((cid, bytes.clone()));
    }
    let cid = cbor::block_cid(&root);
    blocks.push((cid, root));
    index::write_car(cid, &blocks)
}

impl Party for Indexer {
    fn key(&self) -> &Key {
        &self.key
    }

    fn node(&self) -> Option<usize> {
        None
    }

    fn knows(&self, cmd: &str) -> bool {
        cmd == "/assert/index"
    }

    fn execute(&self, world: &World, task: &Task<'_>) -> Result<Done, Refusal> {
        self.assert_index(world, task)
    }
}
