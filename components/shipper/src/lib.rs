//! The shipping component: what is new in a bucket goes to the network, and comes back from it.
//!
//! All truth is with the host: notes, shards and their steps. Must never keep in memory what
//! cannot be lost, never hold a key, and never know S3.

mod after;
mod bindings;
mod clock;
mod convert;
mod cut;
mod fetch;
mod http;
mod identity;
mod notes;
mod proofs;
mod session;
mod ship;
mod signer;
mod status;
mod uploads;
mod whoami;
mod window;

/// The component.
struct Shipper;

#[allow(unsafe_code, unreachable_pub, reason = "generated")]
mod exported {
    use super::{Shipper, bindings};

    bindings::export!(Shipper with_types_in bindings);
}
