//! While it is paused nothing is shipped, after a restart either, but what was shipped is read;
//! resumed it ships everything. Passed over unless `BILLET_DAEMON` names the daemon's program.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs
)]
#![allow(clippy::arithmetic_side_effects, dead_code, unreachable_pub)]

mod people;

use billet_forge_peer::{Config, Peer};
use people::{EMAIL, Host, metric, program, put, verdict};

#[test]
fn a_pause_outlasts_a_restart() {
    let Some(program) = program() else {
        return;
    };
    let network = tempfile::tempdir().unwrap();
    let peer = Peer::start(Config::new(network.path())).unwrap();
    let mut host = Host::new(&program, &peer);
    host.settings.push(("ship.retain_bytes", "1".to_owned()));
    host.settings.push(("ship.settle_ms", "500ms".to_owned()));
    let mut daemon = host.serve();
    host.log_in(&peer);
    host.lines(&["space", "generate", "--provision-to", EMAIL]);
    let mut client = daemon.client();
    assert_eq!(put(&mut client, "/bucket", b"", "local"), 200);
    let body = vec![7; 100_000];
    assert_eq!(put(&mut client, "/bucket/first", &body, "local"), 200);
    let told = host.lines(&["ship", "status", "--watch"]).remove(0);
    assert_eq!(
        told["logs"][0]["published_seq"],
        told["logs"][0]["local_seq"]
    );
    while metric(&daemon, "billet_segments_retired_total") == 0 {
        std::thread::yield_now();
    }

    assert_eq!(verdict(&host.lines(&["ship", "pause"])[0]), "paused");
    let before = peer.accepted().len();
    assert_eq!(put(&mut client, "/bucket/second", b"second", "local"), 200);
    assert!(daemon.terminate().unwrap().success());
    let daemon = host.serve();
    let mut client = daemon.client();
    let now = host.lines(&["ship", "status"]).remove(0);
    assert_eq!(now["paused"], true);
    let status = put(&mut client, "/bucket/third", b"third", "network");
    assert_eq!(status, 503, "nobody ships it");
    assert_eq!(peer.accepted().len(), before);
    let answer = client.get("/bucket/first").unwrap();
    assert!(answer.body == body, "reads go on");
    assert!(metric(&daemon, "billet_network_read_bytes_total") > 0);

    assert_eq!(verdict(&host.lines(&["ship", "resume"])[0]), "resumed");
    let told = host.lines(&["ship", "status", "--watch"]).remove(0);
    assert_eq!(told["paused"], false);
    assert_eq!(
        told["logs"][0]["published_seq"],
        told["logs"][0]["local_seq"]
    );
    assert!(peer.accepted().len() > before);
    assert_eq!(verdict(&host.lines(&["ship", "retry"])[0]), "tried again");
    let table = host.run(&["ship", "status"]);
    let table = String::from_utf8(table.stdout).unwrap();
    assert!(table.starts_with("service\t"), "{table}");
    assert!(table.contains("\nbucket\tbucket\t"), "{table}");
}
