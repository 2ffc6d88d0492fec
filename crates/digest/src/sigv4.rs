//! The check of a signature: AWS Signature Version 4 with HMAC-SHA256.
//!
//! Must never take less time where there is no secret, nor leave a derived key in memory.

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

/// A secret that stands in where there is none, so that the same work is done.
const SECRET_OF_NOBODY: &str = "0000000000000000000000000000000000000000";

const ALGORITHM: &str = "AWS4-HMAC-SHA256";

/// What somebody signed, and the MAC that is to prove it.
#[derive(Debug, Clone, Copy)]
pub struct Signed<'a> {
    /// `AWS4-HMAC-SHA256`; nothing that was signed by another is good.
    pub algorithm: &'a str,
    /// The day of the scope, `YYYYMMDD`.
    pub date: &'a str,
    /// The region of the scope.
    pub region: &'a str,
    /// The service of the scope.
    pub service: &'a str,
    /// The string to sign.
    pub message: &'a [u8],
    /// The claimed MAC, raw.
    pub mac: &'a [u8],
}

impl Signed<'_> {
    /// Whether the holder of `secret` signed it; nobody did where there is no secret, which takes
    /// as long to tell.
    pub fn is_by(&self, secret: Option<&str>) -> bool {
        let expected = self.expected_mac(secret.unwrap_or(SECRET_OF_NOBODY));
        let is_equal = expected.is_some_and(|expected| expected.as_slice().ct_eq(self.mac).into());
        is_equal && secret.is_some() && self.algorithm == ALGORITHM
    }

    /// The MAC that the holder of `secret` makes: the chain of keys, then the message.
    fn expected_mac(&self, secret: &str) -> Option<[u8; 32]> {
        let mut key = Zeroizing::new(format!("AWS4{secret}").into_bytes());
        for step in [self.date, self.region, self.service, "aws4_request"] {
            key = Zeroizing::new(mac(&key, step.as_bytes())?.to_vec());
        }
        mac(&key, self.message)
    }
}

/// None for a key that HMAC cannot take, of which there is none.
fn mac(key: &[u8], message: &[u8]) -> Option<[u8; 32]> {
    let mac = Hmac::<Sha256>::new_from_slice(key).ok()?;
    Some(mac.chain_update(message).finalize().into_bytes().into())
}
