//! Bytes from one place of the store to another, where no reference can do it. It must never hold
//! the bytes, and never call a source whole that broke off.

use billet_s3::checksum::Algorithm;

use crate::bindings::billet::bucket::types::Content;
use crate::bindings::billet::store::bodies;
use crate::intake::{Stored, digests};
use crate::outflow;
use crate::refusal::{self, Result};

/// Puts `length` bytes of `content` from `offset` on into `space` as a body of their own.
pub(crate) async fn put(
    content: &Content,
    offset: u64,
    length: u64,
    space: &str,
    algorithm: Algorithm,
) -> Result<Stored> {
    let (bytes, failure) = outflow::flow(content, offset, length).await?;
    let algorithms = [algorithm];
    let put = bodies::put(space.to_owned(), bytes, length, digests(&algorithms)).await;
    // A source that broke off says why; the put only says that bytes were missing.
    failure.await.map_err(refusal::store)?;
    Stored::new(put.map_err(refusal::store)?, &algorithms)
}
