//! What values of settings look like: sizes, times, addresses, lists.
//!
//! Must never fall back to a default: a value that cannot be read is told with its reason.

use std::net::SocketAddr;

/// The kind of a setting's value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// `address:port`.
    Address,
    /// A size: `67108864`, `64MiB`, `1GB`.
    Bytes,
    /// A whole number above zero.
    Count,
    /// A `tracing` filter: a level, or levels by target.
    Filter,
    /// Words separated by commas; may be empty.
    List,
    /// A time: `500ms`, `10s`, `5min`, `1h`; a bare number is milliseconds.
    Millis,
    /// One of some words.
    OneOf(&'static [&'static str]),
    /// A path; may be empty.
    Path,
    /// A whole number.
    Number,
    /// One word; may be empty.
    Text,
    /// One word, not empty.
    Word,
}

impl Kind {
    /// Whether `text` is a value of this kind.
    ///
    /// # Errors
    /// A sentence that says what it should look like.
    pub fn check(self, text: &str) -> Result<(), String> {
        match self {
            Self::Address => text
                .parse::<SocketAddr>()
                .map(drop)
                .map_err(|_| "should be an address and a port, as 127.0.0.1:9000".to_owned()),
            Self::Bytes => number(text)
                .map(drop)
                .ok_or_else(|| "should be a size, as 64MiB".to_owned()),
            Self::Millis => number(text)
                .map(drop)
                .ok_or_else(|| "should be a time, as 10s or 500ms".to_owned()),
            Self::Count => match text.parse::<u32>() {
                Ok(1..) => Ok(()),
                _ => Err("should be a whole number above zero".to_owned()),
            },
            Self::Filter => text
                .parse::<tracing_subscriber::filter::Targets>()
                .map(drop)
                .map_err(|_| "should be error, warn, info, debug or trace".to_owned()),
            Self::OneOf(words) if words.contains(&text) => Ok(()),
            Self::OneOf(words) => Err(format!("should be one of {}", words.join(", "))),
            Self::Word if text.is_empty() || text.contains(char::is_whitespace) => {
                Err("should be one word".to_owned())
            }
            Self::Number => text
                .parse::<u64>()
                .map(drop)
                .map_err(|_| "should be a whole number".to_owned()),
            Self::Text if text.contains(char::is_whitespace) => {
                Err("should be one word or empty".to_owned())
            }
            Self::List | Self::Path | Self::Text | Self::Word => Ok(()),
        }
    }
}

/// Units of sizes and times, the longer names first where one ends another.
const UNITS: [(&str, u64); 13] = [
    ("KiB", 1 << 10),
    ("MiB", 1 << 20),
    ("GiB", 1 << 30),
    ("TiB", 1 << 40),
    ("kB", 1_000),
    ("MB", 1_000_000),
    ("GB", 1_000_000_000),
    ("B", 1),
    ("ms", 1),
    ("min", 60_000),
    ("s", 1_000),
    ("h", 3_600_000),
    ("d", 86_400_000),
];

/// A size in bytes or a time in milliseconds.
pub(super) fn number(text: &str) -> Option<u64> {
    let (digits, factor) = UNITS
        .iter()
        .find_map(|(unit, factor)| Some((text.strip_suffix(unit)?.trim_end(), *factor)))
        .unwrap_or((text, 1));
    digits.parse::<u64>().ok()?.checked_mul(factor)
}

/// The words of a list.
pub(super) fn list(text: &str) -> Vec<String> {
    text.split(',')
        .map(str::trim)
        .filter(|word| !word.is_empty())
        .map(str::to_owned)
        .collect()
}
