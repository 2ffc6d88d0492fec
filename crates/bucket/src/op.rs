//! Operations on a bucket, as their caller states them.
//!
//! Must never hold what can be found out here.

use billet_block::Cid;
use billet_manifest::{Attributes, Checksum, ChecksumKind};
use billet_unixfs::Leaf;

use crate::Claim;

/// Where a log stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Head {
    /// The space of its blocks.
    pub space: String,
    /// Counts commits from 1.
    pub seq: u64,
    /// The tree's root.
    pub root: Cid,
    /// The state block.
    pub state: Cid,
    /// Unix milliseconds of the newest change.
    pub time_ms: u64,
}

/// A log and its head, if it has one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Standing {
    /// The bucket's name.
    pub log: String,
    /// Unix milliseconds, not below the head's.
    pub now_ms: u64,
    /// None for a log without a commit.
    pub head: Option<Head>,
}

/// A new bucket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CreateBucket {
    /// Canonical id of the owner.
    pub owner: String,
    /// For display.
    pub owner_name: String,
    /// As signatures name it.
    pub region: String,
    /// The space of its blocks.
    pub space: String,
}

/// A new bucket whose tree is there already.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImportRoot {
    /// The bucket.
    pub bucket: CreateBucket,
    /// The tree; whoever asks has looked through all of it.
    pub root: Cid,
    /// The state block whose settings are taken over.
    pub state: Option<Cid>,
    /// Over all that the tree reaches.
    pub claims: Vec<Claim>,
}

/// A body that was stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    /// Over the leaves.
    pub claim: Claim,
    /// Bytes.
    pub size: u64,
    /// In order.
    pub leaves: Vec<Leaf>,
    /// Of the whole body, 32 bytes.
    pub sha256: Option<Vec<u8>>,
}

/// What must hold when a change is decided.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Condition {
    /// The key is there with one of these ETags; `*` is any.
    IfMatch(Vec<String>),
    /// The key is not there with any of these ETags; `*` is any.
    IfNoneMatch(Vec<String>),
    /// The object is newer than so many milliseconds, by whole seconds.
    IfModifiedSince(u64),
    /// The object is not newer than so many milliseconds, by whole seconds.
    IfUnmodifiedSince(u64),
}

/// Bytes for a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Put {
    /// The key.
    pub key: String,
    /// The bytes.
    pub source: Source,
    /// Without quotes.
    pub etag: String,
    /// Headers and metadata.
    pub attributes: Attributes,
    /// Of the whole body.
    pub checksums: Vec<Checksum>,
    /// On what the key has now.
    pub conditions: Vec<Condition>,
}

/// The end of a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delete {
    /// The key.
    pub key: String,
    /// On what the key has now.
    pub conditions: Vec<Condition>,
}

/// The bytes of one key for another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Copy {
    /// The key that gets them.
    pub key: String,
    /// The bucket that has them.
    pub source_log: String,
    /// The key that has them.
    pub source_key: String,
    /// On what the source has.
    pub source_conditions: Vec<Condition>,
    /// None keeps those of the source.
    pub attributes: Option<Attributes>,
    /// On what the key has now.
    pub conditions: Vec<Condition>,
}

/// The beginning of an upload in parts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CreateUpload {
    /// The key.
    pub key: String,
    /// Canonical id of whoever starts it.
    pub owner: String,
    /// For display.
    pub owner_name: String,
    /// Headers and metadata.
    pub attributes: Attributes,
    /// The checksum the object shall have.
    pub algorithm: Option<String>,
    /// What it shall cover.
    pub kind: Option<ChecksumKind>,
}

/// A part.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PutPart {
    /// The key.
    pub key: String,
    /// The upload's id.
    pub upload: String,
    /// 1 to 10,000.
    pub number: u32,
    /// The bytes.
    pub source: Source,
    /// MD5 of the bytes, 32 hexadecimal digits.
    pub etag: String,
    /// Of the bytes.
    pub checksums: Vec<Checksum>,
}

/// A part as it was told to whoever put it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NamedPart {
    /// 1 to 10,000.
    pub number: u32,
    /// Without quotes.
    pub etag: String,
    /// Must be those of the part, where named.
    pub checksums: Vec<Checksum>,
}

/// The body that parts make.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Assembly {
    /// The file.
    pub root: Cid,
    /// Its bytes.
    pub size: u64,
    /// Over its inner nodes.
    pub claims: Vec<Claim>,
    /// Which parts it was made of.
    pub basis: Vec<u8>,
}

/// The end of an upload.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Complete {
    /// The key.
    pub key: String,
    /// The upload's id.
    pub upload: String,
    /// Those to be used.
    pub parts: Vec<NamedPart>,
    /// What an [`crate::Assembler`] made of them.
    pub assembly: Assembly,
    /// What the whole must have.
    pub checksum: Option<Checksum>,
    /// What the whole must have, in bytes.
    pub size: Option<u64>,
    /// On what the key has now.
    pub conditions: Vec<Condition>,
}

/// An upload to be forgotten.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Abort {
    /// The key.
    pub key: String,
    /// The upload's id.
    pub upload: String,
    /// When it must have been started, Unix milliseconds, by whole seconds.
    pub started_ms: Option<u64>,
}

/// Something that changes a log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Op {
    /// A new bucket.
    CreateBucket(CreateBucket),
    /// Settings by name; an empty value removes one.
    Configure(Vec<(String, Vec<u8>)>),
    /// The end of a bucket.
    DeleteBucket,
    /// Bytes for a key.
    Put(Put),
    /// The end of a key.
    Delete(Delete),
    /// The bytes of one key for another.
    Copy(Copy),
    /// The beginning of an upload in parts.
    CreateUpload(CreateUpload),
    /// A part.
    PutPart(PutPart),
    /// The end of an upload.
    Complete(Complete),
    /// An upload to be forgotten.
    Abort(Abort),
    /// A new bucket whose tree is there already.
    ImportRoot(ImportRoot),
}

impl Op {
    /// The key it changes in the tree.
    pub(crate) fn key(&self) -> Option<&str> {
        match self {
            Self::Put(put) => Some(&put.key),
            Self::Delete(delete) => Some(&delete.key),
            Self::Copy(copy) => Some(&copy.key),
            Self::Complete(complete) => Some(&complete.key),
            _ => None,
        }
    }

    /// The pending claims it brings.
    pub fn claims(&self) -> Vec<Claim> {
        match self {
            Self::Put(put) => vec![put.source.claim],
            Self::PutPart(part) => vec![part.source.claim],
            Self::Complete(complete) => complete.assembly.claims.clone(),
            Self::ImportRoot(import) => import.claims.clone(),
            _ => Vec::new(),
        }
    }
}
