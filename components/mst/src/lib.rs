//! The bucket component: Merkle Search Trees behind `billet:bucket`.
//!
//! All deciding is done by pure crates; what is here fetches what they ask for, stages what they
//! made and commits it. Must never know HTTP, a clock or files, and never keep in memory what is
//! not named by its content: another instance may have committed since.

mod bindings;
mod buckets;
mod changes;
mod check;
mod convert;
mod fetch;
mod inspect;
mod objects;
mod outline;

use std::sync::LazyLock;

use billet_bucket::Caches;

/// Bytes of decoded tree nodes that an instance keeps.
const NODE_CACHE_BYTES: usize = 16 << 20;

/// Bytes of manifests, states and inner nodes of bodies that an instance keeps.
const BLOCK_CACHE_BYTES: usize = 8 << 20;

static CACHES: LazyLock<Caches> =
    LazyLock::new(|| Caches::new(NODE_CACHE_BYTES, BLOCK_CACHE_BYTES));

/// The component.
struct Mst;

#[allow(unsafe_code, unreachable_pub, reason = "generated")]
mod exported {
    use super::{Mst, bindings};

    bindings::export!(Mst with_types_in bindings);
}
