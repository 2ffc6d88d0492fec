//! The way to the network: the instance that ships, and who waits for it.
//!
//! Must never tell a request that a commit is on the network before its position is durable.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinHandle;
use wasmtime::Store;

use super::cache::Cache;
use super::own::{Own, StartError};
use super::settings::ShipSettings;
use super::waiting::Waiting;
use super::{Shipper, driver};
use crate::bindings::billet::store::types::StoreError;
use crate::effects::Effects;
use crate::engine::Engine;
use crate::guest::{Guest, Role};
use crate::metrics::Metrics;
use crate::mst::{Lost, Mst, Queue, World};
use crate::storage::Storage;

/// What a request that waited too long is told, in milliseconds.
const RETRY_MS: u32 = 1_000;

/// What only the shipper may reach.
pub(crate) struct Reach {
    pub(super) own: Arc<Own>,
    pub(super) waiting: Arc<Waiting>,
    /// Readers of its own: a long walk does not stand in the way of requests.
    pub(super) mst: Arc<Mst>,
}

/// Who fetches a stretch of a shard; its number, and the stretch's.
pub(super) type Flight = Arc<tokio::sync::Mutex<()>>;
type Stretch = (u64, u64);

/// Shipping, as everybody else sees it.
pub(crate) struct Network {
    /// None once it was stopped.
    queue: Mutex<Option<Queue<Shipper>>>,
    pub(super) own: Arc<Own>,
    pub(super) waiting: Arc<Waiting>,
    pub(super) cache: Mutex<Cache>,
    /// One fetch at a time of a stretch of a shard.
    pub(super) flights: Mutex<HashMap<Stretch, Flight>>,
    pub(super) timeout: Duration,
    /// How long a request may wait; none where nothing is ever published.
    settle: Option<Duration>,
    driver: Mutex<Option<JoinHandle<()>>>,
}

impl World for Shipper {
    const NAME: &'static str = "shipper";

    async fn make(engine: &Engine, store: &mut Store<Guest>) -> wasmtime::Result<Self> {
        let shipper = engine.shipper.as_ref();
        let shipper = shipper.ok_or_else(|| wasmtime::format_err!("nothing is shipped"))?;
        shipper.instantiate_async(store).await
    }

    fn count_trap(metrics: &Metrics) {
        metrics.traps_shipper.add(1);
    }
}

impl Network {
    /// Starts shipping: reads the keys and calls the component from now on. Reads from the disk.
    ///
    /// # Errors
    /// As [`StartError`] says.
    pub(crate) fn start(
        settings: &ShipSettings,
        engine: &Engine,
        effects: &Arc<Effects>,
    ) -> Result<Arc<Self>, StartError> {
        let network = Self::still(settings, engine, effects)?;
        network.drive();
        Ok(network)
    }

    /// The same, but nothing is begun before [`Network::drive`].
    ///
    /// # Errors
    /// As [`StartError`] says.
    pub(crate) fn still(
        settings: &ShipSettings,
        engine: &Engine,
        effects: &Arc<Effects>,
    ) -> Result<Arc<Self>, StartError> {
        let own = Arc::new(Own::open(settings, effects.storage.store())?);
        let waiting = Arc::<Waiting>::default();
        let reach = Arc::new(Reach {
            own: Arc::clone(&own),
            waiting: Arc::clone(&waiting),
            mst: Arc::new(Mst::start(engine, effects, 1, 1)),
        });
        let role = Role::Shipper(reach);
        let queue = Queue::start(engine.clone(), Arc::clone(effects), role);
        Ok(Arc::new(Self {
            queue: Mutex::new(Some(queue)),
            own,
            waiting,
            cache: Mutex::new(Cache::new(settings.cache_bytes)),
            flights: Mutex::default(),
            timeout: Duration::from_millis(settings.timeout_ms),
            settle: settings
                .publishes()
                .then_some(Duration::from_millis(settings.settle_ms)),
            driver: Mutex::default(),
        }))
    }

    /// Calls the component from now on.
    pub(crate) fn drive(self: &Arc<Self>) {
        let mut driver = lock(&self.driver);
        if driver.is_none() {
            *driver = Some(tokio::spawn(driver::drive(Arc::clone(self))));
        }
    }

    /// Calls the component from now on, but ships nothing: for accounts and spaces alone.
    pub(crate) fn drive_to_ask(self: &Arc<Self>) {
        if lock(&self.driver).is_none() {
            self.own.only_ask();
            self.drive();
        }
    }

    /// Ends it; what was under way goes on from what is durable at the next start.
    pub(crate) fn stop(&self) {
        if let Some(driver) = lock(&self.driver).take() {
            driver.abort();
        }
        drop(lock(&self.queue).take());
    }

    pub(super) fn queue(&self) -> Result<Queue<Shipper>, Lost> {
        lock(&self.queue).clone().ok_or(Lost)
    }

    /// How long a request may wait for the network; none where nobody does.
    pub(crate) const fn settle_max(&self) -> Option<Duration> {
        self.settle
    }

    /// Waits until commit `seq` of `log` is on the network.
    ///
    /// # Errors
    /// `Busy` when it took too long, `Unavailable` where nothing is published; the commit stands.
    pub(crate) async fn settle(
        &self,
        storage: &Storage,
        log: String,
        seq: u64,
    ) -> Result<(), StoreError> {
        let settle = self.settle.ok_or(StoreError::Unavailable)?;
        let mut publications = self.waiting.publications();
        let _wanted = self.waiting.want(&log, seq);
        let settled = async {
            loop {
                publications.mark_unchanged();
                let name = log.clone();
                let published = storage.run(move |store| store.published(&name)).await?;
                if published.is_some_and(|row| row.seq >= seq) {
                    return Ok(());
                }
                changed(&mut publications).await?;
            }
        };
        match tokio::time::timeout(settle, settled).await {
            Ok(outcome) => outcome,
            Err(_) => Err(StoreError::Busy(RETRY_MS)),
        }
    }

    /// Numbers for whoever watches, by name.
    pub(crate) fn gauges(&self, storage: &Storage) -> Vec<(String, u64)> {
        let progress = storage.store().progress();
        let totals = progress.totals;
        let cached = u64::try_from(lock(&self.cache).usage()).unwrap_or(u64::MAX);
        let all = [
            ("billet_network_cache_bytes", cached),
            ("billet_shards_accepted_total", totals.shards),
            ("billet_shards_accepted_bytes_total", totals.bytes),
            ("billet_shards_waiting", progress.waiting_shards),
            ("billet_shards_waiting_bytes", progress.waiting_bytes),
            ("billet_ship_backlog_bytes", progress.backlog_bytes),
            ("billet_segments_retired_total", totals.retired_segments),
            ("billet_segments_retired_bytes_total", totals.retired_bytes),
        ];
        all.map(|(name, value)| (name.to_owned(), value)).to_vec()
    }
}

async fn changed(publications: &mut watch::Receiver<u64>) -> Result<(), StoreError> {
    let changed = publications.changed().await;
    changed.map_err(|_| StoreError::Unavailable)
}

pub(super) fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
