//! With the network away PUTs go on up to the high-water mark, then are refused with SlowDown; once
//! it is back all drains, without a restart or a second accept, and PUTs come off again.
//! Passed over unless `BILLET_DAEMON` names the daemon's program.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs
)]

mod common;

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use common::network::leaves;
use common::site::{Site, all_bodies_go, metric, put, reads, try_put, until};

const MARK_BYTES: usize = 16 << 20;
const BODY_BYTES: usize = 256 << 10;
const WRITERS: usize = 4;

#[test]
fn puts_are_refused_at_the_mark_while_the_network_is_away() {
    let settings = ["ship.backlog_bytes_max=16MiB", "journal.seal_bytes=4MiB"];
    let Some(site) = Site::open(&settings) else {
        return;
    };
    let daemon = site.start();
    put(&mut daemon.client(), "/bucket", b"", "network");
    site.peer.set_all_down(true);
    let (stored, number) = (Mutex::new(Vec::new()), AtomicUsize::new(0));
    std::thread::scope(|scope| {
        for _ in 0..WRITERS {
            scope.spawn(|| {
                let mut client = daemon.client();
                loop {
                    let number = number.fetch_add(1, Ordering::SeqCst);
                    let (path, body) = (format!("/bucket/{number}"), common::bytes(BODY_BYTES));
                    let answer = try_put(&mut client, &path, &body, "local");
                    if answer.status != 200 {
                        assert_eq!(answer.status, 503, "{}", answer.text());
                        assert_eq!(answer.element("Code").as_deref(), Some("SlowDown"));
                        let after = answer.header("retry-after").unwrap();
                        assert!(after.parse::<u64>().unwrap() > 0);
                        break;
                    }
                    stored.lock().unwrap().push((path, body));
                }
            });
        }
    });
    let mut stored = stored.into_inner().unwrap();
    let bytes = stored.len() * BODY_BYTES;
    // Those under way when the mark was reached come off.
    let most = MARK_BYTES + WRITERS * BODY_BYTES;
    assert!((MARK_BYTES / 2..=most).contains(&bytes), "{bytes} stored");
    let mut client = daemon.client();
    for (path, body) in &stored {
        reads(&mut client, path, body);
    }
    assert_eq!(client.get("/bucket").unwrap().status, 200, "listings go on");
    assert_eq!(metric(&daemon, "billet_segments_retired_total"), 0);
    site.peer.set_all_down(false);
    until("a PUT comes off again", || {
        let body = common::bytes(BODY_BYTES);
        let is_stored = try_put(&mut client, "/bucket/again", &body, "local").status == 200;
        if is_stored {
            stored.push(("/bucket/again".into(), body));
        }
        is_stored
    });
    let wanted: Vec<_> = stored.iter().flat_map(|(_, body)| leaves(body)).collect();
    site.drained(&daemon, &wanted);
    all_bodies_go(&daemon);
    let counters = site.peer.counters();
    assert_eq!((counters.accepts_again, counters.puts_again), (0, 0));
    for (path, body) in &stored {
        reads(&mut client, path, body);
    }
}
