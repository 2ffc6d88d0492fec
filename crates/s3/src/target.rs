//! What a request is aimed at: the bucket and the key, decoded once from the raw host and path.
//! It must never normalise a key: `//`, `.`, `..` and slashes at either end are plain bytes.

use crate::bucket_name;
use crate::error::{Code, Result, S3Error};
use crate::percent;

/// The longest key, in bytes of UTF-8.
pub const KEY_MAX_BYTES: usize = 1024;

/// The domains under which `bucket.domain` addresses a bucket, in lower case without a port.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Domains {
    names: Vec<String>,
}

impl Domains {
    /// Takes configured names; a leading or trailing dot and an empty name are dropped.
    pub fn new<T: AsRef<str>>(names: impl IntoIterator<Item = T>) -> Self {
        let clean = |name: T| name.as_ref().trim_matches('.').to_ascii_lowercase();
        let mut names: Vec<_> = names
            .into_iter()
            .map(clean)
            .filter(|name| !name.is_empty())
            .collect();
        // The longest first, so that of two that match the closer one wins.
        names.sort_by_key(|name| std::cmp::Reverse(name.len()));
        Self { names }
    }

    /// The bucket that a host without port names; `None` is path style.
    fn bucket_of<'a>(&self, host: &'a str) -> Option<&'a str> {
        if self.names.iter().any(|name| name == host) {
            return None;
        }
        self.names
            .iter()
            .find_map(|name| host.strip_suffix(name.as_str())?.strip_suffix('.'))
    }
}

/// A bucket and a key, each if given. A key never stands without a bucket.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Target {
    /// The bucket's name; it follows the grammar of [`bucket_name`].
    pub bucket: Option<String>,
    /// The key: 1 to [`KEY_MAX_BYTES`] bytes of UTF-8 without NUL.
    pub key: Option<String>,
}

impl Target {
    /// Reads a raw `Host` (with or without port) and a raw path (from its first `/`, no query).
    /// A host that is an address, or under none of the domains, means path style.
    ///
    /// # Errors
    /// `InvalidURI` for a path that cannot be read, `BadRequest` for a host that cannot be one,
    /// `InvalidBucketName`, `KeyTooLongError`.
    pub fn parse(host: Option<&str>, raw_path: &str, domains: &Domains) -> Result<Self> {
        let host = host.map(host_name).transpose()?.unwrap_or_default();
        let path = raw_path
            .strip_prefix('/')
            .ok_or(S3Error::new(Code::InvalidUri))?;
        if let Some(bucket) = domains.bucket_of(&host) {
            return Self::new(bucket, path);
        }
        if path.is_empty() {
            return Ok(Self::default());
        }
        let (bucket, key) = path.split_once('/').unwrap_or((path, ""));
        let bucket = percent::decode(bucket, false).ok_or(S3Error::new(Code::InvalidUri))?;
        Self::new(&bucket, key)
    }

    fn new(bucket: &str, raw_key: &str) -> Result<Self> {
        bucket_name::check(bucket)?;
        let key = if raw_key.is_empty() {
            None
        } else {
            Some(decode_key(raw_key)?)
        };
        Ok(Self {
            bucket: Some(bucket.to_owned()),
            key,
        })
    }

    /// The target as a raw path-style path, percent-encoded: `/bucket/key`. Reading it gives the
    /// same target again.
    #[must_use]
    pub fn to_raw_path(&self) -> String {
        let bucket = self.bucket.as_deref().unwrap_or_default();
        match &self.key {
            Some(key) => format!("/{bucket}/{}", percent::encode(key)),
            None => format!("/{bucket}"),
        }
    }
}

/// Checks a decoded key.
///
/// # Errors
/// `KeyTooLongError` with both sizes; `InvalidArgument` for an empty key or one with NUL.
pub fn check_key(key: &str) -> Result<()> {
    if key.len() > KEY_MAX_BYTES {
        return Err(S3Error::key_too_long(key.len(), KEY_MAX_BYTES));
    }
    if key.is_empty() || key.contains('\0') {
        return Err(S3Error::invalid_argument(
            "Key",
            "",
            "The specified key is not valid.",
        ));
    }
    Ok(())
}

fn decode_key(raw: &str) -> Result<String> {
    let key = percent::decode(raw, false).ok_or(S3Error::new(Code::InvalidUri))?;
    if key.contains('\0') {
        return Err(S3Error::new(Code::InvalidUri));
    }
    check_key(&key)?;
    Ok(key)
}

/// The host in lower case without port and final dot. What no host can be is refused, not guessed.
fn host_name(raw: &str) -> Result<String> {
    let bad = || S3Error::new(Code::BadRequest).message("The Host header is not valid.");
    let (name, port) = if raw.starts_with('[') {
        let end = raw.find(']').ok_or_else(bad)?;
        raw.split_at(end + 1)
    } else {
        raw.split_at(raw.find(':').unwrap_or(raw.len()))
    };
    let port = port.strip_prefix(':').unwrap_or(port);
    let in_brackets = |byte: u8| matches!(byte, b'[' | b']' | b':') && raw.starts_with('[');
    let plain = |byte: u8| matches!(byte, b'-' | b'.' | b'_') || byte.is_ascii_alphanumeric();
    let well_formed = port.len() <= 5
        && port.bytes().all(|byte| byte.is_ascii_digit())
        && name.bytes().all(|byte| plain(byte) || in_brackets(byte));
    if !well_formed {
        return Err(bad());
    }
    Ok(name.strip_suffix('.').unwrap_or(name).to_ascii_lowercase())
}
