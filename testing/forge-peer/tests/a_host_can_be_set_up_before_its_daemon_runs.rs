//! Login and space without a daemon: the next daemon ships at once. Without a service, or where
//! only a daemon could do it, one line says so. Passed over unless `BILLET_DAEMON` names the
//! daemon's program.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs
)]

mod common;

use common::EMAIL;
use common::people::{Place, verdict};
use common::site::put;

#[test]
fn a_host_can_be_set_up_before_its_daemon_runs() {
    let Some(place) = Place::open() else {
        return;
    };
    let host = place.host();
    host.log_in(&place.peer);
    let told = host.lines(&["space", "generate", "--provision-to", EMAIL]);
    assert_eq!(
        told.iter().map(verdict).collect::<Vec<_>>(),
        ["made", "provisioned"]
    );
    let before = host.whoami();
    assert_eq!(before["spaces"][0]["did"], told[0]["space"]);
    let refused = host.refusal(&["ship", "retry"]);
    assert!(refused.contains("billet serve"), "{refused}");
    assert_eq!(host.lines(&["ship", "status"])[0]["paused"], false);
    let daemon = host.serve();
    assert_eq!(host.whoami(), before);
    let mut client = daemon.client();
    put(&mut client, "/bucket", b"", "local");
    put(&mut client, "/bucket/key", b"content", "network");
}

#[test]
fn without_a_service_each_command_says_what_is_missing() {
    let Some(place) = Place::open() else {
        return;
    };
    let mut host = place.host();
    host.settings.clear();
    let commands: [&[&str]; 8] = [
        &["login", EMAIL],
        &["whoami"],
        &["space", "generate"],
        &["space", "ls"],
        &["proof", "add", "-"],
        &["ship", "status"],
        &["ship", "pause"],
        &["ship", "retry"],
    ];
    for with_daemon in [false, true] {
        let daemon = with_daemon.then(|| host.serve());
        for words in commands {
            let refused = host.refusal(words);
            assert!(refused.contains("ship.service_url"), "{words:?}: {refused}");
        }
        if let Some(daemon) = daemon {
            let answer = daemon.client().get("/.well-known/did.json").unwrap();
            assert_ne!(answer.status, 200, "nobody ships, so there is no agent");
        }
    }
}
