//! The S3 protocol without I/O: targets, signatures, framings, XML, errors. It must never know
//! content addressing, storage or the WebAssembly contract.

pub mod auth;
pub mod bucket_name;
pub mod checksum;
pub mod chunked;
pub mod condition;
pub mod copy_source;
pub mod date;
pub mod error;
pub mod etag;
pub mod head;
pub mod headers;
pub mod list;
pub mod operation;
pub mod payload;
mod percent;
pub mod query;
pub mod range;
pub mod tag;
pub mod target;
pub mod xml;

pub use error::{Code, Resource, Result, S3Error};
pub use head::RequestHead;
pub use operation::{BucketAction, ObjectAction, Operation, route};
