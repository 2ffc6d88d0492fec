//! The delegations that are kept. Must never lose one byte of one: others check the signature.

use billet_ucan::{Delegation, Signed};
use serde_bytes::ByteBuf;

use crate::bindings::billet::ship::notes::Change;
use crate::convert::Result;
use crate::notes;

/// Most delegations that are looked at.
const PROOFS_MAX: usize = 4_000;
/// How long one whose time is over is told of, in seconds.
const TOLD_S: u64 = 30 * 24 * 60 * 60;

/// What is kept at one moment.
pub(crate) struct Kept {
    /// Good, or good later.
    pub(crate) good: Vec<Signed<Delegation>>,
    /// Their time is over, but nothing replaces them yet: people are told.
    pub(crate) over: Vec<Signed<Delegation>>,
    /// Notes of those that are of no use any more.
    pub(crate) stale: Vec<String>,
}

/// All delegations that are kept and can be read, at `now_s` (seconds since 1970).
pub(crate) async fn at(now_s: u64) -> Result<Kept> {
    let mut kept = Kept {
        good: Vec::new(),
        over: Vec::new(),
        stale: Vec::new(),
    };
    let mut over = Vec::new();
    for (key, bytes) in notes::all::<ByteBuf>(notes::PROOF, PROOFS_MAX).await? {
        match Signed::<Delegation>::decode(&bytes) {
            Ok(token) if token.claims().is_over(now_s) => over.push((key, token)),
            Ok(token) => kept.good.push(token),
            Err(_) => {}
        }
    }
    for (key, token) in over {
        let told_until_s = token
            .claims()
            .expires_s
            .map(|end| end.saturating_add(TOLD_S));
        let is_old = told_until_s.is_some_and(|until_s| until_s <= now_s);
        if is_old || kept.good.iter().any(|good| replaces(good, &token)) {
            kept.stale.push(key);
        } else {
            kept.over.push(token);
        }
    }
    Ok(kept)
}

/// Whether a delegation gives what another gave.
fn replaces(good: &Signed<Delegation>, over: &Signed<Delegation>) -> bool {
    let (good, over) = (good.claims(), over.claims());
    good.issuer == over.issuer
        && good.audience == over.audience
        && good.subject == over.subject
        && good.command.covers(&over.command)
}

/// The notes that keep these delegations.
pub(crate) fn keep<'a>(
    tokens: impl IntoIterator<Item = &'a Signed<Delegation>>,
) -> Result<Vec<Change>> {
    let note = |token: &Signed<Delegation>| {
        let key = format!("{}{}", notes::PROOF, token.link());
        notes::put(key, &ByteBuf::from(token.bytes()))
    };
    tokens.into_iter().map(note).collect()
}
