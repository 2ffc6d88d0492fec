//! What instances reach through their imports.
//!
//! Must never hold what only one kind of component may reach without saying so: that is [`Front`].

use std::collections::BTreeMap;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, OnceLock};

use billet_block::Cid;
use bytes::Bytes;

use crate::bindings::billet::store::types::StoreError;
use crate::buffers::Buffers;
use crate::metrics::Metrics;
use crate::mst::Mst;
use crate::ship::Network;
use crate::storage::Storage;
use crate::traits::Credentials;

/// What every component may reach, as far as its world goes.
pub(crate) struct Effects {
    pub(crate) storage: Arc<Storage>,
    pub(crate) buffers: Arc<Buffers>,
    pub(crate) metrics: Arc<Metrics>,
    /// Set at the end, when instances go without having failed.
    pub(crate) stopping: AtomicBool,
    /// Set where something is shipped.
    pub(crate) network: OnceLock<Arc<Network>>,
}

impl Effects {
    /// A block that could not be read here, for the reason given, from wherever else it is.
    ///
    /// # Errors
    /// The reason, where it is nowhere else; otherwise as [`Network::block`].
    pub(crate) async fn elsewhere(
        &self,
        cid: Cid,
        reason: StoreError,
    ) -> Result<Bytes, StoreError> {
        use StoreError::{Corrupt, NotFound, Unavailable};
        let is_missing = matches!(reason, NotFound | Corrupt(_) | Unavailable);
        match self.network.get().filter(|_| is_missing) {
            Some(network) => match network.block(self, cid).await {
                Err(StoreError::NotFound) => Err(reason),
                found => found,
            },
            None => Err(reason),
        }
    }
}

/// What only the gateway may reach.
pub(crate) struct Front {
    pub(crate) mst: Arc<Mst>,
    pub(crate) credentials: Arc<dyn Credentials>,
    /// Settings that it may see, by name.
    pub(crate) config: BTreeMap<&'static str, String>,
}
