//! While it is paused nothing is shipped, after a restart either, but what was shipped is read;
//! resumed it ships everything. Passed over unless `BILLET_DAEMON` names the daemon's program.

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
use common::site::{metric, put, reads, try_put, until};

#[test]
fn a_pause_outlasts_a_restart() {
    let Some(place) = Place::open() else {
        return;
    };
    let mut host = place.host();
    host.settings.push(("ship.retain_bytes", "1".to_owned()));
    host.settings.push(("ship.settle_ms", "500ms".to_owned()));
    let mut daemon = host.serve();
    host.log_in(&place.peer);
    host.lines(&["space", "generate", "--provision-to", EMAIL]);
    let mut client = daemon.client();
    put(&mut client, "/bucket", b"", "local");
    let body = vec![7; 100_000];
    put(&mut client, "/bucket/first", &body, "local");
    let told = host.lines(&["ship", "status", "--watch"]).remove(0);
    assert_eq!(
        told["logs"][0]["published_seq"],
        told["logs"][0]["local_seq"]
    );
    until("the segment goes", || {
        metric(&daemon, "billet_segments_retired_total") > 0
    });

    assert_eq!(verdict(&host.lines(&["ship", "pause"])[0]), "paused");
    let before = place.peer.accepted().len();
    put(&mut client, "/bucket/second", b"second", "local");
    assert!(daemon.terminate().unwrap().success());
    let daemon = host.serve();
    let mut client = daemon.client();
    let now = host.lines(&["ship", "status"]).remove(0);
    assert_eq!(now["paused"], true);
    let answer = try_put(&mut client, "/bucket/third", b"third", "network");
    assert_eq!(answer.status, 503, "nobody ships it");
    assert_eq!(place.peer.accepted().len(), before);
    // Reads go on.
    reads(&mut client, "/bucket/first", &body);
    assert!(metric(&daemon, "billet_network_read_bytes_total") > 0);

    assert_eq!(verdict(&host.lines(&["ship", "resume"])[0]), "resumed");
    let told = host.lines(&["ship", "status", "--watch"]).remove(0);
    assert_eq!(told["paused"], false);
    assert_eq!(
        told["logs"][0]["published_seq"],
        told["logs"][0]["local_seq"]
    );
    assert!(place.peer.accepted().len() > before);
    assert_eq!(verdict(&host.lines(&["ship", "retry"])[0]), "tried again");
    let table = host.run(&["ship", "status"]);
    let table = String::from_utf8(table.stdout).unwrap();
    assert!(table.starts_with("service\t"), "{table}");
    assert!(table.contains("\nbucket\tbucket\t"), "{table}");
}
