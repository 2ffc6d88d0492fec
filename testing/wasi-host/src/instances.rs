//! Instances of a component and what each has.
//!
//! Must never link anything but stock WASI.

use std::path::Path;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Instant;

use wasmtime::component::{Component, Linker, ResourceTable, TaskGroupId};
use wasmtime::{Config, Engine, Store, StoreContextMut};
use wasmtime_wasi::{WasiCtx, WasiCtxView, WasiView, p2, p3};
use wasmtime_wasi_http::handler::{
    HandlerState, Instance, Proxy, ShouldAccept, WorkerExpiration, WorkerState, WorkerStatus,
};
use wasmtime_wasi_http::p3::bindings::ServicePre;
use wasmtime_wasi_http::{
    Error as HttpError, RequestOptions, WasiBody, WasiHttpCtx, WasiHttpCtxView, WasiHttpHooks,
    WasiHttpView,
};

use crate::Sharing;

/// Makes what WASI gives to one more instance.
type MakeWasi = dyn Fn() -> wasmtime::Result<WasiCtx> + Send + Sync;

/// Instances of one component, for a [`ProxyHandler`](wasmtime_wasi_http::handler::ProxyHandler).
pub struct Pool {
    engine: Engine,
    service: ServicePre<Guest>,
    wasi: Box<MakeWasi>,
    sharing: Sharing,
}

impl Pool {
    /// Compiles a component; `config` needs nothing but what differs from the default, and `wasi`
    /// is all that an instance gets.
    ///
    /// # Errors
    /// When it does not compile, or imports what such a host does not have.
    pub fn new(
        mut config: Config,
        component: &Path,
        sharing: Sharing,
        wasi: impl Fn() -> wasmtime::Result<WasiCtx> + Send + Sync + 'static,
    ) -> wasmtime::Result<Self> {
        config.wasm_component_model_async(true);
        let engine = Engine::new(&config)?;
        let component = Component::from_file(&engine, component)?;
        let mut linker = Linker::new(&engine);
        p2::add_to_linker_async(&mut linker)?;
        p3::add_to_linker(&mut linker)?;
        wasmtime_wasi_http::p3::add_to_linker(&mut linker)?;
        let service = ServicePre::new(linker.instantiate_pre(&component)?)?;
        Ok(Self {
            engine,
            service,
            wasi: Box::new(wasi),
            sharing,
        })
    }
}

impl HandlerState for Pool {
    type StoreData = Guest;
    type WorkerExpiration = Never;
    type WorkerState = Worker;

    async fn instantiate(&self) -> wasmtime::Result<Instance<Guest, Never, Worker>> {
        let guest = Guest {
            wasi: (self.wasi)()?,
            http: WasiHttpCtx::new(),
            hooks: NoNetwork,
            table: ResourceTable::new(),
        };
        let mut store = Store::new(&self.engine, guest);
        let service = self.service.instantiate_async(&mut store).await?;
        Ok(Instance {
            store,
            proxy: Proxy::P3(service),
            view: Guest::http,
            expiration: Never,
            state: Worker(self.sharing),
        })
    }
}

/// Instances live until they had all their requests.
#[derive(Debug)]
pub struct Never;

impl WorkerExpiration for Never {
    fn poll(self: Pin<&mut Self>, _: &mut Context<'_>, _: WorkerStatus, _: Instant) -> Poll<()> {
        Poll::Pending
    }
}

/// Counts the requests of an instance.
#[derive(Debug)]
pub struct Worker(Sharing);

impl WorkerState for Worker {
    type StoreData = Guest;
    type RequestData = ();

    fn should_accept_request(&self, concurrent: usize, total: usize) -> ShouldAccept {
        if total >= self.0.total {
            ShouldAccept::Never
        } else if concurrent >= self.0.concurrent {
            ShouldAccept::No
        } else {
            ShouldAccept::Yes
        }
    }

    fn on_request_start(
        &self,
        _: StoreContextMut<'_, Guest>,
        (): (),
        _: TaskGroupId,
    ) -> Pin<Box<dyn Future<Output = ()> + Send + Sync>> {
        Box::pin(std::future::pending())
    }

    fn drop(&self, _: Store<Guest>, result: wasmtime::Result<()>) {
        if let Err(error) = result {
            eprintln!("instance: {error:#}");
        }
    }
}

/// What belongs to an instance.
pub struct Guest {
    wasi: WasiCtx,
    http: WasiHttpCtx,
    hooks: NoNetwork,
    table: ResourceTable,
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

/// Refuses every outgoing request.
struct NoNetwork;

type IoResult = Box<dyn Future<Output = Result<(), HttpError>> + Send>;

impl WasiHttpHooks for NoNetwork {
    fn send_request(
        &mut self,
        _: http::Request<WasiBody>,
        _: Option<RequestOptions>,
        _: IoResult,
    ) -> Box<dyn Future<Output = Result<(http::Response<WasiBody>, IoResult), HttpError>> + Send>
    {
        Box::new(std::future::ready(Err(HttpError::HttpRequestDenied)))
    }
}
