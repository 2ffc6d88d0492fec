//! Rows of uploads in parts.
//!
//! A row is gone when its upload is, but for the note that it was completed. Must never be longer
//! than a row may be; what could be is a block that the row links and holds.

use billet_block::Cid;
use serde::{Deserialize, Serialize};

use crate::{Attributes, Checksum, ChecksumKind, File, Value};

/// Most bytes of a row's value.
pub const ROW_VALUE_BYTES_MAX: usize = 4096;

/// An upload under way, `/billet/upload/1`.
///
/// | field | type | meaning |
/// |---|---|---|
/// | `kind` | text, optional | kind of the checksum asked for |
/// | `owner` | text | canonical id of whoever started it |
/// | `claims` | list of int, absent when empty | what the row holds |
/// | `linked` | link, optional | block of the attributes, when they are too long for here |
/// | `started` | int | Unix milliseconds |
/// | `algorithm` | text, optional | checksum asked for |
/// | `attributes` | [`Attributes`], optional | of the object to be |
/// | `owner_name` | text | for display |
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UploadRow {
    /// Unix milliseconds.
    #[serde(rename = "started")]
    pub started_ms: u64,
    /// Canonical id of whoever started it.
    pub owner: String,
    /// For display.
    pub owner_name: String,
    /// Algorithm of the checksum asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub algorithm: Option<String>,
    /// Kind of the checksum asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<ChecksumKind>,
    /// Of the object to be; absent when they are `linked`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attributes: Option<Attributes>,
    /// The block of the attributes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub linked: Option<Cid>,
    /// What the row holds.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub claims: Vec<u64>,
}

impl Value for UploadRow {
    const FORMAT: &'static str = "/billet/upload/1";
    const BYTES_MAX: usize = ROW_VALUE_BYTES_MAX;
}

/// A part that was put, `/billet/part/1`.
///
/// | field | type | meaning |
/// |---|---|---|
/// | `etag` | text | without quotes |
/// | `file` | [`File`] | its bytes as a file of their own |
/// | `time` | int | when it was put, Unix milliseconds |
/// | `claims` | list of int, absent when empty | claims over its inner nodes |
/// | `body` | int | claim over its leaves |
/// | `checksums` | list of [`Checksum`], absent when empty | of its bytes |
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PartRow {
    /// Without quotes.
    pub etag: String,
    /// Its bytes as a file of their own.
    pub file: File,
    /// Unix milliseconds.
    #[serde(rename = "time")]
    pub time_ms: u64,
    /// Of its bytes.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub checksums: Vec<Checksum>,
    /// The claim over its leaves.
    pub body: u64,
    /// Claims over its inner nodes.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub claims: Vec<u64>,
}

impl Value for PartRow {
    const FORMAT: &'static str = "/billet/part/1";
    const BYTES_MAX: usize = ROW_VALUE_BYTES_MAX;
}

/// What came of an upload, `/billet/completed/1`, for whoever asks again.
///
/// | field | type | meaning |
/// |---|---|---|
/// | `key` | text | where the object was put |
/// | `etag` | text | without quotes |
/// | `file` | [`File`] | the object's body |
/// | `time` | int | of the object, Unix milliseconds |
/// | `checksums` | list of [`Checksum`], absent when empty | of the object |
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CompletedRow {
    /// Where the object was put.
    pub key: String,
    /// Without quotes.
    pub etag: String,
    /// The object's body.
    pub file: File,
    /// Unix milliseconds.
    #[serde(rename = "time")]
    pub time_ms: u64,
    /// Of the object.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub checksums: Vec<Checksum>,
}

impl Value for CompletedRow {
    const FORMAT: &'static str = "/billet/completed/1";
    const BYTES_MAX: usize = ROW_VALUE_BYTES_MAX;
}
