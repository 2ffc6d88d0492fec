//! Answers and claims that are not what they say: receipts by others, of others, out of shape.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs
)]

mod common;

use std::collections::BTreeMap;

use billet_block::{Cid, Codec};
use billet_ucan::{
    Directory, Ed25519Signer, Invocation, Ipld, Outcome, Refusal, Signer, Token, Verifier,
};
use common::{NOW_S, command, forged, invocation, receipt, service, sign, signer};

fn space() -> Ed25519Signer {
    signer(1)
}

fn agent() -> Ed25519Signer {
    signer(2)
}

/// Checks a receipt of task `task` that the service should have signed.
fn judge_receipt(by: &Ed25519Signer, ran: Cid, task: &Cid) -> Result<(), Refusal> {
    let token = sign(receipt(by, ran), by);
    let verifier = Verifier {
        resolver: &Directory::default(),
        now_s: NOW_S,
    };
    let outcome = verifier.receipt(&token, task, service().did())?;
    assert_eq!(outcome, &Outcome::Ok(Ipld::Map(BTreeMap::new())));
    Ok(())
}

fn task(number: u8) -> Cid {
    Cid::of(Codec::DagCbor, &[number])
}

#[test]
fn receipt_of_the_task() {
    assert_eq!(judge_receipt(&service(), task(1), &task(1)), Ok(()));
}

#[test]
fn receipt_signed_by_another_key() {
    let refused = judge_receipt(&agent(), task(1), &task(1));
    assert!(matches!(refused, Err(Refusal::OtherIssuer { .. })));
}

#[test]
fn receipt_with_a_broken_signature() {
    let token = forged(&sign(receipt(&service(), task(1)), &service()));
    let verifier = Verifier {
        resolver: &Directory::default(),
        now_s: NOW_S,
    };
    let refused = verifier.receipt(&token, &task(1), service().did());
    assert_eq!(refused, Err(Refusal::InvalidSignature(token.link())));
}

#[test]
fn receipt_for_another_task() {
    let refused = judge_receipt(&service(), task(2), &task(1));
    assert_eq!(refused, Err(Refusal::OtherTask(task(2))));
}

#[test]
fn receipt_that_has_expired_still_counts() {
    let mut claims = receipt(&service(), task(1));
    claims.expires_s = Some(NOW_S - 100);
    let token = sign(claims, &service());
    let verifier = Verifier {
        resolver: &Directory::default(),
        now_s: NOW_S,
    };
    assert!(verifier.receipt(&token, &task(1), service().did()).is_ok());
}

#[test]
fn receipt_with_an_audience_is_none() {
    let claims = invocation(&service(), service().did(), &[]);
    let arguments = BTreeMap::from([
        ("ran".to_owned(), Ipld::Link(task(1).into())),
        (
            "out".to_owned(),
            Ipld::Map(BTreeMap::from([("ok".to_owned(), Ipld::Null)])),
        ),
    ]);
    let claims = Invocation {
        command: command("/ucan/assert/receipt"),
        arguments,
        audience: None,
        ..claims
    };
    let read = |claims: Invocation| Token::decode(sign(claims, &service()).bytes());
    assert!(matches!(read(claims.clone()), Ok(Token::Receipt(_))));
    let addressed = Invocation {
        audience: Some(agent().did().clone()),
        ..claims.clone()
    };
    assert!(read(addressed).is_err());
    let proven = Invocation {
        proofs: vec![task(3)],
        ..claims.clone()
    };
    assert!(read(proven).is_err());
    for (name, value) in [("fx", Ipld::Null), ("out", Ipld::Null)] {
        let mut other = claims.clone();
        other.arguments.insert(name.to_owned(), value);
        assert!(read(other).is_err(), "{name}");
    }
}

#[test]
fn claim_of_somebody_else() {
    let token = sign(invocation(&agent(), space().did(), &[]), &agent());
    let verifier = Verifier {
        resolver: &Directory::default(),
        now_s: NOW_S,
    };
    assert_eq!(verifier.claim(&token, agent().did()), Ok(()));
    let refused = verifier.claim(&token, space().did());
    assert!(matches!(refused, Err(Refusal::OtherIssuer { .. })));
    let late = Verifier {
        now_s: NOW_S + 60,
        ..verifier
    };
    assert_eq!(
        late.claim(&token, agent().did()),
        Err(Refusal::Expired(token.link()))
    );
}
