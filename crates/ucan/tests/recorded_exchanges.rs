//! Everything recorded in front of a real service: bytes, names, signatures and verdicts.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs
)]

mod common;

use std::collections::{BTreeMap, BTreeSet};

use billet_ucan::{
    Algorithm, Container, ContainerError, Did, Directory, Document, Ed25519Signer, Invocation,
    Outcome, Packing, Payload, Refusal, Signed, Token, TokenError, Verifier,
};
use common::{cid, dag_json, dag_json_map, did, hex_field, seed, written_again};
use serde_json::Value;

const FILES: [&str; 15] = [
    "failures",
    "guppy-chunked-refused",
    "guppy-upload",
    "index-add",
    "login",
    "node-failover",
    "plan-required",
    "provision",
    "remove",
    "retrieve",
    "setup",
    "upload-batch",
    "upload-list",
    "upload-new",
    "upload-repeat",
];

/// Names that chain validation gives; all others come from what ran after it.
const VERDICTS: [&str; 11] = [
    "InvalidSignature",
    "Expired",
    "TooEarly",
    "UnavailableProof",
    "InvalidClaim",
    "InvalidSubject",
    "InvalidAudience",
    "ImpossibleAttenuation",
    "UnknownError",
    "MatchError",
    "DIDKeyResolutionError",
];

/// A recording with the keys that stand in it.
struct Recording {
    name: &'static str,
    json: Value,
    directory: Directory,
    signers: BTreeMap<Did, Ed25519Signer>,
}

impl Recording {
    fn read(name: &'static str) -> Option<Self> {
        let json = billet_vectors::json(&format!("forge-wire/{name}.json"))?;
        let mut directory = Directory::default();
        let mut signers = BTreeMap::new();
        for key in json["keys"].as_array().unwrap() {
            let seed = seed(key["seed_hex"].as_str().unwrap());
            let named = did(key["did"].as_str().unwrap());
            assert_eq!(
                Did::of_key(&seed.public()).as_str(),
                key["did_key"].as_str().unwrap()
            );
            if named.method() == "web" {
                let document = Document::of_key(seed.public());
                directory.documents.insert(named.clone(), document);
            }
            signers.insert(named.clone(), Ed25519Signer::named(&seed, named));
        }
        directory.authority = Some(did("did:web:upload.test"));
        Some(Self {
            name,
            json,
            directory,
            signers,
        })
    }

    fn exchanges(&self) -> &[Value] {
        self.json["exchanges"].as_array().unwrap()
    }

    fn verifier(&self, now_s: u64) -> Verifier<'_> {
        Verifier {
            resolver: &self.directory,
            now_s,
        }
    }
}

fn recordings() -> impl Iterator<Item = Recording> {
    FILES.into_iter().filter_map(Recording::read)
}

/// The container of one side of an exchange: its bytes, in their packing or plain.
enum Carried {
    Body(Vec<u8>),
    Packed(Vec<u8>),
}

impl Carried {
    fn of(exchange: &Value, side: &str) -> Option<Self> {
        if let Some(packed) = exchange[format!("{side}_headers")].get("x-ucan-container") {
            return Some(Self::Packed(packed.as_str().unwrap().as_bytes().to_vec()));
        }
        let path = exchange["path"].as_str().unwrap();
        if let (Some((_, query)), "request") = (path.split_once("ucan="), side) {
            let packed = query.split('&').next().unwrap();
            return Some(Self::Packed(packed.as_bytes().to_vec()));
        }
        let body = exchange[format!("{side}_body_hex")].as_str()?;
        Some(Self::Body(common::unhex(body)))
    }

    fn read(&self) -> Result<Container, ContainerError> {
        match self {
            Self::Body(body) => Container::from_body(body),
            Self::Packed(packed) => Ok(Container::unpack(packed)?.1),
        }
    }
}

/// As the service reads a request: also what is marked as not being the one form.
fn read_leniently(carried: &Carried) -> Container {
    match (carried.read(), carried) {
        (Ok(container), _) => container,
        (Err(_), Carried::Body(body)) if body.ends_with(&[0, 1, 2]) => {
            Container::from_body(&body[..body.len() - 3]).unwrap()
        }
        (Err(error), _) => panic!("{error}"),
    }
}

#[test]
fn containers_are_written_as_they_came() {
    let (mut bodies, mut packed, mut tokens, mut marked) = (0, 0, 0, Vec::new());
    for recording in recordings() {
        for exchange in recording.exchanges() {
            let what = format!("{} {}", recording.name, exchange["seq"]);
            for side in ["request", "response"] {
                let decoded = &exchange["decoded"];
                let Some(expected) = decoded.get(side).and_then(Value::as_array) else {
                    if decoded.get(format!("{side}_undecodable")).is_some()
                        && let Some(carried) = Carried::of(exchange, side)
                    {
                        assert!(carried.read().is_err(), "{what}");
                    }
                    continue;
                };
                let carried = Carried::of(exchange, side).unwrap();
                if decoded.get(format!("{side}_container_canonical")).is_some() {
                    marked.push((exchange["seq"].as_u64().unwrap(), carried));
                    bodies += 1;
                    tokens += expected.len();
                    continue;
                }
                let container = carried
                    .read()
                    .unwrap_or_else(|error| panic!("{what}: {error}"));
                match &carried {
                    Carried::Body(body) => {
                        assert_eq!(&container.to_body().unwrap(), body, "{what}");
                        bodies += 1;
                    }
                    Carried::Packed(text) => {
                        // How bytes are compressed is up to the encoder.
                        let (packing, _) = Container::unpack(text).unwrap();
                        let again = container.pack(packing).unwrap();
                        assert_eq!(Container::unpack(&again).unwrap().1, container);
                        if packing == Packing::Base64 || packing == Packing::Base64Url {
                            assert_eq!(&again, text, "{what}");
                        }
                        packed += 1;
                    }
                }
                let links = container.tokens().map(|token| token.link().to_string());
                let unread = container.unreadable();
                let unread = unread.map(|bytes| format!("undecodable:{}", hex::encode(bytes)));
                let found: BTreeSet<String> = links.chain(unread).collect();
                let named = expected
                    .iter()
                    .map(|link| link.as_str().unwrap().to_owned());
                assert_eq!(found, named.collect(), "{what}");
                tokens += found.len();
            }
        }
    }
    if bodies == 0 {
        return;
    }
    // One of the 1,729 is three bytes that are no token.
    assert_eq!((bodies, packed, tokens), (722, 61, 1729));
    check_marked(&marked);
}

/// Those four that are marked: no key, bytes behind the end, twice another order.
fn check_marked(marked: &[(u64, Carried)]) {
    let seqs: Vec<u64> = marked.iter().map(|(seq, _)| *seq).collect();
    assert_eq!(seqs, [127, 130, 131, 132]);
    for (seq, carried) in marked {
        let Carried::Body(body) = carried else {
            panic!("{seq} is packed");
        };
        match seq {
            127 | 130 => {
                let refused = Container::from_body(body);
                assert!(
                    matches!(refused, Err(ContainerError::Malformed(_))),
                    "{seq}"
                );
            }
            _ => {
                let container = Container::from_body(body).unwrap();
                assert_ne!(&container.to_body().unwrap(), body, "{seq}");
                assert_eq!(container.to_body().unwrap().len(), body.len(), "{seq}");
            }
        }
    }
}

/// All tokens of a recording, by name.
fn tokens_of(recording: &Recording) -> BTreeMap<String, Token> {
    let mut tokens = BTreeMap::new();
    for exchange in recording.exchanges() {
        for side in ["request", "response"] {
            let decoded = exchange["decoded"].get(side).and_then(Value::as_array);
            if decoded.is_none_or(Vec::is_empty) {
                continue;
            }
            let container = read_leniently(&Carried::of(exchange, side).unwrap());
            for token in container.tokens() {
                tokens.insert(token.link().to_string(), token.clone());
            }
            for bytes in container.unreadable() {
                if let Ok(token) = Token::decode_in_any_order(bytes) {
                    let refused = Token::decode(bytes);
                    assert!(matches!(refused, Err(TokenError::Malformed(_))));
                    tokens.insert(token.link().to_string(), token);
                }
            }
        }
    }
    tokens
}

fn same<P: Payload + Clone>(token: &Signed<P>, told: &Value, recording: &Recording) {
    if told["signature"] == "attested" {
        assert_eq!(hex::encode(token.algorithm().header()), told["varsig_hex"]);
        return;
    }
    if told.get("canonical").is_none() {
        assert_eq!(written_again(token), token.bytes());
    }
    let signer = recording.signers.get(token.claims().issuer());
    if let (Some(signer), "valid", None) = (
        signer,
        told["signature"].as_str().unwrap(),
        told.get("canonical"),
    ) {
        let again = Signed::new(token.claims().clone(), signer).unwrap();
        assert_eq!(again.bytes(), token.bytes());
    }
}

/// The fields that all kinds have, as the recording tells them.
fn common_fields(map: &billet_ucan::Map, told: &Value) {
    for name in [
        "iss", "aud", "sub", "cmd", "exp", "nbf", "iat", "pol", "meta",
    ] {
        assert_eq!(
            map.get(name),
            told.get(name).map(dag_json).as_ref(),
            "{name} of {told}"
        );
    }
    let nonce = billet_ucan::Ipld::Bytes(hex_field(&told["nonce_hex"]));
    assert_eq!(map.get("nonce"), Some(&nonce));
}

fn check_invocation(token: &Signed<Invocation>, told: &Value) {
    let claims = token.claims();
    assert_eq!(
        claims.task().unwrap(),
        cid(told["task_cid"].as_str().unwrap())
    );
    assert_eq!(claims.arguments, dag_json_map(&told["args"]));
    let proofs = told["prf"].as_array().unwrap().iter();
    let proofs =
        proofs.map(|link| cid(link.as_str().unwrap_or_else(|| link["/"].as_str().unwrap())));
    assert_eq!(claims.proofs, proofs.collect::<Vec<_>>());
}

#[test]
fn tokens_say_and_are_signed_as_told() {
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    for recording in recordings() {
        let tokens = tokens_of(&recording);
        let told = recording.json["tokens"].as_object().unwrap();
        let known: BTreeSet<&String> = told.keys().collect();
        assert_eq!(
            tokens.keys().collect::<BTreeSet<_>>(),
            known,
            "{}",
            recording.name
        );
        for (link, token) in &tokens {
            let told = &told[link];
            let verifier = recording.verifier(0);
            let (kind, checked) = match token {
                Token::Delegation(token) => {
                    common_fields(&token.claims().to_map(), told);
                    same(token, told, &recording);
                    let checked = verifier.delegation(token);
                    // Some begin later than the year 1970.
                    let early = matches!(checked, Err(Refusal::TooEarly(_)));
                    ("delegation", if early { Ok(()) } else { checked })
                }
                Token::Invocation(token) => {
                    common_fields(&token.claims().to_map(), told);
                    check_invocation(token, told);
                    same(token, told, &recording);
                    ("invocation", verifier.claim(token, &token.claims().issuer))
                }
                Token::Receipt(token) => {
                    let claims = token.claims();
                    common_fields(&claims.to_map(), told);
                    assert_eq!(claims.ran, cid(told["ran"].as_str().unwrap()));
                    let out = &told["out"];
                    match &claims.outcome {
                        Outcome::Ok(value) => assert_eq!(*value, dag_json(&out["ok"])),
                        Outcome::Error(value) => assert_eq!(*value, dag_json(&out["error"])),
                    }
                    same(token, told, &recording);
                    let checked = verifier.receipt(token, &claims.ran, &claims.executor);
                    ("receipt", checked.map(|_| ()))
                }
            };
            assert_eq!(told["kind"], kind);
            let signature = match checked {
                Ok(()) if told["signature"] == "attested" => "attested",
                Ok(()) => "valid",
                Err(Refusal::InvalidSignature(_)) => "invalid",
                Err(Refusal::UnresolvedIssuer(_)) => "unresolvable",
                Err(refusal) => panic!("{link}: {refusal}"),
            };
            assert_eq!(told["signature"], signature, "{link}");
            *counts.entry(signature.to_owned()).or_default() += 1;
        }
    }
    if counts.is_empty() {
        return;
    }
    assert_eq!(
        (
            counts["invalid"],
            counts["unresolvable"],
            counts["attested"]
        ),
        (3, 1, 12)
    );
}

#[test]
fn attested_delegations_are_written_again() {
    let mut seen = 0;
    for recording in recordings() {
        for token in tokens_of(&recording).values() {
            let Token::Delegation(token) = token else {
                continue;
            };
            if token.algorithm() == Algorithm::Attested {
                let authority = &recording.signers[&did("did:web:upload.test")];
                let again = token.claims().clone().attest(authority).unwrap();
                assert_eq!(again.bytes(), token.bytes());
                seen += 1;
            }
        }
    }
    assert!(seen == 12 || billet_vectors::path("forge-wire/login.json").is_none());
}

#[test]
fn chains_are_judged_as_the_services_did() {
    let mut outcomes = 0;
    for recording in recordings() {
        let tokens = tokens_of(&recording);
        for exchange in recording.exchanges() {
            let results = exchange["decoded"].get("results").and_then(Value::as_array);
            for result in results.into_iter().flatten() {
                let carried = Carried::of(exchange, "request").unwrap();
                let container = read_leniently(&carried);
                let task = cid(result["task"].as_str().unwrap());
                let read = container.asking(&task).next().cloned();
                let asked = read.unwrap_or_else(|| in_any_order(&tokens, &container, &task));
                let now_s = exchange["time"].as_u64().unwrap();
                let us = asked.claims().executor().clone();
                let checked = recording
                    .verifier(now_s)
                    .invocation(&asked, &us, &container);
                let verdict = checked.as_ref().map_or_else(Refusal::name, |()| "ok");
                let outcome = result["outcome"].as_str().unwrap();
                let expected = if VERDICTS.contains(&outcome) {
                    outcome
                } else {
                    "ok"
                };
                let what = format!("{} {}: {checked:?}", recording.name, exchange["seq"]);
                assert_eq!(verdict, expected, "{what}");
                answered(&recording, exchange, &task, &us, outcome);
                outcomes += 1;
            }
        }
    }
    assert!(outcomes == 360 || billet_vectors::path("forge-wire/login.json").is_none());
}

/// The one that is signed with its maps in another order stands among what was not read.
fn in_any_order(
    tokens: &BTreeMap<String, Token>,
    container: &Container,
    task: &billet_block::Cid,
) -> Signed<Invocation> {
    let unread: Vec<&[u8]> = container.unreadable().collect();
    let found = tokens.values().find_map(|token| match token {
        Token::Invocation(token)
            if unread.contains(&token.bytes()) && token.claims().task().as_ref() == Ok(task) =>
        {
            Some(token.clone())
        }
        _ => None,
    });
    found.unwrap()
}

/// The response holds a receipt of the task that the executor signed and that says the same.
fn answered(
    recording: &Recording,
    exchange: &Value,
    task: &billet_block::Cid,
    executor: &Did,
    outcome: &str,
) {
    let container = read_leniently(&Carried::of(exchange, "response").unwrap());
    let now_s = exchange["time"].as_u64().unwrap();
    let verifier = recording.verifier(now_s);
    let names = container.answering(task).filter_map(|token| {
        let outcome = verifier.receipt(token, task, executor).ok()?;
        Some(match outcome {
            Outcome::Ok(_) => "ok",
            Outcome::Error(_) => outcome.error_name().unwrap(),
        })
    });
    let names: Vec<&str> = names.collect();
    assert!(
        names.contains(&outcome),
        "{} {}: {names:?}",
        recording.name,
        exchange["seq"]
    );
}
