//! What the tests of tokens share. Must never check anything by itself.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs
)]
#![allow(dead_code, unreachable_pub, reason = "each test takes what it needs")]

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use billet_block::Cid;
use billet_ucan::{
    Command, Delegation, Did, Ed25519Signer, Invocation, Ipld, Map, Outcome, Payload, Policy,
    Receipt, Seed, Signed, Signer, Unsigned,
};
use serde_json::Value;

pub const NOW_S: u64 = 1_800_000_000;

pub fn unhex(text: &str) -> Vec<u8> {
    hex::decode(text).unwrap()
}

pub fn hex_field(value: &Value) -> Vec<u8> {
    unhex(value.as_str().unwrap())
}

/// Base64 with or without padding.
pub fn unbase64(text: &str) -> Vec<u8> {
    let config =
        GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
    GeneralPurpose::new(&STANDARD, config).decode(text).unwrap()
}

pub fn seed(hex: &str) -> Seed {
    Seed::new(unhex(hex).try_into().unwrap())
}

pub fn signer(number: u8) -> Ed25519Signer {
    Ed25519Signer::new(&Seed::new([number; 32]))
}

pub fn did(text: &str) -> Did {
    text.parse().unwrap()
}

pub fn command(text: &str) -> Command {
    text.parse().unwrap()
}

pub fn cid(text: &str) -> Cid {
    text.parse().unwrap()
}

/// The value that DAG-JSON means.
pub fn dag_json(value: &Value) -> Ipld {
    match value {
        Value::Null => Ipld::Null,
        Value::Bool(value) => Ipld::Bool(*value),
        Value::Number(number) => Ipld::Integer(i128::from(number.as_i64().unwrap())),
        Value::String(text) => Ipld::String(text.clone()),
        Value::Array(list) => Ipld::List(list.iter().map(dag_json).collect()),
        Value::Object(map) => match map.get("/") {
            Some(Value::String(link)) => Ipld::Link(link.parse().unwrap()),
            Some(Value::Object(bytes)) => Ipld::Bytes(unbase64(bytes["bytes"].as_str().unwrap())),
            _ => Ipld::Map(dag_json_map(value)),
        },
    }
}

pub fn dag_json_map(value: &Value) -> Map {
    let map = value.as_object().unwrap();
    map.iter()
        .map(|(name, value)| (name.clone(), dag_json(value)))
        .collect()
}

/// Writes a token anew from what it says and its signature.
pub fn written_again<P: Payload + Clone>(token: &Signed<P>) -> Vec<u8> {
    let signature: [u8; 64] = token.signature().try_into().unwrap();
    let unsigned = Unsigned::new(token.claims().clone()).unwrap();
    unsigned.finish(signature).unwrap().bytes().to_vec()
}

pub fn delegation(from: &Ed25519Signer, to: &Did, subject: Option<&Did>) -> Delegation {
    Delegation {
        issuer: from.did().clone(),
        audience: to.clone(),
        subject: subject.cloned(),
        command: command("/blob"),
        policy: Policy::default(),
        nonce: vec![1, 2, 3],
        expires_s: Some(NOW_S + 60),
        not_before_s: None,
        meta: None,
    }
}

pub fn invocation(
    from: &Ed25519Signer,
    subject: &Did,
    proofs: &[&Signed<Delegation>],
) -> Invocation {
    Invocation {
        issuer: from.did().clone(),
        subject: subject.clone(),
        audience: Some(service().did().clone()),
        command: command("/blob/add"),
        arguments: BTreeMap::from([("size".to_owned(), Ipld::Integer(5))]),
        proofs: proofs.iter().map(|proof| proof.link()).collect(),
        nonce: vec![4, 5, 6],
        expires_s: Some(NOW_S + 60),
        issued_s: None,
        cause: None,
        meta: None,
    }
}

pub fn receipt(from: &Ed25519Signer, task: Cid) -> Receipt {
    Receipt {
        executor: from.did().clone(),
        ran: task,
        outcome: Outcome::Ok(Ipld::Map(Map::new())),
        nonce: vec![7; 16],
        expires_s: None,
        issued_s: Some(NOW_S),
        cause: None,
        meta: None,
    }
}

pub fn sign<P: Payload>(claims: P, by: &Ed25519Signer) -> Signed<P> {
    Signed::new(claims, by).unwrap()
}

/// Flips one bit of the signature.
pub fn forged<P: Payload + Clone>(token: &Signed<P>) -> Signed<P> {
    let mut signature: [u8; 64] = token.signature().try_into().unwrap();
    signature[5] ^= 1;
    let unsigned = Unsigned::new(token.claims().clone()).unwrap();
    unsigned.finish(signature).unwrap()
}

/// The service that is asked; the others have small numbers.
pub fn service() -> Ed25519Signer {
    signer(99)
}
