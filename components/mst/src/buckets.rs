//! Which buckets there are.
//!
//! Must never show a deleted one.

use std::sync::Arc;

use billet_block::Cid;
use billet_bucket::{Refusal, StoreError, View, live_state, states};
use billet_manifest::State;

use crate::bindings::billet::bucket::types;
use crate::bindings::billet::store::journal::{self, Position};
use crate::bindings::exports::billet::bucket::buckets::Guest;
use crate::fetch::{settle, standing};
use crate::{CACHES, Mst, convert};

/// Most buckets of one listing, and heads of one question.
const PAGE_MAX: u32 = 1000;

impl Guest for Mst {
    async fn head(name: String) -> Result<types::Bucket, types::Refusal> {
        head(&name).await.map_err(convert::refusal)
    }

    async fn list_buckets(
        prefix: String,
        after: Option<String>,
        limit: u32,
    ) -> Result<(Vec<types::Bucket>, bool), types::Refusal> {
        let limit = limit.min(PAGE_MAX) as usize;
        let listed = list(&prefix, after, limit).await;
        listed.map_err(convert::refusal)
    }
}

async fn head(name: &str) -> Result<types::Bucket, Refusal> {
    let mut view = View::new(&CACHES);
    let (standing, _) = standing(name).await?;
    settle(name, &mut view, |view| {
        let (state, head) = live_state(view, &standing)?;
        Ok(convert::bucket(name, head, &state))
    })
    .await
}

async fn list(
    prefix: &str,
    after: Option<String>,
    limit: usize,
) -> Result<(Vec<types::Bucket>, bool), Refusal> {
    let mut found = Vec::new();
    let mut after = after.max(before(prefix));
    if limit == 0 {
        return Ok((found, false));
    }
    loop {
        let heads = journal::heads(after.clone(), PAGE_MAX).await;
        let heads = heads.map_err(convert::store_error)?;
        after = heads.last().map(|head| head.log.clone());
        let is_last = heads.len() < PAGE_MAX as usize;
        let is_past = after
            .as_deref()
            .is_some_and(|log| log > prefix && !log.starts_with(prefix));
        let heads = heads
            .into_iter()
            .filter(|head| head.log.starts_with(prefix));
        for (head, state) in with_states(heads.collect()).await? {
            if state.live && found.len() == limit {
                return Ok((found, true));
            }
            if state.live {
                let name = head.log.clone();
                found.push(convert::bucket(&name, &convert::head(head)?, &state));
            }
        }
        if is_last || is_past {
            return Ok((found, false));
        }
    }
}

/// A text before all that begins with `prefix`.
fn before(prefix: &str) -> Option<String> {
    let mut text = prefix.to_owned();
    text.pop().map(|_| text)
}

/// Heads with their states. A bucket whose state is damaged hides no other: it is told in the
/// host's log and left out.
async fn with_states(heads: Vec<Position>) -> Result<Vec<(Position, Arc<State>)>, Refusal> {
    let states = states_of(&heads).await;
    let Err(Refusal::Store(StoreError::Corrupt(_) | StoreError::NotFound)) = states else {
        return Ok(heads.into_iter().zip(states?).collect());
    };
    let mut found = Vec::new();
    for head in heads {
        match states_of(std::slice::from_ref(&head)).await {
            Ok(states) => found.extend(states.into_iter().map(|state| (head.clone(), state))),
            Err(Refusal::Store(error @ (StoreError::Corrupt(_) | StoreError::NotFound))) => {
                tell_damage(&head.log, &error);
            }
            Err(error) => return Err(error),
        }
    }
    Ok(found)
}

async fn states_of(heads: &[Position]) -> Result<Vec<Arc<State>>, Refusal> {
    let cids: Result<Vec<Cid>, _> = heads.iter().map(|head| convert::cid(&head.state)).collect();
    let cids = cids?;
    let mut view = View::new(&CACHES);
    settle("", &mut view, |view| states(view, &cids)).await
}

#[allow(clippy::print_stderr, reason = "the host's log")]
fn tell_damage(bucket: &str, error: &StoreError) {
    // One line is one write: pieces would be lines of their own.
    let line = format!("bucket {bucket:?} is left out of a list: {error}\n");
    eprint!("{line}");
}
