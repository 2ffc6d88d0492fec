//! Identities, their documents, accounts and key files.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs
)]

mod common;

use billet_ucan::{
    Command, DOCUMENT_BYTES_MAX, Did, Document, DocumentError, Ed25519Signer, KeyError, Method,
    Purpose, Resolver, Seed, Signer,
};
use common::{NOW_S, did, unhex};
use serde_json::{Value, json};

#[test]
fn accounts_put_the_domain_first() {
    for (email, text) in [
        ("alice@example.com", "did:mailto:example.com:alice"),
        (
            "bob+tag@sub.example.com",
            "did:mailto:sub.example.com:bob%2Btag",
        ),
        ("a b@example.com", "did:mailto:example.com:a+b"),
        ("\"a@b\"@example.com", "did:mailto:example.com:%22a%40b%22"),
        ("é@example.com", "did:mailto:example.com:%C3%A9"),
    ] {
        let account = Did::of_email(email).unwrap();
        assert_eq!(account.as_str(), text);
        assert_eq!(account.email().as_deref(), Some(email));
        assert_eq!((account.method(), account.key()), ("mailto", None));
    }
    for email in ["", "alice", "@example.com", "alice@"] {
        assert!(Did::of_email(email).is_err(), "{email}");
    }
    for text in [
        "did:mailto:example.com",
        "did:mailto:example.com:%61lice",
        "did:mailto:example.com:a%2b",
        "did:mailto:example.com:%ff",
        "did:web:example.com:alice",
    ] {
        assert_eq!(did(text).email(), None, "{text}");
    }
}

#[test]
fn documents_are_where_the_name_says() {
    for (text, url) in [
        (
            "did:web:example.com",
            Some("https://example.com/.well-known/did.json"),
        ),
        (
            "did:web:localhost%3A8080",
            Some("https://localhost:8080/.well-known/did.json"),
        ),
        (
            "did:web:example.com:a:b",
            Some("https://example.com/a/b/did.json"),
        ),
        ("did:web:example.com/x", None),
        ("did:web:user%40example.com", None),
        ("did:web:example.com?x", None),
        ("did:web:example.com:..:b", None),
        ("did:web:example.com::b", None),
        ("did:mailto:example.com:alice", None),
    ] {
        assert_eq!(did(text).document_url("https").as_deref(), url, "{text}");
    }
}

#[test]
fn texts_that_are_no_identities() {
    for text in [
        "",
        "did",
        "did:",
        "did:key",
        "did:key:",
        "did::x",
        "did:KEY:zx",
        "key:z6Mk",
        "did:key:u6Mk",
        "did:web:exa mple",
        "did:web:exämple",
        "did:web:a\nb",
        "DID:web:example.com",
    ] {
        assert!(text.parse::<Did>().is_err(), "{text}");
    }
    let long = format!("did:web:{}", "a".repeat(2041));
    assert!(long.parse::<Did>().is_err());
    assert!(long[..2048].parse::<Did>().is_ok());
}

#[test]
fn keys_of_identities() {
    let signer = common::signer(7);
    let key = Seed::new([7; 32]).public();
    assert_eq!(signer.did().key(), Some(key));
    assert_eq!(&Did::of_key(&key), signer.did());
    // A secp256k1 key, one that is too short, and one that is no base58.
    for text in [
        "did:key:zQ3shokFTS3brHcDQrn82RUDfCZESWL1ZdCEJwekUDPQiYBme",
        "did:key:z6Mk",
        "did:key:z0OIl",
    ] {
        assert_eq!(did(text).key(), None, "{text}");
    }
}

#[test]
fn commands_cover_those_below_them() {
    let command = |text: &str| text.parse::<Command>();
    for text in ["", "blob", "/blob/", "/Blob", "//"] {
        assert!(command(text).is_err(), "{text}");
    }
    let add = command("/blob/add").unwrap();
    let parents: Vec<String> = std::iter::successors(Some(add.clone()), Command::parent)
        .map(|command| command.to_string())
        .collect();
    assert_eq!(parents, ["/blob/add", "/blob", "/"]);
    assert!(
        parents
            .iter()
            .all(|text| command(text).unwrap().covers(&add))
    );
    for text in ["/blob/ad", "/blob/add/x", "/blobs", "/b"] {
        assert!(!command(text).unwrap().covers(&add), "{text}");
    }
}

const WEB: &str = "did:web:upload.test";

fn keys(document: &Value, purpose: Purpose, now_s: u64) -> usize {
    let mut directory = billet_ucan::Directory::default();
    let document = Document::from_json(document.to_string().as_bytes(), &did(WEB)).unwrap();
    directory.documents.insert(did(WEB), document);
    let methods = directory.methods(&did(WEB), purpose, now_s).unwrap();
    methods
        .iter()
        .filter(|method| matches!(method, Method::Key(_)))
        .count()
}

fn method(name: &str, number: u8) -> Value {
    let key = common::signer(number).did().name().to_owned();
    json!({"id": name, "type": "Multikey", "controller": WEB, "publicKeyMultibase": key})
}

#[test]
fn the_document_of_the_recorded_service() {
    let Some(recording) = billet_vectors::json("forge-wire/setup.json") else {
        return;
    };
    let exchanges = recording["exchanges"].as_array().unwrap();
    let found = exchanges
        .iter()
        .find(|exchange| exchange["path"] == "/.well-known/did.json");
    let body = unhex(found.unwrap()["response_body_hex"].as_str().unwrap());
    let mut directory = billet_ucan::Directory::default();
    let document = Document::from_json(&body, &did(WEB)).unwrap();
    directory.documents.insert(did(WEB), document);
    let service = recording["keys"]
        .as_array()
        .unwrap()
        .iter()
        .find(|key| key["did"] == WEB);
    let key = did(service.unwrap()["did_key"].as_str().unwrap())
        .key()
        .unwrap();
    for purpose in [Purpose::Invocation, Purpose::Delegation] {
        let methods = directory.methods(&did(WEB), purpose, NOW_S);
        assert_eq!(methods, Some(vec![Method::Key(key)]));
    }
    let other = Document::from_json(&body, &did("did:web:example.com"));
    assert_eq!(other, Err(DocumentError::OtherIdentity(WEB.to_owned())));
}

#[test]
fn relationships_restrict_what_a_key_is_good_for() {
    let both = [Purpose::Invocation, Purpose::Delegation];
    let count = |document: &Value| both.map(|purpose| keys(document, purpose, NOW_S));
    let methods = json!([method("#a", 1), method(&format!("{WEB}#b"), 2)]);
    let plain = json!({"id": WEB, "verificationMethod": methods});
    assert_eq!(count(&plain), [2, 2]);
    let mut some = plain.clone();
    some["capabilityInvocation"] = json!([format!("{WEB}#a")]);
    assert_eq!(count(&some), [1, 2]);
    some["capabilityDelegation"] = json!([]);
    assert_eq!(count(&some), [1, 0]);
    some["capabilityDelegation"] = json!(["#nobody"]);
    assert_eq!(count(&some), [1, 0]);
    some["capabilityDelegation"] = json!([method("#c", 3), "#b"]);
    assert_eq!(count(&some), [1, 2]);
    assert_eq!(count(&json!({"id": WEB})), [0, 0]);
}

#[test]
fn methods_end() {
    for (field, time, good) in [
        ("expires", "2027-01-15T08:00:01Z", true),
        ("expires", "2027-01-15T08:00:00Z", false),
        ("revoked", "2027-01-15T10:00:00+02:00", false),
        ("revoked", "some day", false),
    ] {
        let mut one = method("#a", 1);
        one[field] = json!(time);
        let document = json!({"id": WEB, "verificationMethod": [one]});
        let count = keys(&document, Purpose::Invocation, NOW_S);
        assert_eq!(count == 1, good, "{field} {time}");
    }
    let mut other = method("#a", 1);
    other["type"] = json!("Ed25519VerificationKey2020");
    let document = json!({"id": WEB, "verificationMethod": [other]});
    assert_eq!(keys(&document, Purpose::Invocation, NOW_S), 0);
}

#[test]
fn bytes_that_are_no_documents() {
    let long = " ".repeat(DOCUMENT_BYTES_MAX + 1);
    let many: Vec<Value> = (0..65).map(|at| method(&format!("#{at}"), 1)).collect();
    let many = json!({"id": WEB, "verificationMethod": many}).to_string();
    for text in ["", "{}", "[]", "{\"id\": 1}", &long, &many] {
        let refused = Document::from_json(text.as_bytes(), &did(WEB));
        assert!(matches!(refused, Err(DocumentError::Malformed(_))));
    }
}

#[test]
fn key_files() {
    let seed = Seed::new([9; 32]);
    let pem = seed.to_pem().unwrap();
    let other = "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n";
    let second = Seed::new([8; 32]).to_pem().unwrap();
    let around = format!("a note\n{other}{}{}", *pem, *second);
    let windows = pem.replace('\n', "\r\n");
    let line = format!("\n {}\n", *seed.to_text());
    for file in [pem.as_str(), &around, &windows, &line] {
        let read = Seed::from_file(file).unwrap();
        assert_eq!(*read.to_tagged(), *seed.to_tagged(), "{file}");
    }
    let cut = &pem[..pem.len() - 30];
    for file in ["", "MgC", "zabc", "Mnot base64", cut, other] {
        assert!(Seed::from_file(file).is_err(), "{file}");
    }
    assert_eq!(
        Seed::from_tagged(&[0; 34]).unwrap_err(),
        KeyError::OtherKind
    );
    let shown = format!("{seed:?} {:?}", Ed25519Signer::new(&seed));
    assert!(!shown.contains("9, 9") && !shown.contains("0909") && shown.contains("did:key:z6Mk"));
}

/// Keys made for this test by OpenSSL: one of Ed25519, with its public key, and one of P-256.
#[test]
fn key_files_of_another_program() {
    let ed25519 = [
        "-----BEGIN PRIVATE KEY-----",
        "MC4CAQAwBQYDK2VwBCIEIFEXcA6aViBCM79aqlnMFC2tWa6Av+MHxnB80AQYWCp0",
        "-----END PRIVATE KEY-----",
    ];
    let read = Seed::from_file(&ed25519.join("\n")).unwrap();
    let public = "181105f812ec72923b374ad6161ec4c51b0dde6b267a70ce470d3a10c948c8ab";
    assert_eq!(hex::encode(read.public().as_bytes()), public);
    let p256 = [
        "-----BEGIN PRIVATE KEY-----",
        "MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgX07Ix5wxFNaySWE/",
        "lTzzjC7tqnzWl2K9mqiW3egqthChRANCAATLBaF+q9F0I0+acJ4cyixa9TIl5DCC",
        "yBe2Fh6cHuyEXnUfQnMPwlXwiptjlqIJTn/XYkafFdVIl/p81agCKdhp",
        "-----END PRIVATE KEY-----",
    ];
    let refused = Seed::from_file(&p256.join("\n"));
    assert_eq!(refused.unwrap_err(), KeyError::OtherKind);
}
