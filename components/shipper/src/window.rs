//! When a window begins, and what it begins with.
//!
//! Must never begin a second one in a space before the first is published.

use std::collections::BTreeMap;

use billet_block::Cid;

use crate::bindings::billet::ship::settings;
use crate::bindings::billet::ship::shards::{self, Standing};
use crate::bindings::billet::store::types::Plane;
use crate::convert::{Result, cid};
use crate::notes::{self, Head, Phase, Window};
use crate::session::number;
use crate::uploads;

const WINDOW_MS: u64 = 5_000;
const WINDOW_BYTES: u64 = 128 << 20;
/// Most logs of one window: each may have a publish block, and those are packed together.
const LOGS_MAX: usize = 100;
const PAGE: u32 = 1_000;

/// Whether shipping is to stand still.
pub(crate) fn is_paused() -> bool {
    settings::get("paused").as_deref() == Some("true")
}

/// Whether a plane is shipped at all.
pub(crate) fn ships(plane: Plane) -> bool {
    match (settings::get("planes").as_deref(), plane) {
        (Some("data"), Plane::Data) | (Some("catalog"), Plane::Catalog) => true,
        (Some("data" | "catalog" | "none"), _) => false,
        _ => true,
    }
}

/// Whether all is shipped: else nothing is ever published.
pub(crate) fn ships_all() -> bool {
    ships(Plane::Data) && ships(Plane::Catalog)
}

/// How long it takes until something new is looked for again.
pub(crate) fn period_ms() -> u64 {
    number("window_ms", WINDOW_MS).max(1)
}

/// Opens windows where that is due. Gives the time at which one will be, none when there is
/// nothing new.
pub(crate) async fn begin(now_ms: u64) -> Result<Option<u64>> {
    let behind = behind().await?;
    if behind.is_empty() {
        uploads::nothing_seen();
        return Ok(None);
    }
    let newest_ms = behind.iter().map(|standing| standing.time_ms).max();
    let since_ms = uploads::first_seen_ms(now_ms).min(newest_ms.unwrap_or(now_ms));
    let due_ms = since_ms.saturating_add(period_ms());
    if now_ms < due_ms && !is_urgent().await? {
        return Ok(Some(due_ms));
    }
    let open = notes::all::<Window>(notes::WINDOW, usize::MAX).await?;
    let mut spaces: BTreeMap<String, Vec<Head>> = BTreeMap::new();
    for standing in behind {
        let heads = spaces.entry(standing.space.clone()).or_default();
        if heads.len() < LOGS_MAX {
            heads.push(head(&standing)?);
        }
    }
    let mut number = notes::get::<u64>(notes::NUMBER).await?.unwrap_or(0);
    let mut changes = Vec::new();
    for (space, heads) in spaces {
        let key = key(&space);
        if open.iter().any(|(other, _)| *other == key) {
            continue;
        }
        number = number.saturating_add(1);
        let window = Window {
            number,
            space,
            heads,
            phase: Phase::Cut,
            is_whole: ships_all(),
            shards: Vec::new(),
        };
        changes.push(notes::put(key, &window)?);
    }
    if !changes.is_empty() {
        changes.push(notes::put(notes::NUMBER, &number)?);
        notes::set(changes).await?;
    }
    uploads::nothing_seen();
    Ok(None)
}

/// The note of a space's window.
pub(crate) fn key(space: &str) -> String {
    format!("{}{space}", notes::WINDOW)
}

/// Logs with something that is not published, or, where only one plane is shipped, that no window
/// has gone through.
async fn behind() -> Result<Vec<Standing>> {
    let mut found = Vec::new();
    if !ships(Plane::Data) && !ships(Plane::Catalog) {
        return Ok(found);
    }
    let mut after = None;
    loop {
        let page = shards::heads(after, PAGE).await?;
        let is_last = page.len() < PAGE as usize;
        after = page.last().map(|standing| standing.log.clone());
        found.extend(page.into_iter().filter(|standing| {
            let published = standing.published.as_ref();
            published.is_none_or(|published| published.commit != standing.commit)
        }));
        if is_last || after.is_none() {
            break;
        }
    }
    if !ships_all() {
        let mut unseen = Vec::with_capacity(found.len());
        for standing in found {
            let seen = notes::get::<Cid>(&notes::seen(&standing.log)).await?;
            if seen != Some(cid(&standing.commit)?) {
                unseen.push(standing);
            }
        }
        found = unseen;
    }
    Ok(found)
}

/// Whether somebody waits for the network, or much has piled up.
async fn is_urgent() -> Result<bool> {
    if !shards::wanted().await?.is_empty() {
        return Ok(true);
    }
    let waiting = shards::totals().await?.backlog_bytes;
    Ok(waiting >= number("window_bytes", WINDOW_BYTES))
}

fn head(standing: &Standing) -> Result<Head> {
    let published = standing.published.as_ref();
    let minus = published.map(|published| Ok((cid(&published.root)?, cid(&published.state)?)));
    Ok(Head {
        log: standing.log.clone(),
        seq: standing.seq,
        commit: cid(&standing.commit)?,
        root: cid(&standing.root)?,
        state: cid(&standing.state)?,
        time_ms: standing.time_ms,
        minus: minus.transpose()?,
        publish: None,
    })
}
