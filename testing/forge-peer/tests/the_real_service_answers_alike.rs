//! One script of calls, sent to the peer and, where `BILLET_SPRUE` names its program, to the real
//! upload service with the peer's nodes and indexer: the same answers from both.
//!
//! Must never compare what the page of the protocol leaves open: order, nonces, texts for people.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, missing_docs)]

mod common;

use std::sync::Arc;

use billet_forge_peer::caller::{Reply, blob, multihash};
use billet_forge_peer::cbor::{cid_of, map};
use billet_forge_peer::sprue::{PROGRAM, Sprue};
use billet_forge_peer::token::{Draft, Token};
use billet_forge_peer::{Config, Key, Peer, Strict};
use common::{EMAIL, Session, bytes};
use ipld_core::ipld::Ipld;

/// The kinds, commands and outcomes of an answer's tokens.
fn shape(reply: &Reply) -> Vec<String> {
    let mut shape: Vec<String> = reply
        .tokens
        .iter()
        .map(|token| {
            let out = match (token.ran(), token.out()) {
                (None, _) => String::new(),
                (_, Ok(Ipld::Map(ok))) => format!("ok {:?}", ok.keys().collect::<Vec<_>>()),
                (_, Ok(_)) => "ok".into(),
                (_, Err((name, _))) => name,
            };
            format!("{:?} {} {out}", token.kind(), token.cmd())
        })
        .collect();
    shape.sort();
    shape
}

/// What the service says to one thing after another, each with a name for the comparison.
fn script(session: &Session, peer: &Peer) -> Vec<(&'static str, Vec<String>)> {
    let mut said = Vec::new();
    let one = bytes(1000);
    let two = bytes(2000);
    let add = |bytes: &[u8]| session.call("/blob/add", map([("blob", blob(bytes))]));
    let unit = || map([]);
    said.push(("space info", shape(&session.call("/space/info", unit()))));
    said.push(("provisioned again", vec![session.provision()]));
    said.push(("no blobs", shape(&session.call("/blob/list", unit()))));
    said.push(("a first add", shape(&add(&one))));
    said.push(("a second add", shape(&add(&one))));
    let done = session.upload(&one);
    said.push(("an add of what is there", shape(&add(&one))));
    let (read, receipt) = session
        .caller
        .retrieve(&done.location, &session.proofs, 5, 9)
        .unwrap();
    assert_eq!((read.status, receipt.out().is_ok()), (206, true));
    assert_eq!(read.body, one[5..10]);
    said.push(("blobs", shape(&session.call("/blob/list", unit()))));

    peer.set_down(0, true);
    said.push(("an add with the node down", shape(&add(&two))));
    peer.set_down(0, false);
    let parked = add(&two);
    let cause = parked.receipt.ran().unwrap();
    let abort = |digest: Vec<u8>, cause| {
        let args = map([
            ("digest", Ipld::Bytes(digest)),
            ("cause", Ipld::Link(cause)),
        ]);
        shape(&session.call("/blob/abort", args))
    };
    said.push(("an abort", abort(multihash(&two), cause)));
    said.push((
        "an abort without cause",
        abort(multihash(&two), cid_of(0x71, b"none")),
    ));
    said.push((
        "an abort of what is accepted",
        abort(multihash(&one), cause),
    ));
    said.push((
        "a conclude of nothing",
        conclude(session, &cid_of(0x71, b"none")),
    ));
    said.extend(index(session));
    said.extend(uploads(session));
    said.extend(refusals(session));
    let remove = map([("digest", Ipld::Bytes(multihash(&one)))]);
    said.push((
        "a removal",
        shape(&session.call("/blob/remove", remove.clone())),
    ));
    said.push((
        "a second removal",
        shape(&session.call("/blob/remove", remove)),
    ));
    let gone = session
        .caller
        .retrieve(&done.location, &session.proofs, 0, 9)
        .unwrap();
    said.push(("what was removed", vec![gone.0.status.to_string()]));
    said
}

fn conclude(session: &Session, put: &cid::Cid) -> Vec<String> {
    let key = Key::random();
    let receipt = Draft::receipt(key.did(), *put, map([("ok", map([]))]), 1);
    let receipt = Arc::new(receipt.sign(&key));
    let args = map([("receipt", Ipld::Link(receipt.cid()))]);
    let draft = Draft::invocation(session.caller.agent.did(), "/ucan/conclude", args);
    let with = session.caller.call(draft.clone(), &[], &[receipt]).unwrap();
    let without = session.caller.call(draft, &[], &[]).unwrap();
    vec![with.outcome(), without.outcome()]
}

fn index(session: &Session) -> Vec<(&'static str, Vec<String>)> {
    let add = |bytes: &[u8], beside: &[Arc<Token>]| {
        let args = map([("index", Ipld::Link(cid_of(0x0202, bytes)))]);
        let draft = Draft::invocation(session.space.did(), "/index/add", args);
        shape(&session.caller.call(draft, &session.proofs, beside).unwrap())
    };
    let car = common::index_of(&bytes(300));
    let unknown = add(&car, &[]);
    session.upload(&car);
    let leaf = Draft::delegation(
        &session.caller.service,
        Some(session.space.did()),
        "/content/retrieve",
    );
    let leaf = Arc::new(leaf.sign(&session.caller.agent));
    vec![
        ("an index that is not there", unknown),
        ("an index without authority", add(&car, &[])),
        ("an index", add(&car, &[leaf])),
    ]
}

fn uploads(session: &Session) -> Vec<(&'static str, Vec<String>)> {
    let root = Ipld::Link(cid_of(0x71, &bytes(8)));
    let shard = Ipld::Link(cid_of(0x0202, &bytes(8)));
    let add = map([("root", root.clone()), ("shards", Ipld::List(vec![shard]))]);
    let of_root = map([("root", root)]);
    [
        ("an upload", "/upload/add", add.clone()),
        ("the same upload", "/upload/add", add),
        ("uploads", "/upload/list", map([])),
        ("shards", "/upload/shard/list", of_root.clone()),
        ("an upload removed", "/upload/remove", of_root),
        ("no uploads", "/upload/list", map([])),
    ]
    .into_iter()
    .map(|(name, cmd, args)| (name, shape(&session.call(cmd, args))))
    .collect()
}

fn refusals(session: &Session) -> Vec<(&'static str, Vec<String>)> {
    let caller = &session.caller;
    let space = session.space.did();
    let info = || Draft::invocation(space, "/space/info", map([]));
    let outcome = |draft: Draft, proofs: &[Arc<Token>]| {
        vec![
            caller
                .call(draft, proofs, &[])
                .map_or_else(|error| error, |reply| reply.outcome()),
        ]
    };
    let by = |sub: Option<&str>, cmd: &str, key: &Key| {
        Arc::new(Draft::delegation(caller.agent.did(), sub, cmd).sign(key))
    };
    let stranger = Key::random();
    let own = &session.space;
    let old = Draft::delegation(caller.agent.did(), Some(space), "/").exp(1000);
    let old = Arc::new(old.sign(own));
    let damaged = Draft::delegation(caller.agent.did(), Some(space), "/").sign_badly(own);
    let policy = |selector: &str| {
        let statement = ["==", selector].map(|text| Ipld::String(text.into()));
        let statement = statement.into_iter().chain([Ipld::Integer(1)]).collect();
        let narrow = Draft::delegation(caller.agent.did(), Some(space), "/");
        let narrow = narrow.with("pol", Ipld::List(vec![Ipld::List(statement)]));
        Arc::new(narrow.sign(own))
    };
    vec![
        ("no proof", outcome(info(), &[])),
        (
            "a stranger's proof",
            outcome(info(), &[by(Some(space), "/", &stranger)]),
        ),
        (
            "another subject",
            outcome(info(), &[by(Some(stranger.did()), "/", own)]),
        ),
        (
            "any subject as root",
            outcome(info(), &[by(None, "/", own)]),
        ),
        (
            "a narrower command",
            outcome(info(), &[by(Some(space), "/blob", own)]),
        ),
        ("a proof out of time", outcome(info(), &[old])),
        ("a damaged proof", outcome(info(), &[Arc::new(damaged)])),
        (
            "a policy that leads nowhere",
            outcome(info(), &[policy(".blob")]),
        ),
        ("a policy not met", outcome(info(), &[policy(".blob?")])),
        (
            "an unknown command",
            outcome(
                Draft::invocation(space, "/no/such", map([])),
                &session.proofs,
            ),
        ),
    ]
}

fn peer_in(folder: &std::path::Path) -> Peer {
    let mut config = Config::new(folder);
    config.nodes.truncate(1);
    config.strict = Strict::ALL;
    Peer::start(config).unwrap()
}

#[test]
fn peer_and_real_service_say_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let peer = peer_in(folder.path());
    let of_peer = script(&Session::of_peer(&peer), &peer);
    assert_eq!(
        of_peer[0].1,
        ["Receipt /ucan/assert/receipt ok [\"providers\"]"]
    );
    let Some(program) = Sprue::program() else {
        eprintln!("skipped: {PROGRAM} does not name the upload service's program");
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let peer = peer_in(folder.path());
    let sprue = Sprue::start(&program, folder.path(), Some(&peer)).unwrap();
    sprue.register(&peer, 0).unwrap();
    let session = Session::open(sprue.caller(Key::random()), || {
        assert_eq!(sprue.click(EMAIL)?, 1);
        Ok(())
    });
    for (ours, real) in of_peer.iter().zip(script(&session, &peer)) {
        assert_eq!(*ours, real);
    }
    let counters = peer.counters();
    println!(
        "the real service's calls of the node: {:?}",
        counters.commands
    );
    assert_eq!(counters.accepts_again, 0);
}
