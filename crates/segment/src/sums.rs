//! The `.sum` of a segment: where each block is, and the CRC64NVME it must have.
//!
//! ```text
//! "billetsum" 0x01           magic and version, 10 bytes
//! u64 bytes of the CAR       all numbers low byte first
//! u64 CRC64NVME of the .idx
//! u64 count
//! count x { u64 offset of the section, u32 bytes of the block, u64 CRC64NVME of the block }
//! u64 CRC64NVME of everything before
//! ```
//!
//! Must never be believed when its own checksum is wrong.

use crate::crc;

const MAGIC: [u8; 10] = *b"billetsum\x01";
const HEAD_BYTES: usize = 34;
const ENTRY_BYTES: usize = 20;

/// Bytes that are no `.sum`, or one that was damaged: make it anew.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("damaged or unknown checksums of a segment")]
pub struct SumError;

/// One block.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Sum {
    /// Where its section begins in the CAR.
    pub offset: u64,
    /// Bytes of the block.
    pub length: u32,
    /// CRC64NVME of the block.
    pub crc: u64,
}

/// All of a segment's checksums.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sums {
    /// Bytes of the CAR.
    pub car_bytes: u64,
    /// CRC64NVME of the whole `.idx`.
    pub idx_crc: u64,
    /// In the order of their offsets.
    pub sums: Vec<Sum>,
}

impl Sums {
    /// The bytes of the file.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(HEAD_BYTES + self.sums.len() * ENTRY_BYTES + 8);
        out.extend(MAGIC);
        out.extend(self.car_bytes.to_le_bytes());
        out.extend(self.idx_crc.to_le_bytes());
        out.extend((self.sums.len() as u64).to_le_bytes());
        for sum in &self.sums {
            out.extend(sum.offset.to_le_bytes());
            out.extend(sum.length.to_le_bytes());
            out.extend(sum.crc.to_le_bytes());
        }
        let own = crc(&out);
        out.extend(own.to_le_bytes());
        out
    }

    /// Reads the bytes of a file.
    ///
    /// # Errors
    /// For anything that [`Sums::encode`] does not write.
    pub fn decode(bytes: &[u8]) -> Result<Self, SumError> {
        let (body, own) = bytes.split_last_chunk::<8>().ok_or(SumError)?;
        let rest = body.strip_prefix(&MAGIC).ok_or(SumError)?;
        if crc(body) != u64::from_le_bytes(*own) {
            return Err(SumError);
        }
        let (car_bytes, rest) = read_u64(rest)?;
        let (idx_crc, rest) = read_u64(rest)?;
        let (count, rest) = read_u64(rest)?;
        let (entries, []) = rest.as_chunks::<ENTRY_BYTES>() else {
            return Err(SumError);
        };
        let sums = entries
            .iter()
            .map(read_entry)
            .collect::<Result<Vec<_>, _>>()?;
        if sums.len() as u64 != count || !sums.is_sorted_by(|a, b| a.offset < b.offset) {
            return Err(SumError);
        }
        Ok(Self {
            car_bytes,
            idx_crc,
            sums,
        })
    }

    /// The block whose section begins at `offset`.
    pub fn at(&self, offset: u64) -> Option<Sum> {
        let index = self
            .sums
            .binary_search_by_key(&offset, |sum| sum.offset)
            .ok()?;
        self.sums.get(index).copied()
    }
}

fn read_entry(bytes: &[u8; ENTRY_BYTES]) -> Result<Sum, SumError> {
    let (offset, rest) = read_u64(bytes)?;
    let (length, rest) = rest.split_first_chunk().ok_or(SumError)?;
    let (crc, _) = read_u64(rest)?;
    Ok(Sum {
        offset,
        length: u32::from_le_bytes(*length),
        crc,
    })
}

fn read_u64(bytes: &[u8]) -> Result<(u64, &[u8]), SumError> {
    let (number, rest) = bytes.split_first_chunk().ok_or(SumError)?;
    Ok((u64::from_le_bytes(*number), rest))
}
