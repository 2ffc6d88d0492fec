//! A host that was given a space ships into it, without its key, although the first delegation that
//! it was given is over; what is wrong is not taken. Passed over unless `BILLET_DAEMON` names the
//! daemon's program.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs
)]

mod common;

use std::sync::Arc;

use billet_forge_peer::token::{Draft, Token};
use billet_forge_peer::{Key, caller, container};
use common::EMAIL;
use common::people::{Host, Place, refusal};
use common::site::{keep, put};
use serde_json::Value;

fn packed(token: Token) -> Vec<u8> {
    container::write_raw(&[Arc::new(token)])
}

/// Whether a host knows a space that it can use.
fn is_usable(host: &Host) -> bool {
    let spaces = host.lines(&["space", "ls"]);
    spaces
        .iter()
        .any(|space| space["usable"] == Value::Bool(true))
}

#[test]
fn another_host_ships_into_a_space_that_was_granted() {
    let Some(place) = Place::open() else {
        return;
    };
    let owner = place.host();
    let space = Key::random();
    keep(&space, &owner.data());
    let first = owner.serve();
    owner.log_in(&place.peer);
    owner.lines(&["space", "generate", "--provision-to", EMAIL]);

    let mut other = place.host();
    other.settings.push(("space", space.did().to_owned()));
    let daemon = other.serve();
    let agent = other.whoami()["agent"].as_str().unwrap().to_owned();
    let give = |to: &str| Draft::delegation(to, Some(space.did()), "/");
    let add = ["proof", "add", "-"];
    for (what, bytes) in [
        ("not for it", packed(give(Key::random().did()).sign(&space))),
        (
            "over",
            packed(give(&agent).exp(caller::now() - 1).sign(&space)),
        ),
        ("signed badly", packed(give(&agent).sign_badly(&space))),
        ("no container", b"nothing".to_vec()),
    ] {
        let told = refusal(&other.feed(&add, &bytes));
        assert!(told.contains("not taken"), "{what}: {told}");
    }
    assert_eq!(other.lines(&["space", "ls"]), [] as [Value; 0]);

    let soon = give(&agent).exp(caller::now() + 10).sign(&space);
    assert!(other.feed(&add, &packed(soon)).status.success());
    assert!(is_usable(&other));
    while is_usable(&other) {
        std::thread::yield_now();
    }
    let granted = owner.run(&["space", "generate", "--grant-to", &agent]);
    assert!(granted.status.success(), "{granted:?}");
    assert!(other.feed(&add, &granted.stdout).status.success());
    assert!(is_usable(&other));
    let mut client = daemon.client();
    put(&mut client, "/bucket", b"", "local");
    put(&mut client, "/bucket/key", b"content", "network");
    let accepted = place.peer.accepted();
    assert!(!accepted.is_empty());
    assert!(accepted.iter().all(|(_, _, owner, _)| owner == space.did()));
    drop(first);
}
