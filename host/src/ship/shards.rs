//! `billet:ship/shards`: the store's words about shards. Must never block an instance's thread.

use std::sync::Arc;

use billet_block::{CID_BYTES, Cid};
use billet_storage::{
    Packed as Done, Packer, Plane, Published as Row, ShardInfo, ShardReader, ShardState,
    ShipPosition, Slot as Entry,
};
use bytes::Bytes;
use futures::StreamExt;
use futures::channel::mpsc;
use tokio::sync::oneshot;
use wasmtime::component::{Accessor, StreamReader};

use super::bindings::billet::ship::shards::{
    self, Figures, Location, Packed, Published, Shard, Slot, Standing,
};
use super::streams::{Stream, Taker, channel, hand_in};
use crate::bindings::billet::store::types::{self, StoreError};
use crate::guest::{Guest, Host};
use crate::imports::{PAGE_MAX, invalid, parse_cid};
use crate::storage::Storage;

type Answer<T> = wasmtime::Result<Result<T, StoreError>>;

impl shards::Host for Guest {}

fn storage(accessor: &Accessor<Guest, Host>) -> Arc<Storage> {
    accessor.with(|mut access| Arc::clone(&access.get().effects.storage))
}

fn page(limit: u32) -> usize {
    usize::try_from(limit.min(PAGE_MAX)).unwrap_or(0)
}

impl shards::HostWithStore<Guest> for Host {
    async fn heads(
        accessor: &Accessor<Guest, Self>,
        after: Option<String>,
        limit: u32,
    ) -> Answer<Vec<Standing>> {
        let found = storage(accessor)
            .run(move |store| store.ship_positions(after.as_deref(), page(limit)))
            .await;
        Ok(found.map(|all| all.into_iter().map(standing).collect()))
    }

    async fn wanted(accessor: &Accessor<Guest, Self>) -> Answer<Vec<(String, u64)>> {
        let wanted = accessor.with(|mut access| {
            let reach = access.get().reach()?;
            Ok::<_, wasmtime::Error>(reach.waiting.wanted())
        });
        Ok(Ok(wanted?))
    }

    async fn pack(
        accessor: &Accessor<Guest, Self>,
        window: u64,
        space: String,
        plane: types::Plane,
        cids: StreamReader<u8>,
        publish: Vec<Vec<u8>>,
        keep_rest: bool,
    ) -> Answer<Packed> {
        let (sender, cids_read) = channel();
        let storage = accessor.with(|mut access| {
            let storage = Arc::clone(&access.get().effects.storage);
            cids.pipe(access, Taker(sender))?;
            Ok::<_, wasmtime::Error>(storage)
        })?;
        let plane = match plane {
            types::Plane::Data => Plane::Data,
            types::Plane::Catalog => Plane::Catalog,
        };
        let publish = publish.into_iter().map(Bytes::from).collect();
        let begun = storage.run(move |store| store.pack(window, &space, plane, publish));
        let packed = match begun.await {
            Ok(packer) => pack(&storage, packer, cids_read, keep_rest).await,
            Err(error) => Err(error),
        };
        Ok(packed.map(|packed| Packed {
            shards: packed.shards.into_iter().map(shard_of).collect(),
            rest: packed
                .rest
                .iter()
                .map(|cid| cid.to_bytes().to_vec())
                .collect(),
        }))
    }

    async fn get(accessor: &Accessor<Guest, Self>, shard: u64) -> Answer<Shard> {
        let storage = storage(accessor);
        let found = storage.run(move |store| store.shard(shard));
        Ok(found.await.map(shard_of))
    }

    async fn list(
        accessor: &Accessor<Guest, Self>,
        unfinished: bool,
        after: Option<u64>,
        limit: u32,
    ) -> Answer<Vec<Shard>> {
        let found = storage(accessor)
            .run(move |store| store.shards(unfinished, after, page(limit)))
            .await;
        Ok(found.map(|all| all.into_iter().map(shard_of).collect()))
    }

    async fn entries(
        accessor: &Accessor<Guest, Self>,
        shard: u64,
        from: u64,
        limit: u32,
    ) -> Answer<Vec<Slot>> {
        let found = storage(accessor)
            .run(move |store| store.entries(shard, from, page(limit)))
            .await;
        Ok(found.map(|all| all.iter().map(slot_of).collect()))
    }

    async fn read(
        accessor: &Accessor<Guest, Self>,
        shard: u64,
        offset: u64,
        length: u64,
    ) -> Answer<Stream> {
        let storage = storage(accessor);
        let reader = storage.run(move |store| store.read_shard(shard, offset, length));
        let reader = match reader.await {
            Ok(reader) => reader,
            Err(error) => return Ok(Err(error)),
        };
        let (sender, receiver) = channel();
        let (told, outcome) = oneshot::channel();
        tokio::spawn(async move {
            // Whoever asked may be gone.
            let _ = told.send(give(&storage, reader, sender).await);
        });
        hand_in(accessor, (receiver, outcome)).map(Ok)
    }

    async fn record_step(
        accessor: &Accessor<Guest, Self>,
        shard: u64,
        state: Vec<u8>,
    ) -> Answer<()> {
        let storage = storage(accessor);
        let done = storage.run(move |store| store.record_step(shard, &state));
        Ok(done.await)
    }

    async fn step(accessor: &Accessor<Guest, Self>, shard: u64) -> Answer<Option<Vec<u8>>> {
        Ok(storage(accessor).run(move |store| store.step(shard)).await)
    }

    async fn accept(
        accessor: &Accessor<Guest, Self>,
        shard: u64,
        commitment: Vec<u8>,
    ) -> Answer<()> {
        let storage = storage(accessor);
        let done = storage.run(move |store| store.accept(shard, &commitment));
        Ok(done.await)
    }

    async fn commitment(accessor: &Accessor<Guest, Self>, shard: u64) -> Answer<Vec<u8>> {
        let storage = storage(accessor);
        let found = storage.run(move |store| store.commitment(shard));
        Ok(found.await)
    }

    async fn forget(accessor: &Accessor<Guest, Self>, shard: u64) -> Answer<()> {
        Ok(storage(accessor)
            .run(move |store| store.forget(shard))
            .await)
    }

    async fn publish(accessor: &Accessor<Guest, Self>, log: String, commit: Vec<u8>) -> Answer<()> {
        let commit = match parse_cid(&commit) {
            Ok(commit) => commit,
            Err(error) => return Ok(Err(error)),
        };
        let storage = storage(accessor);
        let done = storage.run(move |store| store.publish(&log, &commit));
        let done = done.await;
        let reach = accessor.with(|mut access| access.get().reach())?;
        reach.waiting.published();
        Ok(done)
    }

    async fn locate(
        accessor: &Accessor<Guest, Self>,
        cids: Vec<Vec<u8>>,
    ) -> Answer<Vec<Option<Location>>> {
        if cids.len() > page(PAGE_MAX) {
            return Ok(Err(invalid("too many CIDs")));
        }
        let cids: Result<Vec<Cid>, StoreError> = cids.iter().map(|cid| parse_cid(cid)).collect();
        let cids = match cids {
            Ok(cids) => cids,
            Err(error) => return Ok(Err(error)),
        };
        let storage = storage(accessor);
        let found = storage.run(move |store| {
            let first = |cid| Ok(store.locate(cid)?.first().map(|found| found.place));
            cids.iter().map(first).collect::<Result<Vec<_>, _>>()
        });
        let location = |place: billet_storage::Place| Location {
            shard: place.shard,
            offset: place.offset,
            length: place.length,
        };
        let found = found.await;
        Ok(found.map(|all| all.into_iter().map(|place| place.map(location)).collect()))
    }

    async fn totals(accessor: &Accessor<Guest, Self>) -> Answer<Figures> {
        let progress = storage(accessor).store().progress();
        Ok(Ok(Figures {
            shards: progress.totals.shards,
            bytes: progress.totals.bytes,
            blocks: progress.totals.blocks,
            waiting_shards: progress.waiting_shards,
            waiting_bytes: progress.waiting_bytes,
            backlog_bytes: progress.backlog_bytes,
            retired_segments: progress.totals.retired_segments,
            retired_bytes: progress.totals.retired_bytes,
        }))
    }
}

/// Adds CIDs as they come.
async fn pack(
    storage: &Storage,
    mut packer: Packer,
    mut batches: mpsc::Receiver<Bytes>,
    keep_rest: bool,
) -> Result<Done, StoreError> {
    let mut left: Vec<u8> = Vec::new();
    while let Some(batch) = batches.next().await {
        left.extend_from_slice(&batch);
        let (whole, rest) = left.as_chunks::<CID_BYTES>();
        let cids: Result<Vec<_>, _> = whole.iter().map(|cid| parse_cid(cid)).collect();
        let (cids, rest) = (cids?, rest.to_vec());
        left = rest;
        let added = storage.run(move |_| {
            cids.iter().try_for_each(|cid| packer.add(cid))?;
            Ok(packer)
        });
        packer = added.await?;
    }
    if !left.is_empty() {
        return Err(invalid("a CID is cut off"));
    }
    storage
        .run(move |_| {
            if keep_rest {
                packer.rest()
            } else {
                packer.finish()
            }
        })
        .await
}

/// Reads a shard piece by piece, as it is taken.
async fn give(
    storage: &Storage,
    mut reader: ShardReader,
    mut out: mpsc::Sender<Bytes>,
) -> Result<(), StoreError> {
    loop {
        let piece = storage.run(move |_| {
            let mut piece = Vec::new();
            let is_more = reader.next(&mut piece)?;
            Ok((reader, is_more.then(|| Bytes::from(piece))))
        });
        let (back, piece) = piece.await?;
        reader = back;
        let Some(piece) = piece else {
            return Ok(());
        };
        if futures::SinkExt::send(&mut out, piece).await.is_err() {
            return Ok(());
        }
    }
}

fn standing(position: ShipPosition) -> Standing {
    let bytes = |cid: Cid| cid.to_bytes().to_vec();
    let published = |row: Row| Published {
        seq: row.seq,
        commit: bytes(row.commit),
        root: bytes(row.root),
        state: bytes(row.state),
    };
    let head = position.head;
    Standing {
        log: position.log,
        space: head.space,
        seq: head.seq,
        commit: bytes(head.commit),
        root: bytes(head.root),
        state: bytes(head.state),
        time_ms: head.time_ms,
        published: position.published.map(published),
    }
}

fn shard_of(info: ShardInfo) -> Shard {
    let row = info.row;
    Shard {
        number: info.number,
        space: row.space,
        plane: match row.plane {
            Plane::Data => types::Plane::Data,
            Plane::Catalog => types::Plane::Catalog,
        },
        state: match row.state {
            ShardState::Packed | ShardState::Absent => shards::ShardState::Packed,
            ShardState::Uploading => shards::ShardState::Uploading,
            ShardState::Accepted => shards::ShardState::Accepted,
            ShardState::Removing => shards::ShardState::Removing,
        },
        window: row.window,
        digest: row.digest.to_vec(),
        size: row.size,
        blocks: row.blocks,
        root: row.root.to_bytes().to_vec(),
    }
}

fn slot_of(slot: &Entry) -> Slot {
    Slot {
        cid: slot.cid.to_bytes().to_vec(),
        offset: slot.offset,
        length: slot.length,
    }
}
