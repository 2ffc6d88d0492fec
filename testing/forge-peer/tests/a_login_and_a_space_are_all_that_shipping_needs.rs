//! A running daemon is logged in by mail and given a space, takes up the space's key without a
//! restart, and ships from then on. Passed over unless `BILLET_DAEMON` names the daemon's program.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs
)]

mod common;

use std::os::unix::fs::PermissionsExt;

use billet_ucan::Document;
use common::EMAIL;
use common::people::{Host, Place, verdict};
use common::site::put;
use serde_json::{Value, json};

#[test]
fn a_login_and_a_space_are_all_that_shipping_needs() {
    let Some(place) = Place::open() else {
        return;
    };
    let host = place.host();
    let daemon = host.serve();
    let mut client = daemon.client();
    put(&mut client, "/bucket", b"", "local");
    put(&mut client, "/bucket/before", b"before", "local");

    let hint = host.whoami()["hints"][0].clone();
    assert_eq!(hint, "no account: billet login EMAIL");
    let refused = host.refusal(&["space", "generate", "--provision-to", EMAIL]);
    assert!(
        refused.contains(&format!("billet login {EMAIL}")),
        "{refused}"
    );
    let key_file = host.data().join("keys/space.pem");
    assert!(!key_file.exists(), "a key for nothing");
    let refused = host.refusal(&["login", "nobody"]);
    assert!(refused.contains("no address"), "{refused}");
    host.log_in(&place.peer);
    let hint = host.whoami()["hints"][0].clone();
    assert_eq!(
        hint,
        format!("no space: billet space generate --provision-to {EMAIL}")
    );

    let words = [
        "space",
        "generate",
        "--name",
        "home",
        "--provision-to",
        EMAIL,
    ];
    let told = host.lines(&words);
    assert_eq!(
        told.iter().map(verdict).collect::<Vec<_>>(),
        ["made", "provisioned"]
    );
    let space = told[0]["space"].clone();
    assert_eq!(
        key_file.metadata().unwrap().permissions().mode() & 0o777,
        0o600
    );
    let now = host.whoami();
    let account = "did:mailto:example.com:alice";
    let expected = json!([{
        "did": space, "name": "home", "own": true, "current": true, "accounts": [account],
        "usable": true,
    }]);
    assert_eq!(now["spaces"], expected);
    assert_eq!(now["accounts"][0]["did"], account);
    assert_eq!(now["hints"], json!([]));
    assert_eq!(now["service"], place.peer.service_did());
    assert_eq!(host.lines(&["space", "ls"]), host.lines(&["space", "info"]));

    put(&mut client, "/bucket/after", b"after", "network");
    let accepted = place.peer.accepted();
    assert!(!accepted.is_empty());
    let space = space.as_str().unwrap();
    assert!(accepted.iter().all(|(_, _, owner, _)| owner == space));
    the_key_stays_unless_another_is_asked_for(&host, space);
    the_agent_can_be_resolved(&mut client, &daemon.address.to_string(), &now);
}

fn the_key_stays_unless_another_is_asked_for(host: &Host, space: &str) {
    let words = ["space", "generate", "--provision-to", EMAIL];
    let told = host.lines(&words);
    assert_eq!(
        told.iter().map(verdict).collect::<Vec<_>>(),
        ["kept", "provisioned"]
    );
    assert_eq!(told[0]["space"], space);
    let told = host.lines(&["space", "generate", "--force"]);
    assert_eq!(
        told.iter().map(verdict).collect::<Vec<_>>(),
        ["leaving", "replaced"]
    );
    let other = told[1]["space"].as_str().unwrap();
    assert_ne!(other, space);
    let aside = format!("keys/space-{}.pem", space.trim_start_matches("did:key:"));
    assert!(
        host.data().join(aside).exists(),
        "the first key is not lost"
    );
    assert_eq!(host.lines(&["space", "info"])[0]["did"], other);
}

fn the_agent_can_be_resolved(client: &mut billet_client::Client, address: &str, now: &Value) {
    let answer = client.get("/.well-known/did.json").unwrap();
    assert_eq!(answer.status, 200);
    assert_eq!(answer.header("content-type"), Some("application/json"));
    let did = format!("did:web:{}", address.replace(':', "%3A"));
    let document: Value = serde_json::from_slice(&answer.body).unwrap();
    assert_eq!(document["alsoKnownAs"], json!([now["agent"]]));
    let read = Document::from_json(&answer.body, &did.parse().unwrap()).unwrap();
    let agent: billet_ucan::Did = now["agent"].as_str().unwrap().parse().unwrap();
    assert_eq!(read, Document::of_key(agent.key().unwrap()));
}
