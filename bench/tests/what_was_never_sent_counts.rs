//! A server that never answers in time leaves requests unsent; they must be counted, with the time
//! they waited at least.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs
)]

use billet_bench::schedule::{Pace, Schedule};
use billet_bench::stats::{Recorder, Success};

const SECOND: u64 = 1_000_000_000;

#[test]
fn arrivals_are_sent_or_left_over_and_never_both() {
    for rate in [1, 3, 7, 1_000] {
        for taken in 0..rate * 2 {
            let mut schedule = Schedule::new(Pace::Open(rate), 0, 2 * SECOND, u64::MAX);
            let sent: Vec<u64> = (0..taken).map(|_| schedule.take(0).unwrap().1).collect();
            let left = schedule.leftover();
            let all: Vec<u64> = sent.into_iter().chain(left).collect();
            let due: Vec<u64> = (0..rate * 2).map(|number| number * SECOND / rate).collect();
            assert_eq!(all, due, "{rate}/s, {taken} sent");
            assert_eq!(schedule.take(0), None);
        }
    }
}

#[test]
fn their_latency_is_what_they_waited_at_least() {
    let mut recorder = Recorder::new(Pace::Open(2), SECOND, 3 * SECOND);
    recorder.add_unsent("get", SECOND / 2, 5 * SECOND);
    recorder.add_unsent("get", 2 * SECOND, 5 * SECOND);
    assert_eq!(
        recorder.unsent, 1,
        "what was due in the warm-up is not measured"
    );
    assert_eq!(recorder.samples["get"].latencies_us, [3_000_000]);
    assert_eq!(recorder.samples["get"].done, 0);
}

#[test]
fn a_closed_loop_leaves_nothing_and_ends_with_its_count() {
    let mut schedule = Schedule::new(Pace::Closed, 0, SECOND, 2);
    assert_eq!(schedule.take(5), Some((0, 5)));
    assert_eq!(schedule.take(SECOND), None, "the time is over");
    assert_eq!(schedule.take(7), Some((1, 7)));
    assert_eq!(schedule.take(8), None);
    assert!(schedule.leftover().is_empty());
}

#[test]
fn a_request_counts_for_the_rate_when_it_ends_within_and_for_latency_when_it_was_due_within() {
    let mut recorder = Recorder::new(Pace::Open(1), SECOND, 2 * SECOND);
    let done = || Ok(Success { bytes: 10, keys: 0 });
    recorder.add("put", SECOND - 1, SECOND, done());
    recorder.add("put", 2 * SECOND - 1, 2 * SECOND, done());
    recorder.add("put", SECOND, SECOND + 5_000, Err("503".to_owned()));
    let samples = &recorder.samples["put"];
    assert_eq!((samples.done, samples.bytes), (1, 10));
    assert_eq!(samples.latencies_us, [0]);
    assert_eq!(recorder.failures["503"], 1);
}
