//! The time: what the host said at the start of a call, and what has passed since.
//!
//! Must never ask another clock what time it is: the host decides.

use billet_forge::{Moment, RETRY_MS};

use crate::bindings::billet::ship::settings;
use crate::bindings::wasi::clocks::monotonic_clock;
use crate::bindings::wasi::random::random::get_random_bytes;

/// How long it is waited after a first failure, in milliseconds.
pub(crate) fn retry_ms() -> u64 {
    let text = settings::get("retry_ms");
    let told = text.and_then(|text| text.parse().ok());
    told.unwrap_or(RETRY_MS).max(1)
}

/// A time and the mark of the moment when it was said.
#[derive(Clone, Copy)]
pub(crate) struct Clock {
    told_ms: u64,
    mark_ns: u64,
    retry_ms: u64,
}

impl Clock {
    /// It is `now_ms`, in Unix milliseconds.
    pub(crate) fn at(now_ms: u64) -> Self {
        Self {
            told_ms: now_ms,
            mark_ns: monotonic_clock::now(),
            retry_ms: retry_ms(),
        }
    }

    /// The time now, Unix milliseconds.
    pub(crate) fn now_ms(&self) -> u64 {
        self.told_ms.saturating_add(self.passed_ms())
    }

    /// When to look again at what goes on by itself, Unix milliseconds.
    pub(crate) fn soon_ms(&self) -> u64 {
        self.now_ms().saturating_add(self.retry_ms)
    }

    /// How long ago that was, in milliseconds.
    pub(crate) fn passed_ms(&self) -> u64 {
        monotonic_clock::now().saturating_sub(self.mark_ns) / 1_000_000
    }

    /// The time now with fresh random bytes.
    pub(crate) fn moment(&self) -> Moment {
        let mut random = [0; 32];
        for (to, from) in random.iter_mut().zip(get_random_bytes(32)) {
            *to = from;
        }
        Moment {
            now_ms: self.now_ms(),
            random,
            retry_ms: self.retry_ms,
        }
    }
}
