//! The two names of a request that every answer carries. They are random and must never be made
//! from anything the request brought.

use crate::bindings::wasi::random::random::get_random_bytes;
use crate::convert;

/// Bytes of each name.
const REQUEST_BYTES: usize = 8;
const HOST_BYTES: usize = 32;

/// The names of one request.
pub(crate) struct Ids {
    request: String,
    host: String,
}

impl Ids {
    /// Draws new names.
    pub(crate) fn draw() -> Self {
        let mut bytes = Vec::new();
        while bytes.len() < REQUEST_BYTES + HOST_BYTES {
            // A host may give fewer than it is asked for.
            let left = REQUEST_BYTES + HOST_BYTES - bytes.len();
            bytes.extend(get_random_bytes(left as u64));
        }
        let (request, host) = bytes.split_at(REQUEST_BYTES);
        Self {
            request: convert::hex(request).to_ascii_uppercase(),
            host: convert::hex(host),
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
