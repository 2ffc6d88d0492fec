//! DAG-CBOR: an own reader that tells canonical from merely readable, and a writer.
//!
//! Must never accept floats or indefinite lengths, nor reserve memory because a header says so.

use std::collections::BTreeMap;

use cid::Cid;
use ipld_core::ipld::Ipld;

/// Deepest nesting that is read.
const DEPTH_MAX: usize = 64;
/// Most elements of one list, as in the real services.
pub const LIST_MAX: u64 = 8192;
/// Longest byte string, as in the real services.
pub const BYTES_MAX: u64 = 2_097_152;

/// A map of text keys.
pub type Map = BTreeMap<String, Ipld>;

/// Why bytes are not DAG-CBOR. The texts are those of the real services where they were seen.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Malformed {
    /// Nothing there.
    #[error("EOF")]
    Empty,
    /// Cut off.
    #[error("unexpected EOF")]
    Short,
    /// Something else than what belongs there.
    #[error("cbor input should be of type {0}")]
    Type(&'static str),
    /// Longer or deeper than is read.
    #[error("{0} too large")]
    Large(&'static str),
    /// What DAG-CBOR does not have.
    #[error("{0}")]
    Forbidden(&'static str),
}

/// Reads items one after another.
#[derive(Debug)]
pub struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
    canonical: bool,
}

impl<'a> Reader<'a> {
    /// Starts at the first byte.
    pub fn new(bytes: &'a [u8]) -> Self {
        Self {
            bytes,
            at: 0,
            canonical: true,
        }
    }

    /// Bytes read so far.
    pub fn at(&self) -> usize {
        self.at
    }

    /// Whether all that was read is in the one allowed form.
    pub fn canonical(&self) -> bool {
        self.canonical
    }

    /// Whether nothing is left.
    pub fn done(&self) -> bool {
        self.at == self.bytes.len()
    }

    fn take(&mut self, length: u64) -> Result<&'a [u8], Malformed> {
        let length = usize::try_from(length).map_err(|_| Malformed::Short)?;
        let end = self.at.checked_add(length).ok_or(Malformed::Short)?;
        let piece = self.bytes.get(self.at..end).ok_or(Malformed::Short)?;
        self.at = end;
        Ok(piece)
    }

    fn byte(&mut self) -> Result<u8, Malformed> {
        let piece = self.take(1)?;
        piece.first().copied().ok_or(Malformed::Short)
    }

    /// The head of an item: major type and value.
    ///
    /// # Errors
    /// Nothing left, an indefinite length, a reserved value.
    pub fn head(&mut self) -> Result<(u8, u64), Malformed> {
        if self.bytes.is_empty() {
            return Err(Malformed::Empty);
        }
        let first = self.byte()?;
        let (major, low) = (first >> 5, first & 0x1f);
        let width = match low {
            0..=23 => return Ok((major, u64::from(low))),
            24 => 1,
            25 => 2,
            26 => 4,
            27 => 8,
            _ => return Err(Malformed::Forbidden("indefinite length")),
        };
        let value = self
            .take(width)?
            .iter()
            .fold(0, |value, byte| (value << 8) | u64::from(*byte));
        let least = match width {
            1 => 24,
            2 => 1 << 8,
            4 => 1 << 16,
            _ => 1 << 32,
        };
        self.canonical &= value >= least || major == 7;
        Ok((major, value))
    }

    /// One whole item.
    ///
    /// # Errors
    /// The bytes are no DAG-CBOR.
    pub fn item(&mut self) -> Result<Ipld, Malformed> {
        self.nested(0)
    }

    fn nested(&mut self, depth: usize) -> Result<Ipld, Malformed> {
        if depth > DEPTH_MAX {
            return Err(Malformed::Large("nesting"));
        }
        let (major, value) = self.head()?;
        match major {
            0 => Ok(Ipld::Integer(i128::from(value))),
            1 => Ok(Ipld::Integer(-1 - i128::from(value))),
            2 | 3 if value > BYTES_MAX => Err(Malformed::Large("string")),
            2 => Ok(Ipld::Bytes(self.take(value)?.to_vec())),
            3 => Ok(Ipld::String(text(self.take(value)?)?)),
            4 => self.list(value, depth).map(Ipld::List),
            5 => self.map(value, depth).map(Ipld::Map),
            6 => self.link(value),
            _ => match value {
                20 => Ok(Ipld::Bool(false)),
                21 => Ok(Ipld::Bool(true)),
                22 => Ok(Ipld::Null),
                _ => Err(Malformed::Forbidden("float or simple value")),
            },
        }
    }

    fn list(&mut self, length: u64, depth: usize) -> Result<Vec<Ipld>, Malformed> {
        if length > LIST_MAX {
            return Err(Malformed::Large("list"));
        }
        (0..length).map(|_| self.nested(depth + 1)).collect()
    }

    fn map(&mut self, length: u64, depth: usize) -> Result<Map, Malformed> {
        if length > LIST_MAX {
            return Err(Malformed::Large("map"));
        }
        let mut map = Map::new();
        let mut last: Option<(usize, String)> = None;
        for _ in 0..length {
            let (major, size) = self.head()?;
            if major != 3 {
                return Err(Malformed::Type("text string"));
            }
            let key = text(self.take(size)?)?;
            let order = (key.len(), key.clone());
            self.canonical &= last.as_ref().is_none_or(|last| *last < order);
            last = Some(order);
            let value = self.nested(depth + 1)?;
            if map.insert(key, value).is_some() {
                return Err(Malformed::Forbidden("duplicate map key"));
            }
        }
        Ok(map)
    }

    fn link(&mut self, tag: u64) -> Result<Ipld, Malformed> {
        if tag != 42 {
            return Err(Malformed::Forbidden("tag"));
        }
        let (major, length) = self.head()?;
        if major != 2 {
            return Err(Malformed::Type("byte string"));
        }
        match self.take(length)? {
            [0, cid @ ..] => Cid::try_from(cid)
                .map(Ipld::Link)
                .map_err(|_| Malformed::Forbidden("invalid cid")),
            _ => Err(Malformed::Forbidden("invalid cid")),
        }
    }
}

fn text(bytes: &[u8]) -> Result<String, Malformed> {
    String::from_utf8(bytes.to_vec()).map_err(|_| Malformed::Forbidden("invalid text"))
}

/// The canonical bytes of a value.
pub fn write(value: &Ipld) -> Vec<u8> {
    serde_ipld_dagcbor::to_vec(value).unwrap_or_default()
}

/// A map of these entries.
pub fn map<const N: usize>(entries: [(&str, Ipld); N]) -> Ipld {
    Ipld::Map(
        entries
            .into_iter()
            .map(|(key, value)| (key.to_owned(), value))
            .collect(),
    )
}

/// `{"await/ok": task}`.
pub fn awaits(task: Cid) -> Ipld {
    map([("await/ok", Ipld::Link(task))])
}

/// The CID of a DAG-CBOR block.
pub fn block_cid(bytes: &[u8]) -> Cid {
    cid_of(0x71, bytes)
}

/// The version 1 CID over the SHA-256 of bytes.
pub fn cid_of(codec: u64, bytes: &[u8]) -> Cid {
    use sha2::Digest as _;
    let digest: [u8; 32] = sha2::Sha256::digest(bytes).into();
    Cid::new_v1(codec, wrap(&digest))
}

/// A SHA-256 digest as multihash.
pub fn wrap(digest: &[u8; 32]) -> multihash::Multihash<64> {
    multihash::Multihash::wrap(0x12, digest).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_canonical() -> Result<(), Malformed> {
        let value = map([
            (
                "blob",
                map([
                    ("size", Ipld::Integer(300)),
                    ("digest", Ipld::Bytes(vec![1; 40])),
                ]),
            ),
            (
                "a",
                Ipld::List(vec![Ipld::Null, Ipld::Bool(true), Ipld::Integer(-25)]),
            ),
        ]);
        let bytes = write(&value);
        let mut reader = Reader::new(&bytes);
        assert_eq!(reader.item()?, value);
        assert!(reader.done() && reader.canonical());
        Ok(())
    }

    #[test]
    fn other_forms_are_told_apart() {
        for (bytes, canonical) in [
            (&[0x18, 0x17][..], false),
            (&[0x17][..], true),
            (&[0xa2, 0x61, b'b', 1, 0x61, b'a', 1][..], false),
            (&[0xa2, 0x61, b'b', 1, 0x62, b'a', b'a', 1][..], true),
        ] {
            let mut reader = Reader::new(bytes);
            assert!(reader.item().is_ok());
            assert_eq!(reader.canonical(), canonical, "{bytes:?}");
        }
        for bytes in [
            &[0x9f, 0xff][..],
            &[0xf9, 0, 0][..],
            &[0xa2, 0x61, b'a', 1, 0x61, b'a', 1][..],
            &[0xc1, 0][..],
            &[0x42, 1][..],
            &[0x9b, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff][..],
        ] {
            assert!(Reader::new(bytes).item().is_err(), "{bytes:?}");
        }
    }
}
