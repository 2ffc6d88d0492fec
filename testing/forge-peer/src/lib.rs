//! A strict stand-in for the upload service, its storage nodes and its indexer, over loopback.
//!
//! Must never share code with the client that is tested against it: its token codec, its proof
//! rules and its index reader are its own. It refuses what the real services refuse, and, unless
//! told to be as lenient as they were seen to be, what they let pass by oversight.

pub mod caller;
pub mod cbor;
pub mod check;
pub mod container;
mod counters;
pub mod fault;
mod fields;
mod http;
pub mod index;
mod indexer;
pub mod key;
mod node;
mod peer;
pub mod policy;
mod service;
pub mod sprue;
pub mod token;
pub mod wire;
mod world;

pub use counters::Counters;
pub use key::Key;
pub use peer::{Config, Peer};
pub use world::Strict;
