//! The lines between the data: a chunk's first line and the trailers. It must never accept a
//! second spelling of a line, except the line ends that clients are known to send in trailers.

use crate::auth;
use crate::checksum::{Algorithm, Checksum, invalid_trailer};
use crate::error::{Code, Result, S3Error};

/// The most digits of a chunk's length.
const MAX_SIZE_DIGITS: usize = 16;

/// A chunk's first line.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct ChunkLine {
    pub(super) size_bytes: u64,
    /// There in a signed framing only.
    pub(super) mac: [u8; 32],
}

impl ChunkLine {
    /// Reads `<hex>\r\n`, signed `<hex>;chunk-signature=<64 hex>\r\n`.
    pub(super) fn parse(line: &[u8], signed: bool) -> Option<Self> {
        let line = std::str::from_utf8(line).ok()?.strip_suffix("\r\n")?;
        let (size, mac) = if signed {
            let (size, signature) = line.split_once(";chunk-signature=")?;
            (size, auth::mac(signature)?)
        } else {
            (line, [0; 32])
        };
        let hex = size.bytes().all(|byte| byte.is_ascii_hexdigit());
        if !hex || !(1..=MAX_SIZE_DIGITS).contains(&size.len()) {
            return None;
        }
        Some(Self {
            size_bytes: u64::from_str_radix(size, 16).ok()?,
            mac,
        })
    }
}

/// A line behind the last chunk.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum TrailerLine {
    Empty,
    Checksum(Checksum),
    Signature([u8; 32]),
}

impl TrailerLine {
    /// Reads a line that ends in `\n` or `\r\n`. `awaited` is the trailer that was declared and
    /// has not come yet.
    pub(super) fn parse(line: &[u8], awaited: Option<Algorithm>, signed: bool) -> Result<Self> {
        let line = line.strip_suffix(b"\n").unwrap_or(line);
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        if line.is_empty() {
            return Ok(Self::Empty);
        }
        if line.contains(&b'\r') {
            return Err(cut_short());
        }
        let Some(algorithm) = awaited else {
            return Self::last(line, signed);
        };
        let text = std::str::from_utf8(line)
            .ok()
            .and_then(|line| line.split_once(':'));
        let Some((_, value)) = text.filter(|(name, _)| *name == algorithm.header()) else {
            return Err(Code::MalformedTrailerError.into());
        };
        let checksum = Checksum::decode(algorithm, value.trim_matches([' ', '\t']));
        checksum
            .map(Self::Checksum)
            .ok_or_else(|| invalid_trailer(algorithm))
    }

    /// A line when no declared trailer is awaited any more.
    fn last(line: &[u8], signed: bool) -> Result<Self> {
        if !signed {
            return Err(Code::MalformedTrailerError.into());
        }
        let text = std::str::from_utf8(line).ok();
        let text = text.and_then(|line| line.strip_prefix("x-amz-trailer-signature:"));
        text.and_then(auth::mac)
            .map(Self::Signature)
            .ok_or_else(cut_short)
    }
}

/// The framing is broken or ends early.
pub(super) fn cut_short() -> S3Error {
    S3Error::new(Code::IncompleteBody).message("The request body terminated unexpectedly")
}
