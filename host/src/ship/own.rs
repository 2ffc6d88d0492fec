//! What is this host's own while it ships: its keys, and whether it is to stand still.
//!
//! Must never hand out a key, nor forget over a restart that it is to stand still.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use billet_storage::{Store, StoreError};

use super::keys::{KeyError, Keys};
use super::settings::ShipSettings;

/// The note that says that nothing is to be shipped. The component's own begin otherwise.
const PAUSED: &str = "host/paused";

/// Keys and settings, some of which change while it runs.
pub(crate) struct Own {
    keys: RwLock<Keys>,
    /// Settings that the component may see and that do not change, by name.
    visible: BTreeMap<&'static str, String>,
    paused: AtomicBool,
    /// Nothing is shipped by this process, whatever the note says.
    only_asks: AtomicBool,
}

/// Why it cannot begin.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StartError {
    /// A key cannot be used.
    #[error("the keys: {0}")]
    Keys(#[from] KeyError),
    /// The store cannot be read.
    #[error("the store: {0}")]
    Store(#[from] StoreError),
}

impl Own {
    /// Reads the keys, and whether it is to stand still. Blocks.
    ///
    /// # Errors
    /// As the variants of [`StartError`] say.
    pub(super) fn open(settings: &ShipSettings, store: &Store) -> Result<Self, StartError> {
        let keys = Keys::open(&settings.agent_key_file, &settings.space_key_file)?;
        Ok(Self {
            keys: RwLock::new(keys),
            visible: settings.visible(),
            paused: AtomicBool::new(store.note(PAUSED)?.is_some()),
            only_asks: AtomicBool::new(false),
        })
    }

    /// The keys.
    pub(super) fn keys(&self) -> RwLockReadGuard<'_, Keys> {
        self.keys.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// The keys, to be changed.
    pub(super) fn keys_mut(&self) -> RwLockWriteGuard<'_, Keys> {
        self.keys.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// A setting that the component may see.
    pub(super) fn setting(&self, name: &str) -> Option<String> {
        match name {
            "space" => self.keys().space().map(str::to_owned),
            "paused" => self.stands_still().then(|| "true".to_owned()),
            _ => self.visible.get(name).cloned(),
        }
    }

    fn stands_still(&self) -> bool {
        self.paused.load(Ordering::Relaxed) || self.only_asks.load(Ordering::Relaxed)
    }

    /// From now on this process ships nothing.
    pub(super) fn only_ask(&self) {
        self.only_asks.store(true, Ordering::Relaxed);
    }

    /// Stands still or goes on, now and after the next start. Blocks.
    ///
    /// # Errors
    /// When it could not be made durable; then it is as before.
    pub(super) fn pause(&self, paused: bool, store: &Store) -> Result<(), StoreError> {
        let value = paused.then(Vec::new);
        store.set_notes(&[(PAUSED.to_owned(), value)])?;
        self.paused.store(paused, Ordering::Relaxed);
        Ok(())
    }
}
