//! A component behind the plain server: what WebAssembly itself costs a request.
//!
//! Instances are pooled and shared as Billet shares them. Must never give the component anything
//! but what Rust's standard library imports by itself.

use std::io;
use std::path::Path;

use billet_wasi_host::Sharing;
use billet_wasi_host::instances::Pool;
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt, Empty};
use hyper::body::Incoming;
use tokio::net::TcpListener;
use wasmtime::{Config, InstanceAllocationStrategy, PoolingAllocationConfig};
use wasmtime_wasi::WasiCtx;
use wasmtime_wasi_http::Error as HttpError;
use wasmtime_wasi_http::handler::ProxyHandler;

use crate::baseline::server::serve_with;

/// As Billet has it for requests that only read.
const SHARING: Sharing = Sharing {
    concurrent: 16,
    total: 128,
};

/// Serves every request with the component in `file`, until the process ends.
///
/// # Errors
/// The component does not compile, or a connection cannot be accepted.
pub async fn serve(file: &Path, listener: TcpListener) -> io::Result<()> {
    let mut config = Config::new();
    let pooling = PoolingAllocationConfig::new();
    config.allocation_strategy(InstanceAllocationStrategy::Pooling(pooling));
    let pool = Pool::new(config, file, SHARING, || Ok(WasiCtx::builder().build()))
        .map_err(|error| io::Error::other(format!("{error:#}")))?;
    let handler = ProxyHandler::new(pool);
    serve_with(listener, move |request: Request<Incoming>| {
        let handler = handler.clone();
        async move {
            let request = request.map(|body| body.map_err(HttpError::Hyper).boxed_unsync());
            handler.handle((), request).await.unwrap_or_else(|error| {
                eprintln!("{error:#}");
                let body = Empty::new().map_err(|never| match never {}).boxed_unsync();
                let mut response = Response::new(body);
                *response.status_mut() = StatusCode::INTERNAL_SERVER_ERROR;
                response
            })
        }
    })
    .await
}
