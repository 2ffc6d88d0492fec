//! Keys: what is one, how two share a prefix, and the level its hash gives it.
//!
//! Must never look at anything but the bytes of the key: the same keys make the same tree.

use billet_block::sha256;

use crate::limits::{KEY_BYTES_MAX, LEVEL_BITS, LEVEL_MAX};

/// Why some text cannot be a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum KeyError {
    /// The empty text.
    #[error("a key has at least one byte")]
    Empty,
    /// More than [`KEY_BYTES_MAX`] bytes.
    #[error("a key of {0} bytes is too long")]
    TooLong(usize),
    /// A NUL character.
    #[error("a key has no NUL character")]
    Nul,
}

/// Checks that `key` can be stored: 1 to [`KEY_BYTES_MAX`] bytes, no NUL.
///
/// # Errors
/// As the variants of [`KeyError`] say.
pub fn check_key(key: &str) -> Result<(), KeyError> {
    match key.len() {
        0 => Err(KeyError::Empty),
        1..=KEY_BYTES_MAX if key.contains('\0') => Err(KeyError::Nul),
        1..=KEY_BYTES_MAX => Ok(()),
        bytes => Err(KeyError::TooLong(bytes)),
    }
}

/// The level of a key: how many times [`LEVEL_BITS`] zero bits its SHA-256 begins with.
pub fn key_level(key: &str) -> u8 {
    let mut zero_bits = 0;
    for byte in sha256(key.as_bytes()) {
        zero_bits += byte.leading_zeros();
        if byte != 0 {
            break;
        }
    }
    u8::try_from(zero_bits / LEVEL_BITS).unwrap_or(LEVEL_MAX)
}

/// How many bytes two keys share from their beginnings; may end inside a character.
pub fn common_prefix_bytes(left: &[u8], right: &[u8]) -> usize {
    let same = left.iter().zip(right).take_while(|(a, b)| a == b);
    same.count()
}
