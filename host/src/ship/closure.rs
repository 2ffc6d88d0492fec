//! `closure` of `billet:bucket/inspect` for the shipper: a reader instance of `mst` answers, and
//! its stream is handed from one instance to the other.
//!
//! Must never read what passes through.

use std::sync::Arc;

use futures::channel::mpsc;
use tokio::sync::oneshot;
use wasmtime::component::{FutureReader, Linker, StreamReader};

use super::streams::{Giver, Taker, Teller, channel};
use crate::bindings::billet::store::types::StoreError;
use crate::bindings::exports::billet::bucket::inspect::Target;
use crate::guest::Guest;
use crate::mst::Mst;

type Stream = (StreamReader<u8>, FutureReader<Result<(), StoreError>>);
type Targets = (Vec<Target>, Vec<Target>);
type Told = oneshot::Receiver<Result<(), StoreError>>;

/// Links the one function that the shipper calls.
pub(super) fn add_to_linker(linker: &mut Linker<Guest>) -> wasmtime::Result<()> {
    let mut inspect = linker.instance("billet:bucket/inspect@0.1.0")?;
    inspect.func_wrap_concurrent("closure", |accessor, (targets, minus): Targets| {
        Box::pin(async move {
            let mst = accessor.with(|mut access| {
                let reach = access.get().reach()?;
                Ok::<_, wasmtime::Error>(Arc::clone(&reach.mst))
            })?;
            let (bytes, told) = match closure(mst, targets, minus).await {
                Ok(opened) => opened,
                Err(error) => return Ok((Err(error),)),
            };
            let stream: Stream = accessor.with(|mut access| {
                let stream = StreamReader::new(&mut access, Giver(bytes))?;
                let failure = FutureReader::new(&mut access, async move {
                    wasmtime::error::Ok(told.await.unwrap_or(Err(StoreError::Unavailable)))
                })?;
                Ok::<_, wasmtime::Error>((stream, failure))
            })?;
            Ok((Ok::<Stream, StoreError>(stream),))
        })
    })
}

/// Opens a closure on a reader. The call there lasts as long as its stream.
async fn closure(
    mst: Arc<Mst>,
    targets: Vec<Target>,
    minus: Vec<Target>,
) -> Result<(mpsc::Receiver<bytes::Bytes>, Told), StoreError> {
    let (sender, receiver) = channel();
    let (opened, opening) = oneshot::channel::<Result<(), StoreError>>();
    let (tell, told) = oneshot::channel();
    tokio::spawn(async move {
        let walk = mst.read(move |accessor, native| {
            Box::pin(async move {
                let inspect = native.billet_bucket_inspect();
                let answer = inspect.call_closure(accessor, targets, minus).await?;
                let (stream, failure) = match answer {
                    Ok(streams) => streams,
                    Err(error) => {
                        let _ = opened.send(Err(error));
                        return Ok(());
                    }
                };
                let (ended, end) = oneshot::channel();
                accessor.with(|mut access| {
                    stream.pipe(&mut access, Taker(sender))?;
                    failure.pipe(&mut access, Teller(Some(ended)))
                })?;
                // Whoever asked may be gone.
                let _ = opened.send(Ok(()));
                if let Ok(outcome) = end.await {
                    let _ = tell.send(outcome);
                }
                Ok(())
            })
        });
        if walk.await.is_err() {
            tracing::warn!("a closure ended with its instance");
        }
    });
    match opening.await {
        Ok(Ok(())) => Ok((receiver, told)),
        Ok(Err(error)) => Err(error),
        Err(_) => Err(StoreError::Unavailable),
    }
}
