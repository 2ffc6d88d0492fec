//! A host as others offer it: stock WASI 0.2 and 0.3, one directory, an environment and HTTP.
//!
//! Must never help a component beyond that: no `Host` header, no authority, nothing of Billet.

pub mod instances;

use std::path::Path;

use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt, Empty};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};
use wasmtime::Config;
use wasmtime_wasi::{FsPerms, WasiCtxBuilder};
use wasmtime_wasi_http::handler::ProxyHandler;
use wasmtime_wasi_http::{Error as HttpError, WasiBody};

use instances::Pool;

/// A component that is served, with how many requests share an instance.
#[derive(Clone)]
pub struct Server {
    handler: ProxyHandler<Pool>,
}

/// What may be chosen beside the component.
#[derive(Clone, Copy, Debug)]
pub struct Sharing {
    /// Requests that an instance works on at once.
    pub concurrent: usize,
    /// Requests until an instance is replaced.
    pub total: usize,
}

impl Default for Sharing {
    /// What `wasmtime serve` does.
    fn default() -> Self {
        Self {
            concurrent: 16,
            total: 128,
        }
    }
}

impl Server {
    /// Compiles a component and gives it a directory and an environment.
    ///
    /// # Errors
    /// When it does not compile, or imports what such a host does not have.
    pub fn new(
        component: &Path,
        folder: &Path,
        environment: &[(String, String)],
        sharing: Sharing,
    ) -> wasmtime::Result<Self> {
        let (folder, environment) = (folder.to_owned(), environment.to_vec());
        let pool = Pool::new(Config::new(), component, sharing, move || {
            Ok(WasiCtxBuilder::new()
                .inherit_stderr()
                .envs(&environment)
                .preopened_dir(&folder, "/data", FsPerms::ReadWrite)?
                .build())
        })?;
        Ok(Self::of(pool))
    }

    /// Serves the instances of a pool.
    pub fn of(pool: Pool) -> Self {
        Self {
            handler: ProxyHandler::new(pool),
        }
    }

    /// Serves connections until the listener fails.
    ///
    /// # Errors
    /// The listener's.
    pub async fn run(self, listener: TcpListener) -> std::io::Result<()> {
        loop {
            let (stream, _) = listener.accept().await?;
            stream.set_nodelay(true)?;
            tokio::spawn(self.clone().connection(stream));
        }
    }

    async fn connection(self, stream: TcpStream) {
        let service = service_fn(move |request| self.clone().answer(request));
        let served = http1::Builder::new()
            .serve_connection(TokioIo::new(stream), service)
            .await;
        if let Err(error) = served {
            eprintln!("connection: {error}");
        }
    }

    async fn answer(self, request: Request<Incoming>) -> Result<Response<WasiBody>, HttpError> {
        let request = request.map(|body| body.map_err(HttpError::Hyper));
        let request = request.map(BodyExt::boxed_unsync);
        match self.handler.handle((), request).await {
            Ok(response) => Ok(response),
            Err(error) => {
                eprintln!("request: {error:#}");
                let body = Empty::new().map_err(|never| match never {});
                let mut response = Response::new(body.boxed_unsync());
                *response.status_mut() = StatusCode::INTERNAL_SERVER_ERROR;
                Ok(response)
            }
        }
    }
}
