//! The aws-chunked framing of uploads, taken off piece by piece without I/O and without a secret.
//! It must never hold more than one line, and never call a body whole whose chunks were not all
//! confirmed.

mod decoder;
mod line;

pub use decoder::{Decoder, Event};

use crate::checksum::{self, Algorithm};
use crate::error::{Code, Result, S3Error};
use crate::head::RequestHead;
use crate::payload::{self, Payload};

/// The longest first line of a chunk, with its line end.
pub const MAX_CHUNK_LINE_BYTES: usize = 128;
/// The longest block of trailers, with its line ends.
pub const MAX_TRAILER_BYTES: usize = 16 * 1024;
/// The smallest chunk with another behind it.
pub const MIN_CHUNK_BYTES: u64 = 8 * 1024;
/// The largest signed chunk: nothing of it counts before its end. An unsigned chunk may be as
/// long as the body, and is where a client knows the length beforehand.
pub const MAX_SIGNED_CHUNK_BYTES: u64 = 16 * 1024 * 1024;

/// How a body is framed, as the head of its request says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Framing {
    /// Whether each chunk has a signature.
    pub signed: bool,
    /// The trailer that was declared and has to come.
    pub trailer: Option<Algorithm>,
    /// The length of the body without its frames.
    pub length_bytes: u64,
}

impl Framing {
    /// Reads the framing; `None` when the body is plain.
    ///
    /// # Errors
    /// `MissingContentLength` and `EntityTooLarge` as [`payload::body_length_bytes`];
    /// `InvalidRequest` for a trailer that is no checksum; `MalformedTrailerError` where a
    /// signed trailer is promised and none declared, or one is declared that cannot come.
    pub fn parse(head: &RequestHead, payload: &Payload) -> Result<Option<Self>> {
        let trailer = match payload {
            Payload::Digest(_) | Payload::Unsigned => return Ok(None),
            Payload::StreamingSigned
            | Payload::StreamingSignedTrailer
            | Payload::StreamingUnsignedTrailer => checksum::trailer(head)?,
        };
        let length_bytes = payload::body_length_bytes(head, payload)?;
        let promised = *payload == Payload::StreamingSignedTrailer;
        if payload.is_chunk_signed() && promised != trailer.is_some() {
            return Err(S3Error::new(Code::MalformedTrailerError));
        }
        Ok(Some(Self {
            signed: payload.is_chunk_signed(),
            trailer,
            length_bytes,
        }))
    }
}
