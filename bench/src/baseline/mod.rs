//! Plain native servers that do what Billet's host does, without components.
//!
//! Must never do less than Billet on the path that is compared: same hashes, same writes.

pub mod files;
pub mod guest;
pub mod intake;
pub mod pool;
pub mod server;
