//! The grammar of bucket names. It must never look a bucket up.

use crate::error::{Code, Result, S3Error};

/// The shortest name, in bytes.
pub const LENGTH_MIN_BYTES: usize = 3;
/// The longest name, in bytes.
pub const LENGTH_MAX_BYTES: usize = 63;

const RESERVED_PREFIXES: &[&str] = &["xn--", "sthree-", "amzn-s3-demo-"];
const RESERVED_SUFFIXES: &[&str] = &["-s3alias", "--ol-s3", "--x-s3", "--table-s3", ".mrap"];

/// Checks a name that a request addresses.
///
/// # Errors
/// `InvalidBucketName` with the name.
pub fn check(name: &str) -> Result<()> {
    if is_well_formed(name) {
        Ok(())
    } else {
        Err(invalid(name))
    }
}

/// Checks a name that is to be created: the grammar, and what AWS keeps for itself.
///
/// # Errors
/// `InvalidBucketName` with the name.
pub fn check_new(name: &str) -> Result<()> {
    let reserved = RESERVED_PREFIXES
        .iter()
        .any(|prefix| name.starts_with(prefix))
        || RESERVED_SUFFIXES
            .iter()
            .any(|suffix| name.ends_with(suffix));
    if reserved {
        Err(invalid(name))
    } else {
        check(name)
    }
}

/// Whether a name follows the grammar.
#[must_use]
pub fn is_well_formed(name: &str) -> bool {
    (LENGTH_MIN_BYTES..=LENGTH_MAX_BYTES).contains(&name.len())
        && name.split('.').all(is_label)
        && !is_ip_address(name)
}

/// Between dots: lower-case letters, digits and hyphens, no hyphen at either end, not empty.
fn is_label(label: &str) -> bool {
    !label.is_empty()
        && !label.starts_with('-')
        && !label.ends_with('-')
        && label
            .bytes()
            .all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-'))
}

fn is_ip_address(name: &str) -> bool {
    let numeric = |part: &str| part.len() <= 3 && part.bytes().all(|byte| byte.is_ascii_digit());
    name.split('.').count() == 4 && name.split('.').all(numeric)
}

fn invalid(name: &str) -> S3Error {
    S3Error::of_bucket(Code::InvalidBucketName, name)
}
