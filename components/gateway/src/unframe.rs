//! Uploads in aws-chunked framing: takes the frames off on the way from the client to the store.
//! It must never keep more than one read in memory, and never call a body good before its last
//! chunk and trailer were confirmed.

use billet_s3::Code;
use billet_s3::checksum::Checksum;
use billet_s3::chunked::{Decoder, Event, Framing};
use wit_bindgen::{StreamReader, StreamResult, StreamWriter, spawn_local};

use crate::bindings::billet::store::bodies;
use crate::bindings::billet::store::digest::Hasher;
use crate::bindings::billet::store::types::StoreError;
use crate::bindings::wit_stream;
use crate::identity::{Identity, confirm_claim};
use crate::refusal::{self, Failure, Result};

/// How much of a framed body is read at once.
const READ_BYTES: usize = 256 * 1024;
/// The digest of a chunk.
const SHA256: &str = "sha2-256";

/// How the pump came to its end.
enum End {
    /// The frames are complete and confirmed; the trailer's checksum.
    Whole(Option<Checksum>),
    /// The store takes no more.
    Stopped,
}

/// Stores a framed body and gives the checksum of its trailer.
pub(crate) async fn put(
    space: &str,
    bytes: StreamReader<u8>,
    identity: &Identity,
    framing: Framing,
    digests: Vec<String>,
) -> Result<(bodies::Body, Option<Checksum>)> {
    let decoder = Decoder::new(framing, identity.signed())?;
    let hasher = if framing.signed {
        Some(Hasher::open(SHA256).map_err(refusal::store)?)
    } else {
        None
    };
    let (writer, reader) = wit_stream::new::<u8>();
    let pump = Pump {
        decoder,
        hasher,
        clean: Vec::with_capacity(READ_BYTES),
    };
    let mut pumping = spawn_local(pump.run(bytes, writer));
    let put = bodies::put(space.to_owned(), reader, framing.length_bytes, digests).await;
    match put {
        Ok(_) | Err(StoreError::Invalid(_)) => {}
        // The store gave up by itself, so the client need not be heard to the end.
        Err(error) => {
            pumping.cancel();
            return Err(refusal::store(error));
        }
    }
    let end = pumping.await.ok_or(Code::InternalError)??;
    let body = put.map_err(refusal::put)?;
    match end {
        End::Whole(checksum) => Ok((body, checksum)),
        End::Stopped => Err(Code::IncompleteBody.into()),
    }
}

/// What is under way between the client and the store.
struct Pump {
    decoder: Decoder,
    /// Over the current chunk, where chunks are signed.
    hasher: Option<Hasher>,
    /// Bytes without frames that go out next.
    clean: Vec<u8>,
}

impl Pump {
    async fn run(mut self, mut bytes: StreamReader<u8>, mut out: StreamWriter<u8>) -> Result<End> {
        let mut input = Vec::with_capacity(READ_BYTES);
        loop {
            let (status, filled) = bytes.read(input).await;
            self.decode(&filled)?;
            input = filled;
            input.clear();
            if !self.clean.is_empty() {
                self.clean = out.write_all(self.clean).await;
                if !self.clean.is_empty() {
                    return Ok(End::Stopped);
                }
            }
            match status {
                StreamResult::Complete(_) => {}
                StreamResult::Dropped | StreamResult::Cancelled => break,
            }
        }
        Ok(End::Whole(self.decoder.finish()?))
    }

    /// Takes the frames off one read.
    fn decode(&mut self, mut input: &[u8]) -> Result<()> {
        loop {
            let (used, event) = self.decoder.push(input)?;
            match event {
                Event::More => return Ok(()),
                Event::Data(range) => {
                    let data = input.get(range).ok_or(Code::InternalError)?;
                    if let Some(hasher) = &self.hasher {
                        hasher.update(data);
                    }
                    self.clean.extend_from_slice(data);
                }
                Event::ChunkEnd => {
                    let hasher = self.hasher.as_ref().ok_or(Code::InternalError)?;
                    let digest: [u8; 32] = hasher
                        .finish()
                        .try_into()
                        .map_err(|_| Code::InternalError)?;
                    let claim = self.decoder.digest(&digest)?;
                    self.confirm(claim)?;
                }
                Event::Verify(claim) => self.confirm(*claim)?,
            }
            input = input.get(used..).ok_or(Code::InternalError)?;
        }
    }

    fn confirm(&mut self, claim: billet_s3::auth::Claim) -> Result<()> {
        confirm_claim(claim.clone()).map_err(|why| Failure::from(claim.refused(why)))?;
        Ok(self.decoder.confirmed()?)
    }
}
