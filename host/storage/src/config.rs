//! The numbers a store works with. Must hold no secret and no path.

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
            pinned: Vec::new(),
        }
    }
}
