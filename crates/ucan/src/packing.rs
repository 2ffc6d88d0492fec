//! Packings of a container: one letter, then the container plain, as text or compressed.
//!
//! Must never make more of compressed bytes than a container may have.

use std::io::{Read, Write};

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use flate2::Compression;
use flate2::bufread::GzDecoder;
use flate2::write::GzEncoder;

use crate::container::ContainerError;
use crate::limits::{CONTAINER_BYTES_MAX, PACKED_BYTES_MAX};

/// How a container is written where it has to say so itself: headers, links, files. The body of a
/// request or reply has none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Packing {
    /// As it is.
    Raw,
    /// Base64 with padding.
    Base64,
    /// Base64 for URLs, without padding.
    Base64Url,
    /// Compressed.
    Gzip,
    /// Compressed, then Base64 with padding.
    GzipBase64,
    /// Compressed, then Base64 for URLs, without padding.
    GzipBase64Url,
}

#[derive(Clone, Copy, PartialEq)]
enum Text {
    None,
    Padded,
    Url,
}

impl Packing {
    /// All packings.
    pub const ALL: [Self; 6] = [
        Self::Raw,
        Self::Base64,
        Self::Base64Url,
        Self::Gzip,
        Self::GzipBase64,
        Self::GzipBase64Url,
    ];

    /// The byte in front.
    pub const fn code(self) -> u8 {
        match self {
            Self::Raw => 0x40,
            Self::Base64 => 0x42,
            Self::Base64Url => 0x43,
            Self::Gzip => 0x44,
            Self::GzipBase64 => 0x45,
            Self::GzipBase64Url => 0x46,
        }
    }

    const fn parts(self) -> (bool, Text) {
        match self {
            Self::Raw => (false, Text::None),
            Self::Base64 => (false, Text::Padded),
            Self::Base64Url => (false, Text::Url),
            Self::Gzip => (true, Text::None),
            Self::GzipBase64 => (true, Text::Padded),
            Self::GzipBase64Url => (true, Text::Url),
        }
    }

    /// Packs the bytes of a container.
    pub(crate) fn pack(self, body: &[u8]) -> Result<Vec<u8>, ContainerError> {
        let (compressed, text) = self.parts();
        let squeezed = match compressed {
            true => compress(body)?,
            false => body.to_vec(),
        };
        let packed = match text {
            Text::None => squeezed,
            Text::Padded => STANDARD.encode(squeezed).into_bytes(),
            Text::Url => URL_SAFE_NO_PAD.encode(squeezed).into_bytes(),
        };
        Ok([&[self.code()], packed.as_slice()].concat())
    }

    /// Takes the bytes of a container out of their packing. White space around text is nothing.
    pub(crate) fn unpack(packed: &[u8]) -> Result<(Self, Vec<u8>), ContainerError> {
        if packed.len() > PACKED_BYTES_MAX {
            return Err(ContainerError::TooLong);
        }
        let (code, _) = packed
            .trim_ascii_start()
            .split_first()
            .ok_or(ContainerError::UnknownPacking)?;
        let packing = Self::ALL
            .into_iter()
            .find(|packing| packing.code() == *code)
            .ok_or(ContainerError::UnknownPacking)?;
        let (compressed, text) = packing.parts();
        let packed = match text {
            Text::None => packed,
            _ => packed.trim_ascii(),
        };
        let Some((_, packed)) = packed.split_first().filter(|(first, _)| *first == code) else {
            return Err(ContainerError::UnknownPacking);
        };
        let plain = match text {
            Text::None => packed.to_vec(),
            Text::Padded => read_text(&STANDARD, packed)?,
            Text::Url => read_text(&URL_SAFE_NO_PAD, packed)?,
        };
        let body = match compressed {
            true => expand(&plain)?,
            false => plain,
        };
        match body.len() > CONTAINER_BYTES_MAX {
            true => Err(ContainerError::TooLong),
            false => Ok((packing, body)),
        }
    }
}

fn read_text(engine: &impl base64::Engine, text: &[u8]) -> Result<Vec<u8>, ContainerError> {
    engine.decode(text).map_err(|_| ContainerError::BadPacking)
}

fn compress(bytes: &[u8]) -> Result<Vec<u8>, ContainerError> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder
        .write_all(bytes)
        .and_then(|()| encoder.finish())
        .map_err(|_| ContainerError::BadPacking)
}

fn expand(bytes: &[u8]) -> Result<Vec<u8>, ContainerError> {
    let mut decoder = GzDecoder::new(bytes);
    let mut expanded = Vec::new();
    // One byte more than allowed is enough to see that it is too much.
    let limit = CONTAINER_BYTES_MAX as u64 + 1;
    let mut bounded = decoder.by_ref().take(limit);
    bounded
        .read_to_end(&mut expanded)
        .map_err(|_| ContainerError::BadPacking)?;
    if expanded.len() > CONTAINER_BYTES_MAX {
        return Err(ContainerError::TooLong);
    }
    match decoder.into_inner().is_empty() {
        true => Ok(expanded),
        false => Err(ContainerError::BadPacking),
    }
}
