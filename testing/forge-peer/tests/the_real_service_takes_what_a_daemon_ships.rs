//! A daemon that ships by the real upload service, to the peer's node, and reads back from there.
//! Passed over unless `BILLET_SPRUE` and `BILLET_DAEMON` name the programs.
//!
//! Must never reach the service but as the daemon and the owner of its space do.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs
)]

mod common;

use std::cell::OnceCell;

use billet_client::Client;
use billet_client::daemon::Daemon;
use billet_forge_peer::sprue::{PROGRAM, Sprue};
use billet_forge_peer::{Config, Key, Peer};
use common::EMAIL;
use common::network::leaves;
use common::site::{Site, metric, put, reads, until};

const SIZES: [usize; 6] = [0, 1, 100, 5_000, 1 << 20, (3 << 20) + 5];

fn content(prefix: &str, size: usize) -> Vec<u8> {
    let pattern = format!("{prefix}: {size} of what the real service knows. ");
    pattern.bytes().cycle().take(size).collect()
}

/// Puts objects under a prefix, the last so that all before it are on the network, too.
fn put_all(client: &mut Client, prefix: &str) {
    for size in SIZES {
        let path = format!("/bucket/{prefix}-{size}");
        put(client, &path, &content(prefix, size), "local");
    }
    put(
        client,
        &format!("/bucket/{prefix}-last"),
        b"last",
        "network",
    );
}

/// Reads them all, and counts that every byte comes from the network.
fn read_all(daemon: &Daemon, prefix: &str) {
    let read = || metric(daemon, "billet_network_read_bytes_total");
    let (before, mut client) = (read(), daemon.client());
    for size in SIZES {
        let path = format!("/bucket/{prefix}-{size}");
        reads(&mut client, &path, &content(prefix, size));
    }
    let bytes = SIZES.iter().map(|size| *size as u64).sum::<u64>();
    let read = read() - before;
    assert!(read >= bytes, "{read} bytes from the network of {bytes}");
    assert_eq!(metric(daemon, "billet_network_reads_failed_total"), 0);
}

fn all_leaves(prefixes: &[&str]) -> Vec<cid::Cid> {
    let bodies = prefixes
        .iter()
        .flat_map(|prefix| SIZES.map(|size| content(prefix, size)));
    bodies.flat_map(|body| leaves(&body)).collect()
}

#[test]
fn the_real_service_takes_what_a_daemon_ships() {
    let Some(program) = Sprue::program() else {
        eprintln!("passed over: {PROGRAM} does not name the upload service's program");
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let sprue = OnceCell::new();
    let peer = |folder: &std::path::Path| {
        let mut config = Config::new(folder);
        config.nodes.truncate(1);
        Peer::start(config).unwrap()
    };
    let service = |peer: &Peer| {
        let started = Sprue::start(&program, folder.path(), Some(peer)).unwrap();
        started.register(peer, 0).unwrap();
        sprue.get_or_init(|| started).caller(Key::random())
    };
    let click = |_: &Peer| sprue.get().unwrap().click(EMAIL).map(drop);
    let Some(site) = Site::of(&[], peer, service, click) else {
        return;
    };

    let daemon = site.start();
    let mut client = daemon.client();
    put(&mut client, "/bucket", b"", "local");
    put_all(&mut client, "first");
    until("a segment goes", || {
        metric(&daemon, "billet_segments_retired_total") > 0
    });
    read_all(&daemon, "first");
    drop(daemon);

    // One that starts anew knows by its rows alone where everything is.
    let daemon = site.start();
    read_all(&daemon, "first");
    put_all(&mut daemon.client(), "second");
    until("each shard is found by its index", || {
        let indexes = site.peer.state()["indexes"].as_u64();
        indexes == Some(metric(&daemon, "billet_shards_accepted_total"))
    });
    let network = site.network();
    for leaf in all_leaves(&["first", "second"]) {
        assert!(network.has(&leaf), "{leaf} is not on the network");
    }
    let counters = site.peer.counters();
    assert_eq!((counters.accepts_again, counters.puts_again), (0, 0));
    println!(
        "what the service asked the node and the indexer: {:?}",
        counters.commands
    );
}
