//! The two names of a request that every answer carries. They are random and must never be made
//! from anything the request brought.

use std::fmt::Write as _;

use crate::bindings::wasi::random::random::{get_random_bytes, get_random_u64};

/// The names of one request.
pub(crate) struct Ids {
    request: String,
    host: String,
}

impl Ids {
    /// Draws new names.
    pub(crate) fn draw() -> Self {
        let mut host = String::with_capacity(64);
        for byte in get_random_bytes(32) {
            // Writing to a String cannot fail.
            let _ = write!(host, "{byte:02x}");
        }
        Self {
            request: format!("{:016X}", get_random_u64()),
            host,
        }
    }

    /// The value of `x-amz-request-id`.
    pub(crate) fn request(&self) -> &str {
        &self.request
    }

    /// The value of `x-amz-id-2`.
    pub(crate) fn host(&self) -> &str {
        &self.host
    }
}
