//! Claims that no commit has named yet. They live and die with an instance.
//!
//! Must never give out an id twice, nor know a claim that was let go.

use std::collections::BTreeMap;

/// How long a claim is kept for a commit, in milliseconds.
pub const CLAIM_AGE_MS_MAX: u64 = 15 * 60 * 1000;

/// Most claims that wait for a commit at once.
pub const CLAIMS_MAX: usize = 65_536;

/// The pending claims of one instance.
#[derive(Debug, Default)]
pub struct Claims {
    pending: BTreeMap<u64, Pending>,
}

#[derive(Debug)]
struct Pending {
    space: String,
    born_ms: u64,
}

impl Claims {
    /// Notes a claim of `space` under `id`; false where the id is taken: draw another one. Claims
    /// that grew too old are dropped first. `now_ms` are milliseconds of a clock that nobody sets.
    pub fn open(&mut self, id: u64, space: &str, now_ms: u64) -> bool {
        self.pending
            .retain(|_, claim| now_ms.saturating_sub(claim.born_ms) <= CLAIM_AGE_MS_MAX);
        if self.pending.contains_key(&id) {
            return false;
        }
        let claim = Pending {
            space: space.to_owned(),
            born_ms: now_ms,
        };
        self.pending.insert(id, claim);
        true
    }

    /// Whether no further claim may be opened before some are committed or grow old.
    pub fn is_full(&self) -> bool {
        self.pending.len() >= CLAIMS_MAX
    }

    /// The space of a pending claim.
    pub fn space(&self, id: u64) -> Option<&str> {
        self.pending.get(&id).map(|claim| claim.space.as_str())
    }

    /// Forgets a claim; unknown ones are passed over.
    pub fn forget(&mut self, id: u64) {
        self.pending.remove(&id);
    }
}
