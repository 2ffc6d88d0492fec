//! The delegations that are kept. Must never lose one byte of one: others check the signature.

use billet_ucan::{Delegation, Signed};
use serde_bytes::ByteBuf;

use crate::bindings::billet::ship::notes::Change;
use crate::convert::Result;
use crate::notes;

/// Most delegations that are looked at.
const PROOFS_MAX: usize = 4_000;

/// All delegations that are kept and can be read.
pub(crate) async fn all() -> Result<Vec<Signed<Delegation>>> {
    let kept = notes::all::<ByteBuf>(notes::PROOF, PROOFS_MAX).await?;
    let read = kept
        .iter()
        .filter_map(|(_, bytes)| Signed::decode(bytes).ok());
    Ok(read.collect())
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
