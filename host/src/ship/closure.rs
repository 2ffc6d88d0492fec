//! `closure` of `billet:bucket/inspect` for the shipper: a reader instance of `mst` answers, and
//! its stream is handed from one instance to the other.
//!
//! Must never read what passes through.

use std::sync::Arc;

use wasmtime::component::Linker;

use super::streams::{Opened, Outlet, Stream, hand_in, open};
use crate::bindings::billet::store::types::StoreError;
use crate::bindings::exports::billet::bucket::inspect::Target;
use crate::guest::Guest;
use crate::mst::Mst;

type Targets = (Vec<Target>, Vec<Target>);

/// Links the one function that the shipper calls.
pub(super) fn add_to_linker(linker: &mut Linker<Guest>) -> wasmtime::Result<()> {
    let mut inspect = linker.instance("billet:bucket/inspect@0.1.0")?;
    inspect.func_wrap_concurrent("closure", |accessor, (targets, minus): Targets| {
        Box::pin(async move {
            let mst = accessor.with(|mut access| {
                let reach = access.get().reach()?;
                Ok::<_, wasmtime::Error>(Arc::clone(&reach.mst))
            })?;
            let stream: Result<Stream, StoreError> = match closure(mst, targets, minus).await {
                Ok(opened) => Ok(hand_in(accessor, opened)?),
                Err(error) => Err(error),
            };
            Ok((stream,))
        })
    })
}

/// Opens a closure on a reader.
async fn closure(
    mst: Arc<Mst>,
    targets: Vec<Target>,
    minus: Vec<Target>,
) -> Result<Opened, StoreError> {
    let walk = move |outlet: Outlet| async move {
        let walk = mst.read(move |accessor, native| {
            Box::pin(async move {
                let inspect = native.billet_bucket_inspect();
                let answer = inspect.call_closure(accessor, targets, minus).await?;
                outlet.pass(accessor, answer).await
            })
        });
        walk.await
    };
    open("a closure", walk).await
}
