//! What hosts compute for guests: digests by the names of the contract, whether a signature is
//! good, and the id of an owner. Hosts of every kind give the same answers.
//!
//! Must never do I/O, nor keep or show a secret.

mod hasher;
mod owner;
mod sigv4;

pub use hasher::Hasher;
pub use owner::{OWNER_DEFAULT, owner_id};
pub use sigv4::Signed;
