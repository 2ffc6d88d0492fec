//! Objects that a daemon shipped, and whose local segments went, come back from the network.
//! Passed over unless `BILLET_DAEMON` names the daemon's program.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs
)]
#![allow(clippy::arithmetic_side_effects, dead_code, unreachable_pub)]

use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::sync::Arc;

use billet_client::daemon::Daemon;
use billet_client::{Body, Client, Request};
use billet_forge_peer::caller::Caller;
use billet_forge_peer::cbor::map;
use billet_forge_peer::token::Draft;
use billet_forge_peer::{Config, Key, Peer};
use ipld_core::ipld::Ipld;

const EMAIL: &str = "alice@example.com";

/// Makes a space, gives it to an account and writes its key where the daemon looks.
fn space(peer: &Peer, folder: &Path) {
    let caller = Caller {
        address: peer.service,
        service: peer.service_did().to_owned(),
        agent: Key::random(),
    };
    let account = caller
        .login(EMAIL, || peer.click(EMAIL).map(|_| ()))
        .unwrap();
    let own = account.iter().find(|token| token.sub().is_some());
    let own = Arc::clone(own.unwrap());
    let space = Key::random();
    let args = map([
        ("provider", Ipld::String(caller.service.clone())),
        ("consumer", Ipld::String(space.did().into())),
    ]);
    let draft = Draft::invocation(own.iss(), "/provider/add", args);
    assert_eq!(caller.call(draft, &[own], &[]).unwrap().outcome(), "ok");
    std::fs::create_dir_all(folder.join("keys")).unwrap();
    let mut file = std::fs::File::options();
    file.write(true).create_new(true).mode(0o600);
    let mut file = file.open(folder.join("keys/space.pem")).unwrap();
    file.write_all(space.pem().as_bytes()).unwrap();
}

fn start(program: &Path, peer: &Peer, folder: &Path) -> Daemon {
    let service = format!("ship.service_url=http://{}", peer.service);
    let did = format!("ship.service_did={}", peer.service_did());
    let arguments = [
        "--set",
        &service,
        "--set",
        &did,
        "--set",
        "ship.window_ms=50ms",
        "--set",
        "ship.retain_bytes=1",
    ];
    Daemon::start(program, folder, &arguments).unwrap()
}

/// The value of a metric without labels.
fn metric(daemon: &Daemon, name: &str) -> u64 {
    let answer = daemon.ask_admin("/metrics").unwrap();
    let line = answer
        .lines()
        .find_map(|line| line.strip_prefix(&format!("{name} ")));
    line.unwrap_or_else(|| panic!("no {name} in\n{answer}"))
        .parse()
        .unwrap()
}

fn content(number: usize, size: usize) -> Vec<u8> {
    let pattern = format!("{number:04} of what is shipped. ");
    pattern.bytes().cycle().take(size).collect()
}

fn put(client: &mut Client, path: &str, body: &[u8], level: &str) {
    let request = Request {
        method: "PUT",
        path,
        headers: &[("x-billet-durability", level)],
        body: Body::Bytes(body),
        ..Request::default()
    };
    let answer = client.send(request).unwrap();
    assert_eq!(answer.status, 200, "{path}: {}", answer.text());
}

#[test]
fn what_a_daemon_ships_comes_back() {
    let Some(program) = std::env::var_os("BILLET_DAEMON") else {
        eprintln!("passed over: BILLET_DAEMON names no daemon");
        return;
    };
    let (network, folder) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let peer = Peer::start(Config::new(network.path())).unwrap();
    space(&peer, folder.path());
    let daemon = start(Path::new(&program), &peer, folder.path());
    let mut client = daemon.client();
    put(&mut client, "/bucket", b"", "local");
    let sizes = [0, 1, 100, 5_000, 1 << 20, (3 << 20) + 5];
    for (number, size) in sizes.into_iter().enumerate() {
        let path = format!("/bucket/object-{number}");
        put(&mut client, &path, &content(number, size), "local");
    }
    // Answered once all before it is on the network, too.
    put(&mut client, "/bucket/last", b"last", "network");
    assert!(!peer.accepted().is_empty(), "the nodes have something");
    while metric(&daemon, "billet_segments_retired_total") == 0 {
        std::thread::yield_now();
    }
    for _ in 0..2 {
        for (number, size) in sizes.into_iter().enumerate() {
            let answer = client.get(&format!("/bucket/object-{number}")).unwrap();
            assert_eq!(answer.status, 200, "{}", answer.text());
            assert!(answer.body == content(number, size), "{size} bytes differ");
        }
    }
    let bytes = sizes.iter().map(|size| *size as u64).sum::<u64>();
    let read = metric(&daemon, "billet_network_read_bytes_total");
    assert!(read >= bytes, "{read} bytes from the network of {bytes}");
    assert!(metric(&daemon, "billet_network_cache_hits_total") > 0);
    assert_eq!(metric(&daemon, "billet_network_reads_failed_total"), 0);
}
