//! Counters of what the host does, and their text for Prometheus.
//!
//! Must never carry a name that clients choose: no bucket, no key, no address.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use http::{Method, StatusCode};

/// Upper ends of the latency buckets, in microseconds.
const LATENCY_US: [u64; 12] = [
    500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 1_000_000, 5_000_000,
    30_000_000,
];

/// A number that only grows.
#[derive(Debug, Default)]
pub(crate) struct Counter(AtomicU64);

impl Counter {
    /// Adds `count`.
    pub(crate) fn add(&self, count: usize) {
        self.0
            .fetch_add(u64::try_from(count).unwrap_or(u64::MAX), Ordering::Relaxed);
    }

    /// The sum so far.
    pub(crate) fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// How long things took.
#[derive(Debug, Default)]
pub(crate) struct Histogram {
    /// What ended after the bucket before; sums are made when somebody reads them.
    buckets: [Counter; LATENCY_US.len()],
    count: Counter,
    sum_us: AtomicU64,
}

impl Histogram {
    /// Adds one.
    pub(crate) fn observe(&self, time: Duration) {
        let time_us = u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
        let mut ends = self.buckets.iter().zip(LATENCY_US);
        if let Some((bucket, _)) = ends.find(|(_, end_us)| time_us <= *end_us) {
            bucket.add(1);
        }
        self.count.add(1);
        self.sum_us.fetch_add(time_us, Ordering::Relaxed);
    }

    fn write(&self, text: &mut String, name: &str) {
        line(text, &format!("# TYPE {name} histogram"));
        let mut sum = 0_u64;
        for (bucket, end_us) in self.buckets.iter().zip(LATENCY_US) {
            sum = sum.saturating_add(bucket.get());
            let end = seconds(end_us);
            line(text, &format!("{name}_bucket{{le=\"{end}\"}} {sum}"));
        }
        let count = self.count.get();
        line(text, &format!("{name}_bucket{{le=\"+Inf\"}} {count}"));
        line(
            text,
            &format!(
                "{name}_sum {}",
                seconds(self.sum_us.load(Ordering::Relaxed))
            ),
        );
        line(text, &format!("{name}_count {count}"));
    }
}

/// Everything that is counted.
#[derive(Debug, Default)]
pub(crate) struct Metrics {
    requests: Mutex<BTreeMap<(&'static str, u16), u64>>,
    pub(crate) latency: Histogram,
    pub(crate) commit_latency: Histogram,
    pub(crate) bytes_in: Counter,
    pub(crate) bytes_out: Counter,
    pub(crate) connections_refused: Counter,
    pub(crate) peers_too_slow: Counter,
    pub(crate) traps_gateway: Counter,
    pub(crate) traps_mst: Counter,
    pub(crate) traps_shipper: Counter,
    pub(crate) network_hits: Counter,
    pub(crate) network_bytes: Counter,
    pub(crate) network_failed: Counter,
    pub(crate) applies: Counter,
    pub(crate) applies_joined: Counter,
    pub(crate) commits: Counter,
}

impl Metrics {
    /// Counts an answered request.
    pub(crate) fn request(&self, method: &Method, status: StatusCode, time: Duration) {
        let known = ["GET", "HEAD", "PUT", "POST", "DELETE", "OPTIONS"];
        let method = known
            .into_iter()
            .find(|name| *name == method.as_str())
            .unwrap_or("other");
        let mut requests = self.requests.lock().unwrap_or_else(PoisonError::into_inner);
        let count = requests.entry((method, status.as_u16())).or_insert(0);
        *count = count.saturating_add(1);
        drop(requests);
        self.latency.observe(time);
    }

    /// All counters, and `gauges` by name, as Prometheus reads them.
    pub(crate) fn text(&self, gauges: &[(String, u64)]) -> String {
        let mut text = String::new();
        line(&mut text, "# TYPE billet_requests_total counter");
        let requests = self.requests.lock().unwrap_or_else(PoisonError::into_inner);
        for ((method, status), count) in requests.iter() {
            let labels = format!("method=\"{method}\",status=\"{status}\"");
            line(
                &mut text,
                &format!("billet_requests_total{{{labels}}} {count}"),
            );
        }
        drop(requests);
        self.latency.write(&mut text, "billet_request_seconds");
        self.commit_latency
            .write(&mut text, "billet_commit_seconds");
        for (name, counter) in [
            ("billet_body_in_bytes_total", &self.bytes_in),
            ("billet_body_out_bytes_total", &self.bytes_out),
            (
                "billet_connections_refused_total",
                &self.connections_refused,
            ),
            ("billet_peers_too_slow_total", &self.peers_too_slow),
            ("billet_gateway_traps_total", &self.traps_gateway),
            ("billet_mst_traps_total", &self.traps_mst),
            ("billet_shipper_traps_total", &self.traps_shipper),
            ("billet_network_cache_hits_total", &self.network_hits),
            ("billet_network_read_bytes_total", &self.network_bytes),
            ("billet_network_reads_failed_total", &self.network_failed),
            ("billet_applies_total", &self.applies),
            ("billet_applies_joined_total", &self.applies_joined),
            ("billet_commits_total", &self.commits),
        ] {
            line(
                &mut text,
                &format!("# TYPE {name} counter\n{name} {}", counter.get()),
            );
        }
        for (name, value) in gauges {
            line(&mut text, &format!("{name} {value}"));
        }
        text
    }
}

/// Microseconds as seconds, without a float.
fn seconds(time_us: u64) -> String {
    format!("{}.{:06}", time_us / 1_000_000, time_us % 1_000_000)
}

fn line(text: &mut String, line: &str) {
    // Writing to a string cannot fail.
    let _ = writeln!(text, "{line}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_are_counted_by_known_methods_and_latency_by_bucket() {
        let metrics = Metrics::default();
        let odd = Method::from_bytes(b"BREW").unwrap();
        metrics.request(&Method::GET, StatusCode::OK, Duration::from_micros(700));
        metrics.request(&odd, StatusCode::NOT_FOUND, Duration::from_secs(60));
        let text = metrics.text(&[("billet_connections".to_owned(), 3)]);
        for expected in [
            "billet_requests_total{method=\"GET\",status=\"200\"} 1\n",
            "billet_requests_total{method=\"other\",status=\"404\"} 1\n",
            "billet_request_seconds_bucket{le=\"0.000500\"} 0\n",
            "billet_request_seconds_bucket{le=\"0.001000\"} 1\n",
            "billet_request_seconds_bucket{le=\"0.002500\"} 1\n",
            "billet_request_seconds_bucket{le=\"30.000000\"} 1\n",
            "billet_request_seconds_bucket{le=\"+Inf\"} 2\n",
            "billet_request_seconds_sum 60.000700\n",
            "billet_connections 3\n",
        ] {
            assert!(text.contains(expected), "{expected} is not in\n{text}");
        }
    }
}
