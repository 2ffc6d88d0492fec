//! The `x-amz-copy-source` header: bucket, key and version, decoded once by the one parser that
//! everybody uses. It must never look at the object.

use crate::bucket_name;
use crate::error::{Result, S3Error};
use crate::percent;
use crate::target::check_key;

const HEADER: &str = "x-amz-copy-source";
const VERSION: &str = "?versionId=";

/// The object to copy from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CopySource {
    /// The source's bucket.
    pub bucket: String,
    /// The source's key, opaque.
    pub key: String,
    /// The version asked for.
    pub version_id: Option<String>,
}

impl CopySource {
    /// Reads `[/]bucket/key[?versionId=id]`. The version begins at the last `?versionId=` of the
    /// undecoded text, so an escaped `%3F` stays part of the key; `+` is a space, as AWS reads it.
    ///
    /// # Errors
    /// `InvalidArgument` that names the header.
    pub fn parse(raw: &str) -> Result<Self> {
        let text = raw.strip_prefix('/').unwrap_or(raw);
        let (path, version) = match text.rsplit_once(VERSION) {
            Some((path, version)) => (path, Some(version)),
            None => (text, None),
        };
        let decode = |part: &str| {
            let message = "Invalid copy source encoding";
            percent::decode(part, true).ok_or_else(|| invalid(message, text))
        };
        let path = decode(path)?;
        let version_id = version
            .map(decode)
            .transpose()?
            .filter(|version| !version.is_empty());
        let (bucket, key) = path.split_once('/').unwrap_or((&path, ""));
        if !bucket_name::is_well_formed(bucket) {
            return Err(invalid("Invalid copy source bucket name", text));
        }
        if check_key(key).is_err() {
            return Err(invalid("Invalid copy source object key", key));
        }
        Ok(Self {
            bucket: bucket.to_owned(),
            key: key.to_owned(),
            version_id,
        })
    }
}

fn invalid(message: &'static str, value: &str) -> S3Error {
    S3Error::invalid_argument(HEADER, value, message)
}
