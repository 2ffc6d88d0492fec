//! Page sizes and other bounded numbers of queries. It must never let a page grow past S3's limit.

use crate::error::{Result, S3Error};

/// The most entries of a page, and the number where none is asked for.
pub(crate) const PAGE_MAX: u32 = 1000;

/// How a parameter words a negative number; AWS has two ways.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wording {
    /// `Argument -5 must be an integer between 0 and 2147483647`
    Range,
    /// `max-keys cannot be negative`, for ListObjectVersions
    Negative,
}

/// A page size: absent or empty is [`PAGE_MAX`], more is clamped to it, 0 is kept.
pub(crate) fn page(value: Option<&str>, name: &'static str, wording: Wording) -> Result<u32> {
    match value.filter(|value| !value.is_empty()) {
        None => Ok(PAGE_MAX),
        Some(value) => Ok(integer(value, name, wording)?.min(PAGE_MAX)),
    }
}

/// A number from 0 to 2^31 - 1.
pub(crate) fn integer(value: &str, name: &'static str, wording: Wording) -> Result<u32> {
    let number: i32 = value.parse().map_err(|_| {
        let message = format!("Provided {value} not an integer or within integer range");
        S3Error::invalid_argument(name, value, message)
    })?;
    u32::try_from(number).map_err(|_| match wording {
        Wording::Range => {
            let message = format!("Argument {value} must be an integer between 0 and 2147483647");
            S3Error::invalid_argument(name, value, message)
        }
        Wording::Negative => {
            S3Error::invalid_argument("maxKeys", value, "max-keys cannot be negative")
        }
    })
}
