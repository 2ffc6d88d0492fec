//! Supplying what a call needs, and calling again until it has an answer.
//!
//! Must never hold anything borrowed from the caches while it waits.

use billet_block::Cid;
use billet_bucket::{Blocked, Kind, Need, Pin, Refusal, Row, Scan, Standing, StoreError, View};

use crate::bindings::billet::store::{blocks, journal, rows};
use crate::convert;

/// Most CIDs in one question for blocks.
const CIDS_MAX: usize = 4096;

/// Most bytes of blocks in one answer.
const ANSWER_BYTES_MAX: u32 = 4 << 20;

/// Most rows of one scan.
const SCANNED_ROWS_MAX: u32 = 1000;

/// Runs `call` until it is not blocked any more.
pub(crate) async fn settle<T>(
    log: &str,
    view: &mut View<'_>,
    mut call: impl FnMut(&View<'_>) -> Result<T, Blocked>,
) -> Result<T, Refusal> {
    loop {
        match call(view) {
            Ok(answer) => return Ok(answer),
            Err(Blocked::Failed(refusal)) => return Err(refusal),
            Err(Blocked::Need(need)) => supply(log, view, need).await?,
        }
    }
}

/// Where a log stands.
pub(crate) async fn standing(log: &str) -> Result<(Standing, Option<Vec<u8>>), StoreError> {
    let standing = journal::head(log.to_owned()).await;
    let standing = standing.map_err(convert::store_error)?;
    let commit = standing.newest.as_ref().map(|head| head.commit.clone());
    let standing = Standing {
        log: log.to_owned(),
        now_ms: standing.now_ms,
        head: standing.newest.map(convert::head).transpose()?,
    };
    Ok((standing, commit))
}

/// Fetches all that is needed.
pub(crate) async fn supply(log: &str, view: &mut View<'_>, need: Need) -> Result<(), StoreError> {
    supply_blocks(view, &need, |_, error| Err(error)).await?;
    for key in need.rows {
        let value = rows::get(log.to_owned(), key.clone()).await;
        view.supply_row(key, value.map_err(convert::store_error)?);
    }
    for scan in need.scans {
        let found = all_rows(log, &scan).await?;
        view.supply_scan(scan, found);
    }
    for source in need.pins {
        let pin = match journal::pin(source.clone()).await {
            Ok((claim, position)) => convert::head(position).map(|head| Pin { claim, head }),
            Err(error) => Err(convert::store_error(error)),
        };
        view.supply_pin(source, pin);
    }
    Ok(())
}

/// Fetches blocks. A node that is needed and cannot be had is told to `lost`.
pub(crate) async fn supply_blocks(
    view: &mut View<'_>,
    need: &Need,
    mut lost: impl FnMut(Cid, StoreError) -> Result<(), StoreError>,
) -> Result<(), StoreError> {
    let mut wanted: Vec<(Cid, Kind)> = need
        .blocks
        .iter()
        .map(|(cid, kind)| (*cid, *kind))
        .collect();
    let mut needed = wanted.len();
    if needed > 0 && needed < CIDS_MAX {
        wanted.extend(need.hints.iter().map(|cid| (*cid, Kind::Node)));
    }
    // Hints are behind all that is needed: they are taken once, and only where they are found.
    while needed > 0 {
        let asked = wanted.get(..CIDS_MAX).unwrap_or(&wanted);
        let mut left = Vec::new();
        let mut left_needed = 0;
        for (index, (cid, kind, answer)) in ask(asked).await?.into_iter().enumerate() {
            let is_needed = index < needed;
            match answer {
                Some(Err(_)) if !is_needed => {}
                Some(answer) => match view.supply_block(cid, kind, answer) {
                    Err(error) if is_needed => lost(cid, error)?,
                    _ => {}
                },
                None if is_needed => {
                    left.push((cid, kind));
                    left_needed += 1;
                }
                None => {}
            }
        }
        let rest = wanted.get(CIDS_MAX..).unwrap_or_default();
        left_needed += needed.saturating_sub(CIDS_MAX);
        left.extend_from_slice(rest);
        (wanted, needed) = (left, left_needed);
    }
    Ok(())
}

/// A block and what became of it; none when it was not looked at.
type Asked = (Cid, Kind, Option<Result<Vec<u8>, StoreError>>);

async fn ask(wanted: &[(Cid, Kind)]) -> Result<Vec<Asked>, StoreError> {
    let cids = wanted.iter().map(|(cid, _)| cid.to_bytes().to_vec());
    let answers = blocks::get_many(cids.collect(), ANSWER_BYTES_MAX).await;
    let answers = answers.map_err(convert::store_error)?;
    if answers.len() != wanted.len() {
        let text = "not an answer for each block".to_owned();
        return Err(StoreError::Invalid(text));
    }
    let answers = wanted.iter().zip(answers);
    let answers = answers.map(|((cid, kind), answer)| {
        let answer = match answer {
            blocks::Answer::Found(bytes) => Some(Ok(bytes)),
            blocks::Answer::NotFound => Some(Err(StoreError::NotFound)),
            blocks::Answer::Corrupt => Some(Err(StoreError::Corrupt(*cid))),
            blocks::Answer::Skipped => None,
        };
        (*cid, *kind, answer)
    });
    Ok(answers.collect())
}

/// The bytes of blocks, all of them.
pub(crate) async fn bytes(cids: &[Cid]) -> Result<Vec<Vec<u8>>, StoreError> {
    let mut all = Vec::with_capacity(cids.len());
    while let Some(rest) = cids.get(all.len()..).filter(|rest| !rest.is_empty()) {
        let wanted: Vec<(Cid, Kind)> = rest.iter().map(|cid| (*cid, Kind::Node)).collect();
        let before = all.len();
        for (_, _, answer) in ask(&wanted).await? {
            match answer {
                Some(answer) => all.push(answer?),
                None => break,
            }
        }
        if all.len() == before {
            return Err(StoreError::Unavailable);
        }
    }
    Ok(all)
}

async fn all_rows(log: &str, scan: &Scan) -> Result<Vec<Row>, StoreError> {
    let mut found: Vec<Row> = Vec::new();
    let mut after = scan.after.clone();
    loop {
        let have = u32::try_from(found.len()).unwrap_or(u32::MAX);
        let limit = scan.limit.saturating_sub(have).min(SCANNED_ROWS_MAX);
        if limit == 0 {
            return Ok(found);
        }
        let page = rows::scan(log.to_owned(), scan.prefix.clone(), after, limit).await;
        let page = page.map_err(convert::store_error)?;
        let is_last = page.len() < limit as usize;
        found.extend(page.into_iter().map(|row| (row.key, row.value)));
        if is_last {
            return Ok(found);
        }
        after = found.last().map(|(key, _)| key.clone());
    }
}
