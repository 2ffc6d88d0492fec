//! What an answer may look at: the store, its files, and a reader of `mst`.
//!
//! The reader is its own and made when it is first needed: a long look does not stand in the way
//! of requests, and a look that needs no tree compiles nothing. Must never offer a writer.

use std::sync::Arc;

use tokio::sync::OnceCell;

use super::Failure;
use crate::carry::Inspector;
use crate::effects::Effects;
use crate::engine::Engine;
use crate::metrics::Metrics;
use crate::mst::Mst;
use crate::storage::Storage;

/// Lists all files of the store's folder.
pub(crate) type Files = Arc<dyn Fn() -> std::io::Result<Vec<String>> + Send + Sync>;

/// A store to look into.
pub(crate) struct Inside {
    effects: Arc<Effects>,
    engine: OnceCell<Engine>,
    mst: OnceCell<Arc<Mst>>,
    files: Files,
}

impl Inside {
    /// Over these effects; an engine is made where there is none yet.
    pub(crate) fn new(effects: Arc<Effects>, engine: Option<Engine>, files: Files) -> Self {
        Self {
            effects,
            engine: OnceCell::new_with(engine),
            mst: OnceCell::new(),
            files,
        }
    }

    /// The store.
    pub(crate) fn storage(&self) -> &Arc<Storage> {
        &self.effects.storage
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
