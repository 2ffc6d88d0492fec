//! What the store has done since it was opened, in numbers that only grow.
//!
//! Must never be read to decide anything: it is for whoever watches.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::Plane;

/// A number that only grows.
#[derive(Debug, Default)]
pub struct Count(AtomicU64);

impl Count {
    pub(crate) fn add(&self, count: usize) {
        let count = u64::try_from(count).unwrap_or(u64::MAX);
        self.0.fetch_add(count, Ordering::Relaxed);
    }

    /// The sum so far.
    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// Upper ends of the buckets of [`Counters::group_sizes`], in commits.
pub const GROUP_COMMITS: [u64; 8] = [1, 2, 4, 8, 16, 32, 64, 256];

/// What a store counts.
#[derive(Debug, Default)]
pub struct Counters {
    /// Times that a segment's bytes were made durable.
    pub syncs: Count,
    /// Groups that were committed.
    pub groups: Count,
    /// Commits in them, refused ones counted in.
    pub group_commits: Count,
    /// Groups of at most so many commits, as [`GROUP_COMMITS`] says.
    pub group_sizes: [Count; GROUP_COMMITS.len()],
    /// Bytes appended to segments of the catalog.
    pub catalog_bytes: Count,
    /// Bytes appended to segments of data.
    pub data_bytes: Count,
    /// Blocks that were found in memory.
    pub block_hits: Count,
    /// Blocks that were read from a segment.
    pub block_misses: Count,
    /// Tables of sealed segments that were found in memory.
    pub table_hits: Count,
    /// Tables that were loaded.
    pub table_misses: Count,
}

impl Counters {
    pub(crate) fn group(&self, commits: usize) {
        self.groups.add(1);
        self.group_commits.add(commits);
        let size = u64::try_from(commits).unwrap_or(u64::MAX);
        for (bucket, end) in self.group_sizes.iter().zip(GROUP_COMMITS) {
            bucket.add(usize::from(size <= end));
        }
    }

    pub(crate) fn appended(&self, plane: Plane, bytes: usize) {
        match plane {
            Plane::Catalog => self.catalog_bytes.add(bytes),
            Plane::Data => self.data_bytes.add(bytes),
        }
    }
}
