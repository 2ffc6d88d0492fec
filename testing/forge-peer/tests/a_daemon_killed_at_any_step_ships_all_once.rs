//! `kill -9` of a shipping daemon around every step of the protocol: before the step has an
//! effect, after the effect and before the answer, and after the answer. Nothing is lost, nothing
//! is accepted twice, no local byte goes early, nothing is published ahead; the matrix is printed.
//!
//! Passed over unless `BILLET_DAEMON` names the daemon's program. `BILLET_FORGE_KILLS` says how
//! often each kill is repeated, once where it is not set.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs
)]

mod common;

use std::collections::BTreeMap;
use std::panic::AssertUnwindSafe;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use billet_client::daemon::Daemon;
use billet_forge_peer::fault::{Kind, Point, Rule};
use cid::Cid;
use common::network::leaves;
use common::site::{Site, metric, put, reads, until};

const WITHIN: Duration = Duration::from_secs(120);
/// Daemons at once.
const AT_ONCE: usize = 2;
const POINTS: [Point; 3] = [Point::Before, Point::Done, Point::Answered];

/// A step of the protocol, the how manieth of its kind in a window of one data shard and one
/// catalog shard, and what it is about.
const STEPS: [(&str, u64, &str); 15] = [
    ("/blob/add", 1, "data"),
    ("put", 1, "data"),
    ("/ucan/conclude", 1, "data"),
    ("receipt", 1, "data"),
    ("/blob/add", 2, "catalog"),
    ("put", 2, "catalog"),
    ("/ucan/conclude", 2, "catalog"),
    ("receipt", 2, "catalog"),
    ("/blob/add", 3, "index"),
    ("put", 3, "index"),
    ("/ucan/conclude", 3, "index"),
    ("receipt", 3, "index"),
    ("/index/add", 1, "first"),
    ("/index/add", 2, "second"),
    ("/upload/add", 1, ""),
];

/// A daemon that dies at one step again and again.
struct Victim {
    site: Site,
    daemon: Daemon,
    /// How often it died.
    deaths: u64,
    /// All that was ever put, by path.
    bodies: Vec<(String, Vec<u8>)>,
}

impl Victim {
    fn new() -> Self {
        let site = Site::open(&["ship.window_ms=150ms"]).unwrap();
        let daemon = site.start();
        put(&mut daemon.client(), "/bucket", b"", "network");
        site.drained(&daemon, &[]);
        Self {
            site,
            daemon,
            deaths: 0,
            bodies: Vec::new(),
        }
    }

    /// One run: objects are put, the daemon dies at that point and goes on. What went wrong
    /// panics.
    fn run(&mut self, step: usize, point: Point) {
        let (name, nth, _) = STEPS[step];
        let rule = Rule {
            nth,
            ..Rule::next(name, Kind::Mark { at: point })
        };
        self.site.peer.fault(rule).unwrap();
        let mut client = self.daemon.client();
        for size in [10, 5_000, (1 << 20) + 7] {
            let path = format!("/bucket/{:04}", self.bodies.len());
            let body = common::bytes(size);
            put(&mut client, &path, &body, "local");
            self.bodies.push((path, body));
        }
        self.deaths += 1;
        let is_there = self.site.peer.await_marks(self.deaths, WITHIN);
        assert!(is_there, "{name} is never come to: {}", self.site.log());
        self.daemon.kill().unwrap();
        self.check();

        self.site.peer.clear_faults();
        self.daemon = self.site.start();
        let wanted = self.leaves();
        self.site.drained(&self.daemon, &wanted);
        let retired = self.deaths;
        until("the bodies' segment goes", || {
            metric(&self.daemon, "billet_segments_retired_total") >= retired
        });
        let mut client = self.daemon.client();
        for (path, body) in &self.bodies {
            reads(&mut client, path, body);
        }
        assert_eq!(metric(&self.daemon, "billet_network_reads_failed_total"), 0);
    }

    fn leaves(&self) -> Vec<Cid> {
        let bodies = self.bodies.iter();
        bodies.flat_map(|(_, body)| leaves(body)).collect()
    }

    /// What holds at any time.
    fn check(&self) {
        let mut network = self.site.network();
        network.check_folder(&self.site.data(), &self.leaves());
        let counters = self.site.peer.counters();
        assert_eq!(counters.accepts_again, 0, "{:?}", counters.accepts);
        assert_eq!(counters.puts_again, 0, "no body is sent twice");
    }

    /// At last all is on the network, and no body here.
    fn end(mut self) {
        self.daemon.kill().unwrap();
        self.check();
        let network = self.site.network();
        assert!(self.leaves().iter().all(|leaf| network.has(leaf)));
    }
}

/// Kills at one step, at each point so many times; how many runs held at each point.
fn kills(step: usize, times: usize) -> [usize; POINTS.len()] {
    let mut victim = Victim::new();
    let mut held = [0; POINTS.len()];
    for (point, held) in POINTS.into_iter().zip(&mut held) {
        for _ in 0..times {
            let run = AssertUnwindSafe(|| victim.run(step, point));
            if std::panic::catch_unwind(run).is_ok() {
                *held += 1;
            } else {
                eprintln!("{:?} {point:?} failed:\n{}", STEPS[step], victim.site.log());
                // Who failed once tells nothing more.
                victim = Victim::new();
            }
        }
    }
    victim.end();
    held
}

#[test]
fn a_daemon_killed_at_any_step_ships_all_once() {
    if Site::open(&[]).is_none() {
        return;
    }
    let times = std::env::var("BILLET_FORGE_KILLS");
    let times: usize = times.map_or(1, |times| times.parse().unwrap());
    let (next, rows) = (AtomicUsize::new(0), Mutex::new(BTreeMap::new()));
    let start = Instant::now();
    std::thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(|| {
                loop {
                    let step = next.fetch_add(1, Ordering::SeqCst);
                    if step >= STEPS.len() {
                        break;
                    }
                    let held = kills(step, times);
                    eprintln!("{:?}: {held:?} of {times} held", STEPS[step]);
                    rows.lock().unwrap().insert(step, held);
                }
            });
        }
    });
    let rows = rows.into_inner().unwrap();
    println!(
        "killed at{:>24}{:>10}{:>10}   runs that held",
        "before", "done", "answered"
    );
    for (step, held) in &rows {
        let (name, _, what) = STEPS[*step];
        let held = held.map(|held| format!("{held}/{times}"));
        let name = format!("{name} {what}");
        println!("{name:23}{:>10}{:>10}{:>10}", held[0], held[1], held[2]);
    }
    println!("in {} s", start.elapsed().as_secs());
    assert!(rows.values().flatten().all(|held| *held == times));
}
