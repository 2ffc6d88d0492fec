//! `billet block get`.
//!
//! Must never hand out a block whose bytes are not what its CID says.

use billet_block::Cid;
use bytes::Bytes;

use super::{Failure, Inside, Out, Verdict};

/// The bytes of a block of either plane, hashed on this very read.
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
    match read.await {
        Ok(bytes) => {
            out.bytes(Bytes::from(bytes)).await?;
            Ok(Verdict::Whole)
        }
        Err(crate::bindings::billet::store::types::StoreError::NotFound) => {
            Err(Failure::new(format!("no block {cid} is in the store")))
        }
        Err(error) => Err(error.into()),
    }
}
