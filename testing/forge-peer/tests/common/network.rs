//! What a network holds, and what a folder does, read by somebody who has only those.
//!
//! Must never ask a daemon: what it says of itself is what is to be proved.

use std::collections::{HashMap, HashSet};
use std::path::Path;
use std::sync::Arc;

use billet_forge_peer::{Peer, cbor, index};
use billet_storage::{CowDisk, Effects, ShardState, Store};
use cid::Cid;
use ipld_core::ipld::Ipld;
use sha2::Digest as _;

/// Most memory for what a look at a folder would write.
const LOOK_BYTES: usize = 64 << 20;
const LEAF_BYTES: usize = 1 << 20;
const RAW: u64 = 0x55;
const DAG_PB: u64 = 0x70;

/// The blocks of all accepted blobs, each checked against its name.
#[derive(Default)]
pub(crate) struct Network {
    blocks: HashMap<Cid, Vec<u8>>,
    /// Multihashes of the accepted blobs.
    blobs: HashSet<Vec<u8>>,
    /// What published roots reach, and what else was looked through. A blob stays for good.
    published: HashSet<Cid>,
    whole: HashSet<Cid>,
}

impl Network {
    /// Takes in what was accepted since the last look, and checks what was published: each root is
    /// a block of an accepted blob, all its shards are accepted, and all that its tree and state
    /// reach is there.
    pub(crate) fn look(&mut self, peer: &Peer) {
        // First what is published: it was accepted before.
        let uploads = peer.uploads();
        for (node, digest, _, size) in peer.accepted() {
            if !self.blobs.insert(digest.clone()) {
                continue;
            }
            let bytes = std::fs::read(peer.blob_path(node, &digest).unwrap()).unwrap();
            assert_eq!(bytes.len() as u64, size);
            assert!(digest.ends_with(&sha2::Sha256::digest(&bytes)));
            let (_, found) = index::read_car(&bytes).unwrap();
            let found = found.into_iter();
            self.blocks
                .extend(found.map(|(cid, block)| (cid, block.to_vec())));
        }
        for (_, root, shards) in uploads {
            for shard in shards {
                assert!(self.blobs.contains(&shard.hash().to_bytes()), "{shard}");
            }
            let publish = decode(&self.blocks[&root]);
            for name in ["root", "state"] {
                let below = self.below(&link_of(&publish, name), &self.published);
                self.published.extend(below.unwrap());
            }
        }
    }

    pub(crate) fn has(&self, cid: &Cid) -> bool {
        self.blocks.contains_key(cid)
    }

    /// Whether a published root reaches it.
    pub(crate) fn is_published(&self, cid: &Cid) -> bool {
        self.published.contains(cid)
    }

    /// Everything that a block reaches, but what is `known` and what that reaches.
    fn below(&self, root: &Cid, known: &HashSet<Cid>) -> Result<HashSet<Cid>, String> {
        let mut found = HashSet::new();
        let mut open = vec![*root];
        while let Some(cid) = open.pop() {
            if known.contains(&cid) || !found.insert(cid) {
                continue;
            }
            let block = self.blocks.get(&cid);
            let block = block.ok_or_else(|| format!("{cid} is not on the network"))?;
            open.extend(links(&cid, block));
        }
        Ok(found)
    }

    /// What the rules ask of a folder whose daemon is dead: every leaf is there or here, whatever
    /// its daemon calls published or accepted is here.
    pub(crate) fn check_folder(&mut self, data: &Path, leaves: &[Cid]) {
        let store = open(data);
        for leaf in leaves {
            let name = billet_block::Cid::from_bytes(&leaf.to_bytes()).unwrap();
            let is_local = store.read_leaf(&name, &mut Vec::new()).is_ok();
            assert!(is_local || self.has(leaf), "{leaf} is nowhere");
        }
        for position in store.ship_positions(None, 1_000).unwrap() {
            let Some(published) = position.published else {
                continue;
            };
            assert!(published.seq <= position.head.seq, "{}", position.log);
            for block in [published.root, published.state] {
                let block = Cid::try_from(&block.to_bytes()[..]).unwrap();
                let below = self.below(&block, &self.whole).unwrap();
                self.whole.extend(below);
            }
        }
        for shard in store.shards(false, None, 1_000).unwrap() {
            if shard.row.state == ShardState::Accepted {
                let digest = cbor::wrap(&shard.row.digest.into_array()).to_bytes();
                assert!(self.blobs.contains(&digest), "shard {}", shard.number);
            }
        }
    }
}

fn open(data: &Path) -> Arc<Store> {
    let disk = CowDisk::new(data, LOOK_BYTES).unwrap();
    Store::open(
        billet_storage::Config::default(),
        Effects::cow(&disk).unwrap(),
    )
    .unwrap()
}

/// The names of the leaves that a body is cut into.
pub(crate) fn leaves(body: &[u8]) -> Vec<Cid> {
    let leaves = body.chunks(LEAF_BYTES);
    leaves.map(|leaf| cbor::cid_of(RAW, leaf)).collect()
}

fn decode(block: &[u8]) -> Ipld {
    cbor::Reader::new(block).item().unwrap()
}

fn link_of(value: &Ipld, name: &str) -> Cid {
    match value {
        Ipld::Map(map) => match &map[name] {
            Ipld::Link(link) => *link,
            other => panic!("{name} is {other:?}"),
        },
        other => panic!("{other:?}"),
    }
}

fn links(cid: &Cid, block: &[u8]) -> Vec<Cid> {
    match cid.codec() {
        RAW => Vec::new(),
        DAG_PB => pb_links(block),
        _ => {
            let mut found = Vec::new();
            collect(&decode(block), &mut found);
            found
        }
    }
}

fn collect(value: &Ipld, found: &mut Vec<Cid>) {
    match value {
        Ipld::Link(link) => found.push(*link),
        Ipld::List(list) => list.iter().for_each(|one| collect(one, found)),
        Ipld::Map(map) => map.values().for_each(|one| collect(one, found)),
        _ => {}
    }
}

/// The `Hash` of every `Links` of a dag-pb node.
fn pb_links(node: &[u8]) -> Vec<Cid> {
    let links = pb_fields(node).into_iter().filter(|(field, _)| *field == 2);
    let hashes = links.flat_map(|(_, link)| pb_fields(link));
    hashes
        .filter(|(field, _)| *field == 1)
        .map(|(_, hash)| Cid::try_from(hash).unwrap())
        .collect()
}

/// The fields of a message that have a length, with their numbers.
fn pb_fields(mut bytes: &[u8]) -> Vec<(u64, &[u8])> {
    let mut found = Vec::new();
    while !bytes.is_empty() {
        let tag = varint(&mut bytes);
        let number = varint(&mut bytes);
        if tag & 7 == 2 {
            let (value, rest) = bytes.split_at(usize::try_from(number).unwrap());
            found.push((tag >> 3, value));
            bytes = rest;
        }
    }
    found
}

fn varint(bytes: &mut &[u8]) -> u64 {
    let mut value = 0;
    for shift in (0..64).step_by(7) {
        let (first, rest) = bytes.split_first().unwrap();
        *bytes = rest;
        value |= u64::from(first & 0x7f) << shift;
        if first & 0x80 == 0 {
            break;
        }
    }
    value
}
