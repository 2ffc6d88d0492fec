//! Every fault at every step, with a real daemon: whatever happens, what was put is shipped,
//! findable and read back. The matrix is printed.
//!
//! Passed over unless `BILLET_DAEMON` names the daemon's program.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs
)]

mod common;

use std::time::Instant;

use billet_client::daemon::Daemon;
use billet_forge_peer::fault::{BadRule, Kind, Rule};
use common::network::leaves;
use common::site::{Site, metric, put, reads, until};

/// Steps of shipping; `/blob/allocate` to `index-fetch` are those of other parties.
const STEPS: [&str; 9] = [
    "/blob/add",
    "/blob/allocate",
    "put",
    "/ucan/conclude",
    "/blob/accept",
    "receipt",
    "/index/add",
    "index-fetch",
    "/upload/add",
];

/// Longer than the daemon waits for an answer.
const SILENCE_MS: u64 = 60_000;

fn kinds() -> Vec<(&'static str, Kind)> {
    let refused = |name: &str| Kind::Refused { name: name.into() };
    vec![
        ("refused for now", refused("HandlerExecutionError")),
        ("refused for later", refused("CandidateUnavailable")),
        ("refused for good", refused("InsufficientStorage")),
        ("timeout", Kind::Timeout { ms: SILENCE_MS }),
        ("delay", Kind::Delay { ms: 50 }),
        ("reset at 0", Kind::ResetRequest { at: 0 }),
        ("reset at 99", Kind::ResetRequest { at: 99 }),
        ("answer cut at 0", Kind::ResetResponse { at: 0 }),
        ("answer cut at 99", Kind::ResetResponse { at: 99 }),
        ("answer cut at 999", Kind::ResetResponse { at: 999 }),
        ("status 400", Kind::Status { status: 400 }),
        ("status 404", Kind::Status { status: 404 }),
        ("status 500", Kind::Status { status: 500 }),
        ("status 503", Kind::Status { status: 503 }),
        ("done and 500", Kind::StatusAfter { status: 500 }),
        ("lost answer", Kind::LostResponse),
        ("wrong body", Kind::WrongBody),
        ("taken twice", Kind::Duplicate),
        ("expired", Kind::Expired { seconds: 1_000_000 }),
        ("wrong receipt", Kind::WrongReceipt),
        ("bad signature", Kind::BadSignature),
        ("stranger's receipt", Kind::StrangerReceipt),
        ("no receipt", Kind::NoReceipt),
        ("forged accept", Kind::ForgedAccept),
        ("other space", Kind::OtherSpace),
        ("no location", Kind::NoLocation),
    ]
}

/// Puts an object while that goes wrong, once; in how many milliseconds it was shipped, or none
/// where that cannot go wrong there.
fn ships(site: &Site, daemon: &Daemon, step: &str, kind: &Kind, path: &str) -> Option<u128> {
    let mut kind = kind.clone();
    // A call between two parties lasts as long as the fault.
    if let (Kind::Timeout { ms }, "/blob/allocate" | "/blob/accept" | "index-fetch") =
        (&mut kind, step)
    {
        *ms = 100;
    }
    match site.peer.fault(Rule::next(step, kind)) {
        Ok(()) => {}
        Err(BadRule::Meaningless) => return None,
        Err(error) => panic!("{error}"),
    }
    let seen = faults(site);
    let (body, start) = (common::bytes(3_000), Instant::now());
    put(&mut daemon.client(), path, &body, "local");
    until("it goes wrong", || faults(site) > seen);
    site.drained(daemon, &leaves(&body));
    Some(start.elapsed().as_millis())
}

fn faults(site: &Site) -> u64 {
    site.peer.counters().faults.values().sum()
}

#[test]
fn a_daemon_comes_through_every_fault() {
    let Some(site) = Site::open(&["ship.timeout_ms=1s", "ship.window_ms=20ms"]) else {
        return;
    };
    let daemon = site.start();
    put(&mut daemon.client(), "/bucket", b"", "network");
    site.drained(&daemon, &[]);
    println!("milliseconds until all is shipped\n");
    println!(
        "{:20}{}",
        "",
        STEPS.map(|step| format!("{step:>15}")).concat()
    );
    for (row, (name, kind)) in kinds().into_iter().enumerate() {
        let mut cells = String::new();
        for (column, step) in STEPS.into_iter().enumerate() {
            let path = format!("/bucket/{row}-{column}");
            let took = ships(&site, &daemon, step, &kind, &path);
            let took = took.map_or("-".to_owned(), |took| took.to_string());
            cells.push_str(&format!("{took:>15}"));
        }
        println!("{name:20}{cells}");
    }
    let again = site.peer.counters().accepts_again;
    println!("\naccepted again, where the node's word could not be believed: {again}");
    assert_eq!(metric(&daemon, "billet_shards_waiting"), 0);
}

/// A GET while that goes wrong, once; how many it took.
fn gets(site: &Site, daemon: &Daemon, kind: &Kind, path: &str, body: &[u8]) -> Option<u32> {
    match site.peer.fault(Rule::next("retrieve", kind.clone())) {
        Ok(()) => {}
        Err(BadRule::Meaningless) => return None,
        Err(error) => panic!("{error}"),
    }
    let seen = faults(site);
    let mut client = daemon.client();
    let first = client.get(path);
    assert!(faults(site) > seen, "it goes wrong");
    match first {
        Ok(answer) if answer.status == 200 => {
            assert!(answer.body == body, "never wrong bytes");
            Some(1)
        }
        Ok(answer) => {
            assert!(answer.status >= 500, "{}", answer.text());
            reads(&mut client, path, body);
            Some(2)
        }
        Err(error) => panic!("broken off before a byte was checked: {error}"),
    }
}

#[test]
fn a_read_comes_through_every_fault() {
    let Some(site) = Site::open(&["ship.timeout_ms=1s", "ship.cache_bytes=1"]) else {
        return;
    };
    let daemon = site.start();
    let (path, body) = ("/bucket/object", common::bytes(3_000));
    put(&mut daemon.client(), "/bucket", b"", "local");
    put(&mut daemon.client(), path, &body, "network");
    until("the segment goes", || {
        metric(&daemon, "billet_segments_retired_total") > 0
    });
    println!("GETs until the bytes came");
    for (name, kind) in kinds() {
        let took = gets(&site, &daemon, &kind, path, &body);
        let took = took.map_or("-".to_owned(), |took| took.to_string());
        println!("{name:20}{took:>5}");
    }
}
