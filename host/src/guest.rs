//! What the host keeps beside each instance: its limits, its tables, its part in the whole.
//!
//! Must never give a guest files, an environment or a network; what it prints goes to the log.

use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use http::HeaderName;
use http_body_util::BodyExt;
use tokio::io::AsyncWrite;
use wasmtime::component::{HasData, ResourceTable, TaskGroupHook, TaskGroupId};
use wasmtime::{Store, StoreLimits, StoreLimitsBuilder, UpdateDeadline};
use wasmtime_wasi::cli::{IsTerminal, StdoutStream};
use wasmtime_wasi::{WasiCtx, WasiCtxBuilder, WasiCtxView, WasiView};
use wasmtime_wasi_http::{
    DEFAULT_FORBIDDEN_HEADERS, Error as HttpError, ForbiddenHeaderFilter, RequestOptions, WasiBody,
    WasiHttpCtx, WasiHttpCtxView, WasiHttpHooks, WasiHttpView, default_send_request,
};

use crate::effects::{Effects, Front};
use crate::peers::Peer;
use crate::ship::Reach;

const GATEWAY_MEMORY_BYTES: usize = 256 << 20;
const MST_MEMORY_BYTES: usize = 128 << 20;
const SHIPPER_MEMORY_BYTES: usize = 128 << 20;
const TABLE_ELEMENTS_MAX: usize = 10_000;
const CORE_INSTANCES_MAX: usize = 64;
const RESOURCES_MAX: usize = 1_024;
/// What one call of a guest may make the host allocate: twice the longest list of the contract.
const HOSTCALL_BYTES_MAX: usize = 8 << 20;
const FIELDS_BYTES_MAX: usize = 32 << 10;
const RANDOM_BYTES_MAX: u64 = 64;
/// An instance that computes for so long without giving way has lost its mind.
const BUSY_MS_MAX: u64 = 10_000;
/// Longer lines of a guest are cut.
const LOG_LINE_BYTES_MAX: usize = 1_024;

/// What an instance is for.
#[derive(Clone)]
pub(crate) enum Role {
    /// Answers requests.
    Gateway(Arc<Front>),
    /// Changes buckets.
    Writer,
    /// Looks buckets up; may not commit.
    Reader,
    /// Ships; the only one that may send requests.
    Shipper(Arc<Reach>),
}

/// The data of a store: one instance and what belongs to it.
pub(crate) struct Guest {
    pub(crate) table: ResourceTable,
    pub(crate) effects: Arc<Effects>,
    pub(crate) role: Role,
    pub(crate) groups: Arc<Groups>,
    pub(crate) busy: Arc<Busy>,
    wasi: WasiCtx,
    http: WasiHttpCtx,
    hooks: Hooks,
    limits: StoreLimits,
}

/// Names [`Guest`] as the data of host functions.
pub(crate) struct Host;

impl HasData for Host {
    type Data<'a> = &'a mut Guest;
}

impl Guest {
    /// A store for one instance, with every limit set.
    pub(crate) fn store(
        engine: &wasmtime::Engine,
        effects: &Arc<Effects>,
        role: Role,
    ) -> Store<Guest> {
        let (name, memory_bytes) = match role {
            Role::Gateway(_) => ("gateway", GATEWAY_MEMORY_BYTES),
            Role::Writer | Role::Reader => ("mst", MST_MEMORY_BYTES),
            Role::Shipper(_) => ("shipper", SHIPPER_MEMORY_BYTES),
        };
        let mut table = ResourceTable::new();
        table.set_max_capacity(RESOURCES_MAX);
        let mut http = WasiHttpCtx::new();
        http.set_field_size_limit(FIELDS_BYTES_MAX);
        let may_send = matches!(role, Role::Shipper(_));
        let guest = Guest {
            table,
            effects: Arc::clone(effects),
            role,
            groups: Arc::default(),
            busy: Arc::default(),
            wasi: WasiCtxBuilder::new()
                .stdout(LogStream(name))
                .stderr(LogStream(name))
                .max_random_size(RANDOM_BYTES_MAX)
                .allow_tcp(false)
                .allow_udp(false)
                .build(),
            http,
            hooks: Hooks { may_send },
            limits: StoreLimitsBuilder::new()
                .memory_size(memory_bytes)
                .table_elements(TABLE_ELEMENTS_MAX)
                .instances(CORE_INSTANCES_MAX)
                .build(),
        };
        let (busy, groups) = (Arc::clone(&guest.busy), Arc::clone(&guest.groups));
        let mut store = Store::new(engine, guest);
        store.limiter(|guest| &mut guest.limits);
        store.set_hostcall_fuel(HOSTCALL_BYTES_MAX);
        store.set_epoch_deadline(1);
        store.epoch_deadline_callback(move |_| {
            busy.yielded.store(true, Ordering::Relaxed);
            Ok(UpdateDeadline::Yield(1))
        });
        store.task_group_hook(GroupHook(groups));
        store
    }

    /// Whoever sent the request that is being worked on, where that is known.
    pub(crate) fn peer(&self) -> Option<Arc<Peer>> {
        self.groups.current()
    }

    /// The parts that only a gateway may reach.
    ///
    /// # Errors
    /// For any other component, which traps it.
    pub(crate) fn front(&self) -> wasmtime::Result<Arc<Front>> {
        match &self.role {
            Role::Gateway(front) => Ok(Arc::clone(front)),
            _ => wasmtime::bail!("only the gateway has this"),
        }
    }

    /// The parts that only the shipper may reach.
    ///
    /// # Errors
    /// For any other component, which traps it.
    pub(crate) fn reach(&self) -> wasmtime::Result<Arc<Reach>> {
        match &self.role {
            Role::Shipper(reach) => Ok(Arc::clone(reach)),
            _ => wasmtime::bail!("only the shipper has this"),
        }
    }
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

/// Lets `host` through to the guest, which needs it for signatures, and nothing out of it, unless
/// it is the one that ships.
struct Hooks {
    may_send: bool,
}

type IoResult = Box<dyn Future<Output = Result<(), HttpError>> + Send>;

impl WasiHttpHooks for Hooks {
    fn forbidden_header_filter(&mut self) -> ForbiddenHeaderFilter {
        Arc::new(|name: &HeaderName| {
            *name != http::header::HOST && DEFAULT_FORBIDDEN_HEADERS.contains(name)
        })
    }

    fn send_request(
        &mut self,
        request: http::Request<WasiBody>,
        options: Option<RequestOptions>,
        _fut: IoResult,
    ) -> Box<dyn Future<Output = Result<(http::Response<WasiBody>, IoResult), HttpError>> + Send>
    {
        let may_send = self.may_send;
        Box::new(async move {
            if !may_send {
                return Err(HttpError::HttpRequestDenied);
            }
            let (response, io) = default_send_request(request, options).await?;
            Ok((
                response.map(BodyExt::boxed_unsync),
                Box::new(io) as IoResult,
            ))
        })
    }
}

/// Tells an instance that computes without end from one that waits.
///
/// Both look the same to whoever polls it; only the epoch's callback, which runs while the guest
/// computes, makes the difference.
#[derive(Default)]
pub(crate) struct Busy {
    yielded: AtomicBool,
    since: Mutex<Option<Instant>>,
}

impl Busy {
    /// To be called each time a poll of the instance was pending: whether it has been computing
    /// for too long.
    pub(crate) fn too_long(&self) -> bool {
        let mut since = self.since.lock().unwrap_or_else(PoisonError::into_inner);
        if !self.yielded.swap(false, Ordering::Relaxed) {
            *since = None;
            return false;
        }
        let start = *since.get_or_insert_with(Instant::now);
        start.elapsed() > Duration::from_millis(BUSY_MS_MAX)
    }
}

/// Which peer each task of an instance works for.
#[derive(Default)]
pub(crate) struct Groups(Mutex<GroupTable>);

#[derive(Default)]
struct GroupTable {
    current: Option<TaskGroupId>,
    /// A few at most: as many as an instance has requests.
    peers: Vec<(TaskGroupId, Arc<Peer>)>,
}

impl Groups {
    /// Notes that the tasks of `group` work for `peer`.
    pub(crate) fn assign(&self, group: TaskGroupId, peer: Arc<Peer>) {
        self.with(|table| table.peers.push((group, peer)));
    }

    fn current(&self) -> Option<Arc<Peer>> {
        self.with(|table| {
            let current = table.current?;
            let mut peers = table.peers.iter();
            let (_, peer) = peers.find(|(group, _)| *group == current)?;
            Some(Arc::clone(peer))
        })
    }

    fn with<R>(&self, f: impl FnOnce(&mut GroupTable) -> R) -> R {
        f(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

struct GroupHook(Arc<Groups>);

impl TaskGroupHook for GroupHook {
    fn handle_start(&mut self, _id: TaskGroupId) -> wasmtime::Result<()> {
        Ok(())
    }

    fn handle_enter(&mut self, id: TaskGroupId) -> wasmtime::Result<()> {
        self.0.with(|table| table.current = Some(id));
        Ok(())
    }

    fn handle_exit(&mut self, _id: TaskGroupId) -> wasmtime::Result<()> {
        self.0.with(|table| table.current = None);
        Ok(())
    }

    fn handle_finish(&mut self, id: TaskGroupId) -> wasmtime::Result<()> {
        self.0
            .with(|table| table.peers.retain(|(group, _)| *group != id));
        Ok(())
    }
}

/// Standard output and error of a component, as lines of the log.
#[derive(Clone, Copy)]
struct LogStream(&'static str);

impl IsTerminal for LogStream {
    fn is_terminal(&self) -> bool {
        false
    }
}

impl StdoutStream for LogStream {
    fn async_stream(&self) -> Box<dyn AsyncWrite + Send + Sync> {
        Box::new(LogWriter {
            component: self.0,
            line: String::new(),
        })
    }
}

struct LogWriter {
    component: &'static str,
    line: String,
}

impl LogWriter {
    fn flush_line(&mut self) {
        if !self.line.is_empty() {
            tracing::warn!(component = self.component, "{}", self.line);
            self.line.clear();
        }
    }
}

impl AsyncWrite for LogWriter {
    fn poll_write(
        mut self: Pin<&mut Self>,
        _cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<std::io::Result<usize>> {
        for part in String::from_utf8_lossy(bytes).split_inclusive('\n') {
            let text = part.trim_end_matches(['\n', '\r']);
            let room = LOG_LINE_BYTES_MAX.saturating_sub(self.line.len());
            let shown = text.chars().map(|c| if c.is_control() { ' ' } else { c });
            self.line.extend(shown.take(room));
            if part.ends_with('\n') {
                self.flush_line();
            }
        }
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(mut self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        self.flush_line();
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        self.poll_flush(cx)
    }
}

impl Drop for LogWriter {
    fn drop(&mut self) {
        self.flush_line();
    }
}
