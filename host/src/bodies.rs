//! Bodies of requests and answers on their way between the connection and an instance.
//!
//! They count bytes, watch the peer's rate and tell the connection when they have ended. Must
//! never hold bytes back.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use http_body_util::{BodyExt, StreamBody};
use hyper::body::Incoming;
use tokio::sync::{OwnedSemaphorePermit, oneshot};
use wasmtime_wasi_http::{Error as HttpError, WasiBody};

use crate::metrics::Metrics;
use crate::settings::Limits;
use crate::wire::{Half, RateWindow};

/// What is read of a body that nobody wants, so that the client gets to read the answer: twice a
/// part as the usual clients cut them.
const DRAIN_BYTES_MAX: usize = 16 << 20;
const DRAIN_MS_MAX: u64 = 5_000;

/// The body of a request.
pub(crate) struct RequestBody {
    inner: Option<Incoming>,
    window: RateWindow,
    half: Option<Half>,
    ended: Option<oneshot::Sender<()>>,
    metrics: Arc<Metrics>,
    /// Whether the client sends it without being asked, or was asked.
    flowing: bool,
}

impl RequestBody {
    /// Watches a body; the receiver resolves when it has ended.
    pub(crate) fn new(
        inner: Incoming,
        asks_first: bool,
        half: Half,
        limits: &Limits,
        metrics: &Arc<Metrics>,
    ) -> (Self, oneshot::Receiver<()>) {
        let (ended, told) = oneshot::channel();
        let mut body = Self {
            inner: Some(inner),
            window: RateWindow::new(limits),
            half: Some(half),
            ended: Some(ended),
            metrics: Arc::clone(metrics),
            flowing: !asks_first,
        };
        if body.is_end_stream() {
            body.end();
        }
        (body, told)
    }

    /// There is nothing more to come.
    fn end(&mut self) {
        self.inner = None;
        self.half = None;
        self.ended = None;
    }
}

impl Body for RequestBody {
    type Data = Bytes;
    type Error = HttpError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, HttpError>>> {
        self.flowing = true;
        let Some(inner) = &mut self.inner else {
            return Poll::Ready(None);
        };
        match Pin::new(inner).poll_frame(cx) {
            Poll::Ready(Some(Ok(frame))) => {
                let bytes = frame.data_ref().map_or(0, Bytes::len);
                self.window.progress(bytes);
                self.metrics.bytes_in.add(bytes);
                Poll::Ready(Some(Ok(frame)))
            }
            Poll::Ready(Some(Err(error))) => {
                self.end();
                Poll::Ready(Some(Err(HttpError::Hyper(error))))
            }
            Poll::Ready(None) => {
                self.end();
                Poll::Ready(None)
            }
            Poll::Pending if self.window.too_slow(cx) => {
                self.metrics.peers_too_slow.add(1);
                self.end();
                Poll::Ready(Some(Err(HttpError::ConnectionReadTimeout)))
            }
            Poll::Pending => Poll::Pending,
        }
    }

    fn is_end_stream(&self) -> bool {
        self.inner.as_ref().is_none_or(Body::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        self.inner
            .as_ref()
            .map_or_else(|| SizeHint::with_exact(0), Body::size_hint)
    }
}

impl Drop for RequestBody {
    fn drop(&mut self) {
        let (Some(mut inner), half) = (self.inner.take(), self.half.take()) else {
            return;
        };
        if inner.is_end_stream() || !self.flowing {
            return;
        }
        let Ok(runtime) = tokio::runtime::Handle::try_current() else {
            return;
        };
        runtime.spawn(async move {
            let mut rest = DRAIN_BYTES_MAX;
            let drain = async {
                while let Some(Ok(frame)) = inner.frame().await {
                    rest = rest.saturating_sub(frame.data_ref().map_or(0, Bytes::len));
                    if rest == 0 {
                        return;
                    }
                }
            };
            let _ = tokio::time::timeout(Duration::from_millis(DRAIN_MS_MAX), drain).await;
            drop(half);
        });
    }
}

/// The line of the log about a request, written when its answer has ended.
pub(crate) struct Line {
    pub(crate) method: http::Method,
    /// Without the query, which may hold a signature.
    pub(crate) path: String,
    pub(crate) status: http::StatusCode,
    /// Bytes of the answer's body, where its head names them.
    pub(crate) length: Option<usize>,
    pub(crate) request_id: String,
    pub(crate) peer: std::net::IpAddr,
    pub(crate) start: Instant,
}

/// A body up to this size is waited for a moment, so that it leaves in one piece with its head.
const GATHERED_BYTES_MAX: usize = 64 << 10;
/// It is there already or about to be; whatever is not does not hold its head back any longer.
const GATHER_MS_MAX: u64 = 10;

/// The body of an answer.
pub(crate) struct ResponseBody {
    inner: WasiBody,
    /// What was waited for.
    first: Option<Frame<Bytes>>,
    whole: bool,
    bytes: usize,
    line: Line,
    metrics: Arc<Metrics>,
    _permit: Option<OwnedSemaphorePermit>,
    _half: Half,
}

impl ResponseBody {
    /// Watches a body; permit and half end with it.
    pub(crate) fn new(
        inner: WasiBody,
        permit: Option<OwnedSemaphorePermit>,
        half: Half,
        line: Line,
        metrics: &Arc<Metrics>,
    ) -> Self {
        // Such answers end with their head: nobody asks for a body.
        let empty = line.method == http::Method::HEAD
            || matches!(line.status.as_u16(), 204 | 304)
            || line.length == Some(0);
        Self {
            whole: empty || inner.is_end_stream(),
            inner,
            first: None,
            bytes: 0,
            line,
            metrics: Arc::clone(metrics),
            _permit: permit,
            _half: half,
        }
    }

    /// The same body with its first frame at hand, where it is small: a client that reads head and
    /// body at once gets them at once, and in one packet.
    pub(crate) async fn gathered(mut self) -> Self {
        let small = (1..=GATHERED_BYTES_MAX).contains(&self.line.length.unwrap_or(0));
        if small && !self.whole {
            let limit = Duration::from_millis(GATHER_MS_MAX);
            let frame = tokio::time::timeout(limit, self.inner.frame()).await;
            match frame {
                Ok(Some(Ok(frame))) => self.first = Some(frame),
                Ok(Some(Err(error))) => self.inner = broken(error),
                Ok(None) | Err(_) => {}
            }
        }
        self
    }
}

/// A body that is nothing but an error.
fn broken(error: HttpError) -> WasiBody {
    StreamBody::new(futures::stream::iter([Err(error)])).boxed_unsync()
}

impl Body for ResponseBody {
    type Data = Bytes;
    type Error = HttpError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, HttpError>>> {
        let poll = match self.first.take() {
            Some(frame) => Poll::Ready(Some(Ok(frame))),
            None => Pin::new(&mut self.inner).poll_frame(cx),
        };
        match &poll {
            Poll::Ready(Some(Ok(frame))) => {
                let bytes = frame.data_ref().map_or(0, Bytes::len);
                self.bytes = self.bytes.saturating_add(bytes);
                self.whole = self.inner.is_end_stream() || self.line.length == Some(self.bytes);
                self.metrics.bytes_out.add(bytes);
            }
            Poll::Ready(None) => self.whole = true,
            Poll::Ready(Some(Err(error))) => {
                let Line {
                    path, request_id, ..
                } = &self.line;
                tracing::warn!(path, request_id, %error, "answer broken off");
            }
            Poll::Pending => {}
        }
        poll
    }

    fn is_end_stream(&self) -> bool {
        self.first.is_none() && self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        let rest = self.inner.size_hint();
        let first = self.first.as_ref().and_then(Frame::data_ref);
        let first = first.map_or(0, |bytes| u64::try_from(bytes.len()).unwrap_or(u64::MAX));
        match rest.exact() {
            Some(rest) => SizeHint::with_exact(rest.saturating_add(first)),
            None => SizeHint::default(),
        }
    }
}

impl Drop for ResponseBody {
    fn drop(&mut self) {
        let Line {
            method,
            path,
            status,
            request_id,
            peer,
            start,
            ..
        } = &self.line;
        let time = start.elapsed();
        self.metrics.request(method, *status, time);
        tracing::info!(
            %method,
            path,
            status = status.as_u16(),
            bytes = self.bytes,
            whole = self.whole,
            time_us = u64::try_from(time.as_micros()).unwrap_or(u64::MAX),
            request_id,
            %peer,
            "request"
        );
    }
}
