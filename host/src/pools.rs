//! Two pools of `gateway` instances: what only reads shares an instance by many, everything else by
//! few, as requests of one instance end together.
//!
//! A permit bounds the requests of a pool; it travels in the answer's body, since the head is only
//! the beginning. Must never let a request wait for an instance without bound.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use http::{Method, Response};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};
use wasmtime::component::TaskGroupId;
use wasmtime::{Store, StoreContextMut};
use wasmtime_wasi_http::handler::{
    HandlerState, Instance, Proxy, ProxyHandler, ShouldAccept, WorkerExpiration, WorkerState,
    WorkerStatus,
};
use wasmtime_wasi_http::{WasiBody, WasiHttpView};

use crate::effects::{Effects, Front};
use crate::engine::Engine;
use crate::guest::{Busy, Guest, Role};
use crate::metrics::Counter;
use crate::peers::Peer;

const READS_PER_INSTANCE: usize = 16;
const WRITES_PER_INSTANCE: usize = 4;
const REQUESTS_PER_INSTANCE: usize = 1_024;
/// How long a request waits for a permit.
const PERMIT_MS_MAX: u64 = 1_000;
/// How long an answer's head may take after the request's body has ended, beside what it may wait
/// for the network.
const HEAD_MS_MAX: u64 = 60_000;
/// An instance without work is dropped after so long.
const IDLE_MS_MAX: u64 = 60_000;

/// What goes with a request into its instance.
pub(crate) struct Companion {
    /// Whoever sent it.
    pub(crate) peer: Arc<Peer>,
    /// Resolves when the request's body has ended or was dropped.
    pub(crate) body_ended: oneshot::Receiver<()>,
}

/// Why a request has no answer of the guest.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PoolError {
    /// All permits were taken for too long.
    #[error("too many requests")]
    Busy,
    /// The guest trapped, took too long or could not be started.
    #[error("the instance failed: {0:#}")]
    Failed(wasmtime::Error),
}

/// Both pools.
pub(crate) struct Pools {
    reads: Pool,
    writes: Pool,
}

struct Pool {
    handler: ProxyHandler<Factory>,
    permits: Arc<Semaphore>,
    size: usize,
    refused: Counter,
}

impl Pools {
    /// Pools that take so many requests at once; instances are made when they are needed.
    pub(crate) fn new(
        engine: &Engine,
        effects: &Arc<Effects>,
        front: &Arc<Front>,
        reads_max: usize,
        writes_max: usize,
    ) -> Self {
        let pool = |concurrent, permits| Pool {
            handler: ProxyHandler::new(Factory {
                engine: engine.clone(),
                effects: Arc::clone(effects),
                front: Arc::clone(front),
                concurrent,
            }),
            permits: Arc::new(Semaphore::new(permits)),
            size: permits,
            refused: Counter::default(),
        };
        Self {
            reads: pool(READS_PER_INSTANCE, reads_max),
            writes: pool(WRITES_PER_INSTANCE, writes_max),
        }
    }

    /// How full the pools are, and how many requests found no room, by name.
    pub(crate) fn gauges(&self) -> Vec<(String, u64)> {
        let number = |value: usize| u64::try_from(value).unwrap_or(u64::MAX);
        let mut gauges = Vec::new();
        for (name, pool) in [("reads", &self.reads), ("writes", &self.writes)] {
            let used = pool.size.saturating_sub(pool.permits.available_permits());
            for (what, value) in [
                ("used", number(used)),
                ("size", number(pool.size)),
                ("refused_total", pool.refused.get()),
            ] {
                gauges.push((format!("billet_pool_{what}{{pool=\"{name}\"}}"), value));
            }
        }
        gauges
    }

    /// Has a request answered. The permit must be kept until the answer's body has ended.
    ///
    /// # Errors
    /// `Busy` when no permit came free in time, `Failed` when the guest did not answer.
    pub(crate) async fn handle(
        &self,
        companion: Companion,
        request: http::Request<WasiBody>,
    ) -> Result<(Response<WasiBody>, OwnedSemaphorePermit), PoolError> {
        // A preflight changes nothing either.
        let pool = match *request.method() {
            Method::GET | Method::HEAD | Method::OPTIONS => &self.reads,
            _ => &self.writes,
        };
        let permit = match Arc::clone(&pool.permits).try_acquire_owned() {
            Ok(permit) => permit,
            Err(_) => pool.wait().await?,
        };
        let answer = pool.handler.handle(companion, request).await;
        answer
            .map(|answer| (answer, permit))
            .map_err(PoolError::Failed)
    }
}

impl Pool {
    /// A permit, as soon as there is one.
    async fn wait(&self) -> Result<OwnedSemaphorePermit, PoolError> {
        let wait = Duration::from_millis(PERMIT_MS_MAX);
        let permit = Arc::clone(&self.permits).acquire_owned();
        let Ok(Ok(permit)) = tokio::time::timeout(wait, permit).await else {
            self.refused.add(1);
            return Err(PoolError::Busy);
        };
        Ok(permit)
    }
}

/// Makes instances for a pool.
struct Factory {
    engine: Engine,
    effects: Arc<Effects>,
    front: Arc<Front>,
    concurrent: usize,
}

impl HandlerState for Factory {
    type StoreData = Guest;
    type WorkerExpiration = Expiration;
    type WorkerState = Worker;

    async fn instantiate(&self) -> wasmtime::Result<Instance<Guest, Expiration, Worker>> {
        let role = Role::Gateway(Arc::clone(&self.front));
        let mut store = Guest::store(&self.engine.engine, &self.effects, role);
        let gateway = self.engine.gateway.as_ref();
        let gateway = gateway.ok_or_else(|| wasmtime::format_err!("nothing is served here"))?;
        let service = gateway.instantiate_async(&mut store).await?;
        let busy = Arc::clone(&store.data().busy);
        Ok(Instance {
            store,
            proxy: Proxy::P3(service),
            view: Guest::http,
            expiration: Expiration { busy, idle: None },
            state: Worker {
                concurrent: self.concurrent,
                effects: Arc::clone(&self.effects),
            },
        })
    }
}

struct Worker {
    concurrent: usize,
    effects: Arc<Effects>,
}

impl WorkerState for Worker {
    type StoreData = Guest;
    type RequestData = Companion;

    fn should_accept_request(&self, concurrent: usize, total: usize) -> ShouldAccept {
        if total >= REQUESTS_PER_INSTANCE {
            ShouldAccept::Never
        } else if concurrent >= self.concurrent {
            ShouldAccept::No
        } else {
            ShouldAccept::Yes
        }
    }

    fn on_request_start(
        &self,
        store: StoreContextMut<'_, Guest>,
        companion: Companion,
        group: TaskGroupId,
    ) -> Pin<Box<dyn Future<Output = ()> + Send + Sync>> {
        store.data().groups.assign(group, companion.peer);
        let network = self.effects.network.get();
        let limit = head_limit(network.and_then(|network| network.settle_max()));
        // A long upload is no fault; an answer that does not come after it is one.
        Box::pin(async move {
            let _ = companion.body_ended.await;
            tokio::time::sleep(limit).await;
        })
    }

    fn drop(&self, store: Store<Guest>, result: wasmtime::Result<()>) {
        drop(store);
        if let Err(error) = result
            && !self.effects.stopping.load(Ordering::Relaxed)
        {
            self.effects.metrics.traps_gateway.add(1);
            tracing::error!(
                component = "gateway",
                error = format!("{error:#}"),
                "instance ended"
            );
        }
    }
}

/// How long an answer's head may take, where a request may wait so long for the network. Whoever
/// takes longer ends with all that share the instance, so a wait that is asked for is not counted.
fn head_limit(settle_max: Option<Duration>) -> Duration {
    let own = Duration::from_millis(HEAD_MS_MAX);
    own.saturating_add(settle_max.unwrap_or_default())
}

/// Ends an instance that computes without end, and one that has nothing to do.
struct Expiration {
    busy: Arc<Busy>,
    idle: Option<(Instant, Pin<Box<tokio::time::Sleep>>)>,
}

impl WorkerExpiration for Expiration {
    fn poll(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        status: WorkerStatus,
        start: Instant,
    ) -> Poll<()> {
        if self.busy.too_long() {
            return Poll::Ready(());
        }
        if !matches!(status, WorkerStatus::Idle) {
            self.idle = None;
            return Poll::Pending;
        }
        let limit = Duration::from_millis(IDLE_MS_MAX);
        let fresh = || (start, Box::pin(tokio::time::sleep(limit)));
        let (since, sleep) = self.idle.get_or_insert_with(fresh);
        if *since != start {
            *since = start;
            let now = tokio::time::Instant::now();
            sleep.as_mut().reset(now.checked_add(limit).unwrap_or(now));
        }
        sleep.as_mut().poll(cx)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wait_for_the_network_is_not_the_guests_fault() {
        assert_eq!(head_limit(None), Duration::from_secs(60));
        let settle = Duration::from_secs(60);
        assert!(
            head_limit(Some(settle)) > settle,
            "it is told before it is ended"
        );
        assert_eq!(head_limit(Some(Duration::MAX)), Duration::MAX);
    }
}
