//! The store on the disk as the imports use it: calls on threads that may block, and commits that
//! are waited for.
//!
//! Must never let the process go on after a failed sync.

use std::sync::{Arc, Mutex, PoisonError};

use billet_storage::{
    CommitRequest, Committed, Committer, Config, CowDisk, Effects, GROUP_COMMITS, OpenError,
    Retain, State, Store, StoreError,
};
use tokio::sync::{oneshot, watch};

use crate::bindings::billet::store::types;
use crate::settings::Settings;
use crate::ship::ShipSettings;

/// The store with its committer.
pub(crate) struct Storage {
    store: Arc<Store>,
    committer: Mutex<Option<Committer>>,
    fatal: watch::Sender<Option<String>>,
    home: Home,
}

/// What a bucket has that is made here and not by a request.
#[derive(Debug, Clone)]
pub(crate) struct Home {
    /// The region of the settings.
    pub(crate) region: String,
    /// The space of the settings.
    pub(crate) space: String,
}

impl Home {
    fn of(settings: &Settings) -> Self {
        Self {
            region: settings.region.clone(),
            space: settings.space.clone(),
        }
    }
}

impl Storage {
    /// Opens the store of the settings' folder and recovers it. Blocks.
    ///
    /// # Errors
    /// As [`Store::open`].
    pub(crate) fn open(settings: &Settings) -> Result<Self, OpenError> {
        let disk = |error| OpenError::Disk {
            what: "opening the folder".to_owned(),
            error,
        };
        let effects = Effects::real(&settings.data_dir).map_err(disk)?;
        let store = Store::open(config(settings), effects)?;
        let committer = Committer::start(Arc::clone(&store));
        let thread = |error| OpenError::Disk {
            what: "starting the committer".to_owned(),
            error,
        };
        let fatal = watch::Sender::new(None);
        let watched = fatal.clone();
        store.on_fatal(move |reason| {
            watched.send_replace(Some(reason.to_owned()));
        });
        Ok(Self {
            store,
            committer: Mutex::new(Some(committer.map_err(thread)?)),
            fatal,
            home: Home::of(settings),
        })
    }

    /// Opens the store of a folder that is only looked at; commits are refused. Blocks.
    ///
    /// # Errors
    /// As [`Store::open`].
    pub(crate) fn look(settings: &Settings, disk: &CowDisk) -> Result<Self, OpenError> {
        let failed = |error| OpenError::Disk {
            what: "opening the folder".to_owned(),
            error,
        };
        let effects = Effects::cow(disk).map_err(failed)?;
        Ok(Self {
            store: Store::open(config(settings), effects)?,
            committer: Mutex::new(None),
            fatal: watch::Sender::new(None),
            home: Home::of(settings),
        })
    }

    /// What a bucket has that is made here and not by a request.
    pub(crate) const fn home(&self) -> &Home {
        &self.home
    }

    /// The store itself. Its calls may block, but those that say `now`.
    pub(crate) fn store(&self) -> &Arc<Store> {
        &self.store
    }

    /// Tells when the process must end, and why.
    pub(crate) fn fatal(&self) -> watch::Receiver<Option<String>> {
        self.fatal.subscribe()
    }

    /// Runs a call that may block on a thread for that.
    ///
    /// # Errors
    /// As the call, in the contract's words.
    pub(crate) async fn run<R, F>(&self, call: F) -> Result<R, types::StoreError>
    where
        R: Send + 'static,
        F: FnOnce(&Arc<Store>) -> Result<R, StoreError> + Send + 'static,
    {
        let store = Arc::clone(&self.store);
        match tokio::task::spawn_blocking(move || call(&store)).await {
            Ok(done) => done.map_err(|error| self.tell(error)),
            Err(error) => {
                tracing::error!(%error, "a call of the store ended early");
                Err(types::StoreError::Unavailable)
            }
        }
    }

    /// Commits, durably; waits without a thread.
    ///
    /// # Errors
    /// As the commit, in the contract's words.
    pub(crate) async fn commit(
        &self,
        request: CommitRequest,
    ) -> Result<Committed, types::StoreError> {
        let (answer, answered) = oneshot::channel();
        if let Some(committer) = &*self
            .committer
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
        {
            committer.submit(request, move |result| {
                // Whoever asked may be gone; the commit stands.
                let _ = answer.send(result);
            });
        }
        match answered.await {
            Ok(result) => result.map_err(|error| self.tell(error)),
            Err(_) => Err(types::StoreError::Unavailable),
        }
    }

    /// An error in the contract's words.
    pub(crate) fn tell(&self, error: StoreError) -> types::StoreError {
        match error {
            StoreError::NotFound => types::StoreError::NotFound,
            StoreError::Conflict => types::StoreError::Conflict,
            StoreError::Corrupt(cid) => {
                tracing::error!(%cid, "a block is damaged");
                types::StoreError::Corrupt(cid.to_bytes().to_vec())
            }
            StoreError::Full => types::StoreError::Full,
            StoreError::Busy { retry_after_ms } => types::StoreError::Busy(retry_after_ms),
            StoreError::Unavailable(reason) | StoreError::Exhausted(reason) => {
                tracing::warn!(reason, "the store does not do it");
                types::StoreError::Unavailable
            }
            StoreError::Invalid(text) => types::StoreError::Invalid(text),
            // Whoever ends the process was told already.
            StoreError::Fatal(_) => types::StoreError::Unavailable,
        }
    }

    /// Numbers for whoever watches, by name.
    pub(crate) fn gauges(&self) -> Vec<(String, u64)> {
        let mut counts = std::collections::BTreeMap::<String, u64>::new();
        for segment in self.store.segments() {
            let plane = format!("{:?}", segment.id.plane).to_lowercase();
            let state = format!("{:?}", segment.state).to_lowercase();
            let labels = format!("{{plane=\"{plane}\",state=\"{state}\"}}");
            let mut add = |name: &str, value: u64| {
                let sum = counts.entry(format!("{name}{labels}")).or_insert(0);
                *sum = sum.saturating_add(value);
            };
            add("billet_segments", 1);
            if segment.state == State::Sealed {
                add("billet_segment_bytes", segment.bytes);
            }
        }
        let damaged = u64::try_from(self.store.damaged().len()).unwrap_or(u64::MAX);
        counts.insert("billet_damaged_logs".to_owned(), damaged);
        let claims = u64::try_from(self.store.pending_claims()).unwrap_or(u64::MAX);
        counts.insert("billet_pending_claims".to_owned(), claims);
        counts.into_iter().chain(self.counted()).collect()
    }

    /// What the store has done, by name.
    fn counted(&self) -> Vec<(String, u64)> {
        let counters = self.store.counters();
        let (tables, blocks) = self.store.cache_bytes();
        let bytes = |count: usize| u64::try_from(count).unwrap_or(u64::MAX);
        let mut all = vec![
            ("billet_syncs_total".to_owned(), counters.syncs.get()),
            (
                "billet_appended_bytes_total{plane=\"catalog\"}".to_owned(),
                counters.catalog_bytes.get(),
            ),
            (
                "billet_appended_bytes_total{plane=\"data\"}".to_owned(),
                counters.data_bytes.get(),
            ),
        ];
        for (cache, used, hits, misses) in [
            (
                "blocks",
                blocks,
                &counters.block_hits,
                &counters.block_misses,
            ),
            (
                "tables",
                tables,
                &counters.table_hits,
                &counters.table_misses,
            ),
        ] {
            let name = |what: &str| format!("billet_cache_{what}{{cache=\"{cache}\"}}");
            all.push((name("bytes"), bytes(used)));
            all.push((name("hits_total"), hits.get()));
            all.push((name("misses_total"), misses.get()));
        }
        // A histogram of commits a group.
        let groups = counters.groups.get();
        for (count, end) in counters.group_sizes.iter().zip(GROUP_COMMITS) {
            let name = format!("billet_group_commits_bucket{{le=\"{end}\"}}");
            all.push((name, count.get()));
        }
        let commits = counters.group_commits.get();
        for (name, value) in [
            ("bucket{le=\"+Inf\"}", groups),
            ("sum", commits),
            ("count", groups),
        ] {
            all.push((format!("billet_group_commits_{name}"), value));
        }
        all
    }

    /// Answers the commits that wait, then seals what is open. Blocks; the last call.
    ///
    /// # Errors
    /// As [`Store::close`]; nothing that was acknowledged is lost.
    pub(crate) fn close(&self) -> Result<(), StoreError> {
        let committer = self
            .committer
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        if let Some(mut committer) = committer {
            committer.stop();
        }
        self.store.close()
    }
}

fn config(settings: &Settings) -> Config {
    Config {
        seal_bytes: settings.seal_bytes,
        table_cache_bytes: settings.table_cache_bytes,
        block_cache_bytes: settings.block_cache_bytes,
        retain: settings
            .ship
            .as_ref()
            .map_or_else(Retain::default, ShipSettings::retain),
        ..Config::default()
    }
}
