//! The S3 protocol without I/O: targets, signatures, framings, XML, errors. It must never know
//! content addressing, storage or the WebAssembly contract.

pub mod error;
pub mod xml;

pub use error::{Code, Resource, Result, S3Error};
