//! Instances of the component and what each has: the directory, the environment, the clocks.
//!
//! Must never link anything but stock WASI.

use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Instant;

use wasmtime::component::{Component, Linker, ResourceTable, TaskGroupId};
use wasmtime::{Config, Engine, Store, StoreContextMut};
use wasmtime_wasi::{FsPerms, WasiCtx, WasiCtxBuilder, WasiCtxView, WasiView, p2, p3};
use wasmtime_wasi_http::handler::{
    HandlerState, Instance, Proxy, ShouldAccept, WorkerExpiration, WorkerState, WorkerStatus,
};
use wasmtime_wasi_http::p3::bindings::ServicePre;
use wasmtime_wasi_http::{
    Error as HttpError, RequestOptions, WasiBody, WasiHttpCtx, WasiHttpCtxView, WasiHttpHooks,
    WasiHttpView,
};

use crate::Sharing;

/// Makes instances of one component.
pub(crate) struct Factory {
    engine: Engine,
    service: Arc<ServicePre<Guest>>,
    folder: PathBuf,
    environment: Vec<(String, String)>,
    sharing: Sharing,
}

impl Factory {
    pub(crate) fn new(
        component: &Path,
        folder: &Path,
        environment: &[(String, String)],
        sharing: Sharing,
    ) -> wasmtime::Result<Self> {
        let mut config = Config::new();
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
            service: Arc::new(service),
            folder: folder.to_owned(),
            environment: environment.to_vec(),
            sharing,
        })
    }

    fn guest(&self) -> wasmtime::Result<Guest> {
        let wasi = WasiCtxBuilder::new()
            .inherit_stderr()
            .envs(&self.environment)
            .preopened_dir(&self.folder, "/data", FsPerms::ReadWrite)?
            .build();
        Ok(Guest {
            wasi,
            http: WasiHttpCtx::new(),
            hooks: NoNetwork,
            table: ResourceTable::new(),
        })
    }
}

impl HandlerState for Factory {
    type StoreData = Guest;
    type WorkerExpiration = Never;
    type WorkerState = Worker;

    async fn instantiate(&self) -> wasmtime::Result<Instance<Guest, Never, Worker>> {
        let mut store = Store::new(&self.engine, self.guest()?);
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
pub(crate) struct Never;

impl WorkerExpiration for Never {
    fn poll(self: Pin<&mut Self>, _: &mut Context<'_>, _: WorkerStatus, _: Instant) -> Poll<()> {
        Poll::Pending
    }
}

/// Counts the requests of an instance.
pub(crate) struct Worker(Sharing);

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
pub(crate) struct Guest {
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
