//! The state machine that takes the frames off. It must never go on past a chunk whose signature
//! has not been confirmed, and never give out more bytes than the head declared.

use std::ops::Range;

use sha2::{Digest as _, Sha256};

use super::line::{ChunkLine, TrailerLine, cut_short};
use super::{
    Framing, MAX_CHUNK_LINE_BYTES, MAX_SIGNED_CHUNK_BYTES, MAX_TRAILER_BYTES, MIN_CHUNK_BYTES,
};
use crate::auth::{self, Claim, Signed};
use crate::checksum::Checksum;
use crate::error::{Code, Result, S3Error};

const PAYLOAD: &str = "AWS4-HMAC-SHA256-PAYLOAD";
const TRAILER: &str = "AWS4-HMAC-SHA256-TRAILER";

/// What the caller has to do next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// The input is used up: push more, or [`Decoder::finish`] where there is none.
    More,
    /// These bytes of the input are the body's next. In a signed framing they also go into the
    /// SHA-256 of the current chunk. They may be passed on, but count only after `finish`.
    Data(Range<usize>),
    /// A signed chunk has ended: give [`Decoder::digest`] the SHA-256 of its data.
    ChunkEnd,
    /// Have this claim verified: the last chunk's, or the trailer's. Then call
    /// [`Decoder::confirmed`], or drop the body.
    Verify(Box<Claim>),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// In a chunk's first line.
    Line,
    /// In a chunk's data, with so many bytes to come.
    Data(u64),
    /// Behind the data, before the line end.
    DataEnd,
    /// Waits for the digest of a chunk.
    Digest,
    /// Waits for a verdict; then goes on there.
    Verdict(Next),
    /// Behind the last chunk.
    Trailer,
    /// Behind everything; one more line end may follow.
    Tail,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Next {
    Line,
    Trailer,
    Tail,
}

/// Takes the frames off one body, fed in pieces of any size. It holds at most one line.
#[derive(Debug)]
pub struct Decoder {
    framing: Framing,
    signed: Option<Signed>,
    state: State,
    line: Vec<u8>,
    /// The signature that the next one continues.
    previous: [u8; 32],
    /// The current chunk's signature.
    mac: [u8; 32],
    /// The number and length of the chunk before, from 1.
    chunk: (u64, u64),
    /// Body bytes given out.
    given_bytes: u64,
    /// Bytes seen in the trailer block.
    trailer_bytes: usize,
    checksum: Option<Checksum>,
}

impl Decoder {
    /// A decoder for a body. `signed` is the request whose signature was verified; a signed
    /// framing continues it.
    ///
    /// # Errors
    /// `InvalidRequest` when the framing is signed and the request is not.
    pub fn new(framing: Framing, signed: Option<&Signed>) -> Result<Self> {
        let signed = signed.filter(|_| framing.signed).cloned();
        if framing.signed && signed.is_none() {
            return Err(auth::unsigned_chunks());
        }
        let previous = signed.as_ref().map_or([0; 32], Signed::mac);
        Ok(Self {
            framing,
            signed,
            state: State::Line,
            line: Vec::with_capacity(MAX_CHUNK_LINE_BYTES),
            previous,
            mac: [0; 32],
            chunk: (0, MIN_CHUNK_BYTES),
            given_bytes: 0,
            trailer_bytes: 0,
            checksum: None,
        })
    }

    /// Reads on. Gives how many bytes of `input` are used and what comes next; the caller goes on
    /// with the rest of the input until it gets [`Event::More`].
    ///
    /// # Errors
    /// `IncompleteBody` for a broken frame, and for more or fewer bytes than declared;
    /// `InvalidChunkSizeError`; `MalformedTrailerError`; `InvalidRequest` for a trailer's value.
    /// `InternalError` when an event was not answered. After an error the body is lost.
    pub fn push(&mut self, input: &[u8]) -> Result<(usize, Event)> {
        let mut used = 0;
        loop {
            let rest = input.get(used..).unwrap_or_default();
            if rest.is_empty() && !matches!(self.state, State::Digest | State::Verdict(_)) {
                return Ok((used, Event::More));
            }
            let (count, event) = match self.state {
                State::Line => self.on_line(rest)?,
                State::Data(left_bytes) => {
                    let count = self.on_data(rest, left_bytes)?;
                    (count, Some(Event::Data(used..used + count)))
                }
                State::DataEnd => self.on_data_end(rest)?,
                State::Trailer => self.on_trailer(rest)?,
                State::Tail => (self.take_line_end(rest)?, None),
                State::Digest | State::Verdict(_) => return Err(Code::InternalError.into()),
            };
            used += count;
            if let Some(event) = event {
                return Ok((used, event));
            }
        }
    }

    /// Answers [`Event::ChunkEnd`]: takes the SHA-256 of the chunk's data and gives the claim to
    /// verify before [`Decoder::confirmed`].
    ///
    /// # Errors
    /// `InternalError` when no chunk has ended.
    pub fn digest(&mut self, sha256: &[u8; 32]) -> Result<Claim> {
        if self.state != State::Digest {
            return Err(Code::InternalError.into());
        }
        self.state = State::Verdict(Next::Line);
        self.chunk_claim(sha256)
    }

    /// Says that the last claim was verified.
    ///
    /// # Errors
    /// `InternalError` when there was none.
    pub fn confirmed(&mut self) -> Result<()> {
        let State::Verdict(next) = self.state else {
            return Err(Code::InternalError.into());
        };
        self.previous = self.mac;
        self.state = match next {
            Next::Line => State::Line,
            Next::Trailer => State::Trailer,
            Next::Tail => State::Tail,
        };
        Ok(())
    }

    /// Ends the body and gives the checksum of its trailer, which the caller compares.
    ///
    /// # Errors
    /// `IncompleteBody` when the frames are not complete; `InternalError` when an event was not
    /// answered.
    pub fn finish(self) -> Result<Option<Checksum>> {
        match self.state {
            State::Tail if self.line.is_empty() || self.line == b"\r\n" => Ok(self.checksum),
            State::Digest | State::Verdict(_) => Err(Code::InternalError.into()),
            _ => Err(cut_short()),
        }
    }

    fn on_line(&mut self, rest: &[u8]) -> Result<(usize, Option<Event>)> {
        let room = MAX_CHUNK_LINE_BYTES.saturating_sub(self.line.len());
        let (count, whole) = self.take_line(rest, room);
        if !whole {
            return if count == room {
                Err(cut_short())
            } else {
                Ok((count, None))
            };
        }
        let line = ChunkLine::parse(&self.line, self.framing.signed).ok_or_else(cut_short)?;
        self.line.clear();
        self.mac = line.mac;
        if line.size_bytes == 0 {
            return Ok((count, self.on_last_chunk()?));
        }
        let (number, before_bytes) = self.chunk;
        if before_bytes < MIN_CHUNK_BYTES {
            return Err(bad_size(
                Code::InvalidChunkSizeError.into(),
                number,
                before_bytes,
            ));
        }
        self.chunk = (number.saturating_add(1), line.size_bytes);
        if self.framing.signed && line.size_bytes > MAX_SIGNED_CHUNK_BYTES {
            let error = S3Error::new(Code::InvalidChunkSizeError)
                .message("A signed chunk may have at most 16777216 bytes");
            return Err(bad_size(error, self.chunk.0, line.size_bytes));
        }
        self.state = State::Data(line.size_bytes);
        Ok((count, None))
    }

    fn on_last_chunk(&mut self) -> Result<Option<Event>> {
        if self.given_bytes != self.framing.length_bytes {
            return Err(Code::IncompleteBody.into());
        }
        if !self.framing.signed {
            self.state = State::Trailer;
            return Ok(None);
        }
        let more = self.framing.trailer.is_some();
        self.state = State::Verdict(if more { Next::Trailer } else { Next::Tail });
        let nothing = Sha256::digest([]).into();
        Ok(Some(Event::Verify(Box::new(self.chunk_claim(&nothing)?))))
    }

    /// How many bytes of the input are data. Past the declared length it looks at one byte, as
    /// AWS does: a line end there means a chunk shorter than its own line says.
    fn on_data(&mut self, rest: &[u8], left_bytes: u64) -> Result<usize> {
        let allowed_bytes = self.framing.length_bytes.saturating_sub(self.given_bytes);
        if allowed_bytes == 0 {
            let line_end = rest.first() == Some(&b'\r');
            return Err(if line_end {
                cut_short()
            } else {
                Code::IncompleteBody.into()
            });
        }
        let most = usize::try_from(left_bytes.min(allowed_bytes)).unwrap_or(usize::MAX);
        let count = rest.len().min(most);
        let count_bytes = count as u64;
        self.given_bytes = self.given_bytes.saturating_add(count_bytes);
        self.state = match left_bytes.saturating_sub(count_bytes) {
            0 => State::DataEnd,
            left_bytes => State::Data(left_bytes),
        };
        Ok(count)
    }

    fn on_data_end(&mut self, rest: &[u8]) -> Result<(usize, Option<Event>)> {
        let count = self.take_line_end(rest)?;
        if self.line.len() < 2 {
            return Ok((count, None));
        }
        self.line.clear();
        self.state = if self.framing.signed {
            State::Digest
        } else {
            State::Line
        };
        Ok((count, self.framing.signed.then_some(Event::ChunkEnd)))
    }

    fn on_trailer(&mut self, rest: &[u8]) -> Result<(usize, Option<Event>)> {
        let room = MAX_TRAILER_BYTES.saturating_sub(self.trailer_bytes);
        let (count, whole) = self.take_line(rest, room);
        self.trailer_bytes = self.trailer_bytes.saturating_add(count);
        if !whole {
            let full = count == room;
            return if full {
                Err(Code::MalformedTrailerError.into())
            } else {
                Ok((count, None))
            };
        }
        let awaited = self.framing.trailer.filter(|_| self.checksum.is_none());
        let line = TrailerLine::parse(&self.line, awaited, self.framing.signed)?;
        self.line.clear();
        match line {
            TrailerLine::Checksum(checksum) => self.checksum = Some(checksum),
            TrailerLine::Signature(mac) => return Ok((count, Some(self.trailer_claim(mac)?))),
            // A signed block ends with its signature, an unsigned one with an empty line.
            TrailerLine::Empty if self.framing.signed => {}
            TrailerLine::Empty if awaited.is_some() => {
                return Err(Code::MalformedTrailerError.into());
            }
            TrailerLine::Empty => self.state = State::Tail,
        }
        Ok((count, None))
    }

    fn chunk_claim(&self, sha256: &[u8; 32]) -> Result<Claim> {
        let nothing = hex::encode(Sha256::digest([]));
        let rest = format!(
            "{}\n{nothing}\n{}",
            hex::encode(self.previous),
            hex::encode(sha256)
        );
        self.claim(PAYLOAD, &rest)
    }

    fn trailer_claim(&mut self, mac: [u8; 32]) -> Result<Event> {
        let checksum = self.checksum.as_ref().ok_or(Code::InternalError)?;
        let line = format!(
            "{}:{}\n",
            checksum.algorithm().header(),
            checksum.to_base64()
        );
        let digest = hex::encode(Sha256::digest(line));
        self.mac = mac;
        self.state = State::Verdict(Next::Tail);
        let claim = self.claim(
            TRAILER,
            &format!("{}\n{digest}", hex::encode(self.previous)),
        )?;
        Ok(Event::Verify(Box::new(claim)))
    }

    fn claim(&self, algorithm: &str, rest: &str) -> Result<Claim> {
        let signed = self.signed.as_ref().ok_or(Code::InternalError)?;
        Ok(signed.message(algorithm, rest, self.mac))
    }

    /// Moves bytes to the line up to its end or `room` bytes; says whether the end was there.
    fn take_line(&mut self, rest: &[u8], room: usize) -> (usize, bool) {
        let rest = rest.get(..room).unwrap_or(rest);
        let end = rest.iter().position(|byte| *byte == b'\n').map(|at| at + 1);
        let count = end.unwrap_or(rest.len());
        self.line
            .extend_from_slice(rest.get(..count).unwrap_or_default());
        (count, end.is_some())
    }

    /// Moves the bytes of one `\r\n` to the line; anything else breaks the frame.
    fn take_line_end(&mut self, rest: &[u8]) -> Result<usize> {
        let missing = b"\r\n".get(self.line.len()..).unwrap_or_default();
        let count = rest.len().min(missing.len()).max(1);
        if rest.get(..count) != missing.get(..count) {
            return Err(cut_short());
        }
        self.line
            .extend_from_slice(missing.get(..count).unwrap_or_default());
        Ok(count)
    }
}

fn bad_size(error: S3Error, number: u64, size_bytes: u64) -> S3Error {
    error
        .field("Chunk", number.to_string())
        .field("BadChunkSize", size_bytes.to_string())
}
