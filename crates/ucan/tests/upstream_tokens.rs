//! The tokens that the network's own library is tested with: bytes, names and verdicts.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs
)]

mod common;

use billet_ucan::{
    Delegation, Directory, Ed25519Signer, Invocation, Payload, Seed, Signed, Signer, Verifier,
};
use common::{did, unbase64, written_again};
use serde_json::Value;

fn token<P: Payload + Clone>(value: &Value) -> Signed<P> {
    let bytes = unbase64(value["/"]["bytes"].as_str().unwrap());
    let token = Signed::<P>::decode(&bytes).unwrap();
    // One of those that are to be refused has too short a signature to be written again.
    if token.signature().len() == 64 {
        assert_eq!(written_again(&token), bytes);
    }
    token
}

#[test]
fn the_delegation_is_signed_again_to_the_same_bytes() {
    let Some(vectors) = billet_vectors::json("ucan/ucantone-delegation.json") else {
        return;
    };
    let case = &vectors["valid"][0];
    let bytes = unbase64(case["token"].as_str().unwrap());
    let token = Signed::<Delegation>::decode(&bytes).unwrap();
    assert_eq!(token.link().to_string(), case["cid"].as_str().unwrap());
    let payload = &case["envelope"]["payload"];
    let claims = token.claims();
    assert_eq!(claims.issuer, did(payload["iss"].as_str().unwrap()));
    assert_eq!(claims.audience, did(payload["aud"].as_str().unwrap()));
    assert_eq!(claims.subject, Some(did(payload["sub"].as_str().unwrap())));
    assert_eq!(claims.command.as_str(), payload["cmd"].as_str().unwrap());
    assert_eq!(claims.expires_s, payload["exp"].as_u64());
    assert_eq!(claims.nonce, unbase64(payload["nonce"].as_str().unwrap()));
    assert!(claims.policy.0.is_empty());
    let signature = unbase64(case["envelope"]["signature"].as_str().unwrap());
    assert_eq!(token.signature(), signature);
    let bob = unbase64(vectors["principals"]["bob"].as_str().unwrap());
    let bob = Ed25519Signer::new(&Seed::from_tagged(&bob).unwrap());
    assert_eq!(bob.did(), &claims.issuer);
    let again = Signed::new(claims.clone(), &bob).unwrap();
    assert_eq!(again.bytes(), bytes);
    assert_eq!(again, token);
}

/// The verdict of our rules on a case, by the name that upstream gives it.
fn verdict(case: &Value) -> &'static str {
    let invocation: Signed<Invocation> = token(&case["invocation"]);
    let proofs: Vec<Signed<Delegation>> = case["proofs"]
        .as_array()
        .unwrap()
        .iter()
        .map(token)
        .collect();
    let verifier = Verifier {
        resolver: &Directory::default(),
        now_s: case["time"].as_u64().unwrap(),
    };
    let us = invocation.claims().executor().clone();
    match verifier.invocation(&invocation, &us, proofs.as_slice()) {
        Ok(()) => "ok",
        Err(refusal) => refusal.name(),
    }
}

#[test]
fn invocations_are_accepted_and_refused_as_upstream_does() {
    let Some(vectors) = billet_vectors::json("ucan/ucantone-invocations.json") else {
        return;
    };
    let valid = vectors["valid"].as_array().unwrap();
    let invalid = vectors["invalid"].as_array().unwrap();
    assert_eq!((valid.len(), invalid.len()), (7, 13));
    for case in valid {
        assert_eq!(verdict(case), "ok", "{}", case["name"]);
    }
    for case in invalid {
        let expected = case["error"]["name"].as_str().unwrap();
        assert_eq!(verdict(case), expected, "{}", case["name"]);
    }
}
