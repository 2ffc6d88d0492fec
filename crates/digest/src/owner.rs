//! Owners of buckets. Must never give one name two ids.

use sha2::{Digest as _, Sha256};

/// Whose everything is where nobody is named.
pub const OWNER_DEFAULT: &str = "billet";

/// The canonical id of the owner of that name: 64 hexadecimal digits, those of the SHA-256 of
/// `billet owner <name>`.
pub fn owner_id(name: &str) -> String {
    let digest = Sha256::digest(format!("billet owner {name}"));
    let digits = digest.iter().flat_map(|byte| [byte >> 4, byte & 15]);
    digits
        .filter_map(|digit| char::from_digit(u32::from(digit), 16))
        .collect()
}
