//! A component behind the plain server: what WebAssembly itself costs a request.
//!
//! Instances are pooled and shared as Billet shares them. Must never give the component anything
//! but what Rust's standard library imports by itself.

use std::io;
use std::path::Path;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Instant;

use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt, Empty};
use hyper::body::Incoming;
use tokio::net::TcpListener;
use wasmtime::component::{Component, Linker, ResourceTable, TaskGroupId};
use wasmtime::{
    Config, Engine, InstanceAllocationStrategy, PoolingAllocationConfig, Store, StoreContextMut,
};
use wasmtime_wasi::{WasiCtx, WasiCtxView, WasiView, p2, p3};
use wasmtime_wasi_http::handler::{
    HandlerState, Instance, Proxy, ProxyHandler, ShouldAccept, WorkerExpiration, WorkerState,
    WorkerStatus,
};
use wasmtime_wasi_http::p3::bindings::ServicePre;
use wasmtime_wasi_http::{
    Error as HttpError, RequestOptions, WasiBody, WasiHttpCtx, WasiHttpCtxView, WasiHttpHooks,
    WasiHttpView,
};

use crate::baseline::server::serve_with;

/// As Billet has it for requests that only read.
const CONCURRENT_MAX: usize = 16;
const REQUESTS_PER_INSTANCE: usize = 128;

/// Serves every request with the component in `file`, until the process ends.
///
/// # Errors
/// The component does not compile, or a connection cannot be accepted.
pub async fn serve(file: &Path, listener: TcpListener) -> io::Result<()> {
    let factory = Factory::new(file).map_err(|error| io::Error::other(format!("{error:#}")))?;
    let handler = ProxyHandler::new(factory);
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

struct Factory {
    engine: Engine,
    service: ServicePre<Guest>,
}

impl Factory {
    fn new(file: &Path) -> wasmtime::Result<Self> {
        let mut config = Config::new();
        let pool = InstanceAllocationStrategy::Pooling(PoolingAllocationConfig::new());
        config
            .allocation_strategy(pool)
            .wasm_component_model_async(true);
        let engine = Engine::new(&config)?;
        let component = Component::from_file(&engine, file)?;
        let mut linker = Linker::new(&engine);
        p2::add_to_linker_async(&mut linker)?;
        p3::add_to_linker(&mut linker)?;
        wasmtime_wasi_http::p3::add_to_linker(&mut linker)?;
        let service = ServicePre::new(linker.instantiate_pre(&component)?)?;
        Ok(Self { engine, service })
    }
}

impl HandlerState for Factory {
    type StoreData = Guest;
    type WorkerExpiration = Forever;
    type WorkerState = Worker;

    async fn instantiate(&self) -> wasmtime::Result<Instance<Guest, Forever, Worker>> {
        let guest = Guest {
            table: ResourceTable::new(),
            wasi: WasiCtx::builder().build(),
            http: WasiHttpCtx::new(),
            hooks: Hooks,
        };
        let mut store = Store::new(&self.engine, guest);
        let service = self.service.instantiate_async(&mut store).await?;
        let proxy = Proxy::P3(service);
        Ok(Instance {
            store,
            proxy,
            view: Guest::http,
            expiration: Forever,
            state: Worker,
        })
    }
}

struct Worker;

impl WorkerState for Worker {
    type StoreData = Guest;
    type RequestData = ();

    fn should_accept_request(&self, concurrent: usize, total: usize) -> ShouldAccept {
        if total >= REQUESTS_PER_INSTANCE {
            ShouldAccept::Never
        } else if concurrent >= CONCURRENT_MAX {
            ShouldAccept::No
        } else {
            ShouldAccept::Yes
        }
    }

    fn on_request_start(
        &self,
        _store: StoreContextMut<'_, Guest>,
        (): (),
        _group: TaskGroupId,
    ) -> Pin<Box<dyn Future<Output = ()> + Send + Sync>> {
        Box::pin(std::future::pending())
    }

    fn drop(&self, _store: Store<Guest>, result: wasmtime::Result<()>) {
        if let Err(error) = result {
            eprintln!("{error:#}");
        }
    }
}

/// Instances end by their count of requests alone.
struct Forever;

impl WorkerExpiration for Forever {
    fn poll(
        self: Pin<&mut Self>,
        _cx: &mut Context<'_>,
        _status: WorkerStatus,
        _start: Instant,
    ) -> Poll<()> {
        Poll::Pending
    }
}

/// The data of a store.
struct Guest {
    table: ResourceTable,
    wasi: WasiCtx,
    http: WasiHttpCtx,
    hooks: Hooks,
}

impl WasiView for Guest {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView {
            ctx: &mut self.wasi,
            table: &mut self.table,
        }
    }
}

impl WasiHttpView for Guest {
    fn http(&mut self) -> WasiHttpCtxView<'_> {
        WasiHttpCtxView {
            hooks: &mut self.hooks,
            table: &mut self.table,
            ctx: &mut self.http,
        }
    }
}

/// Nothing goes out.
struct Hooks;

type IoResult = Box<dyn Future<Output = Result<(), HttpError>> + Send>;

impl WasiHttpHooks for Hooks {
    fn send_request(
        &mut self,
        _request: Request<WasiBody>,
        _options: Option<RequestOptions>,
        _done: IoResult,
    ) -> Box<dyn Future<Output = Result<(Response<WasiBody>, IoResult), HttpError>> + Send> {
        Box::new(std::future::ready(Err(HttpError::HttpRequestDenied)))
    }
}
