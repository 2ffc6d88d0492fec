//! The ETag and the checksum of an object made of parts, from those of the parts alone.
//!
//! Must never read a byte of a part.

use billet_manifest::{Checksum, ChecksumKind, PartRow};
use crc_fast::{CrcAlgorithm, checksum_combine};
use sha2::Digest as _;

/// The checksum of an upload that asked for none.
const DEFAULT_ALGORITHM: &str = "crc64nvme";

/// `md5(concatenated MD5s of the parts)-N`; none when an ETag is no MD5.
pub(crate) fn etag(parts: &[&PartRow]) -> Option<String> {
    let mut md5 = md5::Md5::new();
    for part in parts {
        md5.update(hex::decode(&part.etag).ok()?);
    }
    Some(format!("{}-{}", hex::encode(md5.finalize()), parts.len()))
}

/// Whether some text is an MD5 as an ETag shows it.
pub(crate) fn is_md5(etag: &str) -> bool {
    etag.len() == 32 && etag.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// The MD5 that a text of 32 hexadecimal digits is.
pub(crate) fn read_md5(text: &str) -> Option<Vec<u8>> {
    hex::decode(text).ok().filter(|_| is_md5(text))
}

/// The checksum of `algorithm` that a part has.
pub(crate) fn of_part<'a>(part: &'a PartRow, algorithm: &str) -> Option<&'a Checksum> {
    let mut checksums = part.checksums.iter();
    checksums.find(|checksum| checksum.algorithm == algorithm)
}

/// The algorithm for an upload: the one that was asked for, or the default.
pub(crate) fn algorithm(asked: Option<&str>) -> &str {
    asked.unwrap_or(DEFAULT_ALGORITHM)
}

/// The checksum of the whole; none when a part has none of that algorithm, or the algorithm cannot
/// be computed from parts.
pub(crate) fn of_whole(
    parts: &[&PartRow],
    algorithm: &str,
    kind: Option<ChecksumKind>,
) -> Option<Checksum> {
    let values: Option<Vec<(&[u8], u64)>> = parts
        .iter()
        .map(|part| {
            let checksum = of_part(part, algorithm)?;
            Some((checksum.value.as_slice(), part.file.size))
        })
        .collect();
    let values = values?;
    let default = match algorithm {
        "crc64nvme" => ChecksumKind::FullObject,
        _ => ChecksumKind::Composite,
    };
    let kind = kind.unwrap_or(default);
    let value = match kind {
        ChecksumKind::FullObject => combined(algorithm, &values)?,
        ChecksumKind::Composite => composite(algorithm, &values)?,
    };
    Some(Checksum {
        algorithm: algorithm.to_owned(),
        value,
        kind,
    })
}

/// The CRC of all bytes from the CRCs and lengths of the parts.
fn combined(algorithm: &str, parts: &[(&[u8], u64)]) -> Option<Vec<u8>> {
    let (crc, width) = crc(algorithm)?;
    let mut whole: Option<u64> = None;
    for (value, size) in parts {
        let part = number(value, width)?;
        whole = Some(match whole {
            None => part,
            Some(whole) => checksum_combine(crc, whole, part, *size),
        });
    }
    Some(bytes(whole?, width))
}

/// The digest of the parts' digests.
fn composite(algorithm: &str, parts: &[(&[u8], u64)]) -> Option<Vec<u8>> {
    let all: Vec<u8> = parts
        .iter()
        .flat_map(|(value, _)| *value)
        .copied()
        .collect();
    match algorithm {
        "sha1" => Some(sha1::Sha1::digest(&all).to_vec()),
        "sha2-256" => Some(sha2::Sha256::digest(&all).to_vec()),
        "sha2-512" => Some(sha2::Sha512::digest(&all).to_vec()),
        "md5" => Some(md5::Md5::digest(&all).to_vec()),
        "xxh64" => Some(xxhash_rust::xxh64::xxh64(&all, 0).to_be_bytes().to_vec()),
        "xxh3-64" => Some(xxhash_rust::xxh3::xxh3_64(&all).to_be_bytes().to_vec()),
        "xxh3-128" => Some(xxhash_rust::xxh3::xxh3_128(&all).to_be_bytes().to_vec()),
        _ => {
            let (crc, width) = crc(algorithm)?;
            Some(bytes(crc_fast::checksum(crc, &all), width))
        }
    }
}

/// The CRC of that name, and its bytes.
fn crc(algorithm: &str) -> Option<(CrcAlgorithm, usize)> {
    match algorithm {
        "crc32" => Some((CrcAlgorithm::Crc32IsoHdlc, 4)),
        "crc32c" => Some((CrcAlgorithm::Crc32Iscsi, 4)),
        "crc64nvme" => Some((CrcAlgorithm::Crc64Nvme, 8)),
        _ => None,
    }
}

fn number(value: &[u8], width: usize) -> Option<u64> {
    let exact = value.len() == width;
    exact.then(|| {
        value
            .iter()
            .fold(0, |sum, byte| sum << 8 | u64::from(*byte))
    })
}

fn bytes(value: u64, width: usize) -> Vec<u8> {
    let all = value.to_be_bytes();
    all.get(all.len() - width..).unwrap_or_default().to_vec()
}
