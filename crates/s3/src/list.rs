//! Continuation tokens: opaque, URL-safe, and nothing but the place in the order of keys. It must
//! never fold a listing; the bucket does that.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::error::{Result, S3Error};

/// Stands before the place, so that another kind of token can follow some day.
const VERSION: u8 = 1;

/// The token that continues after a key or a rolled-up prefix: the last line of a page.
#[must_use]
pub fn encode_token(last_line: &str) -> String {
    let mut bytes = Vec::with_capacity(last_line.len() + 1);
    bytes.push(VERSION);
    bytes.extend_from_slice(last_line.as_bytes());
    URL_SAFE_NO_PAD.encode(bytes)
}

/// The place that a token names.
///
/// # Errors
/// `InvalidArgument` for anything that [`encode_token`] does not give.
pub fn decode_token(token: &str) -> Result<String> {
    let read = || {
        let bytes = URL_SAFE_NO_PAD.decode(token).ok()?;
        let (version, place) = bytes.split_first()?;
        if *version != VERSION {
            return None;
        }
        String::from_utf8(place.to_vec()).ok()
    };
    read().ok_or_else(|| {
        let message = "The continuation token provided is incorrect";
        S3Error::invalid_argument("continuation-token", token, message)
    })
}
