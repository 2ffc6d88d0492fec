//! A peer with a caller that logged in and provisioned a space, for tests that start there.
//!
//! Must never hide a refusal: what is not expected fails the test.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs,
    dead_code
)]

pub(crate) mod network;
pub(crate) mod people;
pub(crate) mod site;

use std::path::PathBuf;
use std::sync::Arc;

use billet_forge_peer::caller::Caller;
use billet_forge_peer::cbor::map;
use billet_forge_peer::token::{Draft, Token};
use billet_forge_peer::{Config, Key, Peer};
use ipld_core::ipld::Ipld;

pub(crate) const EMAIL: &str = "alice@example.com";

/// A caller with a provisioned space.
pub(crate) struct Session {
    pub(crate) caller: Caller,
    pub(crate) account: Vec<Arc<Token>>,
    pub(crate) space: Key,
    /// From the space to the agent.
    pub(crate) proofs: Vec<Arc<Token>>,
}

impl Session {
    pub(crate) fn open(caller: Caller, click: impl FnOnce() -> Result<(), String>) -> Self {
        let account = caller.login(EMAIL, click).unwrap();
        assert_eq!(account.len(), 2, "one of the account, one of any subject");
        let space = Key::random();
        let proof = Draft::delegation(caller.agent.did(), Some(space.did()), "/").sign(&space);
        let session = Self {
            caller,
            account,
            space,
            proofs: vec![Arc::new(proof)],
        };
        assert_eq!(session.provision(), "ok");
        session
    }

    pub(crate) fn of_peer(peer: &Peer) -> Self {
        let caller = Caller {
            address: peer.service,
            service: peer.service_did().to_owned(),
            agent: Key::random(),
        };
        Self::open(caller, || peer.click(EMAIL).map(|_| ()))
    }

    /// Provisions the space for the account: `ok` or the error's name.
    pub(crate) fn provision(&self) -> String {
        let own = self.account.iter().find(|token| token.sub().is_some());
        let own = own.unwrap().clone();
        let args = map([
            ("provider", Ipld::String(self.caller.service.clone())),
            ("consumer", Ipld::String(self.space.did().into())),
        ]);
        let draft = Draft::invocation(own.iss(), "/provider/add", args);
        self.caller.call(draft, &[own], &[]).unwrap().outcome()
    }

    pub(crate) fn upload(&self, bytes: &[u8]) -> billet_forge_peer::caller::Uploaded {
        self.try_upload(bytes).unwrap()
    }

    /// An upload that may fail; why it did.
    pub(crate) fn try_upload(
        &self,
        bytes: &[u8],
    ) -> Result<billet_forge_peer::caller::Uploaded, String> {
        let space = self.space.did();
        self.caller.upload(space, &self.proofs, bytes)
    }

    /// Calls a command of the space.
    pub(crate) fn call(&self, cmd: &str, args: Ipld) -> billet_forge_peer::caller::Reply {
        let draft = Draft::invocation(self.space.did(), cmd, args);
        self.caller.call(draft, &self.proofs, &[]).unwrap()
    }
}

pub(crate) fn peer(folder: &tempfile::TempDir) -> Peer {
    Peer::start(Config::new(folder.path())).unwrap()
}

/// A peer of its own, what it keeps its blobs in, and a caller with a space.
pub(crate) fn open() -> (tempfile::TempDir, Peer, Session) {
    let folder = tempfile::tempdir().unwrap();
    let peer = peer(&folder);
    let session = Session::of_peer(&peer);
    (folder, peer, session)
}

/// The daemon's program; none where the test is to be passed over.
pub(crate) fn program() -> Option<PathBuf> {
    let program = std::env::var_os("BILLET_DAEMON").map(PathBuf::from);
    if program.is_none() {
        eprintln!("passed over: BILLET_DAEMON names no daemon");
    }
    program
}

/// Bytes that no other call returns.
pub(crate) fn bytes(length: usize) -> Vec<u8> {
    let mut bytes = vec![0; length];
    billet_forge_peer::key::fill(&mut bytes);
    bytes
}

/// An index CAR of one shard with one slice.
pub(crate) fn index_of(shard: &[u8]) -> Vec<u8> {
    use billet_forge_peer::caller::multihash;
    use billet_forge_peer::{cbor, index};
    let slice = Ipld::List(vec![
        Ipld::Bytes(multihash(&shard[100..200])),
        Ipld::List(vec![Ipld::Integer(100), Ipld::Integer(199)]),
    ]);
    let block = cbor::write(&Ipld::List(vec![
        Ipld::Bytes(multihash(shard)),
        Ipld::List(vec![slice]),
    ]));
    let link = cbor::block_cid(&block);
    let shards = map([("shards", Ipld::List(vec![Ipld::Link(link)]))]);
    let root = cbor::write(&map([("index/sharded/dag@0.1", shards)]));
    let root_cid = cbor::block_cid(&root);
    index::write_car(root_cid, &[(link, block), (root_cid, root)])
}
