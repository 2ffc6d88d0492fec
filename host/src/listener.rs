//! The S3 listener: HTTP/1.1 connections within limits, and their requests on the way to the
//! instances.
//!
//! It knows HTTP and nothing of S3. Must never log a query or a header that may hold a signature.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use http::header::{self, HeaderValue};
use http::{Request, Response, Uri, Version};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, watch};
use tokio::task::JoinSet;
use wasmtime_wasi_http::WasiBody;

use crate::answers::{self, Own};
use crate::bodies::{Line, RequestBody, ResponseBody};
use crate::metrics::Metrics;
use crate::peers::{Admission, Peer, Peers};
use crate::pools::{Companion, PoolError, Pools};
use crate::settings::Limits;
use crate::ship::IdentityPage;
use crate::wire::{Half, Verdict, Wire, WireState};

/// The longest request target.
const TARGET_BYTES_MAX: usize = 8 << 10;
/// What a connection reads at once; it must hold a whole head.
const READ_BYTES_MAX: usize = 64 << 10;
const ACCEPT_PAUSE_MS: u64 = 100;

/// What all connections share.
pub(crate) struct Listener {
    pub(crate) pools: Pools,
    pub(crate) peers: Arc<Peers>,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) limits: Limits,
    /// Where something is shipped, who does.
    pub(crate) page: Option<IdentityPage>,
}

impl Listener {
    /// Serves connections until `stop` says so, then lets requests end in time.
    pub(crate) async fn run(self: Arc<Self>, socket: TcpListener, stop: watch::Receiver<bool>) {
        let mut connections = JoinSet::new();
        let mut stopped = stop.clone();
        let mut end = pin!(told(&mut stopped));
        loop {
            tokio::select! {
                biased;
                () = &mut end => break,
                _ = connections.join_next(), if !connections.is_empty() => {}
                accepted = socket.accept() => match accepted {
                    Ok((stream, address)) => match self.peers.admit(address.ip()) {
                        Some(admission) => {
                            let one = Arc::clone(&self);
                            let stop = stop.clone();
                            connections.spawn(one.connection(stream, address, admission, stop));
                        }
                        None => self.metrics.connections_refused.add(1),
                    },
                    Err(error) => {
                        // Out of descriptors, most likely: give others time to end.
                        tracing::warn!(%error, "a connection could not be accepted");
                        tokio::time::sleep(Duration::from_millis(ACCEPT_PAUSE_MS)).await;
                    }
                },
            }
        }
        drop(socket);
        let limit = Duration::from_millis(self.limits.stop_ms);
        let all = async { while connections.join_next().await.is_some() {} };
        if tokio::time::timeout(limit, all).await.is_err() {
            tracing::warn!(left = connections.len(), "requests did not end in time");
            connections.shutdown().await;
        }
    }

    async fn connection(
        self: Arc<Self>,
        stream: TcpStream,
        address: SocketAddr,
        admission: Admission,
        mut stop: watch::Receiver<bool>,
    ) {
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%error, "a connection has no TCP_NODELAY");
        }
        let (wire, state) = Wire::new(stream, &self.limits);
        let one = Arc::clone(&self);
        let peer = Arc::clone(&admission.peer);
        let service = service_fn(move |request| {
            let (one, peer, state) = (Arc::clone(&one), Arc::clone(&peer), Arc::clone(&state));
            async move { Ok::<_, Infallible>(one.request(request, address, peer, &state).await) }
        });
        let mut connection = http1::Builder::new()
            .half_close(false)
            .max_buf_size(READ_BYTES_MAX)
            .serve_connection(TokioIo::new(wire), service);
        let ended = tokio::select! {
            biased;
            ended = &mut connection => ended,
            () = told(&mut stop) => {
                std::pin::Pin::new(&mut connection).graceful_shutdown();
                (&mut connection).await
            }
        };
        if let Err(error) = ended {
            tracing::debug!(%error, peer = %address.ip(), "connection broken off");
            let wire = connection.into_parts().io.into_inner();
            if let Some(request_id) = wire.refused() {
                tracing::info!(request_id, peer = %address.ip(), "a head was refused");
            }
            if let Some(stream) = wire.late() {
                answer_late(&stream, address);
            }
        }
        drop(admission);
    }

    async fn request(
        &self,
        request: Request<Incoming>,
        address: SocketAddr,
        peer: Arc<Peer>,
        state: &Arc<WireState>,
    ) -> Response<ResponseBody> {
        let start = Instant::now();
        let (verdict, request_half, response_half) = state.begin();
        let method = request.method().clone();
        let path = request.uri().path().to_owned();
        let page = || self.page.as_ref()?.answer(&request);
        let (mut response, permit) = match self.check(&request, verdict).or_else(page) {
            Some(own) => (own, None),
            None => self.forward(request, peer, request_half).await,
        };
        if verdict == Verdict::Unseen {
            // A head that came before the last answer had ended was not judged: nothing that
            // follows it on this connection may count as a request.
            response
                .headers_mut()
                .insert(header::CONNECTION, HeaderValue::from_static("close"));
        }
        let length = response.headers().get(header::CONTENT_LENGTH);
        let line = Line {
            method,
            path,
            status: response.status(),
            length: length.and_then(|text| text.to_str().ok()?.parse().ok()),
            request_id: answers::request_id(&response).to_owned(),
            peer: address.ip(),
            start,
        };
        let (head, body) = response.into_parts();
        let body = ResponseBody::new(body, permit, response_half, line, &self.metrics);
        Response::from_parts(head, body.gathered().await)
    }

    /// What the host itself refuses, whatever S3 would say.
    fn check(&self, request: &Request<Incoming>, verdict: Verdict) -> Option<Response<WasiBody>> {
        let refuse = |own: Own| Some(own.answer());
        let target = request
            .uri()
            .path_and_query()
            .map_or(0, |target| target.as_str().len());
        match verdict {
            Verdict::Fine | Verdict::Unseen => {}
            Verdict::TooLong => return refuse(answers::HEAD_TOO_LONG),
            Verdict::Ambiguous => return refuse(answers::AMBIGUOUS_LENGTH),
        }
        if target > TARGET_BYTES_MAX {
            return refuse(answers::HEAD_TOO_LONG);
        }
        let hosts = request.headers().get_all(header::HOST).iter().count();
        if hosts > 1 || (hosts == 0 && request.version() >= Version::HTTP_11) {
            return refuse(answers::BAD_HOST);
        }
        None
    }

    async fn forward(
        &self,
        request: Request<Incoming>,
        peer: Arc<Peer>,
        half: Half,
    ) -> (Response<WasiBody>, Option<OwnedSemaphorePermit>) {
        let (mut parts, body) = request.into_parts();
        let Some(uri) = with_authority(&parts.uri, parts.headers.get(header::HOST)) else {
            return (answers::BAD_HOST.answer(), None);
        };
        parts.uri = uri;
        let asks_first = parts.headers.contains_key(header::EXPECT);
        let (body, body_ended) =
            RequestBody::new(body, asks_first, half, &self.limits, &self.metrics);
        let request = Request::from_parts(parts, body.boxed_unsync());
        match self
            .pools
            .handle(Companion { peer, body_ended }, request)
            .await
        {
            Ok((response, permit)) => (response, Some(permit)),
            Err(PoolError::Busy) => (answers::BUSY.answer(), None),
            Err(error) => {
                let response = answers::FAILED.answer();
                let request_id = answers::request_id(&response);
                tracing::error!(request_id, error = format!("{error:#}"), "request failed");
                (response, None)
            }
        }
    }
}

/// Tells a client whose head did not come in time why its connection ends. It may not hear it.
fn answer_late(stream: &TcpStream, address: SocketAddr) {
    let (text, request_id) = answers::HEAD_LATE.on_wire();
    let told = stream.try_write(text.as_bytes()).is_ok();
    tracing::info!(request_id, told, peer = %address.ip(), "a head did not come in time");
}

/// Waits until it is told to stop.
async fn told(stop: &mut watch::Receiver<bool>) {
    // Nobody left who could tell means stop, too.
    let _ = stop.wait_for(|stop| *stop).await;
}

/// The target with the host in it, which a component would not see otherwise.
fn with_authority(uri: &Uri, host: Option<&HeaderValue>) -> Option<Uri> {
    let mut parts = uri.clone().into_parts();
    let Some(host) = host else {
        return Some(uri.clone());
    };
    parts.scheme = Some(http::uri::Scheme::HTTP);
    parts.authority = Some(host.to_str().ok()?.parse().ok()?);
    if parts.path_and_query.is_none() {
        parts.path_and_query = Some(http::uri::PathAndQuery::from_static("/"));
    }
    Uri::from_parts(parts).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_host_goes_into_the_target() {
        for (target, host, expected) in [
            (
                "/bucket/key?x=%2F",
                "a.example:9000",
                Some("http://a.example:9000/bucket/key?x=%2F"),
            ),
            (
                "http://other/key",
                "a.example",
                Some("http://a.example/key"),
            ),
            ("/", "not a host", None),
            ("/", "", None),
        ] {
            let host = HeaderValue::from_str(host).unwrap();
            let uri = with_authority(&target.parse().unwrap(), Some(&host));
            assert_eq!(
                uri.map(|uri| uri.to_string()).as_deref(),
                expected,
                "{target} {host:?}"
            );
        }
        let uri = with_authority(&"/key".parse().unwrap(), None).unwrap();
        assert_eq!(uri, "/key");
    }
}
