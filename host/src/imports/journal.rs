//! `billet:store/journal`: heads, commits and claims.
//!
//! A commit waits for its group on no thread of an instance. Must never let a reader commit.

use std::sync::Arc;
use std::time::Instant;

use wasmtime::component::Accessor;

use super::{PAGE_MAX, invalid, parse_cid, task_ended};
use crate::bindings::billet::store::journal::{
    self, Change, Committed, Position, RowChange, Standing,
};
use crate::bindings::billet::store::types::StoreError;
use crate::guest::{Guest, Host, Role};
use crate::store::{Commit, Head, NewHead, Store};

/// The longest name of a log, key and value of a row.
const LOG_BYTES_MAX: usize = 255;
const ROW_KEY_BYTES_MAX: usize = 1_280;
const ROW_VALUE_BYTES_MAX: usize = 4_096;

impl journal::Host for Guest {}

type Answer<T> = wasmtime::Result<Result<T, StoreError>>;

impl journal::HostWithStore<Guest> for Host {
    async fn head(accessor: &Accessor<Guest, Self>, log: String) -> Answer<Standing> {
        let standing = blocking(accessor, move |storage| storage.head(&log)).await;
        Ok(standing.map(|(now_ms, newest)| Standing { now_ms, newest: newest.map(position) }))
    }

    async fn heads(
        accessor: &Accessor<Guest, Self>,
        after: Option<String>,
        limit: u32,
    ) -> Answer<Vec<Position>> {
        let limit = usize::try_from(limit.min(PAGE_MAX)).unwrap_or(0);
        let heads = blocking(accessor, move |storage| storage.heads(after.as_deref(), limit)).await;
        Ok(heads.map(|heads| heads.into_iter().map(position).collect()))
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
            Ok(commit) => Commit { adopt, hold, discard, ..commit },
            Err(error) => return Ok(Err(error)),
        };
        let start = Instant::now();
        let committed = effects.storage.commit(commit).await;
        effects.metrics.commit_latency.observe(start.elapsed());
        effects.metrics.commits.add(usize::from(committed.is_ok()));
        Ok(committed
            .map(|(commit, seq)| Committed { commit: commit.to_bytes().to_vec(), seq })
            .map_err(StoreError::from))
    }

    async fn discard(accessor: &Accessor<Guest, Self>, claims: Vec<u64>) -> Answer<()> {
        let let_go = move |storage: &Store| {
            storage.let_go(&claims);
            Ok(())
        };
        Ok(blocking(accessor, let_go).await)
    }

    async fn pin(accessor: &Accessor<Guest, Self>, log: String) -> Answer<(u64, Position)> {
        let pinned = blocking(accessor, move |storage| storage.pin(&log)).await;
        Ok(pinned.map(|(claim, head)| (claim, position(head))))
    }
}

/// Runs what may touch the disk on a thread for that.
async fn blocking<R, F>(accessor: &Accessor<Guest, Host>, work: F) -> Result<R, StoreError>
where
    R: Send + 'static,
    F: FnOnce(&Store) -> Result<R, crate::store::Failure> + Send + 'static,
{
    let storage = accessor.with(|mut access| Arc::clone(&access.get().effects.storage));
    match tokio::task::spawn_blocking(move || work(&*storage)).await {
        Ok(done) => Ok(done?),
        Err(error) => Err(task_ended(&error)),
    }
}

fn position(head: Head) -> Position {
    Position {
        log: head.log,
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
) -> Result<Commit, StoreError> {
    if log.is_empty() || log.len() > LOG_BYTES_MAX {
        return Err(invalid("the log's name is empty or too long"));
    }
    let long = |row: &RowChange| {
        row.key.len() > ROW_KEY_BYTES_MAX
            || row.value.as_ref().is_some_and(|value| value.len() > ROW_VALUE_BYTES_MAX)
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
    let rows = rows.into_iter().map(|row| (row.key, row.value)).collect();
    Ok(Commit { log, expect, change, rows, ..Commit::default() })
}
