//! What a key of a bucket leads to: an object's manifest.
//!
//! Must never hold a byte of the body, nor anything that changes without the object.

use std::collections::BTreeMap;

use billet_block::{BLOCK_BYTES_MAX, Cid};
use serde::{Deserialize, Serialize};

use crate::Value;

/// An object, `/billet/object/1`.
///
/// | field | type | meaning |
/// |---|---|---|
/// | `key` | text | the S3 key that leads here |
/// | `etag` | text | as S3 shows it, without quotes |
/// | `time` | int | when it was put, Unix milliseconds |
/// | `parts` | list of [`Part`], absent when empty | of an upload in parts, by number |
/// | `sha256` | bytes, optional | SHA-256 of the body |
/// | `content` | map of one entry | where the body is: [`Content`] |
/// | `headers` | map text to text, absent when empty | system headers, lower-case names |
/// | `metadata` | map text to text, absent when empty | user metadata |
/// | `checksums` | list of [`Checksum`], absent when empty | of the body |
/// | `part_algorithm` | text, optional | algorithm of the parts' checksums |
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Object {
    /// The key.
    pub key: String,
    /// Where the body is.
    pub content: Content,
    /// Without quotes.
    pub etag: String,
    /// Unix milliseconds.
    #[serde(rename = "time")]
    pub time_ms: u64,
    /// System headers to give back, by lower-case name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub headers: BTreeMap<String, String>,
    /// User metadata, by name without the `x-amz-meta-` prefix.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub metadata: BTreeMap<String, String>,
    /// Of the whole body.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub checksums: Vec<Checksum>,
    /// Of the whole body, where somebody computed it.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "serde_bytes")]
    pub sha256: Option<Vec<u8>>,
    /// Of an upload in parts, by number.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub parts: Vec<Part>,
    /// Algorithm of the parts' checksums.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub part_algorithm: Option<String>,
}

impl Value for Object {
    const FORMAT: &'static str = "/billet/object/1";
    const BYTES_MAX: usize = BLOCK_BYTES_MAX;
}

/// Headers and metadata, `/billet/attributes/1` where they stand alone.
///
/// | field | type | meaning |
/// |---|---|---|
/// | `headers` | map text to text, absent when empty | system headers, lower-case names |
/// | `metadata` | map text to text, absent when empty | user metadata |
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Attributes {
    /// System headers to give back, by lower-case name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub headers: BTreeMap<String, String>,
    /// User metadata, by name without the `x-amz-meta-` prefix.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub metadata: BTreeMap<String, String>,
}

impl Value for Attributes {
    const FORMAT: &'static str = "/billet/attributes/1";
    const BYTES_MAX: usize = 1 << 20;
}

/// Where a body is; a map of one entry, so that more forms can follow.
///
/// | entry | value |
/// |---|---|
/// | `unixfs` | [`File`] |
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Content {
    /// A UnixFS file of profile `unixfs-v1-2025`.
    #[serde(rename = "unixfs")]
    Unixfs(File),
}

impl Content {
    /// The file.
    pub const fn file(&self) -> File {
        let Self::Unixfs(file) = self;
        *file
    }
}

/// A UnixFS file.
///
/// | field | type | meaning |
/// |---|---|---|
/// | `root` | link | raw for up to one leaf, else dag-pb |
/// | `size` | int | bytes of the file |
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct File {
    /// Raw for up to one leaf, else dag-pb.
    pub root: Cid,
    /// Bytes of the file.
    pub size: u64,
}

/// What a checksum was computed over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum ChecksumKind {
    /// All bytes.
    #[serde(rename = "full-object")]
    FullObject,
    /// The checksums of the parts.
    #[serde(rename = "composite")]
    Composite,
}

/// A checksum.
///
/// | field | type | meaning |
/// |---|---|---|
/// | `kind` | text | `full-object` or `composite` |
/// | `value` | bytes | raw, most significant byte first |
/// | `algorithm` | text | `crc32`, `crc32c`, `crc64nvme`, `sha1`, `sha2-256`, … |
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Checksum {
    /// By the store's name for it.
    pub algorithm: String,
    /// Raw.
    #[serde(with = "serde_bytes")]
    pub value: Vec<u8>,
    /// What it covers.
    pub kind: ChecksumKind,
}

/// A part of an object that was uploaded in parts.
///
/// | field | type | meaning |
/// |---|---|---|
/// | `size` | int | bytes |
/// | `number` | int | 1 to 10,000 |
/// | `checksum` | bytes, optional | by the object's `part_algorithm` |
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Part {
    /// 1 to 10,000.
    pub number: u32,
    /// Bytes.
    pub size: u64,
    /// By the object's `part_algorithm`.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "serde_bytes")]
    pub checksum: Option<Vec<u8>>,
}
