//! Unsigned varints: seven bits a byte, low bits first, one way to write each number.
//!
//! Must never accept a number that [`write_varint`] would have written otherwise: longer than
//! needed, or with bits that do not fit into 64.

/// Most bytes of a varint: what 64 bits need.
pub const VARINT_BYTES_MAX: usize = 10;

/// Bytes that do not begin with a varint in its one form, whatever follows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a number that is longer than needed or than 64 bits")]
pub struct VarintError;

/// Appends `value`, 1 to 10 bytes.
pub fn write_varint(out: &mut Vec<u8>, value: u64) {
    let mut buffer = unsigned_varint::encode::u64_buffer();
    out.extend_from_slice(unsigned_varint::encode::u64(value, &mut buffer));
}

/// How many bytes [`write_varint`] appends.
pub const fn varint_bytes(value: u64) -> usize {
    let bits = u64::BITS - (value | 1).leading_zeros();
    bits.div_ceil(7) as usize
}

/// Reads the number at the start of `bytes` and how many bytes it takes; `None` when `bytes` end
/// before it does.
///
/// # Errors
/// When no further bytes could make it a varint in its one form.
pub fn read_varint(bytes: &[u8]) -> Result<Option<(u64, usize)>, VarintError> {
    match unsigned_varint::decode::u64(bytes) {
        Ok((value, rest)) => {
            // Ten bytes hold 70 bits, and the decoder drops the topmost without a word.
            let mut buffer = unsigned_varint::encode::u64_buffer();
            let exact = unsigned_varint::encode::u64(value, &mut buffer);
            if bytes.starts_with(exact) && exact.len() + rest.len() == bytes.len() {
                Ok(Some((value, exact.len())))
            } else {
                Err(VarintError)
            }
        }
        Err(unsigned_varint::decode::Error::Insufficient) => Ok(None),
        Err(_) => Err(VarintError),
    }
}
