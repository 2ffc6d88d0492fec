//! The numbers a store works with. Must hold no secret and no path.

use billet_shard::Keep;

/// The version of what is under the keys and in the files.
pub const SCHEMA: &str = "1";

/// Settings of a store. [`Config::default`] has the values that the design gives.
#[derive(Clone, Debug)]
pub struct Config {
    /// A segment of at least so many bytes is sealed.
    pub seal_bytes: u64,
    /// Files grow by steps of so many bytes.
    pub allocate_bytes: u64,
    /// Memory for tables of sealed segments.
    pub table_cache_bytes: usize,
    /// Memory for blocks of the catalog.
    pub block_cache_bytes: usize,
    /// Memory for staged blocks that wait for their commit.
    pub staged_bytes_max: usize,
    /// How long segments are kept that the network has.
    pub retain: Retain,
    /// Layout values that must stay as they were at first start: name and value.
    pub pinned: Vec<(String, String)>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            seal_bytes: 64 << 20,
            allocate_bytes: 8 << 20,
            table_cache_bytes: 64 << 20,
            block_cache_bytes: 64 << 20,
            staged_bytes_max: 64 << 20,
            retain: Retain::default(),
            pinned: Vec::new(),
        }
    }
}

/// What happens to local segments once the network has what is in them. The default keeps
/// everything, which is right where nothing is shipped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retain {
    /// Of the data plane.
    pub data: Keep,
    /// Of the catalog plane, which every write needs.
    pub catalog: Keep,
    /// New bodies and commits are refused for a while once so many bytes of bodies may not go
    /// yet. Without an end where nothing is shipped.
    pub backlog_bytes_max: u64,
}

impl Default for Retain {
    fn default() -> Self {
        Self {
            data: Keep::All,
            catalog: Keep::All,
            backlog_bytes_max: u64::MAX,
        }
    }
}
