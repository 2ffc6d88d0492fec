//! The native host: listener, instance pools, and the store behind the components.
//!
//! It supplies effects — files, sockets, clocks, secrets — and knows neither S3 nor trees. Must
//! never do what a component could do.

mod admin;
mod answers;
mod apply;
mod bindings;
mod bodies;
mod buffers;
pub mod carry;
pub mod cli;
pub mod commands;
pub mod components;
pub mod config;
pub mod credentials;
mod effects;
mod engine;
pub mod first_start;
mod guest;
mod imports;
mod inspect;
mod listener;
pub mod logging;
mod metrics;
mod mst;
mod open_files;
mod peers;
mod pools;
mod private_file;
mod serve;
mod settings;
mod ship;
mod storage;
pub mod traits;
mod wire;

pub use engine::Binaries;
pub use private_file::PrivateFileError;
pub use serve::{Running, ServeError, serve, start, start_with};
pub use settings::{Limits, Settings};
pub use ship::{Keep, KeyError, ShipSettings};
