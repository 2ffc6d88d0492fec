//! The whole path against the peer: login, space, add, PUT, conclude, index, retrieve, remove.
//!
//! Must never depend on the order of tokens in a container.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, missing_docs)]

mod common;

use std::sync::Arc;

use billet_forge_peer::caller::{Caller, blob, multihash};
use billet_forge_peer::cbor::{cid_of, map};
use billet_forge_peer::token::Draft;
use billet_forge_peer::{Config, Peer, index, wire};
use common::{Session, bytes, index_of, open};
use ipld_core::ipld::Ipld;

#[test]
fn a_blob_is_accepted_once_and_read_back_in_parts() {
    let (_folder, peer, session) = open();
    let body = bytes(100_000);
    let done = session.upload(&body);
    let read = |start, end| {
        let caller = &session.caller;
        caller
            .retrieve(&done.location, &session.proofs, start, end)
            .unwrap()
    };
    let (whole, receipt) = read(0, 99_999);
    assert_eq!((whole.status, receipt.out().is_ok()), (200, true));
    assert_eq!(whole.body, body);
    let (part, _) = read(10, 19);
    assert_eq!(part.status, 206);
    assert_eq!(part.header("content-range"), Some("bytes 10-19/100000"));
    assert_eq!(part.body, body[10..20]);
    let (past, receipt) = read(99_999, 100_000);
    assert_eq!(past.status, 416);
    assert_eq!(
        past.header("x-piri-error-name"),
        Some("RangeNotSatisfiable")
    );
    assert!(receipt.out().is_err());

    let again = session.upload(&body);
    assert_eq!(again.accept, done.accept, "the original chain comes back");
    let counters = peer.counters();
    assert_eq!(
        (counters.bytes_put, counters.bytes_served),
        (100_000, 100_010)
    );
    assert_eq!(counters.accepts.values().sum::<u64>(), 1);
    assert_eq!(counters.accepts_again, 0);
}

#[test]
fn an_add_is_a_new_chain_until_it_is_accepted() {
    let (_folder, peer, session) = open();
    let body = bytes(5000);
    let add = || session.call("/blob/add", map([("blob", blob(&body))]));
    let (first, second) = (add(), add());
    assert_ne!(first.receipt.out().unwrap(), second.receipt.out().unwrap());
    assert_eq!(first.tokens.len(), 5);
    session.upload(&body);
    // The bytes are there, so a second space is served at once, location included.
    let other = Session::of_peer(&peer);
    let there = other.call("/blob/add", map([("blob", blob(&body))]));
    assert_eq!(there.tokens.len(), 9);
    assert_eq!(peer.counters().exchanges["put"], 1);
}

#[test]
fn an_index_is_fetched_with_the_authority_that_was_given() {
    let (_folder, peer, session) = open();
    let body = bytes(3000);
    session.upload(&body);
    let slice = multihash(&body[100..200]);
    let car = index_of(&body);
    session.upload(&car);
    let cid = cid_of(0x0202, &car);
    let args = map([("index", Ipld::Link(cid))]);
    let draft = || Draft::invocation(session.space.did(), "/index/add", args.clone());
    let without = session.caller.call(draft(), &session.proofs, &[]).unwrap();
    assert_eq!(without.outcome(), "HandlerExecutionError");
    let service = &session.caller.service;
    let leaf = Draft::delegation(service, Some(session.space.did()), "/content/retrieve");
    let leaf = Arc::new(leaf.sign(&session.caller.agent));
    let with = session
        .caller
        .call(draft(), &session.proofs, &[leaf])
        .unwrap();
    assert_eq!(with.outcome(), "ok");

    let text = multibase::encode(multibase::Base::Base58Btc, &slice);
    let path = format!("/claims?type=standard&multihash={text}");
    let answer = wire::send(peer.indexer, "GET", &path, &[], &[]).unwrap();
    let (roots, blocks) = index::read_car(&answer.body).unwrap();
    assert_eq!(blocks.last().map(|(cid, _)| *cid), roots.first().copied());
    assert!(blocks.iter().any(|(other, _)| *other == cid), "the index");
    assert_eq!(blocks.len(), 3, "the shard's location, the index, the root");
}

#[test]
fn what_is_removed_is_gone_and_lists_have_pages() {
    let (_folder, peer, session) = open();
    let done: Vec<_> = (0..3).map(|_| session.upload(&bytes(200))).collect();
    let page = |cursor: Option<&str>| {
        let mut args = vec![("size", Ipld::Integer(2))];
        args.extend(cursor.map(|cursor| ("cursor", Ipld::String(cursor.into()))));
        let args = args
            .into_iter()
            .map(|(name, value)| (name.to_owned(), value));
        let reply = session.call("/blob/list", Ipld::Map(args.collect()));
        let Ok(Ipld::Map(ok)) = reply.receipt.out() else {
            return (reply.outcome(), 0, None);
        };
        let Some(Ipld::List(results)) = ok.get("results") else {
            return ("no results".into(), 0, None);
        };
        let cursor = ok.get("cursor").and_then(|value| match value {
            Ipld::String(text) => Some(text.clone()),
            _ => None,
        });
        ("ok".to_owned(), results.len(), cursor)
    };
    let (_, count, cursor) = page(None);
    assert_eq!((count, cursor.is_some()), (2, true));
    assert_eq!(page(cursor.as_deref()), ("ok".into(), 1, None));
    assert_eq!(page(Some("nonsense")).0, "HandlerExecutionError");

    let args = map([("digest", Ipld::Bytes(done[0].digest.clone()))]);
    assert_eq!(session.call("/blob/remove", args.clone()).outcome(), "ok");
    assert_eq!(session.call("/blob/remove", args).outcome(), "ok");
    let read = session
        .caller
        .retrieve(&done[0].location, &session.proofs, 0, 9);
    assert_eq!(read.unwrap().0.status, 404);
    assert_eq!(peer.counters().blobs_held, 2);
    assert_eq!(peer.counters().commands["/blob/release"], 1);
}

#[test]
fn the_name_of_the_service_may_be_one_of_the_web() {
    let folder = tempfile::tempdir().unwrap();
    let mut config = Config::new(folder.path());
    config.service = config.service.signing_as("did:web:upload.test");
    let peer = Peer::start(config).unwrap();
    let session = Session::of_peer(&peer);
    session.upload(&bytes(10));
    let answer = wire::send(peer.service, "GET", "/.well-known/did.json", &[], &[]).unwrap();
    let document: serde_json::Value = serde_json::from_slice(&answer.body).unwrap();
    assert_eq!(document["id"], "did:web:upload.test");
    let wrong = Caller {
        service: format!(
            "did:key:{}",
            document["verificationMethod"][0]["publicKeyMultibase"]
                .as_str()
                .unwrap()
        ),
        ..session.caller.clone()
    };
    let draft = Draft::invocation(session.space.did(), "/space/info", map([]));
    let ignored = wrong.call(draft, &session.proofs, &[]);
    assert_eq!(ignored.unwrap_err(), "no receipt");
}
