//! Bytes between the host and guests, a batch a message, with room for a few.
//!
//! Must never run ahead of whoever reads by more than that.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use futures::StreamExt;
use futures::channel::mpsc;
use tokio::sync::oneshot;
use wasmtime::StoreContextMut;
use wasmtime::component::{
    Accessor, Destination, FutureConsumer, FutureReader, HasData, Lift, Source, StreamConsumer,
    StreamProducer, StreamReader, StreamResult,
};

use crate::bindings::billet::store::types::StoreError;
use crate::guest::Guest;
use crate::mst::Lost;

/// Batches that wait between two sides.
const BATCHES_AHEAD: usize = 4;
/// Bytes that are taken from a guest at once, at most.
const BATCH_BYTES: usize = 64 << 10;

/// A channel of batches.
pub(super) fn channel() -> (mpsc::Sender<Bytes>, mpsc::Receiver<Bytes>) {
    mpsc::channel(BATCHES_AHEAD)
}

/// A stream as guests give and take it: bytes, and how it ended.
pub(super) type Stream = (StreamReader<u8>, FutureReader<Result<(), StoreError>>);

/// A guest's stream outside of it: its bytes, and how it ended.
pub(super) type Opened = (
    mpsc::Receiver<Bytes>,
    oneshot::Receiver<Result<(), StoreError>>,
);

/// Hands a stream to a guest.
///
/// # Errors
/// When the instance is at its end.
pub(super) fn hand_in<D: HasData>(
    accessor: &Accessor<Guest, D>,
    (bytes, told): Opened,
) -> wasmtime::Result<Stream> {
    accessor.with(|mut access| {
        let stream = StreamReader::new(&mut access, Giver(bytes))?;
        let failure = FutureReader::new(&mut access, async move {
            wasmtime::error::Ok(told.await.unwrap_or(Err(StoreError::Unavailable)))
        })?;
        Ok((stream, failure))
    })
}

/// A guest's stream on its way out. The call that gave it lasts as long as it does.
pub(super) struct Outlet {
    opened: oneshot::Sender<Result<(), StoreError>>,
    sender: mpsc::Sender<Bytes>,
    tell: oneshot::Sender<Result<(), StoreError>>,
}

impl Outlet {
    /// The side of the call.
    ///
    /// # Errors
    /// When the instance is at its end.
    pub(super) async fn pass(
        self,
        accessor: &Accessor<Guest>,
        answer: Result<Stream, StoreError>,
    ) -> wasmtime::Result<()> {
        // Whoever asked may be gone, at each of these.
        let (stream, failure) = match answer {
            Ok(streams) => streams,
            Err(error) => {
                let _ = self.opened.send(Err(error));
                return Ok(());
            }
        };
        let (ended, end) = oneshot::channel();
        accessor.with(|mut access| {
            stream.pipe(&mut access, Taker(self.sender))?;
            failure.pipe(&mut access, Teller(Some(ended)))
        })?;
        let _ = self.opened.send(Ok(()));
        if let Ok(outcome) = end.await {
            let _ = self.tell.send(outcome);
        }
        Ok(())
    }
}

/// Has `call` made in a task of its own, which hands its answer to the [`Outlet`].
///
/// # Errors
/// What the call answered; `Unavailable` when it ended without an answer.
pub(super) async fn open<F, C>(what: &'static str, call: F) -> Result<Opened, StoreError>
where
    F: FnOnce(Outlet) -> C,
    C: Future<Output = Result<(), Lost>> + Send + 'static,
{
    let (sender, pieces) = channel();
    let (opened, opening) = oneshot::channel();
    let (tell, told) = oneshot::channel();
    let call = call(Outlet {
        opened,
        sender,
        tell,
    });
    tokio::spawn(async move {
        if call.await.is_err() {
            tracing::warn!("{what} ended with its instance");
        }
    });
    match opening.await {
        Ok(Ok(())) => Ok((pieces, told)),
        Ok(Err(error)) => Err(error),
        Err(_) => Err(StoreError::Unavailable),
    }
}

/// Takes bytes from a guest.
pub(super) struct Taker(pub(super) mpsc::Sender<Bytes>);

impl StreamConsumer<Guest> for Taker {
    type Item = u8;

    fn poll_consume(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        mut store: StoreContextMut<'_, Guest>,
        mut source: Source<'_, u8>,
        finish: bool,
    ) -> Poll<wasmtime::Result<StreamResult>> {
        match self.0.poll_ready(cx) {
            Poll::Ready(Ok(())) => {}
            Poll::Ready(Err(_)) => return Poll::Ready(Ok(StreamResult::Dropped)),
            Poll::Pending if finish => return Poll::Ready(Ok(StreamResult::Cancelled)),
            Poll::Pending => return Poll::Pending,
        }
        let mut batch = Vec::with_capacity(BATCH_BYTES);
        source.read(&mut store, &mut batch)?;
        if !batch.is_empty() && self.0.try_send(Bytes::from(batch)).is_err() {
            return Poll::Ready(Ok(StreamResult::Dropped));
        }
        Poll::Ready(Ok(StreamResult::Completed))
    }
}

/// Gives bytes to a guest.
struct Giver(mpsc::Receiver<Bytes>);

impl StreamProducer<Guest> for Giver {
    type Item = u8;
    type Buffer = Bytes;

    fn poll_produce<'a>(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        store: StoreContextMut<'a, Guest>,
        mut destination: Destination<'a, u8, Bytes>,
        finish: bool,
    ) -> Poll<wasmtime::Result<StreamResult>> {
        if destination.remaining(store) == Some(0) {
            return Poll::Ready(Ok(StreamResult::Completed));
        }
        if finish {
            return match self.0.poll_next_unpin(cx) {
                Poll::Ready(Some(bytes)) => {
                    destination.set_buffer(bytes);
                    Poll::Ready(Ok(StreamResult::Completed))
                }
                Poll::Ready(None) => Poll::Ready(Ok(StreamResult::Dropped)),
                Poll::Pending => Poll::Ready(Ok(StreamResult::Cancelled)),
            };
        }
        match ready!(self.0.poll_next_unpin(cx)) {
            Some(bytes) => {
                destination.set_buffer(bytes);
                Poll::Ready(Ok(StreamResult::Completed))
            }
            None => Poll::Ready(Ok(StreamResult::Dropped)),
        }
    }
}

/// Takes the one value of a guest's future.
struct Teller<T>(Option<oneshot::Sender<T>>);

impl<T: Lift + Send + 'static> FutureConsumer<Guest> for Teller<T> {
    type Item = T;

    fn poll_consume(
        mut self: Pin<&mut Self>,
        _cx: &mut Context<'_>,
        store: StoreContextMut<'_, Guest>,
        mut source: Source<'_, T>,
        _finish: bool,
    ) -> Poll<wasmtime::Result<()>> {
        let mut value = None;
        source.read(store, &mut value)?;
        if let (Some(value), Some(tell)) = (value, self.0.take()) {
            // Whoever asked may be gone.
            let _ = tell.send(value);
        }
        Poll::Ready(Ok(()))
    }
}
