//! XML both ways: strict readers of request bodies and writers of response documents. It must never
//! resolve an entity, follow a DOCTYPE or hold more than its stated limits.

pub(crate) mod read;
pub mod request;
pub mod response;
pub(crate) mod write;
