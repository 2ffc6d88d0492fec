//! What came out: latencies, rates, windows of a second, failures.
//!
//! Must never drop a failure or the latency of a request that was due.

use std::collections::BTreeMap;

use crate::schedule::Pace;

const SECOND_NS: u64 = 1_000_000_000;
/// A run's seconds at most.
const WINDOWS_MAX: usize = 1 << 16;

/// The smallest value that at least `share_ppm` millionths of `sorted` do not exceed (nearest
/// rank); 0 of nothing.
pub fn percentile(sorted: &[u32], share_ppm: u64) -> u32 {
    let count = u64::try_from(sorted.len()).unwrap_or(u64::MAX);
    let rank = count
        .saturating_mul(share_ppm)
        .div_ceil(1_000_000)
        .clamp(1, count.max(1));
    let index = usize::try_from(rank.saturating_sub(1)).unwrap_or(usize::MAX);
    sorted.get(index).copied().unwrap_or(0)
}

/// One operation's requests.
#[derive(Clone, Debug, Default)]
pub struct Samples {
    /// Microseconds from due to done; unsorted.
    pub latencies_us: Vec<u32>,
    /// Successes that ended within the time that is measured.
    pub done: u64,
    /// Bytes of their bodies, both ways.
    pub bytes: u64,
    /// Keys that they listed.
    pub keys: u64,
}

/// A success, as far as it is counted.
#[derive(Clone, Copy, Debug, Default)]
pub struct Success {
    /// Bytes of the body, up or down.
    pub bytes: u64,
    /// Keys listed.
    pub keys: u64,
}

/// Collects one run.
#[derive(Clone, Debug)]
pub struct Recorder {
    pace: Pace,
    begin_ns: u64,
    end_ns: u64,
    last_ns: u64,
    /// By operation.
    pub samples: BTreeMap<&'static str, Samples>,
    /// By status or by kind of input and output error.
    pub failures: BTreeMap<String, u64>,
    /// Successes of each second.
    windows: Vec<u32>,
    /// Requests that were due and never sent.
    pub unsent: u64,
}

impl Recorder {
    /// Measures from `begin_ns` (after the warm-up) to `end_ns`.
    pub fn new(pace: Pace, begin_ns: u64, end_ns: u64) -> Self {
        let (samples, failures) = (BTreeMap::new(), BTreeMap::new());
        let windows = Vec::new();
        Self {
            pace,
            begin_ns,
            end_ns,
            last_ns: begin_ns,
            samples,
            failures,
            windows,
            unsent: 0,
        }
    }

    /// A request that ended. Its latency counts when it ended (closed loop) or was due (open
    /// loop) within the time; it counts for the rate when it ended within it.
    pub fn add(
        &mut self,
        operation: &'static str,
        due_ns: u64,
        now_ns: u64,
        outcome: Result<Success, String>,
    ) {
        let within = |at_ns| at_ns >= self.begin_ns && at_ns < self.end_ns;
        let ended_within = within(now_ns);
        let counts = match self.pace {
            Pace::Closed => ended_within,
            Pace::Open(_) => within(due_ns),
        };
        let samples = self.samples.entry(operation).or_default();
        let success = match outcome {
            Ok(success) => success,
            Err(reason) => {
                // Failures of the warm-up are failures, too.
                let count = self.failures.entry(reason).or_insert(0);
                *count = count.saturating_add(1);
                return;
            }
        };
        if counts {
            samples.latencies_us.push(latency_us(due_ns, now_ns));
        }
        if ended_within {
            samples.done = samples.done.saturating_add(1);
            samples.bytes = samples.bytes.saturating_add(success.bytes);
            samples.keys = samples.keys.saturating_add(success.keys);
            self.last_ns = self.last_ns.max(now_ns);
            let window = now_ns.saturating_sub(self.begin_ns).div_euclid(SECOND_NS);
            let window = usize::try_from(window).unwrap_or(usize::MAX);
            if window >= self.windows.len() && window < WINDOWS_MAX {
                self.windows.resize(window.saturating_add(1), 0);
            }
            if let Some(count) = self.windows.get_mut(window) {
                *count = count.saturating_add(1);
            }
        }
    }

    /// A request that was due and that nobody sent until `now_ns`: it waited at least so long.
    pub fn add_unsent(&mut self, operation: &'static str, due_ns: u64, now_ns: u64) {
        if due_ns >= self.begin_ns {
            self.unsent = self.unsent.saturating_add(1);
            let samples = self.samples.entry(operation).or_default();
            samples.latencies_us.push(latency_us(due_ns, now_ns));
        }
    }

    /// What was measured took so long; `counted` runs end with their last request.
    pub fn elapsed_ns(&self, counted: bool) -> u64 {
        let end_ns = if counted { self.last_ns } else { self.end_ns };
        end_ns.saturating_sub(self.begin_ns).max(1)
    }

    /// Successes in the worst seconds: the 5th percentile over all whole seconds of the time.
    /// None when there was no whole second.
    pub fn windows_p5(&self, elapsed_ns: u64) -> Option<u32> {
        let whole = usize::try_from(elapsed_ns.div_euclid(SECOND_NS)).unwrap_or(usize::MAX);
        let mut windows = self.windows.clone();
        windows.resize(whole.min(WINDOWS_MAX), 0);
        windows.sort_unstable();
        (whole > 0).then(|| percentile(&windows, 50_000))
    }
}

fn latency_us(due_ns: u64, now_ns: u64) -> u32 {
    let latency_us = now_ns.saturating_sub(due_ns).div_euclid(1_000);
    u32::try_from(latency_us).unwrap_or(u32::MAX)
}
