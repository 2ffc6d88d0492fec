//! Containers of tokens: the inner form of bodies and the outer forms of headers and links.
//!
//! Must never unpack more than it was told to expect.

use std::io::{Read as _, Write as _};
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;
use ipld_core::ipld::Ipld;

use crate::cbor::{self, Reader};
use crate::token::Token;

/// Most bytes that a packed container may grow to.
const UNPACKED_MAX: u64 = 8 << 20;

/// What a container held.
#[derive(Debug, Default)]
pub struct Contents {
    /// The tokens that could be read.
    pub tokens: Vec<Arc<Token>>,
    /// Whether it was written in the one canonical form, every string in it a canonical token.
    pub canonical: bool,
}

/// Reads the inner form.
///
/// # Errors
/// The text of the real services' answer.
pub fn read(bytes: &[u8]) -> Result<Contents, String> {
    let mut reader = Reader::new(bytes);
    let value = match reader.item() {
        Err(_) if !bytes.is_empty() && bytes.first().is_some_and(|byte| byte >> 5 != 5) => {
            return Err("cbor input should be of type map".into());
        }
        other => other.map_err(|error| error.to_string())?,
    };
    let Ipld::Map(mut map) = value else {
        return Err("cbor input should be of type map".into());
    };
    let mut canonical = reader.canonical() && reader.done() && map.len() == 1;
    let Some(list) = map.remove("ctn-v1") else {
        return Ok(Contents::default());
    };
    let Ipld::List(list) = list else {
        return Err("expected cbor array".into());
    };
    let mut tokens = Vec::new();
    let mut last: Option<Vec<u8>> = None;
    for item in list {
        let Ipld::Bytes(bytes) = item else {
            return Err("expected byte array".into());
        };
        canonical &= last.as_ref().is_none_or(|last| *last < bytes);
        match Token::parse(&bytes) {
            Some(token) => {
                canonical &= token.canonical();
                tokens.push(Arc::new(token));
            }
            None => canonical = false,
        }
        last = Some(bytes);
    }
    Ok(Contents { tokens, canonical })
}

/// The inner form of these tokens, each once, in the order of their bytes.
pub fn write(tokens: &[Arc<Token>]) -> Vec<u8> {
    let mut list: Vec<&[u8]> = tokens.iter().map(|token| token.bytes()).collect();
    list.sort_unstable();
    list.dedup();
    let list = list
        .into_iter()
        .map(|bytes| Ipld::Bytes(bytes.to_vec()))
        .collect();
    cbor::write(&cbor::map([("ctn-v1", Ipld::List(list))]))
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    // Writing to memory does not fail.
    let _ = encoder.write_all(bytes);
    encoder.finish().unwrap_or_default()
}

fn gunzip(bytes: &[u8]) -> Result<Vec<u8>, String> {
    let mut out = Vec::new();
    GzDecoder::new(bytes)
        .take(UNPACKED_MAX)
        .read_to_end(&mut out)
        .map_err(|error| format!("decompressing: {error}"))?;
    Ok(out)
}

/// The outer form for headers.
pub fn write_header(tokens: &[Arc<Token>]) -> String {
    format!("E{}", STANDARD.encode(gzip(&write(tokens))))
}

/// The outer form for links.
pub fn write_link(tokens: &[Arc<Token>]) -> String {
    format!("F{}", URL_SAFE_NO_PAD.encode(gzip(&write(tokens))))
}

/// The outer form of raw bytes.
pub fn write_raw(tokens: &[Arc<Token>]) -> Vec<u8> {
    [&[0x40][..], &write(tokens)].concat()
}

/// Reads any outer form.
///
/// # Errors
/// The text of the real services' answer.
pub fn read_outer(text: &[u8]) -> Result<Contents, String> {
    let (codec, rest) = text.split_first().ok_or("empty container")?;
    let standard = |bytes: &[u8]| {
        STANDARD
            .decode(bytes.trim_ascii())
            .map_err(|error| format!("decoding base64: {error}"))
    };
    let url_safe = |bytes: &[u8]| {
        URL_SAFE_NO_PAD
            .decode(bytes.trim_ascii())
            .map_err(|error| format!("decoding base64: {error}"))
    };
    let inner = match codec {
        0x40 => rest.to_vec(),
        b'B' => standard(rest)?,
        b'C' => url_safe(rest)?,
        b'D' => gunzip(rest)?,
        b'E' => gunzip(&standard(rest)?)?,
        b'F' => gunzip(&url_safe(rest)?)?,
        _ => return Err(format!("unknown codec: {codec:#x}")),
    };
    read(&inner)
}
