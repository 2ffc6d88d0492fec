//! `billet block get`.
//!
//! Must never hand out a block whose bytes are not what its CID says.

use billet_block::Cid;
use bytes::Bytes;

use super::{Failure, Inside, Out, Verdict};
use crate::bindings::billet::store::types::StoreError;

/// The bytes of a block of either plane, hashed on this very read; from the network where they are
/// not here.
pub(super) async fn get(inside: &Inside, cid: &str, out: &Out) -> Result<Verdict, Failure> {
    let cid: Cid = cid
        .parse()
        .map_err(|error| Failure::new(format!("{cid}: {error}")))?;
    let read = inside.storage().run(move |store| {
        let mut bytes = Vec::new();
        store.read_leaf(&cid, &mut bytes)?;
        if cid.matches(&bytes) {
            Ok(bytes)
        } else {
            Err(billet_storage::StoreError::Corrupt(cid))
        }
    });
    let read = match read.await {
        Err(error) => inside.effects().elsewhere(cid, error).await,
        Ok(bytes) => Ok(Bytes::from(bytes)),
    };
    match read {
        Ok(bytes) => {
            out.bytes(bytes).await?;
            Ok(Verdict::Whole)
        }
        Err(StoreError::NotFound) => Err(Failure::new(format!("no block {cid} is in the store"))),
        Err(error) => Err(error.into()),
    }
}
