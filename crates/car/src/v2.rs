//! The head of a CARv2: the pragma and the 40 bytes that say where archive and index are.
//!
//! Must never be taken for proof of what lies there: only the archive itself is checked.

use crate::CarError;

/// What every CARv2 begins with.
pub const CARV2_PRAGMA: [u8; 11] = *b"\x0a\xa1\x67version\x02";

/// Bytes of pragma and header.
pub const CARV2_HEAD_BYTES: usize = 51;

/// The top bit of the first of 16 bytes, which are read as one number, low byte first.
const FULLY_INDEXED: u128 = 0x80;

/// Where the parts of a CARv2 are. All offsets count from the start of the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CarV2 {
    /// Whether the index has every block, those with an identity hash, too.
    pub fully_indexed: bool,
    /// Where the CARv1 begins, at least [`CARV2_HEAD_BYTES`].
    pub data_offset: u64,
    /// Bytes of the CARv1.
    pub data_bytes: u64,
    /// Where the index begins (its codec number first), at or behind the end of the CARv1.
    pub index_offset: Option<u64>,
}

impl CarV2 {
    /// The layout without gaps: head, CARv1, then the index or nothing.
    pub const fn around(data_bytes: u64, has_index: bool) -> Self {
        let data_offset = CARV2_HEAD_BYTES as u64;
        let index_offset = if has_index {
            Some(data_offset.saturating_add(data_bytes))
        } else {
            None
        };
        Self {
            fully_indexed: false,
            data_offset,
            data_bytes,
            index_offset,
        }
    }

    /// Pragma and header.
    pub fn encode(&self) -> [u8; CARV2_HEAD_BYTES] {
        let characteristics = u128::from(self.fully_indexed) * FULLY_INDEXED;
        let mut out = [0; CARV2_HEAD_BYTES];
        let parts = [
            CARV2_PRAGMA.as_slice(),
            &characteristics.to_le_bytes(),
            &self.data_offset.to_le_bytes(),
            &self.data_bytes.to_le_bytes(),
            &self.index_offset.unwrap_or(0).to_le_bytes(),
        ];
        for (byte, value) in out.iter_mut().zip(parts.into_iter().flatten()) {
            *byte = *value;
        }
        out
    }

    /// Reads pragma and header from the start of `bytes`.
    ///
    /// # Errors
    /// `Truncated` for fewer than [`CARV2_HEAD_BYTES`], `Malformed` for parts that overlap or lie
    /// past 64 bits, `Unsupported` for characteristics that this crate does not know.
    pub fn parse(bytes: &[u8]) -> Result<Self, CarError> {
        let head = bytes.first_chunk::<CARV2_HEAD_BYTES>();
        let head = head.ok_or(CarError::Truncated)?;
        let Some(rest) = head.strip_prefix(&CARV2_PRAGMA) else {
            return Err(CarError::Malformed("no CARv2 pragma"));
        };
        let (characteristics, rest) = rest.split_first_chunk().ok_or(CarError::Truncated)?;
        let fully_indexed = match u128::from_le_bytes(*characteristics) {
            0 => false,
            FULLY_INDEXED => true,
            _ => return Err(CarError::Unsupported("unknown characteristics")),
        };
        let (&[data_offset, data_bytes, index_offset], []) = rest.as_chunks::<8>() else {
            return Err(CarError::Truncated);
        };
        let head = Self {
            fully_indexed,
            data_offset: u64::from_le_bytes(data_offset),
            data_bytes: u64::from_le_bytes(data_bytes),
            index_offset: Some(u64::from_le_bytes(index_offset)).filter(|offset| *offset != 0),
        };
        let data_end = head.data_offset.checked_add(head.data_bytes);
        let data_end = data_end.ok_or(CarError::Malformed("data past 64 bits"))?;
        let is_behind_head = head.data_offset >= CARV2_HEAD_BYTES as u64;
        if is_behind_head && head.index_offset.is_none_or(|offset| offset >= data_end) {
            Ok(head)
        } else {
            Err(CarError::Malformed("parts of a CARv2 that overlap"))
        }
    }
}
