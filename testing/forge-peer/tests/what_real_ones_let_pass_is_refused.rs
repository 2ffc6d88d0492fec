//! Strictness: forms and arguments that the real services let pass by oversight are refused, and
//! let pass where the peer is told to be as lenient.
//!
//! Must never mistake a refusal for another reason: each request is right but for one thing.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, missing_docs)]

mod common;

use std::sync::Arc;

use billet_forge_peer::caller::{blob, multihash};
use billet_forge_peer::cbor::{self, map};
use billet_forge_peer::token::{Draft, Token};
use billet_forge_peer::{Config, Peer, Strict, container, wire};
use common::{Session, bytes};
use ipld_core::ipld::Ipld;

fn start(strict: Strict) -> (tempfile::TempDir, Peer, Session) {
    let folder = tempfile::tempdir().unwrap();
    let mut config = Config::new(folder.path());
    config.strict = strict;
    let peer = Peer::start(config).unwrap();
    let session = Session::of_peer(&peer);
    (folder, peer, session)
}

/// Two tokens of a good call, as bytes.
fn good(session: &Session) -> Vec<Arc<Token>> {
    let proof = session.proofs[0].clone();
    let draft = Draft::invocation(session.space.did(), "/space/info", map([]));
    let draft = draft.aud(&session.caller.service).prf(&[proof.cid()]);
    vec![Arc::new(draft.sign(&session.caller.agent)), proof]
}

fn post(peer: &Peer, body: &[u8]) -> (u16, usize) {
    let headers = [("content-type", "application/vnd.ipld.dag-cbor")];
    let answer = wire::send(peer.service, "POST", "/", &headers, body).unwrap();
    let tokens = container::read(&answer.body).map_or(0, |contents| contents.tokens.len());
    (answer.status, tokens)
}

/// The bodies of one good call in forms that are not canonical.
fn forms(session: &Session) -> Vec<Vec<u8>> {
    let tokens = good(session);
    let canonical = container::write(&tokens);
    let mut list: Vec<Ipld> = tokens
        .iter()
        .map(|token| Ipld::Bytes(token.bytes().to_vec()))
        .collect();
    let write = |list: &[Ipld]| cbor::write(&map([("ctn-v1", Ipld::List(list.to_vec()))]));
    list.sort_by_key(|item| std::cmp::Reverse(cbor::write(item)));
    let mut backwards = write(&list);
    if backwards == canonical {
        list.reverse();
        backwards = write(&list);
    }
    let trailing = [&canonical[..], b"x"].concat();
    let mut unknown = list.clone();
    unknown.push(Ipld::Bytes(vec![1, 2, 3]));
    vec![backwards, trailing, write(&unknown)]
}

#[test]
fn containers_must_be_canonical() {
    let (_folder, peer, session) = start(Strict::ALL);
    assert_eq!(post(&peer, &container::write(&good(&session))), (200, 1));
    for body in forms(&session) {
        assert_eq!(post(&peer, &body), (500, 0));
    }
    let (_folder, peer, session) = start(Strict::AS_OBSERVED);
    for body in forms(&session) {
        assert_eq!(post(&peer, &body), (200, 1));
    }
}

#[test]
fn arguments_must_be_the_declared_ones() {
    let add = |session: &Session, extra: Option<&str>, size: bool| {
        let body = bytes(10);
        let Ipld::Map(mut fields) = blob(&body) else {
            return String::new();
        };
        if let Some(extra) = extra {
            fields.insert(extra.into(), Ipld::Integer(1));
        }
        if !size {
            fields.remove("size");
        }
        let args = map([("blob", Ipld::Map(fields))]);
        session.call("/blob/add", args).outcome()
    };
    let (_folder, _peer, session) = start(Strict::ALL);
    assert_eq!(add(&session, None, true), "ok");
    assert_eq!(add(&session, Some("colour"), true), "MalformedArguments");
    assert_eq!(add(&session, None, false), "MalformedArguments");
    assert_eq!(
        session.call("/blob/add", map([])).outcome(),
        "MalformedArguments"
    );
    let digest = map([("digest", Ipld::Bytes(multihash(b"x")))]);
    assert_eq!(session.call("/blob/remove", digest).outcome(), "ok");
    let (_folder, _peer, session) = start(Strict::AS_OBSERVED);
    assert_eq!(add(&session, Some("colour"), true), "ok");
    assert_eq!(add(&session, None, false), "ok");
    assert_eq!(
        session.call("/blob/add", map([])).outcome(),
        "CandidateUnavailable"
    );
}

#[test]
fn a_batch_whose_answer_is_too_large_leaves_nothing() {
    let (_folder, peer, session) = start(Strict::ALL);
    let proof = session.proofs[0].clone();
    let mut tokens = vec![proof.clone()];
    for number in 0..1700_u32 {
        let args = map([("blob", blob(&number.to_be_bytes()))]);
        let draft = Draft::invocation(session.space.did(), "/blob/add", args);
        let draft = draft.aud(&session.caller.service).prf(&[proof.cid()]);
        tokens.push(Arc::new(draft.sign(&session.caller.agent)));
    }
    let task = tokens[1].task();
    assert_eq!(post(&peer, &container::write(&tokens)), (500, 0));
    assert_eq!(peer.counters().commands["/blob/allocate"], 1700);
    assert!(session.caller.poll(task).unwrap().is_none());
}

#[test]
fn policies_decide_as_recorded() {
    let Some(cases) = billet_vectors::json("ucan/ucantone-policy.json") else {
        return;
    };
    let mut decided = 0;
    for (list, holds) in [("valid", true), ("invalid", false)] {
        for case in cases[list].as_array().unwrap() {
            let args = ipld(&case["args"]);
            for policy in case["policies"].as_array().unwrap() {
                let Ipld::List(policy) = ipld(policy) else {
                    unreachable!()
                };
                let Ipld::Map(args) = &args else {
                    unreachable!()
                };
                let found = billet_forge_peer::policy::holds(&policy, args);
                assert_eq!(found.is_ok(), holds, "{policy:?} {args:?}");
                decided += 1;
            }
        }
    }
    assert!(decided >= 10, "{decided} cases");
}

fn ipld(value: &serde_json::Value) -> Ipld {
    match value {
        serde_json::Value::Null => Ipld::Null,
        serde_json::Value::Bool(bool) => Ipld::Bool(*bool),
        serde_json::Value::Number(number) => Ipld::Integer(number.as_i64().unwrap().into()),
        serde_json::Value::String(text) => Ipld::String(text.clone()),
        serde_json::Value::Array(list) => Ipld::List(list.iter().map(ipld).collect()),
        serde_json::Value::Object(map) => Ipld::Map(
            map.iter()
                .map(|(key, value)| (key.clone(), ipld(value)))
                .collect(),
        ),
    }
}
