//! Byte ranges: the `Range` header against a size, and the range of a copied part. It must never
//! read a body, and never refuse a range that S3 ignores.

use crate::error::{Result, S3Error};

/// Which bytes of an object to send.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Range {
    /// All of them: 200.
    Whole,
    /// From `first` to `last`, both included and inside the object: 206.
    Part {
        /// Offset of the first byte.
        first: u64,
        /// Offset of the last byte.
        last: u64,
    },
}

impl Range {
    /// Resolves a header against the object's size. A malformed header, another unit and several
    /// ranges are ignored; so is a suffix of an empty object.
    ///
    /// # Errors
    /// `InvalidRange` (416) with the range and the size, for one well-formed range that holds no
    /// byte of the object.
    pub fn resolve(header: Option<&str>, size_bytes: u64) -> Result<Self> {
        let Some((header, spec)) = header.and_then(|text| Some((text, Spec::parse(text)?))) else {
            return Ok(Self::Whole);
        };
        let unsatisfiable = || S3Error::invalid_range(header, size_bytes);
        let end = size_bytes.checked_sub(1);
        match spec {
            Spec::Suffix { length: 0 } => Err(unsatisfiable()),
            Spec::Suffix { length } => Ok(end.map_or(Self::Whole, |last| Self::Part {
                first: size_bytes.saturating_sub(length),
                last,
            })),
            Spec::From { first, last } => match end {
                Some(end) if first <= end => Ok(Self::Part {
                    first,
                    last: last.min(end),
                }),
                _ => Err(unsatisfiable()),
            },
        }
    }

    /// The offset and the length to read.
    #[must_use]
    pub fn offset_length(self, size_bytes: u64) -> (u64, u64) {
        match self {
            Self::Whole => (0, size_bytes),
            Self::Part { first, last } => (first, last.saturating_sub(first).saturating_add(1)),
        }
    }

    /// The value of `Content-Range`; `None` when the whole object is sent.
    #[must_use]
    pub fn content_range(self, size_bytes: u64) -> Option<String> {
        match self {
            Self::Whole => None,
            Self::Part { first, last } => Some(format!("bytes {first}-{last}/{size_bytes}")),
        }
    }
}

#[derive(Debug)]
enum Spec {
    From { first: u64, last: u64 },
    Suffix { length: u64 },
}

impl Spec {
    fn parse(header: &str) -> Option<Self> {
        let (unit, range) = header.split_once('=')?;
        if !unit.eq_ignore_ascii_case("bytes") {
            return None;
        }
        match range.split_once('-')? {
            ("", length) => Some(Self::Suffix {
                length: number(length)?,
            }),
            (first, "") => Some(Self::From {
                first: number(first)?,
                last: u64::MAX,
            }),
            (first, last) => {
                let (first, last) = (number(first)?, number(last)?);
                (first <= last).then_some(Self::From { first, last })
            }
        }
    }
}

/// Digits only; a number that is too large for any object stands for the largest.
fn number(digits: &str) -> Option<u64> {
    let all_digits = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    all_digits.then(|| digits.parse().unwrap_or(u64::MAX))
}

/// `x-amz-copy-source-range`: `bytes=first-last`, both given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CopyRange {
    /// Offset of the first byte.
    pub first: u64,
    /// Offset of the last byte, included; never below `first`.
    pub last: u64,
}

impl CopyRange {
    /// Reads the header.
    ///
    /// # Errors
    /// `InvalidArgument` for anything but `bytes=first-last`.
    pub fn parse(header: &str) -> Result<Self> {
        let parsed = || {
            let (first, last) = header.strip_prefix("bytes=")?.split_once('-')?;
            let (first, last) = (number(first)?, number(last)?);
            (first <= last).then_some(Self { first, last })
        };
        parsed().ok_or_else(|| {
            S3Error::invalid_argument(
                "x-amz-copy-source-range",
                header,
                "The x-amz-copy-source-range value must be of the form bytes=first-last where \
                 first and last are the zero-based offsets of the first and last bytes to copy",
            )
        })
    }

    /// The offset and the length to read from a source of this size.
    ///
    /// # Errors
    /// `InvalidArgument` when the range does not lie inside the source.
    pub fn resolve(self, size_bytes: u64) -> Result<(u64, u64)> {
        if self.last >= size_bytes {
            return Err(S3Error::invalid_argument(
                "x-amz-copy-source-range",
                size_bytes.to_string(),
                format!("Range specified is not valid for source object of size: {size_bytes}"),
            ));
        }
        Ok((self.first, self.last - self.first + 1))
    }
}
