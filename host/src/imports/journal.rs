//! `billet:store/journal`: heads, commits and claims.
//!
//! A commit waits for its group on no thread of an instance. Must never let a reader commit.

use std::sync::Arc;
use std::time::Instant;

use wasmtime::component::Accessor;

use billet_storage::{Change as NewHead, CommitRequest, Head, RowChange as Row};

use super::{PAGE_MAX, invalid, parse_cid};
use crate::bindings::billet::store::journal::{
    self, Change, Committed, Position, RowChange, Standing,
};
use crate::bindings::billet::store::types::StoreError;
use crate::guest::{Guest, Host, Role};
use crate::storage::Storage;

/// The longest name of a log, key and value of a row.
const LOG_BYTES_MAX: usize = 255;
const ROW_KEY_BYTES_MAX: usize = 1_280;
const ROW_VALUE_BYTES_MAX: usize = 4_096;

impl journal::Host for Guest {}

type Answer<T> = wasmtime::Result<Result<T, StoreError>>;

impl journal::HostWithStore<Guest> for Host {
    async fn head(accessor: &Accessor<Guest, Self>, log: String) -> Answer<Standing> {
        let storage = storage(accessor);
        // Heads are in memory or in hot pages: a thread would cost more than the look.
        let standing = storage
            .store()
            .head(&log)
            .map_err(|error| storage.tell(error));
        Ok(standing.map(|standing| Standing {
            now_ms: standing.now_ms,
            newest: standing.newest.map(|head| position(log, head)),
        }))
    }

    async fn heads(
        accessor: &Accessor<Guest, Self>,
        after: Option<String>,
        limit: u32,
    ) -> Answer<Vec<Position>> {
        let limit = usize::try_from(limit.min(PAGE_MAX)).unwrap_or(0);
        let storage = storage(accessor);
        let heads = storage
            .run(move |store| store.heads("", after.as_deref(), limit))
            .await;
        Ok(heads.map(|heads| {
            heads
                .into_iter()
                .map(|(log, head)| position(log, head))
                .collect()
        }))
    }

    async fn commit(
        accessor: &Accessor<Guest, Self>,
        log: String,
        expect: Option<Vec<u8>>,
        change: Option<Change>,
        adopt: Vec<u64>,
        hold: Vec<u64>,
        discard: Vec<u64>,
        rows: Vec<RowChange>,
    ) -> Answer<Committed> {
        let (effects, role) = accessor.with(|mut access| {
            let guest = access.get();
            (Arc::clone(&guest.effects), guest.role.clone())
        });
        if !matches!(role, Role::Writer) {
            return Ok(Err(invalid("this instance only reads")));
        }
        let commit = match checked(log, expect, change, rows) {
            Ok(commit) => CommitRequest {
                adopt,
                hold,
                discard,
                ..commit
            },
            Err(error) => return Ok(Err(error)),
        };
        let start = Instant::now();
        let committed = effects.storage.commit(commit).await;
        effects.metrics.commit_latency.observe(start.elapsed());
        effects.metrics.commits.add(usize::from(committed.is_ok()));
        Ok(committed.map(|done| Committed {
            commit: done.commit.to_bytes().to_vec(),
            seq: done.seq,
        }))
    }

    async fn discard(accessor: &Accessor<Guest, Self>, claims: Vec<u64>) -> Answer<()> {
        storage(accessor).store().discard_pending(&claims);
        Ok(Ok(()))
    }

    async fn pin(accessor: &Accessor<Guest, Self>, log: String) -> Answer<(u64, Position)> {
        let name = log.clone();
        let pinned = storage(accessor).run(move |store| store.pin(&name)).await;
        Ok(pinned.map(|(claim, head)| (claim, position(log, head))))
    }
}

fn storage(accessor: &Accessor<Guest, Host>) -> Arc<Storage> {
    accessor.with(|mut access| Arc::clone(&access.get().effects.storage))
}

fn position(log: String, head: Head) -> Position {
    Position {
        log,
        space: head.space,
        seq: head.seq,
        commit: head.commit.to_bytes().to_vec(),
        root: head.root.to_bytes().to_vec(),
        state: head.state.to_bytes().to_vec(),
        time_ms: head.time_ms,
    }
}

fn checked(
    log: String,
    expect: Option<Vec<u8>>,
    change: Option<Change>,
    rows: Vec<RowChange>,
) -> Result<CommitRequest, StoreError> {
    if log.is_empty() || log.len() > LOG_BYTES_MAX {
        return Err(invalid("the log's name is empty or too long"));
    }
    let long = |row: &RowChange| {
        row.key.len() > ROW_KEY_BYTES_MAX
            || row
                .value
                .as_ref()
                .is_some_and(|value| value.len() > ROW_VALUE_BYTES_MAX)
    };
    if rows.iter().any(long) {
        return Err(invalid("a row is too long"));
    }
    let expect = expect.as_deref().map(parse_cid).transpose()?;
    let change = match change {
        Some(change) => Some(NewHead {
            root: parse_cid(&change.root)?,
            state: parse_cid(&change.state)?,
            space: change.space,
            time_ms: change.time_ms,
        }),
        None => None,
    };
    let row = |row: RowChange| Row {
        key: row.key.into(),
        value: row.value.map(Into::into),
    };
    let rows = rows.into_iter().map(row).collect();
    let none = Vec::new;
    Ok(CommitRequest {
        log,
        expect,
        change,
        rows,
        adopt: none(),
        hold: none(),
        discard: none(),
    })
}
