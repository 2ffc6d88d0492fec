//! What is stored: bytes named by their SHA-256.
//!
//! Must never name bytes by another hash: the network's nodes take no other.

use billet_block::Digest;
use billet_ucan::{Ipld, Map};
use serde::{Deserialize, Serialize};

use crate::failure::Failure;
use crate::values::{bytes, number};

/// Most bytes of a blob: what still fits into one padded piece of 256 MiB.
pub const BLOB_BYTES_MAX: u64 = 266_338_304;

/// The prefix of a SHA-256 multihash.
const SHA256: [u8; 2] = [0x12, 32];

/// The multicodec of archives as a varint, behind the version of the CID.
const CID_OF_ARCHIVE: [u8; 3] = [1, 0x82, 0x04];

/// Bytes on the network: their digest and how many.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Blob {
    /// SHA-256 of the bytes.
    pub digest: Digest,
    /// How many bytes.
    pub size: u64,
}

impl Blob {
    /// Checks what the service would otherwise refuse without a reason.
    ///
    /// # Errors
    /// `Impossible` for more than [`BLOB_BYTES_MAX`] bytes or none.
    pub fn checked(self) -> Result<Self, Failure> {
        match self.size {
            1..=BLOB_BYTES_MAX => Ok(self),
            size => Err(Failure::Impossible(format!("a blob of {size} bytes"))),
        }
    }

    /// The multihash, 34 bytes.
    pub fn multihash(&self) -> Vec<u8> {
        multihash(&self.digest)
    }

    pub(crate) fn to_ipld(self) -> Ipld {
        let size = Ipld::Integer(self.size.into());
        Ipld::Map(Map::from([
            ("digest".to_owned(), Ipld::Bytes(self.multihash())),
            ("size".to_owned(), size),
        ]))
    }

    pub(crate) fn from_ipld(value: &Ipld) -> Result<Self, Failure> {
        Ok(Self {
            digest: read_multihash(bytes(value, "digest")?)?,
            size: number(value, "size")?,
        })
    }
}

pub(crate) fn multihash(digest: &Digest) -> Vec<u8> {
    [SHA256.as_slice(), digest].concat()
}

pub(crate) fn read_multihash(bytes: &[u8]) -> Result<Digest, Failure> {
    let digest = bytes.strip_prefix(&SHA256);
    digest
        .and_then(|digest| digest.try_into().ok())
        .ok_or_else(|| Failure::unbelievable("a digest that is not SHA-256"))
}

/// A link to an archive (codec `car`) with this digest.
pub(crate) fn archive_link(digest: &Digest) -> Result<Ipld, Failure> {
    let cid = [CID_OF_ARCHIVE.as_slice(), &multihash(digest)].concat();
    ipld_core::cid::Cid::try_from(cid.as_slice())
        .map(Ipld::Link)
        .map_err(|error| Failure::Impossible(error.to_string()))
}
