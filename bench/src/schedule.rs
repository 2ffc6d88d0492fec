//! When each request is due: at once when a connection is free (closed loop), or at a fixed rate
//! whatever the server does (open loop).
//!
//! A request's latency counts from when it was due, so that a server that stalls cannot hide the
//! requests that had to wait. Must never read a clock.

/// How requests follow each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pace {
    /// Each connection sends when it has its answer.
    Closed,
    /// So many requests a second over all connections; not zero.
    Open(u64),
}

/// Hands out requests; times are nanoseconds from one origin.
#[derive(Clone, Debug)]
pub struct Schedule {
    pace: Pace,
    begin_ns: u64,
    end_ns: u64,
    count_max: u64,
    taken: u64,
}

impl Schedule {
    /// Requests from `begin_ns` to before `end_ns`, at most `count_max`.
    pub fn new(pace: Pace, begin_ns: u64, end_ns: u64, count_max: u64) -> Self {
        Self {
            pace,
            begin_ns,
            end_ns,
            count_max,
            taken: 0,
        }
    }

    /// The number of the next request and when it is due, which may be past or yet to come. None
    /// when there is no more.
    pub fn take(&mut self, now_ns: u64) -> Option<(u64, u64)> {
        let due_ns = match self.pace {
            Pace::Closed => now_ns,
            Pace::Open(_) => self.due_ns(self.taken),
        };
        if due_ns >= self.end_ns || self.taken >= self.count_max {
            return None;
        }
        let number = self.taken;
        self.taken = self.taken.saturating_add(1);
        Some((number, due_ns))
    }

    /// When each request was due that nobody took; all are taken afterwards.
    pub fn leftover(&mut self) -> Vec<u64> {
        let mut due = Vec::new();
        if let Pace::Open(_) = self.pace {
            while let Some((_, due_ns)) = self.take(0) {
                due.push(due_ns);
            }
        }
        due
    }

    fn due_ns(&self, number: u64) -> u64 {
        let Pace::Open(rate) = self.pace else {
            return self.begin_ns;
        };
        let after = u128::from(number).saturating_mul(1_000_000_000);
        let after = after.checked_div(u128::from(rate)).unwrap_or(u128::MAX);
        self.begin_ns
            .saturating_add(u64::try_from(after).unwrap_or(u64::MAX))
    }
}
