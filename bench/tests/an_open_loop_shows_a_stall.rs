//! A server that stalls, on a clock of the test's own: an open loop has to show every request that
//! waited, a closed loop shows one. No real time may pass here.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs
)]

use billet_bench::schedule::{Pace, Schedule};
use billet_bench::stats::{Recorder, Success};

const MS: u64 = 1_000_000;
const SECOND: u64 = 1_000 * MS;

/// One connection to a server that answers in 1 ms, but not between the seconds 1 and 2.
fn simulate(pace: Pace) -> Recorder {
    let mut schedule = Schedule::new(pace, 0, 3 * SECOND, u64::MAX);
    let mut recorder = Recorder::new(pace, 0, 3 * SECOND);
    let mut now = 0;
    while let Some((_, due)) = schedule.take(now) {
        let sent = now.max(due);
        now = sent + MS;
        if (SECOND..2 * SECOND).contains(&sent) {
            now = 2 * SECOND + MS;
        }
        recorder.add("put", due, now, Ok(Success::default()));
    }
    recorder
}

#[test]
fn all_that_were_due_in_the_stall_are_late_by_its_rest() {
    let recorder = simulate(Pace::Open(100));
    let latencies = &recorder.samples["put"].latencies_us;
    assert_eq!(latencies.len(), 300, "100 a second for three seconds");
    // The one that was due at 1000 + 10 i ms is answered at 2001 + i ms, as long as there is a
    // backlog, and within a millisecond afterwards.
    let late = (0..200_i32).map(|i| (1_001 - 9 * i).max(1) * 1_000);
    let expected: Vec<u32> = std::iter::repeat_n(1_000, 100)
        .chain(late.map(|us| us as u32))
        .collect();
    assert_eq!(latencies, &expected);
}

#[test]
fn a_closed_loop_shows_one() {
    let recorder = simulate(Pace::Closed);
    let latencies = &recorder.samples["put"].latencies_us;
    let late = latencies.iter().filter(|latency| **latency > 1_000).count();
    assert_eq!(late, 1);
    assert_eq!(
        latencies.len(),
        1_000 + 1 + 998,
        "the one that ends at 3 s is not within"
    );
}

#[test]
fn the_worst_second_is_the_one_that_stalled() {
    let recorder = simulate(Pace::Closed);
    assert_eq!(recorder.windows_p5(3 * SECOND), Some(1));
    assert_eq!(recorder.windows_p5(SECOND / 2), None);
}
