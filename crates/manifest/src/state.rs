//! What a bucket is, besides its tree.
//!
//! Must never say anything about a key.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_bytes::ByteBuf;

use crate::Value;

/// Most bytes of a setting's name.
pub const SETTING_NAME_BYTES_MAX: usize = 64;

/// Most bytes of a setting's value.
pub const SETTING_VALUE_BYTES_MAX: usize = 64 << 10;

/// Most bytes of an encoded state: every commit names one.
pub const STATE_BYTES_MAX: usize = 1 << 20;

/// A bucket's state, `/billet/state/1`.
///
/// | field | type | meaning |
/// |---|---|---|
/// | `live` | bool | false for a deleted bucket, whose name is free |
/// | `owner` | text | canonical id |
/// | `region` | text | as signatures name it |
/// | `created` | int | Unix milliseconds |
/// | `settings` | map text to bytes, absent when empty | as the bucket was configured |
/// | `owner_name` | text | for display |
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct State {
    /// Whether the bucket exists.
    pub live: bool,
    /// Unix milliseconds.
    #[serde(rename = "created")]
    pub created_ms: u64,
    /// Canonical id of the owner.
    pub owner: String,
    /// For display.
    pub owner_name: String,
    /// As signatures name it.
    pub region: String,
    /// Named settings; what a value means is told nowhere here.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub settings: BTreeMap<String, ByteBuf>,
}

impl Value for State {
    const FORMAT: &'static str = "/billet/state/1";
    const BYTES_MAX: usize = STATE_BYTES_MAX;
}
