//! Each way in which a token can be wrong, and that nothing else is wrong with it.

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
    CHAIN_LINKS_MAX, Delegation, Did, Directory, Document, Ed25519Signer, Invocation, Policy,
    Proofs, Purpose, Refusal, Resolver, Seed, Signed, Signer, TokenError, Unsigned, Verifier,
};
use common::{
    NOW_S, command, dag_json, delegation, did, forged, invocation, service, sign, signer,
};
use serde_json::json;

fn space() -> Ed25519Signer {
    signer(1)
}

fn agent() -> Ed25519Signer {
    signer(2)
}

fn root() -> Delegation {
    delegation(&space(), agent().did(), Some(space().did()))
}

fn judge(asked: &Signed<Invocation>, proofs: &[Signed<Delegation>]) -> Result<(), Refusal> {
    judge_at(asked, proofs, NOW_S)
}

fn judge_at(
    asked: &Signed<Invocation>,
    proofs: &[Signed<Delegation>],
    now_s: u64,
) -> Result<(), Refusal> {
    let resolver = Directory::default();
    let verifier = Verifier {
        resolver: &resolver,
        now_s,
    };
    verifier.invocation(asked, service().did(), proofs)
}

/// An invocation by the agent over a chain of these delegations.
fn asked(proofs: &[Signed<Delegation>]) -> Signed<Invocation> {
    let links: Vec<&Signed<Delegation>> = proofs.iter().collect();
    sign(invocation(&agent(), space().did(), &links), &agent())
}

/// The chain space → agent, with one thing changed.
fn changed(change: impl FnOnce(&mut Delegation)) -> Result<(), Refusal> {
    let mut claims = root();
    change(&mut claims);
    let proofs = [sign(claims, &space())];
    judge(&asked(&proofs), &proofs)
}

#[test]
fn nothing_wrong() {
    assert_eq!(changed(|_| {}), Ok(()));
    let own = sign(invocation(&space(), space().did(), &[]), &space());
    assert_eq!(judge(&own, &[]), Ok(()));
}

#[test]
fn expired_invocation() {
    let proofs = [sign(root(), &space())];
    let asked = asked(&proofs);
    assert_eq!(judge_at(&asked, &proofs, NOW_S + 59), Ok(()));
    let refused = judge_at(&asked, &proofs, NOW_S + 60);
    assert_eq!(refused, Err(Refusal::Expired(asked.link())));
}

#[test]
fn expired_delegation() {
    let refused = changed(|claims| claims.expires_s = Some(NOW_S));
    assert!(matches!(refused, Err(Refusal::Expired(_))));
    assert_eq!(changed(|claims| claims.expires_s = Some(NOW_S + 1)), Ok(()));
    assert_eq!(changed(|claims| claims.expires_s = None), Ok(()));
}

#[test]
fn delegation_that_is_not_valid_yet() {
    let refused = changed(|claims| claims.not_before_s = Some(NOW_S));
    assert!(matches!(refused, Err(Refusal::TooEarly(_))));
    assert_eq!(
        changed(|claims| claims.not_before_s = Some(NOW_S - 1)),
        Ok(())
    );
    assert_eq!(changed(|claims| claims.not_before_s = Some(0)), Ok(()));
}

#[test]
fn invocation_for_another_audience() {
    let proofs = [sign(root(), &space())];
    for audience in [Some(signer(3).did().clone()), None] {
        let mut claims = invocation(&agent(), space().did(), &[&proofs[0]]);
        claims.audience = audience;
        let refused = judge(&sign(claims, &agent()), &proofs);
        assert!(matches!(refused, Err(Refusal::OtherAudience { .. })));
        assert_eq!(refused.unwrap_err().name(), "InvalidAudience");
    }
}

#[test]
fn delegation_to_somebody_else() {
    let refused = changed(|claims| claims.audience = signer(3).did().clone());
    assert!(matches!(refused, Err(Refusal::BrokenChain { .. })));
}

#[test]
fn issuer_who_is_not_the_subject_without_proofs() {
    assert_eq!(judge(&asked(&[]), &[]), Err(Refusal::NoProof));
}

#[test]
fn proof_that_is_not_at_hand() {
    let proof = sign(root(), &space());
    let asked = asked(std::slice::from_ref(&proof));
    assert_eq!(
        judge(&asked, &[]),
        Err(Refusal::UnavailableProof(proof.link()))
    );
}

#[test]
fn chain_whose_links_do_not_meet() {
    // space → 3, 4 → agent
    let proofs = [
        sign(
            delegation(&space(), signer(3).did(), Some(space().did())),
            &space(),
        ),
        sign(
            delegation(&signer(4), agent().did(), Some(space().did())),
            &signer(4),
        ),
    ];
    let refused = judge(&asked(&proofs), &proofs);
    let expected = Refusal::BrokenChain {
        link: proofs[1].link(),
        expected: signer(3).did().clone(),
    };
    assert_eq!(refused, Err(expected));
}

#[test]
fn chain_in_the_wrong_order() {
    let mut proofs = [
        sign(
            delegation(&space(), signer(3).did(), Some(space().did())),
            &space(),
        ),
        sign(
            delegation(&signer(3), agent().did(), Some(space().did())),
            &signer(3),
        ),
    ];
    assert_eq!(judge(&asked(&proofs), &proofs), Ok(()));
    proofs.reverse();
    let refused = judge(&asked(&proofs), &proofs);
    assert!(matches!(refused, Err(Refusal::BrokenChain { .. })));
}

#[test]
fn root_that_is_not_issued_by_the_subject() {
    let proofs = [sign(
        delegation(&signer(3), agent().did(), Some(space().did())),
        &signer(3),
    )];
    let refused = judge(&asked(&proofs), &proofs);
    assert!(matches!(refused, Err(Refusal::BrokenChain { .. })));
}

#[test]
fn root_for_any_subject() {
    let refused = changed(|claims| claims.subject = None);
    assert!(matches!(refused, Err(Refusal::OpenRoot(_))));
}

#[test]
fn delegation_for_another_subject() {
    let refused = changed(|claims| claims.subject = Some(signer(3).did().clone()));
    assert!(matches!(refused, Err(Refusal::OtherSubject(_))));
}

#[test]
fn delegation_of_another_command() {
    for other in ["/blob/remove", "/blobby", "/blob/add/more", "/space"] {
        let refused = changed(|claims| claims.command = command(other));
        let expected = Refusal::CommandNotCovered(command("/blob/add"));
        assert_eq!(refused, Err(expected), "{other}");
    }
    for fine in ["/", "/blob", "/blob/add"] {
        assert_eq!(changed(|claims| claims.command = command(fine)), Ok(()));
    }
}

#[test]
fn commands_that_do_not_nest() {
    let mut second = delegation(&signer(3), agent().did(), Some(space().did()));
    second.command = command("/space");
    let proofs = [
        sign(
            delegation(&space(), signer(3).did(), Some(space().did())),
            &space(),
        ),
        sign(second, &signer(3)),
    ];
    let refused = judge(&asked(&proofs), &proofs);
    assert_eq!(
        refused,
        Err(Refusal::ImpossibleAttenuation(proofs[1].link()))
    );
}

#[test]
fn wider_command_behind_a_narrow_one_gives_nothing_more() {
    let mut first = delegation(&space(), signer(3).did(), Some(space().did()));
    first.command = command("/blob/remove");
    let mut second = delegation(&signer(3), agent().did(), None);
    second.command = command("/");
    let proofs = [sign(first, &space()), sign(second, &signer(3))];
    let refused = judge(&asked(&proofs), &proofs);
    assert!(matches!(refused, Err(Refusal::CommandNotCovered(_))));
}

fn policy(value: serde_json::Value) -> Policy {
    Policy::from_ipld(&dag_json(&value)).unwrap()
}

#[test]
fn policy_that_is_not_met() {
    let refused = changed(|claims| claims.policy = policy(json!([["<", ".size", 5]])));
    assert!(matches!(refused, Err(Refusal::PolicyNotMet(_))));
    let met = changed(|claims| claims.policy = policy(json!([["<=", ".size", 5]])));
    assert_eq!(met, Ok(()));
}

#[test]
fn policy_of_any_link_binds() {
    let mut first = delegation(&space(), signer(3).did(), Some(space().did()));
    first.policy = policy(json!([["==", ".size", 6]]));
    let second = delegation(&signer(3), agent().did(), Some(space().did()));
    let proofs = [sign(first, &space()), sign(second, &signer(3))];
    let refused = judge(&asked(&proofs), &proofs);
    assert_eq!(refused, Err(Refusal::PolicyNotMet(proofs[0].link())));
}

#[test]
fn wrong_signature_of_the_invocation() {
    let proofs = [sign(root(), &space())];
    let asked = forged(&asked(&proofs));
    let refused = judge(&asked, &proofs);
    assert_eq!(refused, Err(Refusal::InvalidSignature(asked.link())));
}

#[test]
fn wrong_signature_of_a_proof() {
    let proofs = [forged(&sign(root(), &space()))];
    let refused = judge(&asked(&proofs), &proofs);
    assert_eq!(refused, Err(Refusal::InvalidSignature(proofs[0].link())));
}

#[test]
fn signed_by_another_key_than_the_issuers() {
    let claims = root();
    assert!(matches!(
        Signed::new(claims.clone(), &agent()),
        Err(TokenError::OtherIssuer(_))
    ));
    let unsigned = Unsigned::new(claims).unwrap();
    let signature = agent().sign(unsigned.bytes()).unwrap();
    let proofs = [unsigned.finish(signature).unwrap()];
    let refused = judge(&asked(&proofs), &proofs);
    assert_eq!(refused, Err(Refusal::InvalidSignature(proofs[0].link())));
}

#[test]
fn weak_key_that_verifies_anything() {
    // The neutral point as key, the neutral point and zero as signature.
    let mut point = [0; 32];
    point[0] = 1;
    let weak = Did::of_key(&billet_ucan::PublicKey::new(point));
    let mut claims = invocation(&agent(), &weak, &[]);
    claims.issuer = weak;
    let mut signature = [0; 64];
    signature[0] = 1;
    let asked = Unsigned::new(claims).unwrap().finish(signature).unwrap();
    assert_eq!(
        judge(&asked, &[]),
        Err(Refusal::InvalidSignature(asked.link()))
    );
}

#[test]
fn chain_that_is_too_long() {
    for (links, fits) in [(CHAIN_LINKS_MAX, true), (CHAIN_LINKS_MAX + 1, false)] {
        let people: Vec<Ed25519Signer> = (0..=links).map(|at| signer(10 + at as u8)).collect();
        let subject = people[0].did();
        let proofs: Vec<Signed<Delegation>> = people
            .windows(2)
            .map(|pair| sign(delegation(&pair[0], pair[1].did(), Some(subject)), &pair[0]))
            .collect();
        let links: Vec<&Signed<Delegation>> = proofs.iter().collect();
        let agent = people.last().unwrap();
        let asked = sign(invocation(agent, subject, &links), agent);
        let judged = judge(&asked, &proofs);
        assert_eq!(judged.is_ok(), fits);
        if !fits {
            assert_eq!(judged, Err(Refusal::ChainTooLong(CHAIN_LINKS_MAX + 1)));
        }
    }
}

#[test]
fn chain_that_loops() {
    let proofs = [sign(
        delegation(&space(), space().did(), Some(space().did())),
        &space(),
    )];
    let twice = [&proofs[0], &proofs[0]];
    let asked = sign(invocation(&space(), space().did(), &twice), &space());
    assert_eq!(
        judge(&asked, &proofs),
        Err(Refusal::ChainLoops(proofs[0].link()))
    );
}

#[test]
fn issuer_whose_keys_are_not_known() {
    let web = did("did:web:example.com");
    let named = Ed25519Signer::named(&Seed::new([5; 32]), web.clone());
    let own = sign(invocation(&named, &web, &[]), &named);
    assert_eq!(
        judge(&own, &[]),
        Err(Refusal::UnresolvedIssuer(web.clone()))
    );
    let mut directory = Directory::default();
    let key = Seed::new([5; 32]).public();
    directory
        .documents
        .insert(web.clone(), Document::of_key(key));
    let verifier = Verifier {
        resolver: &directory,
        now_s: NOW_S,
    };
    let none: &[Signed<Delegation>] = &[];
    assert_eq!(verifier.invocation(&own, service().did(), none), Ok(()));
    let other = Document::of_key(Seed::new([6; 32]).public());
    directory.documents.insert(web, other);
    let verifier = Verifier {
        resolver: &directory,
        now_s: NOW_S,
    };
    let refused = verifier.invocation(&own, service().did(), none);
    assert_eq!(refused, Err(Refusal::InvalidSignature(own.link())));
}

#[test]
fn signature_of_a_kind_that_is_not_checked() {
    let token = sign(root(), &space());
    let ed25519 = [0xed, 0x01, 0xed, 0x01, 0x13];
    let at = token
        .bytes()
        .windows(5)
        .position(|bytes| bytes == ed25519)
        .unwrap();
    let mut bytes = token.bytes().to_vec();
    bytes[at..at + 5].copy_from_slice(&[0xec, 0x01, 0xe7, 0x01, 0x12]);
    let proofs = [Signed::<Delegation>::decode(&bytes).unwrap()];
    let refused = judge(&asked(&proofs), &proofs);
    assert_eq!(
        refused,
        Err(Refusal::UnverifiableSignature(proofs[0].link()))
    );
    assert_eq!(refused.unwrap_err().name(), "UnverifiableSignature");
}

/// What an account gave, on the word of this authority; believed is the service.
fn judge_attested(authority: &Ed25519Signer, change: impl Fn(&mut Vec<u8>)) -> Result<(), Refusal> {
    let account = did("did:mailto:example.com:alice");
    let mut claims = delegation(&space(), agent().did(), Some(&account));
    claims.issuer = account.clone();
    let token = claims.attest(authority).unwrap();
    let mut bytes = token.bytes().to_vec();
    change(&mut bytes);
    let proofs = [Signed::<Delegation>::decode(&bytes).unwrap()];
    let asked = sign(invocation(&agent(), &account, &[&proofs[0]]), &agent());
    let directory = Directory {
        documents: BTreeMap::new(),
        authority: Some(service().did().clone()),
    };
    let verifier = Verifier {
        resolver: &directory,
        now_s: NOW_S,
    };
    verifier.invocation(&asked, service().did(), proofs.as_slice())
}

#[test]
fn attested_delegation() {
    assert_eq!(judge_attested(&service(), |_| {}), Ok(()));
}

#[test]
fn attested_by_somebody_who_is_no_authority() {
    let refused = judge_attested(&agent(), |_| {});
    assert!(matches!(refused, Err(Refusal::InvalidSignature(_))));
}

#[test]
fn attested_delegation_that_was_changed() {
    // The last byte is the end of the nonce, which the attestation names by its hash.
    let refused = judge_attested(&service(), |bytes| *bytes.last_mut().unwrap() ^= 1);
    assert!(matches!(refused, Err(Refusal::InvalidSignature(_))));
    // Byte 10 lies in the signature of the attestation itself.
    let refused = judge_attested(&service(), |bytes| bytes[10] ^= 1);
    assert!(matches!(refused, Err(Refusal::InvalidSignature(_))));
}

#[test]
fn account_without_an_authority() {
    let account = did("did:mailto:example.com:alice");
    let none = Directory::default().methods(&account, Purpose::Delegation, NOW_S);
    assert_eq!(none, None);
    let proofs: &[Signed<Delegation>] = &[];
    assert!(proofs.proof(&Cid::of(Codec::DagCbor, b"none")).is_none());
}

#[test]
fn authority_over_a_key_has_no_word() {
    // The issuer has a key of its own: nobody else's word counts for it.
    let token = root().attest(&service()).unwrap();
    let asked = asked(std::slice::from_ref(&token));
    let refused = judge(&asked, std::slice::from_ref(&token));
    assert_eq!(refused, Err(Refusal::InvalidSignature(token.link())));
}
