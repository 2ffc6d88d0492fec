//! Between the contract's records and those of the pure crates.
//!
//! Must never decide anything but whether a record can be read.

use std::collections::BTreeMap;

use billet_block::{Block, Cid};
use billet_bucket::{
    Abort, Assembly, Complete, Condition, Copy, CreateBucket, CreateUpload, Delete, Head,
    ImportRoot, NamedPart, Op, PartListing, Put, PutPart, Query, Refusal, Source, Span, StoreError,
    Upload, UploadLine,
};
use billet_manifest::{Attributes, Checksum, ChecksumKind, Object, State};
use billet_unixfs::Leaf;

use crate::bindings::billet::bucket::types;
use crate::bindings::billet::store::types::{Span as OutSpan, StoreError as OutError};
use crate::bindings::billet::store::{blocks, journal};
use crate::bindings::exports::billet::bucket::{changes, inspect, objects};

pub(crate) fn cid(bytes: &[u8]) -> Result<Cid, StoreError> {
    Cid::from_bytes(bytes).map_err(|error| StoreError::Invalid(error.to_string()))
}

fn bytes(cid: &Cid) -> Vec<u8> {
    cid.to_bytes().to_vec()
}

pub(crate) fn store_error(error: OutError) -> StoreError {
    match error {
        OutError::NotFound => StoreError::NotFound,
        OutError::Conflict => StoreError::Conflict,
        OutError::Corrupt(damaged) => cid(&damaged).map_or_else(|error| error, StoreError::Corrupt),
        OutError::Full => StoreError::Full,
        OutError::Busy(wait_ms) => StoreError::Busy(wait_ms),
        OutError::Unavailable => StoreError::Unavailable,
        OutError::Invalid(text) => StoreError::Invalid(text),
    }
}

pub(crate) fn out_error(error: StoreError) -> OutError {
    match error {
        StoreError::NotFound => OutError::NotFound,
        StoreError::Conflict => OutError::Conflict,
        StoreError::Corrupt(damaged) => OutError::Corrupt(bytes(&damaged)),
        StoreError::Full => OutError::Full,
        StoreError::Busy(wait_ms) => OutError::Busy(wait_ms),
        StoreError::Unavailable => OutError::Unavailable,
        StoreError::Invalid(text) => OutError::Invalid(text),
    }
}

/// Where only the store's words are spoken.
pub(crate) fn error_of(refusal: Refusal) -> OutError {
    match refusal {
        Refusal::Store(error) => out_error(error),
        refusal => OutError::Invalid(refusal.to_string()),
    }
}

pub(crate) fn refusal(refusal: Refusal) -> types::Refusal {
    use types::Refusal as Out;
    match refusal {
        Refusal::NoSuchBucket => Out::NoSuchBucket,
        Refusal::BucketExists(owner) => Out::BucketExists(owner),
        Refusal::BucketNotEmpty => Out::BucketNotEmpty,
        Refusal::NoSuchKey => Out::NoSuchKey,
        Refusal::NoSuchUpload => Out::NoSuchUpload,
        Refusal::PreconditionFailed(name) => Out::PreconditionFailed(name.to_owned()),
        Refusal::SourcePreconditionFailed(name) => Out::SourcePreconditionFailed(name.to_owned()),
        Refusal::NoSuchSource => Out::NoSuchSource,
        Refusal::SourceElsewhere => Out::SourceElsewhere,
        Refusal::InvalidPart(number) => Out::InvalidPart(number),
        Refusal::InvalidPartOrder => Out::InvalidPartOrder,
        Refusal::PartTooSmall {
            number,
            size,
            least,
            etag,
        } => Out::PartTooSmall(types::SmallPart {
            number,
            size,
            least,
            etag,
        }),
        Refusal::Mismatch(what) => Out::Mismatch(what),
        Refusal::Completed(before) => Out::Completed(object(&before, Vec::new())),
        Refusal::KeyTooLong => Out::KeyTooLong,
        Refusal::TreeFull => Out::TreeFull,
        Refusal::Invalid(text) => Out::Invalid(text),
        Refusal::Store(error) => Out::Store(out_error(error)),
    }
}

pub(crate) fn head(position: journal::Position) -> Result<Head, StoreError> {
    Ok(Head {
        root: cid(&position.root)?,
        state: cid(&position.state)?,
        space: position.space,
        seq: position.seq,
        time_ms: position.time_ms,
    })
}

fn settings(state: &State) -> Vec<types::Setting> {
    let settings = state.settings.iter().map(|(name, value)| types::Setting {
        name: name.clone(),
        value: value.to_vec(),
    });
    settings.collect()
}

pub(crate) fn description(state: &State) -> inspect::Description {
    inspect::Description {
        live: state.live,
        owner: state.owner.clone(),
        owner_name: state.owner_name.clone(),
        region: state.region.clone(),
        created_ms: state.created_ms,
        settings: settings(state),
    }
}

pub(crate) fn bucket(name: &str, head: &Head, state: &State) -> types::Bucket {
    types::Bucket {
        name: name.to_owned(),
        owner: state.owner.clone(),
        owner_name: state.owner_name.clone(),
        region: state.region.clone(),
        space: head.space.clone(),
        created_ms: state.created_ms,
        seq: head.seq,
        root: bytes(&head.root),
        state: bytes(&head.state),
        settings: settings(state),
    }
}

pub(crate) fn block(block: &Block) -> blocks::Block {
    blocks::Block {
        cid: bytes(&block.cid),
        bytes: block.bytes.clone(),
    }
}

pub(crate) fn span(span: Span) -> OutSpan {
    OutSpan {
        cid: bytes(&span.cid),
        offset: span.offset,
        length: span.length,
    }
}

fn entries(map: &BTreeMap<String, String>) -> Vec<types::Entry> {
    let entries = map.iter().map(|(name, value)| types::Entry {
        name: name.clone(),
        value: value.clone(),
    });
    entries.collect()
}

fn out_attributes(attributes: &Attributes) -> types::Attributes {
    types::Attributes {
        headers: entries(&attributes.headers),
        metadata: entries(&attributes.metadata),
    }
}

fn attributes(attributes: types::Attributes) -> Result<Attributes, Refusal> {
    let map = |entries: Vec<types::Entry>| {
        let count = entries.len();
        let entries = entries.into_iter().map(|entry| (entry.name, entry.value));
        let map: BTreeMap<String, String> = entries.collect();
        if map.len() == count {
            Ok(map)
        } else {
            Err(Refusal::Invalid("a name that is there twice".to_owned()))
        }
    };
    Ok(Attributes {
        headers: map(attributes.headers)?,
        metadata: map(attributes.metadata)?,
    })
}

const fn out_kind(kind: ChecksumKind) -> types::ChecksumKind {
    match kind {
        ChecksumKind::FullObject => types::ChecksumKind::FullObject,
        ChecksumKind::Composite => types::ChecksumKind::Composite,
    }
}

const fn kind(kind: types::ChecksumKind) -> ChecksumKind {
    match kind {
        types::ChecksumKind::FullObject => ChecksumKind::FullObject,
        types::ChecksumKind::Composite => ChecksumKind::Composite,
    }
}

fn out_checksums(checksums: &[Checksum]) -> Vec<types::Checksum> {
    let checksums = checksums.iter().map(|checksum| types::Checksum {
        algorithm: checksum.algorithm.clone(),
        value: checksum.value.clone(),
        kind: out_kind(checksum.kind),
    });
    checksums.collect()
}

fn checksum(checksum: types::Checksum) -> Checksum {
    Checksum {
        algorithm: checksum.algorithm,
        value: checksum.value,
        kind: kind(checksum.kind),
    }
}

fn checksums(checksums: Vec<types::Checksum>) -> Vec<Checksum> {
    checksums.into_iter().map(checksum).collect()
}

pub(crate) fn object(object: &Object, leading: Vec<Span>) -> types::Object {
    let algorithm = object.part_algorithm.as_deref().unwrap_or_default();
    let file = object.content.file();
    let parts = object.parts.iter().map(|part| {
        let value = part.checksum.iter().map(|value| types::Checksum {
            algorithm: algorithm.to_owned(),
            value: value.clone(),
            kind: types::ChecksumKind::FullObject,
        });
        types::PartSize {
            number: part.number,
            size: part.size,
            checksums: value.collect(),
        }
    });
    types::Object {
        key: object.key.clone(),
        content: types::Content {
            root: bytes(&file.root),
            size: file.size,
            leading: leading.into_iter().map(span).collect(),
        },
        etag: object.etag.clone(),
        time_ms: object.time_ms,
        attributes: types::Attributes {
            headers: entries(&object.headers),
            metadata: entries(&object.metadata),
        },
        checksums: out_checksums(&object.checksums),
        parts: parts.collect(),
    }
}

pub(crate) fn listed(key: &str, object: &Object) -> objects::Listed {
    objects::Listed {
        key: key.to_owned(),
        size: object.content.file().size,
        etag: object.etag.clone(),
        time_ms: object.time_ms,
        checksums: out_checksums(&object.checksums),
    }
}

pub(crate) fn query(query: objects::ListingQuery, most: u32) -> Query {
    Query {
        prefix: query.prefix,
        delimiter: query.delimiter,
        after: query.after,
        limit: query.limit.min(most) as usize,
    }
}

fn upload(upload: Upload) -> objects::Upload {
    objects::Upload {
        key: upload.key,
        id: upload.id,
        started_ms: upload.row.started_ms,
        owner: upload.row.owner,
        owner_name: upload.row.owner_name,
        attributes: out_attributes(&upload.attributes),
        checksum_algorithm: upload.row.algorithm,
        checksum_kind: upload.row.kind.map(out_kind),
    }
}

pub(crate) fn upload_line(line: UploadLine) -> objects::UploadLine {
    match line {
        UploadLine::Upload(line) => objects::UploadLine::Upload(upload(*line)),
        UploadLine::Prefix(prefix) => objects::UploadLine::Prefix(prefix),
    }
}

pub(crate) fn part_page(listing: PartListing) -> objects::PartPage {
    let parts = listing.parts.into_iter().map(|part| objects::Part {
        number: part.number,
        size: part.row.file.size,
        etag: part.row.etag,
        time_ms: part.row.time_ms,
        checksums: out_checksums(&part.row.checksums),
    });
    objects::PartPage {
        parts: parts.collect(),
        upload: upload(listing.upload),
        truncated: listing.is_truncated,
    }
}

pub(crate) fn named_part(part: objects::NamedPart) -> NamedPart {
    NamedPart {
        number: part.number,
        etag: part.etag,
        checksums: checksums(part.checksums),
    }
}

fn source(source: types::Source) -> Result<Source, Refusal> {
    let leaves = source.leaves.into_iter().map(|leaf| {
        Ok(Leaf {
            cid: cid(&leaf.cid)?,
            length: leaf.length,
        })
    });
    Ok(Source {
        claim: source.claim,
        size: source.size,
        leaves: leaves.collect::<Result<_, StoreError>>()?,
        sha256: source.sha256,
    })
}

fn conditions(conditions: Vec<types::Condition>) -> Vec<Condition> {
    let conditions = conditions.into_iter().map(|condition| match condition {
        types::Condition::IfMatch(etags) => Condition::IfMatch(etags),
        types::Condition::IfNoneMatch(etags) => Condition::IfNoneMatch(etags),
        types::Condition::IfModifiedSince(time_ms) => Condition::IfModifiedSince(time_ms),
        types::Condition::IfUnmodifiedSince(time_ms) => Condition::IfUnmodifiedSince(time_ms),
    });
    conditions.collect()
}

/// The pending claims that an op brings, even one that cannot be read.
pub(crate) fn claims(op: &changes::Op) -> Vec<u64> {
    match op {
        changes::Op::Put(put) => vec![put.source.claim],
        changes::Op::PutPart(part) => vec![part.source.claim],
        changes::Op::Complete(complete) => complete.assembly.claims.clone(),
        changes::Op::ImportRoot(import) => import.claims.clone(),
        _ => Vec::new(),
    }
}

pub(crate) fn op(op: changes::Op) -> Result<Op, Refusal> {
    Ok(match op {
        changes::Op::CreateBucket(create) => Op::CreateBucket(create_bucket(create)),
        changes::Op::ImportRoot(import) => Op::ImportRoot(ImportRoot {
            bucket: create_bucket(import.bucket),
            root: cid(&import.root)?,
            state: import.state.as_deref().map(cid).transpose()?,
            claims: import.claims,
        }),
        changes::Op::Configure(settings) => {
            let settings = settings.into_iter();
            Op::Configure(
                settings
                    .map(|setting| (setting.name, setting.value))
                    .collect(),
            )
        }
        changes::Op::DeleteBucket => Op::DeleteBucket,
        changes::Op::Put(put) => Op::Put(Put {
            key: put.key,
            source: source(put.source)?,
            etag: put.etag,
            attributes: attributes(put.attributes)?,
            checksums: checksums(put.checksums),
            conditions: conditions(put.conditions),
        }),
        changes::Op::Delete(delete) => Op::Delete(Delete {
            key: delete.key,
            conditions: conditions(delete.conditions),
        }),
        changes::Op::Copy(copy) => Op::Copy(Copy {
            key: copy.key,
            source_log: copy.source_log,
            source_key: copy.source_key,
            source_conditions: conditions(copy.source_conditions),
            attributes: copy.attributes.map(attributes).transpose()?,
            conditions: conditions(copy.conditions),
        }),
        changes::Op::CreateUpload(create) => Op::CreateUpload(CreateUpload {
            key: create.key,
            owner: create.owner,
            owner_name: create.owner_name,
            attributes: attributes(create.attributes)?,
            algorithm: create.checksum_algorithm,
            kind: create.checksum_kind.map(kind),
        }),
        changes::Op::PutPart(part) => Op::PutPart(PutPart {
            key: part.key,
            upload: part.upload,
            number: part.number,
            source: source(part.source)?,
            etag: part.etag,
            checksums: checksums(part.checksums),
        }),
        changes::Op::Complete(ended) => Op::Complete(complete(ended)?),
        changes::Op::Abort(abort) => Op::Abort(Abort {
            key: abort.key,
            upload: abort.upload,
            started_ms: abort.started_ms,
        }),
    })
}

fn create_bucket(create: changes::CreateBucket) -> CreateBucket {
    CreateBucket {
        owner: create.owner,
        owner_name: create.owner_name,
        region: create.region,
        space: create.space,
    }
}

fn complete(complete: changes::Complete) -> Result<Complete, Refusal> {
    Ok(Complete {
        key: complete.key,
        upload: complete.upload,
        parts: complete.parts.into_iter().map(named_part).collect(),
        assembly: Assembly {
            root: cid(&complete.assembly.root)?,
            size: complete.assembly.size,
            claims: complete.assembly.claims,
            basis: complete.assembly.basis,
        },
        checksum: complete.checksum.map(checksum),
        size: complete.size,
        conditions: conditions(complete.conditions),
    })
}
