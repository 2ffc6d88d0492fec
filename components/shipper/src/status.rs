//! Where shipping stands, for people and programs. Must never tell a secret.

use serde::Serialize;

use crate::bindings::billet::ship::settings;
use crate::bindings::billet::ship::shards::{self, ShardState};
use crate::convert::{Result, invalid};
use crate::notes::{self, AFTER, After, Phase, Window};
use crate::{uploads, whoami, window};

/// Most logs that are told of.
const LOGS_MAX: u32 = 1_000;
/// Most shards of a window that are looked at.
const SHARDS_MAX: usize = 1_000;

#[derive(Serialize)]
struct Status {
    service: Option<String>,
    paused: bool,
    /// All is shipped: else nothing is ever published.
    publishes: bool,
    logs: Vec<Log>,
    windows: Vec<Open>,
    figures: Figures,
    /// Indexes and publish blocks that are still to be made findable.
    after: usize,
    /// What people could do.
    hints: Vec<String>,
    troubles: Vec<Trouble>,
}

#[derive(Serialize)]
struct Log {
    log: String,
    space: String,
    local_seq: u64,
    published_seq: Option<u64>,
}

#[derive(Serialize)]
struct Open {
    number: u64,
    space: String,
    cut: bool,
    logs: usize,
    shards: usize,
    accepted: usize,
}

#[derive(Serialize)]
struct Figures {
    shards: u64,
    shard_bytes: u64,
    blocks: u64,
    waiting_shards: u64,
    waiting_bytes: u64,
    backlog_bytes: u64,
    retired_segments: u64,
    retired_bytes: u64,
}

#[derive(Serialize)]
struct Trouble {
    what: String,
    why: String,
    next_ms: u64,
}

pub(crate) async fn status(now_ms: u64) -> Result<String> {
    let mut windows = Vec::new();
    for (_, window) in notes::all::<Window>(notes::WINDOW, usize::MAX).await? {
        windows.push(open(&window).await?);
    }
    let logs = shards::heads(None, LOGS_MAX).await?.into_iter();
    let logs = logs.map(|standing| Log {
        published_seq: standing.published.as_ref().map(|published| published.seq),
        log: standing.log,
        space: standing.space,
        local_seq: standing.seq,
    });
    let figures = shards::totals().await?;
    let troubles = uploads::troubles().into_iter();
    let status = Status {
        service: settings::get("service_did"),
        paused: window::is_paused(),
        publishes: window::ships_all(),
        logs: logs.collect(),
        windows,
        figures: Figures {
            shards: figures.shards,
            shard_bytes: figures.bytes,
            blocks: figures.blocks,
            waiting_shards: figures.waiting_shards,
            waiting_bytes: figures.waiting_bytes,
            backlog_bytes: figures.backlog_bytes,
            retired_segments: figures.retired_segments,
            retired_bytes: figures.retired_bytes,
        },
        after: notes::all::<After>(AFTER, usize::MAX).await?.len(),
        hints: whoami::whoami(now_ms).await?.hints,
        troubles: troubles
            .map(|(what, next_ms, why)| Trouble { what, why, next_ms })
            .collect(),
    };
    serde_json::to_string(&status).map_err(invalid)
}

async fn open(window: &Window) -> Result<Open> {
    let mut accepted = 0;
    for number in window.shards.iter().take(SHARDS_MAX) {
        if shards::get(*number).await?.state == ShardState::Accepted {
            accepted += 1;
        }
    }
    Ok(Open {
        number: window.number,
        space: window.space.clone(),
        cut: window.phase == Phase::Ship,
        logs: window.heads.len(),
        shards: window.shards.len(),
        accepted,
    })
}
