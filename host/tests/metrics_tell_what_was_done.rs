//! The numbers of `/metrics` follow what clients do, and every line is one that Prometheus reads.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs
)]
#![allow(clippy::arithmetic_side_effects, dead_code, unreachable_pub)]

use std::path::Path;

use billet_client::daemon::Daemon;

mod support;
use support::metric;

const OBJECTS: usize = 20;
const BYTES: usize = 100_000;

#[test]
fn metrics_tell_what_was_done() {
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let program = Path::new(env!("CARGO_BIN_EXE_billet"));
    let daemon = Daemon::start(program, &folder.path().join("store"), &[]).unwrap();
    let mut client = daemon.client();
    assert_eq!(client.put("/bucket", b"").unwrap().status, 200);
    let syncs = metric(&daemon, "billet_syncs_total");
    for number in 0..OBJECTS {
        let path = format!("/bucket/{number}");
        let body: Vec<u8> = (0..BYTES).map(|at| (at * 7 + number) as u8).collect();
        assert_eq!(client.put(&path, &body).unwrap().status, 200);
    }
    let appended = |plane: &str| {
        let name = format!("billet_appended_bytes_total{{plane=\"{plane}\"}}");
        metric(&daemon, &name)
    };
    assert!(appended("data") >= (OBJECTS * BYTES) as u64);
    assert!(appended("catalog") > 0);
    // One after another: each commit is a group of its own, and syncs both planes.
    let groups = metric(&daemon, "billet_group_commits_count");
    assert_eq!(groups, OBJECTS as u64 + 1);
    assert_eq!(metric(&daemon, "billet_group_commits_sum"), groups);
    let of_one = metric(&daemon, "billet_group_commits_bucket{le=\"1\"}");
    assert_eq!(of_one, groups);
    assert_eq!(metric(&daemon, "billet_commits_total"), groups);
    let more = metric(&daemon, "billet_syncs_total") - syncs;
    assert!(more >= 2 * OBJECTS as u64, "{more} syncs");
    assert!(metric(&daemon, "billet_cache_hits_total{cache=\"blocks\"}") > 0);
    let open = "billet_segments{plane=\"catalog\",state=\"open\"}";
    assert_eq!(metric(&daemon, open), 1);
    for (name, value) in [
        ("billet_pool_used{pool=\"writes\"}", 0),
        ("billet_pool_size{pool=\"writes\"}", 128),
        ("billet_pool_refused_total{pool=\"reads\"}", 0),
        ("billet_buffers_used", 0),
        ("billet_buffers", 256),
        ("billet_gateway_traps_total", 0),
    ] {
        assert_eq!(metric(&daemon, name), value, "{name}");
    }
    let answer = daemon.ask_admin("/metrics").unwrap();
    let (_, text) = answer.split_once("\r\n\r\n").unwrap();
    for line in text.lines().filter(|line| !line.starts_with("# TYPE ")) {
        let (name, value) = line.rsplit_once(' ').expect(line);
        assert!(name.starts_with("billet_"), "{line}");
        assert!(value.parse::<f64>().is_ok(), "{line}");
    }
}
