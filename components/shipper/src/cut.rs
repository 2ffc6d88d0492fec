//! Cutting a window into shards: what its heads reach and the network does not have.
//!
//! Must never pack half of a walk: a walk that fails takes what was packed with it.

use billet_block::{Block, Cid, Codec, Digest, encode};
use billet_forge::{Index, Shard as Slices, Slice, cids_of_plane};
use serde::{Deserialize, Serialize};
use wit_bindgen::{StreamReader, StreamResult, StreamWriter, spawn_local};

use crate::bindings::billet::bucket::inspect::{self, Target};
use crate::bindings::billet::ship::shards::{self, Packed, Shard};
use crate::bindings::billet::store::types::{Plane, StoreError};
use crate::bindings::wit_stream;
use crate::convert::{Result, cid, digest, invalid};
use crate::http::stream_of;
use crate::notes::{self, Head, PUBLISHED, Phase, Window};
use crate::window;

const READ_BYTES: usize = 64 << 10;
const PAGE: u32 = 1_000;

/// What somebody who has only the network finds a bucket by.
#[derive(Serialize, Deserialize)]
struct Publish {
    log: String,
    space: String,
    seq: u64,
    root: Cid,
    state: Cid,
    time: u64,
    /// The publish block before this one.
    prev: Option<Cid>,
    /// All shards of the window but the last, which holds this.
    shards: Vec<Listed>,
}

#[derive(Clone, Serialize, Deserialize)]
struct Listed {
    plane: String,
    #[serde(with = "serde_bytes")]
    digest: Vec<u8>,
    size: u64,
    /// SHA-256 of the shard's index.
    #[serde(with = "serde_bytes")]
    index: Vec<u8>,
}

/// Packs a window's shards and makes that durable. What an earlier attempt packed is dropped.
pub(crate) async fn cut(window: &mut Window) -> Result<()> {
    drop_leftovers(window.number).await?;
    let heads: Vec<Head> = window
        .heads
        .iter()
        .filter(|h| h.differs())
        .cloned()
        .collect();
    let mut found = Vec::new();
    if !heads.is_empty() {
        if window::ships(Plane::Data) {
            found.extend(pack(window, &heads, Plane::Data, false).await?.shards);
        }
        let mut rest = Vec::new();
        if window::ships(Plane::Catalog) {
            let catalog = pack(window, &heads, Plane::Catalog, true).await?;
            found.extend(catalog.shards);
            rest = catalog.rest.concat();
        }
        let blocks = match window.is_whole {
            true => publish_blocks(window, &found).await?,
            false => Vec::new(),
        };
        let last = shards::pack(
            window.number,
            window.space.clone(),
            Plane::Catalog,
            stream_of(rest),
            blocks,
            false,
        );
        found.extend(last.await?.shards);
    }
    window.shards = found.iter().map(|shard| shard.number).collect();
    window.phase = Phase::Ship;
    notes::set(vec![notes::put(window::key(&window.space), window)?]).await
}

/// Drops what a cut that never came to its end packed: no window names it.
async fn drop_leftovers(number: u64) -> Result<()> {
    let mut after = None;
    loop {
        let page = shards::list(true, after, PAGE).await?;
        let Some(last) = page.last() else {
            return Ok(());
        };
        after = Some(last.number);
        for shard in page.iter().filter(|shard| shard.window == number) {
            shards::forget(shard.number).await?;
        }
    }
}

async fn pack(window: &Window, heads: &[Head], plane: Plane, keep_rest: bool) -> Result<Packed> {
    let (writer, cids) = wit_stream::new::<u8>();
    let walking = spawn_local(walk(heads.to_vec(), plane, writer));
    let packed = shards::pack(
        window.number,
        window.space.clone(),
        plane,
        cids,
        Vec::new(),
        keep_rest,
    );
    let packed = packed.await?;
    match walking.await {
        Some(Ok(())) => Ok(packed),
        Some(Err(error)) => Err(error),
        None => Err(StoreError::Unavailable),
    }
}

/// Writes the CIDs of one plane that the heads reach and their published ones do not.
async fn walk(heads: Vec<Head>, plane: Plane, mut out: StreamWriter<u8>) -> Result<()> {
    for head in heads {
        let targets = |root: &Cid, state: &Cid| {
            let bytes = |cid: &Cid| cid.to_bytes().to_vec();
            vec![Target::Tree(bytes(root)), Target::State(bytes(state))]
        };
        let minus = head.minus.map(|(root, state)| targets(&root, &state));
        let closure = inspect::closure(targets(&head.root, &head.state), minus.unwrap_or_default());
        let (entries, ended) = closure.await?;
        if !pass_on(entries, plane, &mut out).await? {
            // Whoever packs has stopped, and says why.
            return Ok(());
        }
        ended.await?;
    }
    Ok(())
}

/// Passes the CIDs of a plane on; `false` when nobody takes them.
async fn pass_on(
    mut entries: StreamReader<u8>,
    plane: Plane,
    out: &mut StreamWriter<u8>,
) -> Result<bool> {
    let wanted = match plane {
        Plane::Data => 0,
        Plane::Catalog => 1,
    };
    let mut held = Vec::new();
    let mut buffer = Vec::with_capacity(READ_BYTES);
    loop {
        let (result, filled) = entries.read(buffer).await;
        held.extend_from_slice(&filled);
        buffer = filled;
        buffer.clear();
        let (used, cids) = cids_of_plane(&held, wanted);
        held.drain(..used);
        if !cids.is_empty() && !out.write_all(cids).await.is_empty() {
            return Ok(false);
        }
        if !matches!(result, StreamResult::Complete(_)) {
            return match held.is_empty() {
                true => Ok(true),
                false => Err(invalid("a walk that ends within an entry")),
            };
        }
    }
}

/// The publish block of each log that differs; their names go into the window.
async fn publish_blocks(window: &mut Window, packed: &[Shard]) -> Result<Vec<Vec<u8>>> {
    let mut listed = Vec::with_capacity(packed.len());
    for shard in packed {
        let index = index_of(shard).await?;
        listed.push(Listed {
            plane: match shard.plane {
                Plane::Data => "data".to_owned(),
                Plane::Catalog => "catalog".to_owned(),
            },
            digest: shard.digest.clone(),
            size: shard.size,
            index: billet_block::sha256(&index).to_vec(),
        });
    }
    let mut blocks = Vec::new();
    for head in window.heads.iter_mut().filter(|head| head.differs()) {
        let prev = notes::get::<Cid>(&format!("{PUBLISHED}{}", head.log)).await?;
        let publish = Publish {
            log: head.log.clone(),
            space: window.space.clone(),
            seq: head.seq,
            root: head.root,
            state: head.state,
            time: head.time_ms,
            prev,
            shards: listed.clone(),
        };
        let block = Block::new(Codec::DagCbor, encode(&publish).map_err(invalid)?);
        head.publish = Some(block.cid);
        blocks.push(block.bytes);
    }
    Ok(blocks)
}

/// The index of a shard: the same bytes each time.
pub(crate) async fn index_of(shard: &Shard) -> Result<Vec<u8>> {
    let mut slices = Slices::new();
    let mut from = 0;
    loop {
        let page = shards::entries(shard.number, from, PAGE).await?;
        let Some(last) = page.last() else {
            break;
        };
        from = last.offset.saturating_add(1);
        for slot in &page {
            let (name, length) = (cid(&slot.cid)?, u64::from(slot.length));
            if length == 0 {
                // No slice can say that.
                continue;
            }
            let end = slot.offset.saturating_add(length - 1);
            let slice = Slice {
                start: slot.offset,
                end,
            };
            slices.entry(*name.digest()).or_insert(slice);
        }
    }
    let name: Digest = digest(&shard.digest)?;
    let index = Index {
        shards: [(name, slices)].into(),
    };
    index.encode().map_err(invalid)
}
