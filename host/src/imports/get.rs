//! A body on its way out: spans of blocks, read ahead by one and handed on without a copy.
//!
//! The stream is made from an HTTP body, which the answer unwraps again: so no byte is copied, it
//! outlives the instance, and an error breaks the answer off even where the guest does not look.
//! Must never let a byte leave before its block was checked (I6).

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use billet_block::Cid;
use billet_storage::Reading;
use bytes::Bytes;
use futures::StreamExt;
use futures::channel::mpsc;
use futures::stream;
use http_body::Frame;
use http_body_util::{BodyExt, StreamBody};
use tokio::sync::oneshot;
use wasmtime::component::{
    Access, Accessor, FutureReader, Source, StreamConsumer, StreamReader, StreamResult,
};
use wasmtime::{AsContextMut, StoreContextMut};
use wasmtime_wasi_http::p3::Request;
use wasmtime_wasi_http::p3::bindings::http::types::HostRequestWithStore;
use wasmtime_wasi_http::{Error as HttpError, WasiBody, WasiHttp, WasiHttpView};

use super::{invalid, parse_cid};
use crate::bindings::billet::store::bodies::Span;
use crate::bindings::billet::store::types::StoreError;
use crate::buffers::{BUFFER_BYTES, SMALL_BYTES_MAX};
use crate::effects::Effects;
use crate::guest::{Guest, Host};
use crate::peers::Peer;

/// Spans that are taken from the guest at once, about.
const BATCH_SPANS: usize = 64;

/// Batches that wait between the guest and the reader.
const BATCHES_AHEAD: usize = 4;

type Stream = (StreamReader<u8>, FutureReader<Result<(), StoreError>>);

/// Opens a stream over spans; what is wrong with the first block is told at once.
pub(super) async fn get(
    accessor: &Accessor<Guest, Host>,
    first: Vec<Span>,
    rest: Option<StreamReader<Span>>,
) -> wasmtime::Result<Result<Stream, StoreError>> {
    let (effects, peer, spans) = accessor.with(|mut access| {
        let guest = access.get();
        let (effects, peer) = (Arc::clone(&guest.effects), guest.peer());
        let spans: Spans = match rest {
            Some(rest) => {
                let (sender, receiver) = mpsc::channel(BATCHES_AHEAD);
                rest.pipe(access, Collector { sender })?;
                Box::pin(stream::iter(first).chain(receiver.flat_map(stream::iter)))
            }
            None => Box::pin(stream::iter(first)),
        };
        Ok::<_, wasmtime::Error>((effects, peer, spans))
    })?;
    let mut outflow = Outflow {
        // What is reached now is kept, even if it is overwritten before it ever left.
        _reading: effects.storage.store().reading(),
        effects,
        peer,
        spans,
    };
    let leading = match outflow.next().await {
        Some(Err(error)) => return Ok(Err(error)),
        Some(Ok(bytes)) => Some(bytes),
        None => None,
    };
    let (told, outcome) = oneshot::channel();
    let body = StreamBody::new(outflow.flow(leading, told)).boxed_unsync();
    accessor.with(|mut access| {
        let stream = stream_of(&mut access, body)?;
        let failure = FutureReader::new(&mut access, async move {
            // Dropped unsent: nobody read the stream to its end, which is no failure of ours.
            wasmtime::error::Ok(outcome.await.unwrap_or(Ok(())))
        })?;
        Ok(Ok((stream, failure)))
    })
}

/// A stream that an answer takes the body out of again.
pub(super) fn stream_of(
    access: &mut Access<'_, Guest, Host>,
    body: WasiBody,
) -> wasmtime::Result<StreamReader<u8>> {
    let hooks = access.get().http().hooks;
    let (request, _) = Request::from_http(hooks, http::Request::new(body));
    let request = access.get().table.push(request)?;
    // Whoever reads the stream tells nothing back.
    let quiet = FutureReader::new(&mut *access, async { wasmtime::error::Ok(Ok(())) })?;
    let http = Access::<Guest, WasiHttp>::new(access.as_context_mut(), Guest::http);
    let (stream, mut trailers) = WasiHttp::consume_body(http, request, quiet)?;
    trailers.close(access)?;
    Ok(stream)
}

/// Hands spans of a guest's stream to whoever reads them. A batch goes as one message, so that the
/// one place that is known to be free takes all that was read.
struct Collector {
    sender: mpsc::Sender<Vec<Span>>,
}

impl StreamConsumer<Guest> for Collector {
    type Item = Span;

    fn poll_consume(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        mut store: StoreContextMut<'_, Guest>,
        mut source: Source<'_, Span>,
        finish: bool,
    ) -> Poll<wasmtime::Result<StreamResult>> {
        let this = &mut *self;
        match this.sender.poll_ready(cx) {
            Poll::Ready(Ok(())) => {}
            Poll::Ready(Err(_)) => return Poll::Ready(Ok(StreamResult::Dropped)),
            Poll::Pending if finish => return Poll::Ready(Ok(StreamResult::Cancelled)),
            Poll::Pending => return Poll::Pending,
        }
        let mut batch = Vec::with_capacity(BATCH_SPANS);
        source.read(&mut store, &mut batch)?;
        if !batch.is_empty() && this.sender.try_send(batch).is_err() {
            return Poll::Ready(Ok(StreamResult::Dropped));
        }
        Poll::Ready(Ok(StreamResult::Completed))
    }
}

type Spans = Pin<Box<dyn futures::Stream<Item = Span> + Send + Sync>>;

/// Reads spans one after another.
struct Outflow {
    effects: Arc<Effects>,
    peer: Option<Arc<Peer>>,
    spans: Spans,
    _reading: Reading,
}

impl Outflow {
    /// The bytes of the next span; none at the end.
    async fn next(&mut self) -> Option<Result<Bytes, StoreError>> {
        let span = self.spans.next().await?;
        Some(self.read(&span).await)
    }

    async fn read(&self, span: &Span) -> Result<Bytes, StoreError> {
        let cid = parse_cid(&span.cid)?;
        let length = usize::try_from(span.length)
            .ok()
            .filter(|length| *length <= BUFFER_BYTES)
            .ok_or_else(|| invalid("a span is longer than a leaf"))?;
        // The whole block is read and checked, whatever is asked of it. What is asked from its
        // beginning is most often all of it; else nothing is known of its size.
        let guess = if span.offset == 0 {
            length
        } else {
            BUFFER_BYTES
        };
        let bytes = match self.block(cid, guess).await {
            Err(StoreError::Invalid(_)) if guess < BUFFER_BYTES => {
                self.block(cid, BUFFER_BYTES).await?
            }
            found => found?,
        };
        let start = usize::try_from(span.offset).ok();
        let range = start.and_then(|start| Some(start..start.checked_add(length)?));
        match range.filter(|range| range.end <= bytes.len()) {
            // A small piece does not keep its block's memory.
            Some(range) if length <= SMALL_BYTES_MAX && length < bytes.len() => {
                Ok(Bytes::copy_from_slice(bytes.get(range).unwrap_or_default()))
            }
            Some(range) => Ok(bytes.slice(range)),
            None => Err(invalid("a span goes beyond its block")),
        }
    }

    /// A block of at most so many bytes: from here, else from wherever it is.
    async fn block(&self, cid: Cid, bytes_max: usize) -> Result<Bytes, StoreError> {
        let buffers = Arc::clone(&self.effects.buffers);
        let mut buffer = buffers.take(bytes_max, self.peer.clone()).await?;
        let storage = &self.effects.storage;
        // A small block that is in memory is read in less time than a thread for it would take.
        let is_small = bytes_max <= SMALL_BYTES_MAX;
        if is_small && storage.store().read_leaf_now(&cid, buffer.bytes_mut()) {
            return Ok(Bytes::from_owner(buffer));
        }
        let reading = storage.run(move |store| {
            store.read_leaf_within(&cid, buffer.bytes_mut())?;
            Ok(buffer)
        });
        match reading.await {
            Ok(buffer) => Ok(Bytes::from_owner(buffer)),
            Err(error) => self.effects.elsewhere(cid, error).await,
        }
    }

    /// The frames of the body. The leading one is there at once, so that it leaves in one piece
    /// with the head; one span is read ahead while the one before is being sent.
    fn flow(
        self,
        leading: Option<Bytes>,
        told: oneshot::Sender<Result<(), StoreError>>,
    ) -> impl futures::Stream<Item = Result<Frame<Bytes>, HttpError>> + Send {
        let leading = stream::iter(leading.map(|bytes| Ok(Frame::data(bytes))));
        let rest = if self.spans.size_hint() == (0, Some(0)) {
            // Most objects are one span: nobody needs to read on.
            let _ = told.send(Ok(()));
            None
        } else {
            Some(self.read_on(told))
        };
        leading.chain(stream::iter(rest).flatten())
    }

    /// The frames that follow, read by a task of their own.
    fn read_on(
        mut self,
        told: oneshot::Sender<Result<(), StoreError>>,
    ) -> mpsc::Receiver<Result<Frame<Bytes>, HttpError>> {
        let (mut frames, read) = mpsc::channel(0);
        tokio::spawn(async move {
            let mut outcome = Ok(());
            while let Some(next) = self.next().await {
                let frame = next.map_err(|error| {
                    let text = format!("a body broke off: {error:?}");
                    outcome = Err(error);
                    HttpError::InternalError(Some(text))
                });
                let failed = frame.is_err();
                let gone = futures::SinkExt::send(&mut frames, frame.map(Frame::data))
                    .await
                    .is_err();
                if failed || gone {
                    break;
                }
            }
            // The guest may be gone, which is why the error went into the body, too.
            let _ = told.send(outcome);
        });
        read
    }
}
