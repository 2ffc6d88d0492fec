//! The client side of the Forge storage network: login, provisioning, uploads, indexes, reads.
//!
//! Machines without effects: they say what to make durable, what to send and when to come back,
//! and are told what came of it. Must never do I/O, read a clock, make randomness or hold a key:
//! time, random bytes and signers are handed in. Nothing is believed that was not checked.

mod add;
mod backoff;
mod blob;
mod claim;
mod closure;
mod commitment;
mod exchange;
mod failure;
mod index;
mod login;
mod machine;
mod party;
mod provision;
mod publish;
mod put;
mod retrieve;
mod upload;
mod values;

pub use blob::{BLOB_BYTES_MAX, Blob};
pub use closure::cids_of_plane;
pub use commitment::Commitment;
pub use exchange::{Answer, Body, CONTENT_TYPE, Headers, Method, Place, Request};
pub use failure::{Failure, Remedy};
pub use index::{Index, IndexError, SHARDS_MAX, SLICES_MAX, Shard, Slice};
pub use login::Login;
pub use machine::{Machine, Step};
pub use party::{Asked, Moment, Party, RETRY_MS, Reply};
pub use provision::{Provision, Provisioned};
pub use publish::{index_add, space_info, upload_add};
pub use put::conclude_arguments;
pub use retrieve::Retrieval;
pub use upload::Upload;
