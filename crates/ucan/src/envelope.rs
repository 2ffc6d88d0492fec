//! Envelopes: a signature and what it signs, kept as the bytes that came.
//!
//! Must never check a signature over bytes written anew, and never call a token true: what
//! [`Signed::claims`] gives is what somebody says, until a [`crate::Verifier`] has agreed.

use std::collections::BTreeMap;

use billet_block::{CborError, Cid, Codec, decode, encode};

use crate::Ipld;
use crate::document::Purpose;
use crate::varsig::Algorithm;
use billet_key::Did;
use billet_key::{NotSigned, Signer};

/// Named values: arguments, metadata.
pub type Map = BTreeMap<String, Ipld>;

/// Why bytes are no token, or a payload cannot be written as one.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TokenError {
    /// Not DAG-CBOR, or not the shape of a token of this kind.
    #[error("not a token: {0}")]
    Malformed(String),
    /// Readable, but not as it would be written.
    #[error("a token that is not in canonical form")]
    NotCanonical,
    /// The signer is another than the issuer that the payload names.
    #[error("signed by {0}, who is not its issuer")]
    OtherIssuer(Did),
    /// The signer did not sign.
    #[error(transparent)]
    NotSigned(#[from] NotSigned),
}

impl TokenError {
    pub(crate) fn malformed(what: impl Into<String>) -> Self {
        Self::Malformed(what.into())
    }
}

impl From<CborError> for TokenError {
    fn from(error: CborError) -> Self {
        match error {
            CborError::NotCanonical => Self::NotCanonical,
            other => Self::Malformed(other.to_string()),
        }
    }
}

mod sealed {
    /// Keeps the kinds of tokens to the three of this crate.
    pub trait Sealed {}
    impl Sealed for crate::Delegation {}
    impl Sealed for crate::Invocation {}
    impl Sealed for crate::Receipt {}
}

/// What a token can say: [`crate::Delegation`], [`crate::Invocation`] or [`crate::Receipt`].
pub trait Payload: Sized + sealed::Sealed {
    /// The name of the payload in the envelope.
    const TAG: &'static str;
    /// What the issuer's key must be good for.
    const PURPOSE: Purpose;

    /// Who must have signed.
    fn issuer(&self) -> &Did;

    /// When it ends, in seconds since 1970; `None` is never.
    fn expires_s(&self) -> Option<u64>;

    /// The fields as they are written.
    fn to_map(&self) -> Map;

    /// Reads the fields.
    ///
    /// # Errors
    /// `Malformed` when one is missing, of another type or not known.
    fn from_map(map: Map) -> Result<Self, TokenError>;
}

/// A payload in the bytes that are to be signed. For signers that fail or take their time; others
/// go through [`Signed::new`].
#[derive(Clone, Debug)]
pub struct Unsigned<P> {
    claims: P,
    algorithm: Algorithm,
    bytes: Vec<u8>,
}

impl<P: Payload> Unsigned<P> {
    /// Writes the payload for an Ed25519 signature.
    ///
    /// # Errors
    /// `Malformed` when a value has no form in DAG-CBOR, such as a NaN.
    pub fn new(claims: P) -> Result<Self, TokenError> {
        Self::with(claims, Algorithm::Ed25519)
    }

    pub(crate) fn with(claims: P, algorithm: Algorithm) -> Result<Self, TokenError> {
        let header = Ipld::Bytes(algorithm.header().to_vec());
        let payload = Ipld::Map(claims.to_map());
        let bytes = encode(&Ipld::Map(BTreeMap::from([
            ("h".to_owned(), header),
            (P::TAG.to_owned(), payload),
        ])))?;
        Ok(Self {
            claims,
            algorithm,
            bytes,
        })
    }

    /// What the issuer has to sign.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The token, once signed. Whether the signature is right is not looked at.
    ///
    /// # Errors
    /// `Malformed` when the token would be too long for a block.
    pub fn finish(self, signature: [u8; 64]) -> Result<Signed<P>, TokenError> {
        self.close(&signature)
    }

    pub(crate) fn close(self, signature: &[u8]) -> Result<Signed<P>, TokenError> {
        let mut bytes = vec![0x82];
        bytes.extend(encode(&Ipld::Bytes(signature.to_vec()))?);
        let signed_at = bytes.len();
        bytes.extend_from_slice(&self.bytes);
        // Nothing is written that would not be read again, such as values nested too deeply.
        decode::<Ipld>(&bytes)?;
        Ok(Signed {
            link: Cid::of(Codec::DagCbor, &bytes),
            claims: self.claims,
            algorithm: self.algorithm,
            signature: signature.to_vec(),
            signed_at,
            bytes,
        })
    }
}

/// A token: what it says, and the bytes it says it in.
#[derive(Clone, Debug, PartialEq)]
pub struct Signed<P> {
    claims: P,
    algorithm: Algorithm,
    signature: Vec<u8>,
    signed_at: usize,
    bytes: Vec<u8>,
    link: Cid,
}

impl<P: Payload> Signed<P> {
    /// Signs a payload.
    ///
    /// # Errors
    /// `OtherIssuer` when the signer is not the payload's issuer, `NotSigned` when it did not sign,
    /// else as [`Unsigned::new`].
    pub fn new(claims: P, signer: &dyn Signer) -> Result<Self, TokenError> {
        if signer.did() != claims.issuer() {
            return Err(TokenError::OtherIssuer(signer.did().clone()));
        }
        let unsigned = Unsigned::new(claims)?;
        let signature = signer.sign(unsigned.bytes())?;
        unsigned.finish(signature)
    }

    /// Reads a token of this kind.
    ///
    /// # Errors
    /// As the variants of [`TokenError`] say.
    pub fn decode(bytes: &[u8]) -> Result<Self, TokenError> {
        Envelope::read(bytes, decode)?.open()
    }

    /// What the token says, true or not.
    pub const fn claims(&self) -> &P {
        &self.claims
    }

    /// The whole token, as it came or as it was signed.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The name of the token: what `prf`, `site` and the like link to.
    pub const fn link(&self) -> Cid {
        self.link
    }

    /// How the token says that it is signed.
    pub const fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// The signature, 64 bytes of Ed25519; an attestation's is a token itself.
    pub fn signature(&self) -> &[u8] {
        &self.signature
    }

    /// The bytes that the signature is over.
    pub fn signed_bytes(&self) -> &[u8] {
        self.bytes.get(self.signed_at..).unwrap_or_default()
    }
}

/// An envelope whose payload has not been looked at.
pub(crate) struct Envelope {
    tag: String,
    payload: Map,
    algorithm: Algorithm,
    signature: Vec<u8>,
    bytes: Vec<u8>,
}

impl Envelope {
    pub(crate) fn read(
        bytes: &[u8],
        decode: impl FnOnce(&[u8]) -> Result<Ipld, CborError>,
    ) -> Result<Self, TokenError> {
        let no_envelope = || TokenError::malformed("not a signature and what it signs");
        let Ipld::List(parts) = decode(bytes)? else {
            return Err(no_envelope());
        };
        let [Ipld::Bytes(signature), Ipld::Map(mut signed)] =
            <[Ipld; 2]>::try_from(parts).map_err(|_| no_envelope())?
        else {
            return Err(no_envelope());
        };
        let Some(Ipld::Bytes(header)) = signed.remove("h") else {
            return Err(TokenError::malformed("no varsig header"));
        };
        let algorithm = Algorithm::of_header(&header)
            .ok_or_else(|| TokenError::malformed("a varsig header that is not known"))?;
        let mut payloads = signed.into_iter();
        let (Some((tag, Ipld::Map(payload))), None) = (payloads.next(), payloads.next()) else {
            return Err(TokenError::malformed("not one payload"));
        };
        Ok(Self {
            tag,
            payload,
            algorithm,
            signature,
            bytes: bytes.to_vec(),
        })
    }

    pub(crate) fn is<P: Payload>(&self) -> bool {
        self.tag == P::TAG
    }

    pub(crate) fn payload(&self) -> &Map {
        &self.payload
    }

    pub(crate) fn open<P: Payload>(self) -> Result<Signed<P>, TokenError> {
        if !self.is::<P>() {
            return Err(TokenError::malformed(format!("a token of {}", self.tag)));
        }
        let head = encode(&Ipld::Bytes(self.signature.clone()))?;
        let signed_at = 1 + head.len();
        if self.bytes.first() != Some(&0x82) || self.bytes.get(1..signed_at) != Some(&*head) {
            return Err(TokenError::NotCanonical);
        }
        Ok(Signed {
            claims: P::from_map(self.payload)?,
            algorithm: self.algorithm,
            signature: self.signature,
            signed_at,
            link: Cid::of(Codec::DagCbor, &self.bytes),
            bytes: self.bytes,
        })
    }
}
