//! What instances reach through their imports.
//!
//! Must never hold what only one kind of component may reach without saying so: that is [`Front`].

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use crate::buffers::Buffers;
use crate::metrics::Metrics;
use crate::mst::Mst;
use crate::storage::Storage;
use crate::traits::Credentials;

/// What every component may reach, as far as its world goes.
pub(crate) struct Effects {
    pub(crate) storage: Arc<Storage>,
    pub(crate) buffers: Arc<Buffers>,
    pub(crate) metrics: Arc<Metrics>,
    /// Set at the end, when instances go without having failed.
    pub(crate) stopping: AtomicBool,
}

/// What only the gateway may reach.
pub(crate) struct Front {
    pub(crate) mst: Arc<Mst>,
    pub(crate) credentials: Arc<dyn Credentials>,
    /// Settings that it may see, by name.
    pub(crate) config: BTreeMap<&'static str, String>,
}
