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
#![allow(clippy::arithmetic_side_effects, dead_code, unreachable_pub)]

mod people;

use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::sync::Arc;

use billet_forge_peer::token::{Draft, Token};
use billet_forge_peer::{Config, Key, Peer, caller, container};
use people::{EMAIL, Host, program, put, refusal};
use serde_json::Value;

fn packed(token: Token) -> Vec<u8> {
    container::write_raw(&[Arc::new(token)])
}

fn write_key(host: &Host, key: &Key) {
    std::fs::create_dir_all(host.data().join("keys")).unwrap();
    let mut file = std::fs::File::options();
    file.write(true).create_new(true).mode(0o600);
    let mut file = file.open(host.data().join("keys/space.pem")).unwrap();
    file.write_all(key.pem().as_bytes()).unwrap();
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
    let Some(program) = program() else {
        return;
    };
    let network = tempfile::tempdir().unwrap();
    let peer = Peer::start(Config::new(network.path())).unwrap();
    let owner = Host::new(&program, &peer);
    let space = Key::random();
    write_key(&owner, &space);
    let first = owner.serve();
    owner.log_in(&peer);
    owner.lines(&["space", "generate", "--provision-to", EMAIL]);

    let mut other = Host::new(&program, &peer);
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
    assert_eq!(put(&mut client, "/bucket", b"", "local"), 200);
    assert_eq!(put(&mut client, "/bucket/key", b"content", "network"), 200);
    let accepted = peer.accepted();
    assert!(!accepted.is_empty());
    assert!(accepted.iter().all(|(_, _, owner, _)| owner == space.did()));
    drop(first);
}
