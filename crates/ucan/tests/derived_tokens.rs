//! Tokens, containers and keys written by an encoder of another hand: equal byte for byte.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs
)]

mod common;

use std::collections::BTreeMap;

use billet_ucan::{
    Algorithm, Container, Did, Directory, Document, Ed25519Signer, Packing, Payload, Seed, Signed,
    Signer, Token, Verifier,
};
use common::{NOW_S, did, hex_field, seed, written_again};
use serde_json::Value;

const SERVICE: &str = "did:web:test.storacha.network";

fn signers(vectors: &Value) -> BTreeMap<Did, Ed25519Signer> {
    let keys = vectors["keys"].as_object().unwrap();
    let mut signers: Vec<Ed25519Signer> = keys
        .values()
        .map(|key| Ed25519Signer::new(&seed(key["seed_hex"].as_str().unwrap())))
        .collect();
    let service = seed(keys["service"]["seed_hex"].as_str().unwrap());
    signers.push(Ed25519Signer::named(&service, did(SERVICE)));
    let put = &vectors["blob"]["http_put_principal"]["seed_hex"];
    signers.push(Ed25519Signer::new(&seed(put.as_str().unwrap())));
    let named = signers.into_iter();
    named.map(|signer| (signer.did().clone(), signer)).collect()
}

fn directory(signers: &BTreeMap<Did, Ed25519Signer>, vectors: &Value) -> Directory {
    let key = did(vectors["keys"]["service"]["did"].as_str().unwrap());
    assert!(signers.contains_key(&key));
    let document = Document::of_key(key.key().unwrap());
    Directory {
        documents: BTreeMap::from([(did(SERVICE), document)]),
        authority: Some(did(SERVICE)),
    }
}

fn signed_again<P: Payload + Clone>(
    token: &Signed<P>,
    signers: &BTreeMap<Did, Ed25519Signer>,
) -> Vec<u8> {
    assert_eq!(written_again(token), token.bytes());
    let signer = &signers[token.claims().issuer()];
    let again = Signed::new(token.claims().clone(), signer).unwrap();
    again.bytes().to_vec()
}

#[test]
fn every_token_is_signed_again_to_the_same_bytes() {
    let Some(vectors) = billet_vectors::json("ucan/forge-derived.json") else {
        return;
    };
    let signers = signers(&vectors);
    let directory = directory(&signers, &vectors);
    let verifier = Verifier {
        resolver: &directory,
        now_s: NOW_S,
    };
    let (mut receipts, mut tasks, mut attested) = (0, 0, 0);
    for (name, case) in vectors["tokens"].as_object().unwrap() {
        let bytes = hex_field(&case["cbor_hex"]);
        let token = Token::decode(&bytes).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(
            token.link().to_string(),
            case["link"].as_str().unwrap(),
            "{name}"
        );
        let again = match &token {
            Token::Delegation(token) if token.algorithm() == Algorithm::Attested => {
                attested += 1;
                let header = hex_field(&case["varsig_header_hex"]);
                assert_eq!(Algorithm::Attested.header(), header);
                verifier.delegation(token).unwrap();
                let authority = &signers[&did(SERVICE)];
                let again = token.claims().clone().attest(authority).unwrap();
                again.bytes().to_vec()
            }
            Token::Delegation(token) => {
                verifier.delegation(token).unwrap();
                signed_again(token, &signers)
            }
            Token::Invocation(token) => {
                let claims = token.claims();
                verifier.claim(token, &claims.issuer).unwrap();
                if let Some(task) = case.get("task_cbor_hex") {
                    assert_eq!(claims.task_bytes().unwrap(), hex_field(task), "{name}");
                    let task = claims.task().unwrap().to_string();
                    assert_eq!(task, case["task"].as_str().unwrap(), "{name}");
                    tasks += 1;
                }
                signed_again(token, &signers)
            }
            Token::Receipt(token) => {
                let claims = token.claims();
                let outcome = verifier.receipt(token, &claims.ran, &claims.executor);
                assert_eq!(outcome, Ok(&claims.outcome), "{name}");
                receipts += 1;
                signed_again(token, &signers)
            }
        };
        assert_eq!(again, bytes, "{name}");
    }
    assert_eq!(
        (vectors["tokens"].as_object().unwrap().len(), attested),
        (25, 1)
    );
    assert_eq!((receipts, tasks), (6, 15));
}

#[test]
fn containers_in_every_packing() {
    let Some(vectors) = billet_vectors::json("ucan/forge-derived.json") else {
        return;
    };
    let written = &vectors["containers"];
    let body = hex_field(&written["body_cbor_hex"]);
    let container = Container::from_body(&body).unwrap();
    assert_eq!(container.to_body().unwrap(), body);
    assert_eq!(container.tokens().count(), 2);
    let again = Container::of(container.tokens().cloned()).unwrap();
    assert_eq!(again, container);
    let raw = hex_field(&written["0x40 raw"]);
    let text = |name: &str| written[name].as_str().unwrap().as_bytes().to_vec();
    let exact = [
        (Packing::Raw, raw),
        (Packing::Base64, text("0x42 base64")),
        (Packing::Base64Url, text("0x43 base64url")),
    ];
    for (packing, packed) in &exact {
        assert_eq!(&container.pack(*packing).unwrap(), packed, "{packing:?}");
    }
    let squeezed = written.as_object().unwrap().iter();
    let squeezed = squeezed.filter(|(name, _)| name.contains("gzip"));
    let squeezed = squeezed.map(|(_, packed)| packed.as_str().unwrap().as_bytes().to_vec());
    let squeezed: Vec<Vec<u8>> = squeezed.collect();
    assert_eq!(squeezed.len(), 2);
    for packed in exact.iter().map(|(_, packed)| packed).chain(&squeezed) {
        let (packing, read) = Container::unpack(packed).unwrap();
        assert_eq!(read, container, "{packing:?}");
    }
    let header = written["retrieval_header"]["value_decode_only"]
        .as_str()
        .unwrap();
    let (packing, read) = Container::unpack(header.as_bytes()).unwrap();
    assert_eq!(packing, Packing::GzipBase64);
    assert_eq!(read.unreadable().count(), 0);
    assert!(read.invocations().count() == 1 && read.delegations().count() > 0);
}

#[test]
fn key_files_in_both_forms() {
    let Some(vectors) = billet_vectors::json("ucan/forge-derived.json") else {
        return;
    };
    for (name, key) in vectors["keys"].as_object().unwrap() {
        let bytes = seed(key["seed_hex"].as_str().unwrap());
        let text = key["multikey_base64pad"].as_str().unwrap();
        let pem = key["pkcs8_pem"].as_str().unwrap();
        assert_eq!(bytes.to_text().as_str(), text, "{name}");
        assert_eq!(bytes.to_pem().unwrap().as_str(), pem, "{name}");
        assert_eq!(
            bytes.public().as_bytes().to_vec(),
            hex_field(&key["pub_hex"])
        );
        for file in [text, pem] {
            let read = Seed::from_file(file).unwrap();
            assert_eq!(*read.to_tagged(), *bytes.to_tagged(), "{name}");
            let did = Ed25519Signer::new(&read).did().to_string();
            assert_eq!(did, key["did"].as_str().unwrap());
        }
    }
    let put = &vectors["blob"]["http_put_principal"];
    let key = Seed::from_tagged(&hex_field(&put["multikey_hex"])).unwrap();
    let signer = Ed25519Signer::new(&key);
    assert_eq!(signer.did().as_str(), put["did"].as_str().unwrap());
    let header = hex_field(&vectors["varsig_ed25519_dagcbor_hex"]);
    assert_eq!(Algorithm::Ed25519.header(), header);
}
