//! The word of a storage node that it has a blob, and where.
//!
//! Must never be made of a claim about another space, another blob, a part of one, or by another
//! than the node that took it.

use billet_ucan::{Did, Invocation, Ipld, Signed, Verifier};

use crate::blob::{Blob, read_multihash};
use crate::failure::Failure;
use crate::values::{bytes, did, list, number, optional};

const COMMAND: &str = "/assert/location";

/// Where a blob is.
#[derive(Clone, Debug, PartialEq)]
pub struct Commitment {
    token: Signed<Invocation>,
    blob: Blob,
    urls: Vec<String>,
}

impl Commitment {
    /// Reads a commitment that was checked when it was stored.
    ///
    /// # Errors
    /// `Unbelievable` for bytes that are none.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, Failure> {
        let token = Signed::<Invocation>::decode(bytes)
            .map_err(|error| Failure::unbelievable(error.to_string()))?;
        Self::read(token)
    }

    /// Checks what `node` says about `blob` in `space`.
    pub(crate) fn check(
        token: &Signed<Invocation>,
        verifier: &Verifier<'_>,
        node: &Did,
        space: &Did,
        blob: &Blob,
    ) -> Result<Self, Failure> {
        verifier.claim(token, node)?;
        let commitment = Self::read(token.clone())?;
        if commitment.space() != space {
            return Err(Failure::unbelievable("a commitment for another space"));
        }
        if commitment.blob.digest != blob.digest {
            return Err(Failure::unbelievable("a commitment for another blob"));
        }
        if commitment.blob.size != blob.size {
            return Err(Failure::unbelievable("a commitment for another size"));
        }
        Ok(commitment)
    }

    fn read(token: Signed<Invocation>) -> Result<Self, Failure> {
        let claims = token.claims();
        if claims.command.as_str() != COMMAND {
            return Err(Failure::unbelievable("not a commitment"));
        }
        let arguments = Ipld::Map(claims.arguments.clone());
        if did(&arguments, "space")? != claims.subject {
            return Err(Failure::unbelievable("a commitment for two spaces"));
        }
        let size = match optional(&arguments, "range") {
            Some(range) if number(range, "start")? == 0 => number(range, "end")?.checked_add(1),
            _ => None,
        };
        let blob = Blob {
            digest: read_multihash(bytes(&arguments, "content")?)?,
            size: size.ok_or_else(|| Failure::unbelievable("a commitment for a part"))?,
        };
        let urls = list(&arguments, "location")?.iter();
        let urls = urls.filter_map(|url| match url {
            Ipld::String(url) if url.starts_with("http://") => Some(url.clone()),
            Ipld::String(url) if url.starts_with("https://") => Some(url.clone()),
            _ => None,
        });
        let urls: Vec<String> = urls.collect();
        match urls.is_empty() {
            true => Err(Failure::unbelievable("a commitment without a place")),
            false => Ok(Self { blob, urls, token }),
        }
    }

    /// The token, to be kept.
    pub fn bytes(&self) -> &[u8] {
        self.token.bytes()
    }

    /// The storage node.
    pub fn node(&self) -> &Did {
        &self.token.claims().issuer
    }

    /// The space.
    pub fn space(&self) -> &Did {
        &self.token.claims().subject
    }

    /// What is stored.
    pub const fn blob(&self) -> &Blob {
        &self.blob
    }

    /// Where the bytes are read: one URL or more.
    pub fn urls(&self) -> &[String] {
        &self.urls
    }
}
