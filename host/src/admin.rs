//! The second port: whether the process lives and is ready, and its counters.
//!
//! It answers before recovery is done. Must never be reachable by clients of the first port, and
//! never change anything.

use std::convert::Infallible;
use std::pin::pin;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use bytes::Bytes;
use http::{Method, Request, Response, StatusCode};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};

use crate::metrics::Metrics;

const CONNECTIONS_MAX: usize = 32;
const HEAD_READ_S: u64 = 10;
const READ_BYTES_MAX: usize = 16 << 10;

/// Numbers that are asked for when somebody looks.
pub(crate) type Gauges = Box<dyn Fn() -> Vec<(String, u64)> + Send + Sync>;

/// What the second port tells.
pub(crate) struct Admin {
    pub(crate) metrics: Arc<Metrics>,
    /// Set when recovery is done.
    pub(crate) gauges: OnceLock<Gauges>,
    pub(crate) stopping: watch::Receiver<bool>,
}

impl Admin {
    /// Answers until the task is ended.
    pub(crate) async fn run(self: Arc<Self>, socket: TcpListener) {
        let permits = Arc::new(Semaphore::new(CONNECTIONS_MAX));
        loop {
            let Ok(permit) = Arc::clone(&permits).acquire_owned().await else {
                return;
            };
            let Ok((stream, _)) = socket.accept().await else {
                tokio::time::sleep(Duration::from_millis(100)).await;
                continue;
            };
            let admin = Arc::clone(&self);
            tokio::spawn(async move {
                admin.connection(stream).await;
                drop(permit);
            });
        }
    }

    async fn connection(self: Arc<Self>, stream: TcpStream) {
        let service = service_fn(move |request: Request<Incoming>| {
            let response = self.answer(request.method(), request.uri().path());
            async move { Ok::<_, Infallible>(response) }
        });
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(Duration::from_secs(HEAD_READ_S))
            .max_buf_size(READ_BYTES_MAX)
            .serve_connection(TokioIo::new(stream), service);
        if let Err(error) = pin!(connection).await {
            tracing::debug!(%error, "admin connection broken off");
        }
    }

    fn answer(&self, method: &Method, path: &str) -> Response<Full<Bytes>> {
        if !matches!(*method, Method::GET | Method::HEAD) {
            return text(StatusCode::METHOD_NOT_ALLOWED, "GET or HEAD\n".to_owned());
        }
        let ready = self.gauges.get().filter(|_| !*self.stopping.borrow());
        match path {
            "/livez" | "/healthz" => text(StatusCode::OK, "ok\n".to_owned()),
            "/readyz" if ready.is_some() => text(StatusCode::OK, "ok\n".to_owned()),
            "/readyz" => text(StatusCode::SERVICE_UNAVAILABLE, "not ready\n".to_owned()),
            "/metrics" => {
                let gauges = self.gauges.get().map(|gauges| gauges()).unwrap_or_default();
                text(StatusCode::OK, self.metrics.text(&gauges))
            }
            _ => text(StatusCode::NOT_FOUND, "no such page\n".to_owned()),
        }
    }
}

fn text(status: StatusCode, text: String) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from(text)));
    *response.status_mut() = status;
    response
}
