//! What an answer may look at: the store, its files, and a reader of `mst`.
//!
//! The reader is its own and made when it is first needed: a long look does not stand in the way
//! of requests, and a look that needs no tree compiles nothing. Must never offer a writer, nor ship
//! where no daemon runs.

use std::sync::Arc;

use billet_storage::Store;
use tokio::sync::OnceCell;

use super::Failure;
use crate::carry::Inspector;
use crate::effects::Effects;
use crate::engine::Engine;
use crate::metrics::Metrics;
use crate::mst::Mst;
use crate::ship::{Network, ShipSettings};
use crate::storage::Storage;

/// Lists all files below a folder of the store's.
pub(crate) type Files = Arc<dyn Fn(&str) -> std::io::Result<Vec<String>> + Send + Sync>;

/// A store to look into.
pub(crate) struct Inside {
    effects: Arc<Effects>,
    engine: OnceCell<Engine>,
    mst: OnceCell<Arc<Mst>>,
    files: Files,
    /// Where no daemon ships, how it would.
    ship: Option<ShipSettings>,
    network: OnceCell<Arc<Network>>,
}

impl Inside {
    /// Over these effects; an engine is made where there is none yet. `ship` is for whoever has the
    /// store's lock and does not ship already.
    pub(crate) fn new(
        effects: Arc<Effects>,
        engine: Option<Engine>,
        files: Files,
        ship: Option<ShipSettings>,
    ) -> Self {
        Self {
            effects,
            engine: OnceCell::new_with(engine),
            mst: OnceCell::new(),
            files,
            ship,
            network: OnceCell::new(),
        }
    }

    /// The store.
    pub(crate) fn storage(&self) -> &Arc<Storage> {
        &self.effects.storage
    }

    /// Runs a call of the store that may block on a thread for that.
    ///
    /// # Errors
    /// When the call ended early.
    pub(super) async fn on_thread<R: Send + 'static>(
        &self,
        call: impl FnOnce(&Store) -> R + Send + 'static,
    ) -> Result<R, Failure> {
        let store = Arc::clone(self.storage().store());
        let done = tokio::task::spawn_blocking(move || call(&store)).await;
        done.map_err(|error| Failure::new(error.to_string()))
    }

    /// The store, and the network where there is one.
    pub(super) const fn effects(&self) -> &Arc<Effects> {
        &self.effects
    }

    /// All files of the folder, as the store would find them.
    pub(crate) fn files(&self) -> Files {
        Arc::clone(&self.files)
    }

    /// Where what was done is counted.
    pub(crate) fn metrics(&self) -> &Arc<Metrics> {
        &self.effects.metrics
    }

    /// The way to the network: the daemon's own, or without a daemon one that ships nothing.
    ///
    /// # Errors
    /// When no service is set, a key cannot be used, or the component does not compile.
    pub(crate) async fn network(&self) -> Result<Arc<Network>, Failure> {
        if let Some(network) = self.effects.network.get() {
            return Ok(Arc::clone(network));
        }
        let ship = self.ship.as_ref().ok_or_else(|| {
            Failure::new(
                "nothing is shipped: ship.service_url names no upload service; set it in the \
                 configuration of `billet serve` or as BILLET_SHIP_SERVICE_URL",
            )
        })?;
        let made = self.network.get_or_try_init(|| async {
            let made = tokio::task::spawn_blocking(|| Engine::reading()?.with_shipper()).await;
            let made = made.map_err(|error| Failure::new(error.to_string()))?;
            let engine = made.map_err(|error| Failure::new(format!("the component: {error:#}")))?;
            let network = Network::still(ship, &engine, &self.effects);
            network.map_err(|error| Failure::new(error.to_string()))
        });
        made.await.map(Arc::clone)
    }

    /// Whether this process ships.
    pub(crate) fn ships(&self) -> bool {
        self.effects.network.get().is_some()
    }

    /// Ends what was begun for this alone.
    pub(crate) fn stop(&self) {
        if let Some(network) = self.network.get() {
            network.stop();
        }
    }

    async fn engine(&self) -> Result<&Engine, Failure> {
        let made = self.engine.get_or_try_init(|| async {
            let made = tokio::task::spawn_blocking(Engine::reading).await;
            let made = made.map_err(|error| Failure::new(error.to_string()))?;
            made.map_err(|error| Failure::new(format!("the component: {error:#}")))
        });
        made.await
    }

    /// Instances that read blocks from wherever they are told.
    ///
    /// # Errors
    /// When the component does not compile.
    pub(crate) async fn inspector(&self) -> Result<Inspector, Failure> {
        let engine = self.engine().await?;
        let made = Inspector::of(&engine.engine, engine.mst.instance_pre().component());
        made.map_err(|error| Failure::new(format!("the component: {error:#}")))
    }

    /// What reads buckets.
    ///
    /// # Errors
    /// When the component does not compile.
    pub(crate) async fn mst(&self) -> Result<&Arc<Mst>, Failure> {
        let engine = self.engine().await?;
        let mst = self.mst.get_or_init(|| async {
            // The writer is called by an import alone; until then its instance is not made.
            Arc::new(Mst::start(engine, &self.effects, 1, 1))
        });
        Ok(mst.await)
    }
}
