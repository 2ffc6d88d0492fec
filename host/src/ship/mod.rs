//! Shipping in the native host: the instance that ships, what it may reach, and reads of what is
//! on the network.
//!
//! Must never know a token or a protocol: the component does. Keys stay here.

mod bindings;
mod cache;
mod closure;
mod driver;
mod keys;
mod link;
mod network;
mod notes;
mod own;
mod page;
mod people;
mod read;
mod settings;
mod shards;
mod signer;
mod streams;
mod waiting;

pub(crate) use bindings::Shipper;
pub use keys::KeyError;
pub(crate) use keys::SpaceKey;
pub(crate) use link::link_shipper;
pub(crate) use network::Network;
pub(crate) use own::StartError;
pub(crate) use page::IdentityPage;
pub(crate) use people::MadeSpace;
pub use settings::{Keep, ShipSettings};

pub(crate) use bindings::ShipperPre;
pub(crate) use network::Reach;
