//! The keys of the durable table: heads, rows, held claims, pins, damage and
//! what was accepted of it.
//!
//! Must never let a log's name run into what follows it: names have no NUL.

/// Keys of segments begin so.
pub const SEGMENT_PREFIX: &[u8] = b"segment/";
/// Keys of heads begin so.
pub const HEAD_PREFIX: &[u8] = b"head/";
/// Keys of held claims begin so.
pub const HELD_PREFIX: &[u8] = b"held/";
/// Keys of adopted pins begin so.
pub const PIN_PREFIX: &[u8] = b"pin/";
/// Keys of what is known to be damaged begin so.
pub const DAMAGE_PREFIX: &[u8] = b"damage/";
/// Keys of losses that an operator took begin so.
pub const ACCEPTED_PREFIX: &[u8] = b"accepted/";

/// Most bytes of a log's name.
pub const LOG_BYTES_MAX: usize = 255;
/// Most bytes of a space's name.
pub const SPACE_BYTES_MAX: usize = 255;

/// Refuses names that no log may have; the text says why.
///
/// # Errors
/// A sentence for people.
pub fn check_log(log: &str) -> Result<(), String> {
    check_name("a log's name", log, LOG_BYTES_MAX)
}

/// Refuses names that no space may have; the text says why.
///
/// # Errors
/// A sentence for people.
pub fn check_space(space: &str) -> Result<(), String> {
    check_name("a space's name", space, SPACE_BYTES_MAX)
}

fn check_name(what: &str, name: &str, bytes_max: usize) -> Result<(), String> {
    match name.len() {
        0 => Err(format!("{what} is empty")),
        bytes if bytes > bytes_max => Err(format!("{what} has {bytes} bytes, {bytes_max} at most")),
        _ if name.contains('\0') => Err(format!("{what} has a NUL")),
        _ => Ok(()),
    }
}

/// The key of a log's head.
pub fn head_key(log: &str) -> Vec<u8> {
    [HEAD_PREFIX, log.as_bytes()].concat()
}

/// What the keys of a log's rows begin with.
pub fn row_prefix(log: &str) -> Vec<u8> {
    [b"row/", log.as_bytes(), b"\0"].concat()
}

/// The key of one row of a log.
pub fn row_key(log: &str, key: &[u8]) -> Vec<u8> {
    [&row_prefix(log), key].concat()
}

/// The key of a held claim.
pub fn held_key(claim: u64) -> Vec<u8> {
    format!("held/{claim:016x}").into_bytes()
}

/// The claim whose key this is.
pub fn parse_held_key(key: &[u8]) -> Option<u64> {
    let digits = name_after(HELD_PREFIX, key)?;
    let claim = u64::from_str_radix(digits, 16).ok()?;
    (held_key(claim) == key).then_some(claim)
}

/// Source and adopter of a key that [`pin_key`] made.
pub fn parse_pin_key(key: &[u8]) -> Option<(&str, &str)> {
    name_after(PIN_PREFIX, key)?.split_once('\0')
}

/// The key of the newest commit of `adopter` that adopted a pin on `source`.
pub fn pin_key(source: &str, adopter: &str) -> Vec<u8> {
    [PIN_PREFIX, source.as_bytes(), b"\0", adopter.as_bytes()].concat()
}

/// The key of a log's damage.
pub fn damage_key(log: &str) -> Vec<u8> {
    [DAMAGE_PREFIX, log.as_bytes()].concat()
}

/// The key of what a log lost in a segment, once an operator took it.
pub fn accepted_key(log: &str, segment: u64) -> Vec<u8> {
    [
        ACCEPTED_PREFIX,
        log.as_bytes(),
        b"\0",
        segment.to_string().as_bytes(),
    ]
    .concat()
}

/// The name behind a prefix, where it is text.
pub fn name_after<'a>(prefix: &[u8], key: &'a [u8]) -> Option<&'a str> {
    str::from_utf8(key.strip_prefix(prefix)?).ok()
}
