//! `billet:store` on a directory of somebody else's host: blocks and commit records are files that
//! are written once, and a commit is a link that fails where its number is taken.
//!
//! There is no lock: any number of instances and processes may work on one directory, and each may
//! vanish at any time. Nothing is ever removed but temporary files; what a failed or overwritten
//! upload wrote stays. Must never keep a truth in memory; see [`memory`].

mod access;
mod bindings;
mod blocks;
mod bodies;
mod convert;
mod folder;
mod journal;
mod logs;
mod memory;
mod store;

/// The component.
struct Adapter;

/// What the linker sees of the component.
#[allow(unsafe_code, unreachable_pub, reason = "generated")]
mod export {
    use crate::{Adapter, bindings};

    bindings::export!(Adapter with_types_in bindings);
}
