//! Long-lived instances of `mst`: writers, each with its buckets, and readers.
//!
//! One task owns one store. Calls reach it through a queue and run in it side by side; a trap ends
//! all that are in flight, and the next instance goes on with the same queue. Must never run a
//! call twice: what was in flight may have taken effect.

use std::hash::{BuildHasher, RandomState};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::Poll;

use futures::StreamExt;
use futures::stream::FuturesUnordered;
use tokio::sync::{mpsc, oneshot};
use wasmtime::Store;
use wasmtime::component::Accessor;

use crate::apply::Joiner;
use crate::bindings::Native;
use crate::effects::Effects;
use crate::engine::Engine;
use crate::guest::{Guest, Role};
use crate::metrics::Metrics;

/// Calls that may wait for an instance.
const QUEUE_CALLS: usize = 256;
/// Calls that may run in an instance at once.
const RUNNING_CALLS_MAX: usize = 64;
/// After so many calls an instance is replaced, as its memory never shrinks.
const CALLS_PER_INSTANCE: usize = 65_536;

/// The future of a call inside an instance.
pub(crate) type Running<'a, R> = Pin<Box<dyn Future<Output = R> + Send + 'a>>;

type Job<W> =
    Box<dyn for<'a> FnOnce(&'a Accessor<Guest>, &'a W) -> Running<'a, wasmtime::Result<()>> + Send>;

/// A component that is run as long-lived instances.
pub(crate) trait World: Send + Sync + Sized + 'static {
    /// What its log lines say.
    const NAME: &'static str;

    /// A new instance.
    fn make(
        engine: &Engine,
        store: &mut Store<Guest>,
    ) -> impl Future<Output = wasmtime::Result<Self>> + Send;

    /// Counts one that ended badly.
    fn count_trap(metrics: &Metrics);
}

impl World for Native {
    const NAME: &'static str = "mst";

    async fn make(engine: &Engine, store: &mut Store<Guest>) -> wasmtime::Result<Self> {
        engine.mst.instantiate_async(store).await
    }

    fn count_trap(metrics: &Metrics) {
        metrics.traps_mst.add(1);
    }
}

/// The instance ended before it answered. The call may have taken effect.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Lost;

/// All instances of `mst`.
pub(crate) struct Mst {
    writers: Vec<Queue>,
    readers: Vec<Queue>,
    turn: AtomicUsize,
    hash: RandomState,
    joiner: Joiner,
}

/// The way to one instance and its successors.
pub(crate) struct Queue<W = Native>(mpsc::Sender<Job<W>>);

impl<W> Clone for Queue<W> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl Mst {
    /// Starts the instances; they end when this is dropped.
    pub(crate) fn start(
        engine: &Engine,
        effects: &Arc<Effects>,
        writers: usize,
        readers: usize,
    ) -> Self {
        let start = |role: Role| Queue::start(engine.clone(), Arc::clone(effects), role);
        Self {
            writers: (0..writers.max(1)).map(|_| start(Role::Writer)).collect(),
            readers: (0..readers.max(1)).map(|_| start(Role::Reader)).collect(),
            turn: AtomicUsize::new(0),
            hash: RandomState::new(),
            joiner: Joiner::default(),
        }
    }

    /// Runs a call that changes nothing, on the reader whose turn it is.
    pub(crate) async fn read<R, F>(&self, call: F) -> Result<R, Lost>
    where
        R: Send + 'static,
        F: for<'a> FnOnce(&'a Accessor<Guest>, &'a Native) -> Running<'a, wasmtime::Result<R>>
            + Send
            + 'static,
    {
        let turn = self.turn.fetch_add(1, Ordering::Relaxed);
        let reader = self
            .readers
            .iter()
            .cycle()
            .nth(turn % self.readers.len().max(1));
        reader.ok_or(Lost)?.call(call).await
    }

    /// The writer of a log, always the same.
    pub(crate) fn writer(&self, log: &str) -> Result<Queue, Lost> {
        let count = u64::try_from(self.writers.len()).unwrap_or(1).max(1);
        let index = usize::try_from(self.hash.hash_one(log) % count).unwrap_or(0);
        self.writers.get(index).cloned().ok_or(Lost)
    }

    /// Where calls of `apply` wait for their log.
    pub(crate) fn joiner(&self) -> &Joiner {
        &self.joiner
    }
}

impl<W: World> Queue<W> {
    /// Starts it; it ends when all ways to it are gone.
    pub(crate) fn start(engine: Engine, effects: Arc<Effects>, role: Role) -> Self {
        let (sender, receiver) = mpsc::channel(QUEUE_CALLS);
        tokio::spawn(keep_running(engine, effects, role, receiver));
        Self(sender)
    }

    /// Runs a call in the instance.
    ///
    /// # Errors
    /// `Lost` when the instance ended before the answer.
    pub(crate) async fn call<R, F>(&self, call: F) -> Result<R, Lost>
    where
        R: Send + 'static,
        F: for<'a> FnOnce(&'a Accessor<Guest>, &'a W) -> Running<'a, wasmtime::Result<R>>
            + Send
            + 'static,
    {
        let (answer, answered) = oneshot::channel();
        let job: Job<W> = Box::new(move |accessor, world| {
            Box::pin(async move {
                // Whoever asked may be gone; the call runs to its end all the same.
                let _ = answer.send(call(accessor, world).await?);
                Ok(())
            })
        });
        self.0.send(job).await.map_err(|_| Lost)?;
        answered.await.map_err(|_| Lost)
    }
}

/// Runs one instance after another until nobody can call any more.
async fn keep_running<W: World>(
    engine: Engine,
    effects: Arc<Effects>,
    role: Role,
    mut jobs: mpsc::Receiver<Job<W>>,
) {
    // The first call is waited for outside an instance, so that one that cannot even be made does
    // not spin.
    while let Some(job) = jobs.recv().await {
        if let Err(error) = run_instance(&engine, &effects, &role, job, &mut jobs).await {
            W::count_trap(&effects.metrics);
            tracing::error!(
                component = W::NAME,
                error = format!("{error:#}"),
                "instance ended"
            );
        }
    }
}

async fn run_instance<W: World>(
    engine: &Engine,
    effects: &Arc<Effects>,
    role: &Role,
    first: Job<W>,
    jobs: &mut mpsc::Receiver<Job<W>>,
) -> wasmtime::Result<()> {
    let mut store = Guest::store(&engine.engine, effects, role.clone());
    let world = W::make(engine, &mut store).await?;
    let busy = Arc::clone(&store.data().busy);
    let work = async |accessor: &Accessor<Guest>| -> wasmtime::Result<()> {
        let mut running = FuturesUnordered::new();
        running.push(first(accessor, &world));
        let mut taken = 1_usize;
        loop {
            if running.is_empty() && taken >= CALLS_PER_INSTANCE {
                return Ok(());
            }
            let room = running.len() < RUNNING_CALLS_MAX && taken < CALLS_PER_INSTANCE;
            tokio::select! {
                biased;
                Some(done) = running.next(), if !running.is_empty() => done?,
                job = jobs.recv(), if room => match job {
                    Some(job) => {
                        taken = taken.saturating_add(1);
                        running.push(job(accessor, &world));
                    }
                    None => taken = CALLS_PER_INSTANCE,
                },
            }
        }
    };
    let mut instance = pin!(store.run_concurrent(work));
    std::future::poll_fn(|context| {
        let poll = instance.as_mut().poll(context);
        if poll.is_pending() && busy.too_long() {
            return Poll::Ready(Err(wasmtime::format_err!("it computes without end")));
        }
        poll
    })
    .await?
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicBool;

    use super::*;
    use crate::buffers::Buffers;
    use crate::engine::Binaries;
    use crate::settings::Settings;
    use crate::storage::Storage;

    /// What a trap looks like to whoever runs the instance: its run fails.
    #[tokio::test(flavor = "multi_thread")]
    async fn a_trap_fails_what_is_in_flight_and_the_queue_goes_on() {
        let folder = tempfile::tempdir().unwrap();
        let settings = Settings::local(folder.path().to_owned());
        let effects = Arc::new(Effects {
            storage: Arc::new(Storage::open(&settings).unwrap()),
            buffers: Arc::new(Buffers::new(1)),
            metrics: Arc::default(),
            stopping: AtomicBool::new(false),
            network: std::sync::OnceLock::new(),
        });
        let engine = Engine::new(&Binaries::default()).unwrap();
        let mst = Mst::start(&engine, &effects, 1, 1);
        let (started, begun) = oneshot::channel();
        let (neighbour, trap) = tokio::join!(
            mst.read(|_, _| {
                Box::pin(async {
                    started.send(()).unwrap();
                    std::future::pending::<wasmtime::Result<u32>>().await
                })
            }),
            async {
                begun.await.unwrap();
                mst.read::<u32, _>(|_, _| Box::pin(async { Err(wasmtime::format_err!("a trap")) }))
                    .await
            },
        );
        assert_eq!((neighbour, trap), (Err(Lost), Err(Lost)));
        let buckets = mst.read(|accessor, native| {
            Box::pin(async move {
                let buckets = native.billet_bucket_buckets();
                buckets
                    .call_list_buckets(accessor, String::new(), None, 10)
                    .await
            })
        });
        let (buckets, more) = buckets.await.unwrap().unwrap();
        assert!(buckets.is_empty() && !more, "the next instance answers");
        assert_eq!(effects.metrics.traps_mst.get(), 1);
    }
}
