//! The blocks of a store, and those that only the network has.
//!
//! Must never hide that a block here is damaged behind a good one there.

use std::sync::Arc;

use billet_block::Cid;
use bytes::Bytes;
use tokio::runtime::Handle;

use super::Inside;
use crate::carry::{Blocks, Lost, StoreBlocks};
use crate::effects::Effects;

/// Reads here first, then from the network, where something is shipped.
pub(super) struct Everywhere {
    here: StoreBlocks,
    effects: Arc<Effects>,
    runtime: Handle,
}

impl Everywhere {
    /// To be made within the runtime, and read on threads that may block.
    pub(super) fn of(inside: &Inside) -> Arc<Self> {
        Arc::new(Self {
            here: StoreBlocks(Arc::clone(inside.storage().store())),
            effects: Arc::clone(inside.effects()),
            runtime: Handle::current(),
        })
    }
}

impl Blocks for Everywhere {
    fn block(&self, cid: &Cid) -> Result<Bytes, Lost> {
        match (self.here.block(cid), self.effects.network.get()) {
            (Err(Lost::Elsewhere), Some(network)) => {
                let found = self.runtime.block_on(network.block(&self.effects, *cid));
                found.map_err(|_| Lost::Elsewhere)
            }
            (here, _) => here,
        }
    }
}
