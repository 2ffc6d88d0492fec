//! Maps of one entry whose key names the format of the value.
//!
//! Must never read a value as a format that it does not name.

use std::collections::BTreeMap;

use billet_block::{Block, CborError, Codec, decode, encode};
use ipld_core::ipld::Ipld;
use serde::Serialize;
use serde::de::DeserializeOwned;

/// Why a value could not be read or written.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ManifestError {
    /// Written by something newer, in a format of this name: do not touch it.
    #[error("a value of the unknown format {0:?}")]
    Newer(String),
    /// Not a value of this kind at all.
    #[error(transparent)]
    Damaged(CborError),
    /// More bytes than there is room for where it goes: refuse the request.
    #[error("{bytes} bytes are too many, {most} at most")]
    TooLong {
        /// Bytes of the encoded value.
        bytes: usize,
        /// Most bytes there.
        most: usize,
    },
}

/// A value with a format of its own.
pub trait Value: Serialize + DeserializeOwned {
    /// The name of the format.
    const FORMAT: &'static str;
    /// Most bytes of an encoded value.
    const BYTES_MAX: usize;

    /// The canonical bytes.
    ///
    /// # Errors
    /// `TooLong`.
    fn to_bytes(&self) -> Result<Vec<u8>, ManifestError> {
        let value = BTreeMap::from([(Self::FORMAT, self)]);
        let bytes = encode(&value).map_err(ManifestError::Damaged)?;
        if bytes.len() > Self::BYTES_MAX {
            return Err(ManifestError::TooLong {
                bytes: bytes.len(),
                most: Self::BYTES_MAX,
            });
        }
        Ok(bytes)
    }

    /// The value as a block.
    ///
    /// # Errors
    /// `TooLong`.
    fn to_block(&self) -> Result<Block, ManifestError> {
        Ok(Block::new(Codec::DagCbor, self.to_bytes()?))
    }

    /// Reads a value in its canonical form.
    ///
    /// # Errors
    /// `Newer` when its format, or that of its content, is not known here; `Damaged`.
    fn from_bytes(bytes: &[u8]) -> Result<Self, ManifestError> {
        let read: Result<BTreeMap<String, Self>, CborError> = decode(bytes);
        let error = match read {
            Ok(mut union) => match (union.remove(Self::FORMAT), union.pop_first()) {
                (Some(value), None) => return Ok(value),
                (None, Some((format, _))) => return Err(ManifestError::Newer(format)),
                _ => CborError::Malformed("not one entry".to_owned()),
            },
            Err(error) => error,
        };
        Err(unknown_format(bytes, Self::FORMAT).unwrap_or(ManifestError::Damaged(error)))
    }
}

/// The name of a format that is not known, if that is what is wrong.
fn unknown_format(bytes: &[u8], known: &str) -> Option<ManifestError> {
    let union: Ipld = decode(bytes).ok()?;
    let (format, value) = only_entry(&union)?;
    if format != known {
        return format
            .starts_with('/')
            .then(|| ManifestError::Newer(format.to_owned()));
    }
    let Ipld::Map(fields) = value else {
        return None;
    };
    let (content, _) = only_entry(fields.get("content")?)?;
    (content != "unixfs").then(|| ManifestError::Newer(format!("{known}/content/{content}")))
}

fn only_entry(ipld: &Ipld) -> Option<(&str, &Ipld)> {
    match ipld {
        Ipld::Map(map) if map.len() == 1 => {
            map.iter().next().map(|(key, value)| (key.as_str(), value))
        }
        _ => None,
    }
}
