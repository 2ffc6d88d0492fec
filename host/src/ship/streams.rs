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
    Destination, FutureConsumer, Lift, Source, StreamConsumer, StreamProducer, StreamResult,
};

use crate::guest::Guest;

/// Batches that wait between two sides.
const BATCHES_AHEAD: usize = 4;
/// Bytes that are taken from a guest at once, at most.
const BATCH_BYTES: usize = 64 << 10;

/// A channel of batches.
pub(super) fn channel() -> (mpsc::Sender<Bytes>, mpsc::Receiver<Bytes>) {
    mpsc::channel(BATCHES_AHEAD)
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
pub(super) struct Giver(pub(super) mpsc::Receiver<Bytes>);

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
pub(super) struct Teller<T>(pub(super) Option<oneshot::Sender<T>>);

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
