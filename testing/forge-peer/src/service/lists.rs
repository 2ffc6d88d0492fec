//! Lists: blobs, uploads, shards, in pages.
//!
//! Must never guess a page: an unknown cursor is an error.

use cid::Cid;
use ipld_core::ipld::Ipld;

use super::Service;
use crate::cbor::{self, Map};
use crate::check::Refusal;
use crate::fields;
use crate::world::{Done, Task};

/// Entries of a page that asks for no size.
const PAGE: usize = 1000;
/// Most roots of a space and most shards of a root.
const ENTRIES_MAX: usize = 200_000;

/// An accepted blob of a space.
#[derive(Debug)]
pub(super) struct Blob {
    pub(super) digest: Vec<u8>,
    pub(super) size: u64,
    pub(super) put: Cid,
    pub(super) inserted_at: i64,
}

/// A root with its shards.
#[derive(Debug)]
pub(super) struct Upload {
    pub(super) root: Cid,
    pub(super) shards: Vec<Cid>,
    pub(super) index: Option<Cid>,
}

/// The part of a list that a request asks for, and whether it is the end.
fn page<'a, T>(
    args: &Map,
    cmd: &str,
    items: &'a [T],
    name: impl Fn(&T) -> String,
) -> Result<(&'a [T], bool), Refusal> {
    let cursor = fields::text(args, "cursor")?;
    let size = match fields::number(args, "size")? {
        0 => PAGE,
        size => usize::try_from(size).unwrap_or(PAGE).min(PAGE),
    };
    let start = if cursor.is_empty() {
        0
    } else {
        let place = items.iter().position(|item| name(item) == cursor);
        place
            .map(|place| place + 1)
            .ok_or_else(|| Refusal::handler(cmd, "listing: invalid cursor"))?
    };
    let end = start.saturating_add(size).min(items.len());
    Ok((
        items.get(start..end).unwrap_or_default(),
        end == items.len(),
    ))
}

fn listing(results: Vec<Ipld>, cursor: Option<String>) -> Done {
    let mut ok = Map::new();
    ok.insert("size".into(), Ipld::Integer(0));
    ok.insert("results".into(), Ipld::List(results));
    if let Some(cursor) = cursor {
        ok.insert("cursor".into(), Ipld::String(cursor));
    }
    Done::ok(Ipld::Map(ok))
}

impl Service {
    pub(super) fn blob_list(&self, task: &Task<'_>) -> Result<Done, Refusal> {
        let state = self.state();
        let blobs = state
            .registered
            .get(task.sub())
            .map_or(&[][..], Vec::as_slice);
        let name = |blob: &Blob| hex::encode(&blob.digest);
        let (found, end) = page(task.token.args(), "/blob/list", blobs, name)?;
        let results = found
            .iter()
            .map(|blob| {
                let described = cbor::map([
                    ("digest", Ipld::Bytes(blob.digest.clone())),
                    ("size", Ipld::Integer(blob.size.into())),
                ]);
                cbor::map([
                    ("blob", described),
                    ("insertedAt", Ipld::Integer(blob.inserted_at.into())),
                ])
            })
            .collect();
        // Blobs alone say where the end is.
        let cursor = found.last().filter(|_| !end).map(name);
        Ok(listing(results, cursor))
    }

    pub(super) fn upload_add(&self, task: &Task<'_>) -> Result<Done, Refusal> {
        let args = task.token.args();
        let root = fields::link(args, "root")?;
        let shards = fields::link_list(args, "shards")?;
        let index = match args.get("index") {
            None => None,
            Some(_) => Some(fields::link(args, "index")?),
        };
        self.provisioned(task.sub(), "service")?;
        let mut state = self.state();
        let uploads = state.uploads.entry(task.sub().to_owned()).or_default();
        if uploads.len() >= ENTRIES_MAX || shards.len() >= ENTRIES_MAX {
            return Err(Refusal::handler("/upload/add", "full"));
        }
        match uploads.iter_mut().find(|upload| upload.root == root) {
            Some(upload) => {
                upload.index = index.or(upload.index);
                upload.shards.extend(shards);
                upload.shards.sort_unstable();
                upload.shards.dedup();
            }
            None => uploads.push(Upload {
                root,
                shards,
                index,
            }),
        }
        Ok(Done::unit())
    }

    pub(super) fn upload_remove(&self, task: &Task<'_>) -> Result<Done, Refusal> {
        let root = fields::link(task.token.args(), "root")?;
        if let Some(uploads) = self.state().uploads.get_mut(task.sub()) {
            uploads.retain(|upload| upload.root != root);
        }
        Ok(Done::unit())
    }

    pub(super) fn upload_list(&self, task: &Task<'_>) -> Result<Done, Refusal> {
        let state = self.state();
        let uploads = state.uploads.get(task.sub()).map_or(&[][..], Vec::as_slice);
        let name = |upload: &Upload| upload.root.to_string();
        let (found, _) = page(task.token.args(), "/upload/list", uploads, name)?;
        let results = found
            .iter()
            .map(|upload| {
                let mut result = Map::new();
                result.insert("root".into(), Ipld::Link(upload.root));
                if let Some(index) = upload.index {
                    result.insert("index".into(), Ipld::Link(index));
                }
                Ipld::Map(result)
            })
            .collect();
        Ok(listing(results, found.last().map(name)))
    }

    pub(super) fn shard_list(&self, task: &Task<'_>) -> Result<Done, Refusal> {
        let args = task.token.args();
        let root = fields::link(args, "root")?;
        let state = self.state();
        let uploads = state.uploads.get(task.sub()).map_or(&[][..], Vec::as_slice);
        let upload = uploads.iter().find(|upload| upload.root == root);
        let shards = upload.map_or(&[][..], |upload| upload.shards.as_slice());
        let (found, _) = page(args, "/upload/shard/list", shards, Cid::to_string)?;
        let results = found.iter().copied().map(Ipld::Link).collect();
        Ok(listing(results, found.last().map(Cid::to_string)))
    }
}
