//! A run's outcome for people and for programs.
//!
//! Must never show a rate without the failures beside it.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde::Serialize;

use crate::plan::Plan;
use crate::schedule::Pace;
use crate::stats::{Recorder, Samples, percentile};

/// What came out of a run.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// What was done.
    pub operation: &'static str,
    /// Bytes of each body.
    pub size_bytes: u64,
    /// Connections at once.
    pub connections: usize,
    /// Requests a second that were due; none in a closed loop.
    pub offered_per_s: Option<u64>,
    /// Seconds that were measured.
    pub elapsed_s: f64,
    /// Successes.
    pub done: u64,
    /// Successes a second.
    pub done_per_s: f64,
    /// Successes in the worst seconds: the 5th percentile of one-second windows; none
    /// of a run shorter than one.
    pub window_p5_per_s: Option<u32>,
    /// MiB of bodies a second.
    pub mib_per_s: f64,
    /// Keys listed a second.
    pub keys_per_s: f64,
    /// Failures by status or by kind of error.
    pub failures: BTreeMap<String, u64>,
    /// Requests that were due and never sent (open loop).
    pub unsent: u64,
    /// CPU microseconds of the server for each success, where its process was named.
    pub server_cpu_us: Option<f64>,
    /// Latencies by operation.
    pub latencies: BTreeMap<&'static str, Latencies>,
}

/// Milliseconds from due to done.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Latencies {
    /// How many are in it.
    pub count: usize,
    /// Half took no longer.
    pub p50_ms: f64,
    /// 90 % took no longer.
    pub p90_ms: f64,
    /// 99 % took no longer.
    pub p99_ms: f64,
    /// 99.9 % took no longer.
    pub p999_ms: f64,
    /// The longest.
    pub max_ms: f64,
}

impl Report {
    /// Of a run, with what the server's processor time was.
    pub fn new(plan: &Plan, recorder: &Recorder, server_cpu_us: Option<u64>) -> Self {
        let elapsed_ns = recorder.elapsed_ns(plan.count_max.is_some());
        let elapsed_s = elapsed_ns as f64 / 1e9;
        let sum = |of: fn(&Samples) -> u64| recorder.samples.values().map(of).sum::<u64>();
        let done = sum(|samples| samples.done);
        Self {
            operation: plan.operation.name(),
            size_bytes: plan.size,
            connections: plan.connections,
            offered_per_s: match plan.pace {
                Pace::Open(rate) => Some(rate),
                Pace::Closed => None,
            },
            elapsed_s,
            done,
            done_per_s: done as f64 / elapsed_s,
            window_p5_per_s: recorder.windows_p5(elapsed_ns),
            mib_per_s: sum(|samples| samples.bytes) as f64 / elapsed_s / f64::from(1 << 20),
            keys_per_s: sum(|samples| samples.keys) as f64 / elapsed_s,
            failures: recorder.failures.clone(),
            unsent: recorder.unsent,
            server_cpu_us: server_cpu_us.map(|cpu_us| cpu_us as f64 / done.max(1) as f64),
            latencies: recorder
                .samples
                .iter()
                .map(|(name, samples)| (*name, Latencies::of(&samples.latencies_us)))
                .collect(),
        }
    }

    /// Lines for people.
    pub fn text(&self) -> String {
        let mut text = format!(
            "{} of {} bytes, {} connections: {:.1}/s, {:.1} MiB/s",
            self.operation, self.size_bytes, self.connections, self.done_per_s, self.mib_per_s
        );
        if let Some(worst) = self.window_p5_per_s {
            let _ = write!(text, ", {worst}/s in the worst seconds");
        }
        if let Some(offered) = self.offered_per_s {
            let _ = write!(text, ", {offered}/s offered, {} never sent", self.unsent);
        }
        if self.keys_per_s > 0.0 {
            let _ = write!(text, ", {:.0} keys/s", self.keys_per_s);
        }
        if let Some(cpu_us) = self.server_cpu_us {
            let _ = write!(text, ", {cpu_us:.1} us of the server's CPU each");
        }
        let failures = self.failures.values().sum::<u64>();
        let _ = write!(text, ", {failures} failures");
        for (reason, count) in &self.failures {
            let _ = write!(text, " [{reason}: {count}]");
        }
        for (name, latencies) in &self.latencies {
            let Latencies {
                count,
                p50_ms,
                p90_ms,
                p99_ms,
                p999_ms,
                max_ms,
            } = latencies;
            let _ = write!(
                text,
                "\n{name:>8}: {count} in ms: p50 {p50_ms:.2}, p90 {p90_ms:.2}, p99 {p99_ms:.2}, \
                 p99.9 {p999_ms:.2}, max {max_ms:.2}"
            );
        }
        text
    }
}

impl Latencies {
    fn of(latencies_us: &[u32]) -> Self {
        let mut sorted = latencies_us.to_vec();
        sorted.sort_unstable();
        let at_ms = |share_ppm| f64::from(percentile(&sorted, share_ppm)) / 1e3;
        Self {
            count: sorted.len(),
            p50_ms: at_ms(500_000),
            p90_ms: at_ms(900_000),
            p99_ms: at_ms(990_000),
            p999_ms: at_ms(999_000),
            max_ms: at_ms(1_000_000),
        }
    }
}
