//! Each kind of fault at the step it is set for: what the caller sees, and what was done.
//!
//! Must never take longer than the waits it asks for.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, missing_docs)]

mod common;

use std::net::SocketAddr;
use std::time::Instant;

use billet_forge_peer::caller::{Reply, address_of, awaited, blob, now, receipt_among, split};
use billet_forge_peer::cbor::map;
use billet_forge_peer::fault::{Kind, Rule};
use billet_forge_peer::token::{Draft, Token};
use billet_forge_peer::{Config, Key, Peer, key, wire};
use common::{Session, bytes, open};

fn info(session: &Session) -> Result<String, String> {
    let draft = Draft::invocation(session.space.did(), "/space/info", map([]));
    let reply = session.caller.call(draft, &session.proofs, &[])?;
    assert_eq!(reply.receipt.iss(), session.caller.service);
    Ok(reply.outcome())
}

/// Sets a fault for the next time that this step is come to.
fn next(peer: &Peer, step: &str, kind: Kind) {
    peer.fault(Rule::next(step, kind)).unwrap();
}

fn refused(name: &str) -> Kind {
    Kind::Refused { name: name.into() }
}

/// Whether a token is signed by whom it names.
fn holds(token: &Token) -> bool {
    let key = key::public(token.iss()).unwrap();
    key::verifies(&key, token.signed(), token.signature())
}

/// Where the answer to `/blob/add` says that the body is to go.
fn put_address(added: &Reply) -> (SocketAddr, String) {
    let mut tokens = added.tokens.iter();
    let url = tokens.find_map(|token| address_of(token)).unwrap();
    split(&url).unwrap()
}

#[test]
fn a_call_fails_in_every_way_once() {
    let (_folder, peer, session) = open();
    let mut done = 0;
    for (kind, seen, effects) in [
        (refused("Full"), Ok("Full"), 0),
        (Kind::Timeout { ms: 30 }, Err("reset"), 0),
        (Kind::ResetRequest { at: 0 }, Err("reset"), 0),
        (Kind::ResetRequest { at: 100 }, Err("reset"), 0),
        (Kind::Status { status: 503 }, Err("status 503"), 0),
        (Kind::Delay { ms: 30 }, Ok("ok"), 1),
        (Kind::LostResponse, Err("reset"), 1),
        (Kind::ResetResponse { at: 0 }, Err("reset"), 1),
        (Kind::ResetResponse { at: 17 }, Err("reset"), 1),
        (Kind::ResetResponse { at: 150 }, Err("reset"), 1),
        (Kind::StatusAfter { status: 500 }, Err("status 500"), 1),
        (Kind::Duplicate, Ok("ok"), 2),
        (Kind::NoReceipt, Err("no receipt"), 1),
        (Kind::WrongReceipt, Err("no receipt"), 1),
        (Kind::Expired { seconds: 100 }, Ok("Expired"), 0),
    ] {
        next(&peer, "/space/info", kind.clone());
        let start = Instant::now();
        match (info(&session), seen) {
            (Ok(outcome), Ok(seen)) => assert_eq!(outcome, seen, "{kind:?}"),
            (Err(error), Err(seen)) => {
                assert!(error.contains(seen), "{kind:?}: {error}");
            }
            (got, seen) => assert_eq!(
                got,
                seen.map(str::to_owned).map_err(str::to_owned),
                "{kind:?}"
            ),
        }
        if let Kind::Timeout { ms } | Kind::Delay { ms } = kind {
            assert!(start.elapsed().as_millis() >= u128::from(ms));
        }
        done += effects;
        let commands = peer.counters().commands;
        assert_eq!(
            commands.get("/space/info").copied().unwrap_or(0),
            done,
            "{kind:?}"
        );
        assert_eq!(info(&session).as_deref(), Ok("ok"), "after {kind:?}");
        done += 1;
    }
    assert_eq!(peer.counters().faults.values().sum::<u64>(), 15);
}

#[test]
fn receipts_can_be_signed_by_the_wrong_ones() {
    let (_folder, peer, session) = open();
    let call = || session.call("/space/info", map([])).receipt;
    assert!(holds(&call()));
    next(&peer, "/space/info", Kind::BadSignature);
    let damaged = call();
    assert_eq!(
        (damaged.iss(), holds(&damaged)),
        (peer.service_did(), false)
    );
    next(&peer, "/space/info", Kind::StrangerReceipt);
    let stranger = call();
    assert!(stranger.iss() != peer.service_did() && holds(&stranger));
}

#[test]
fn a_put_fails_in_every_way_and_goes_through_in_the_end() {
    let (_folder, peer, session) = open();
    let body = bytes(200_000);
    let added = session.call("/blob/add", map([("blob", blob(&body))]));
    let (address, path) = put_address(&added);
    let put =
        |body: &[u8]| wire::send(address, "PUT", &path, &[], body).map(|answer| answer.status);
    for kind in [
        Kind::ResetRequest { at: 1 },
        Kind::ResetRequest { at: 150_000 },
        Kind::Timeout { ms: 20 },
    ] {
        next(&peer, "put", kind);
        assert!(put(&body).is_err());
    }
    next(&peer, "put", Kind::Status { status: 502 });
    assert_eq!(put(&body).unwrap(), 502);
    next(&peer, "put", Kind::Expired { seconds: 90_000 });
    assert_eq!(put(&body).unwrap(), 404);
    assert_eq!(put(&body[1..]).unwrap(), 400);
    assert_eq!(put(&bytes(200_000)).unwrap(), 400);
    let chunked = [("transfer-encoding", "chunked")];
    let answer = wire::send_raw(address, "PUT", &path, &chunked, b"0\r\n\r\n").unwrap();
    assert_eq!(answer.status, 411);
    assert_eq!(peer.counters().blobs_held, 0);
    next(&peer, "put", Kind::LostResponse);
    assert!(put(&body).is_err());
    let other = bytes(10);
    let added = session.call("/blob/add", map([("blob", blob(&other))]));
    let (address, second) = put_address(&added);
    next(&peer, "put", Kind::Duplicate);
    let answer = wire::send(address, "PUT", &second, &[], &other).unwrap();
    assert_eq!(answer.status, 404, "the second of two equal requests");
    session.upload(&other);
    assert_eq!(peer.counters().blobs_held, 2);
    assert_eq!(put(&body).unwrap(), 404, "an address is used up");
    session.upload(&body);
    assert_eq!(peer.counters().accepts.values().sum::<u64>(), 2);
}

#[test]
fn an_accept_that_fails_can_be_concluded_later() {
    let (_folder, peer, session) = open();
    let body = bytes(3000);
    for kind in [
        refused("AcceptRefused"),
        Kind::Status { status: 500 },
        Kind::LostResponse,
    ] {
        next(&peer, "/blob/accept", kind);
        let failed = session.try_upload(&body);
        assert!(failed.unwrap_err().contains("HandlerExecutionError"));
    }
    // The lost answer's effect is there: what follows is an accept of what was accepted.
    session.upload(&body);
    assert_eq!(peer.counters().accepts_again, 1);
}

#[test]
fn what_is_served_for_a_task_can_be_spoilt() {
    let (_folder, peer, session) = open();
    let accept = session.upload(&bytes(64)).accept;
    let poll = || session.caller.poll(accept).unwrap();
    let receipt = || receipt_among(&poll().unwrap(), accept);
    let node = receipt().unwrap().iss().to_owned();
    next(&peer, "receipt", Kind::NoReceipt);
    assert!(poll().is_none());
    next(&peer, "receipt", Kind::WrongReceipt);
    assert!(receipt().is_none());
    for (kind, same) in [(Kind::BadSignature, true), (Kind::StrangerReceipt, false)] {
        next(&peer, "receipt", kind);
        let token = receipt().unwrap();
        assert_eq!((token.iss() == node, holds(&token)), (same, !same));
    }
    assert_eq!(receipt().unwrap().iss(), node);
}

#[test]
fn a_retrieval_fails_in_every_way_once() {
    let (_folder, peer, session) = open();
    let body = bytes(100_000);
    let done = session.upload(&body);
    let read = || {
        let found = session
            .caller
            .retrieve(&done.location, &session.proofs, 0, 99_999);
        found.map(|(answer, receipt)| (answer.status, answer.body == body, receipt))
    };
    for kind in [
        Kind::Timeout { ms: 20 },
        Kind::ResetRequest { at: 0 },
        Kind::ResetResponse { at: 0 },
        Kind::ResetResponse { at: 50 },
        Kind::ResetResponse { at: 60_000 },
        Kind::LostResponse,
        Kind::NoReceipt,
        Kind::Status { status: 503 },
        Kind::StatusAfter { status: 500 },
    ] {
        next(&peer, "retrieve", kind.clone());
        assert!(read().is_err(), "{kind:?}");
    }
    for (kind, status, right, name) in [
        (Kind::WrongBody, 200, false, "ok"),
        (Kind::Delay { ms: 10 }, 200, true, "ok"),
        (Kind::Expired { seconds: 100 }, 200, false, "Expired"),
        (refused("Full"), 403, false, "Full"),
    ] {
        next(&peer, "retrieve", kind);
        let (found, same, receipt) = read().unwrap();
        let outcome = receipt.out().map_or_else(|(name, _)| name, |_| "ok".into());
        assert_eq!((found, same, outcome.as_str()), (status, right, name));
    }
    next(&peer, "retrieve", Kind::StrangerReceipt);
    assert_ne!(read().unwrap().2.iss(), done.location.iss());
    assert!(read().unwrap().1);
}

#[test]
fn a_location_can_be_of_another_space_or_missing() {
    let (_folder, peer, session) = open();
    next(&peer, "/blob/accept", Kind::OtherSpace);
    let other = session.upload(&bytes(100)).location;
    assert_ne!(other.sub(), Some(session.space.did()));
    next(&peer, "/blob/accept", Kind::NoLocation);
    let none = session.try_upload(&bytes(100));
    assert_eq!(none.unwrap_err(), "no location commitment");
}

#[test]
fn a_strangers_receipt_is_served_before_and_beside_the_real_one() {
    let (_folder, peer, session) = open();
    next(&peer, "/blob/add", Kind::ForgedAccept);
    let body = bytes(500);
    let added = session.call("/blob/add", map([("blob", blob(&body))]));
    let accept = awaited(added.receipt.out().unwrap(), "site").unwrap();
    let issuers = || -> Vec<String> {
        let tokens = session.caller.poll(accept).unwrap().unwrap_or_default();
        let receipts = tokens.iter().filter(|token| token.ran() == Some(accept));
        receipts.map(|token| token.iss().to_owned()).collect()
    };
    let forged = issuers();
    assert_eq!(forged.len(), 1, "the stranger's alone");
    let (address, path) = put_address(&added);
    assert_eq!(
        wire::send(address, "PUT", &path, &[], &body)
            .unwrap()
            .status,
        204
    );
    let put = added
        .tokens
        .iter()
        .find(|token| token.cmd() == "/http/put")
        .unwrap();
    assert_eq!(session.caller.conclude(put).unwrap().outcome(), "ok");
    assert_eq!(issuers().len(), 2);
    let again = session.call("/blob/add", map([("blob", blob(&body))]));
    let served = receipt_among(&again.tokens, accept).unwrap();
    assert_eq!(served.iss(), forged[0], "the forged one instead");

    // Anybody may post one: it is stored as it is.
    let task = billet_forge_peer::cbor::cid_of(0x71, b"some task");
    let stranger = Key::random();
    let receipt = Draft::receipt(stranger.did(), task, map([("ok", map([]))]), now());
    let posted = session
        .caller
        .post(&[receipt.sign_badly(&stranger).into()])
        .unwrap();
    assert_eq!(
        (posted.status, posted.body.as_slice()),
        (200, &b"\xa1fctn-v1\x80"[..])
    );
    assert!(session.caller.poll(task).unwrap().is_some());
}

#[test]
fn one_of_two_nodes_lies_or_is_down() {
    let (_folder, peer, session) = open();
    let body = bytes(4000);
    let done = session.upload(&body);
    let (node, digest, space, size) = peer.accepted().remove(0);
    assert_eq!((digest, size), (done.digest.clone(), 4000));
    peer.set_lies(node, true);
    let read = || {
        session
            .caller
            .retrieve(&done.location, &session.proofs, 0, 3999)
    };
    let (answer, receipt) = read().unwrap();
    assert!(
        answer.body != body && receipt.out().is_ok(),
        "a lie with a good receipt"
    );
    assert!(peer.copy(node, 1 - node, &space, &done.digest));
    let text = multibase::encode(multibase::Base::Base58Btc, &done.digest);
    let path = format!("/claims?type=location&multihash={text}");
    let answer = wire::send(peer.indexer, "GET", &path, &[], &[]).unwrap();
    let (_, blocks) = billet_forge_peer::index::read_car(&answer.body).unwrap();
    assert_eq!(blocks.len(), 3, "two locations and the root");
    peer.set_down(node, true);
    assert!(read().is_err());
    peer.set_down(node, false);
    peer.set_lies(node, false);
    assert_eq!(read().unwrap().0.body, body);

    peer.set_down(0, true);
    (0..3).for_each(|_| drop(session.upload(&bytes(100))));
    peer.set_down(1, true);
    let none = session.call("/blob/add", map([("blob", blob(&bytes(50)))]));
    assert_eq!(none.outcome(), "CandidateUnavailable");
}

#[test]
fn clocks_run_ahead() {
    let (_folder, peer, session) = open();
    peer.set_clock_offset(3600);
    assert_eq!(info(&session).as_deref(), Ok("Expired"));
    peer.set_clock_offset(0);
    assert_eq!(info(&session).as_deref(), Ok("ok"));
}

#[test]
fn other_processes_steer_and_read_over_the_control_listener() {
    let folder = tempfile::tempdir().unwrap();
    let mut config = Config::new(folder.path());
    config.nodes.truncate(1);
    let peer = Peer::start(config).unwrap();
    let ask = |method: &str, path: &str, body: &str| -> serde_json::Value {
        let answer = wire::send(peer.control, method, path, &[], body.as_bytes()).unwrap();
        assert_eq!(answer.status, 200, "{method} {path}");
        serde_json::from_slice(&answer.body).unwrap()
    };
    let caller = billet_forge_peer::caller::Caller {
        address: peer.service,
        service: ask("GET", "/state", "")["service_did"]
            .as_str()
            .unwrap()
            .into(),
        agent: Key::random(),
    };
    let session = Session::open(caller, || {
        let clicked = ask("POST", "/click", r#"{"email":"alice@example.com"}"#);
        assert_eq!(clicked["links"], 1);
        Ok(())
    });
    ask(
        "POST",
        "/faults",
        r#"{"step":"/space/info","kind":"refused","name":"Later"}"#,
    );
    assert_eq!(ask("GET", "/faults", "").as_array().unwrap().len(), 1);
    assert_eq!(info(&session).as_deref(), Ok("Later"));
    session.upload(&bytes(77));
    assert_eq!(ask("GET", "/counters", "")["bytes_put"], 77);
    assert_eq!(ask("GET", "/blobs", "")[0]["size"], 77);
    ask("DELETE", "/counters", "");
    assert_eq!(ask("GET", "/counters", "")["blobs_held"], 1);
    ask("POST", "/clock", r#"{"offset_s":3600}"#);
    assert_eq!(info(&session).as_deref(), Ok("Expired"));
    let wrong = wire::send(peer.control, "POST", "/faults", &[], b"{}").unwrap();
    assert_eq!(wrong.status, 400);
}
