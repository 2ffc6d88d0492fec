//! Words of the contract as words of S3, and back. It must never decide anything.

use billet_s3::checksum::{Algorithm, Checksum, Type};
use billet_s3::xml::response::{ListedObject, ListedPart, Owner};

use crate::bindings::billet::bucket::objects::{Listed, Part};
use crate::bindings::billet::bucket::types as bucket;

/// The digits of base 32 in lower case, as multibase `b` has them.
const BASE32: &[u8; 32] = b"abcdefghijklmnopqrstuvwxyz234567";
const HEX: &[u8; 16] = b"0123456789abcdef";

/// A CID as text, in base 32.
pub(crate) fn cid(cid: &[u8]) -> String {
    let mut text = String::from("b");
    let (mut bits, mut count) = (0_u32, 0_u32);
    for byte in cid {
        bits = (bits << 8) | u32::from(*byte);
        count += 8;
        while count >= 5 {
            count -= 5;
            text.push(digit(BASE32, bits >> count));
        }
        bits &= (1 << count) - 1;
    }
    if count > 0 {
        text.push(digit(BASE32, bits << (5 - count)));
    }
    text
}

/// Lower-case hexadecimal.
pub(crate) fn hex(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len().saturating_mul(2));
    for byte in bytes {
        text.push(digit(HEX, u32::from(byte >> 4)));
        text.push(digit(HEX, u32::from(byte & 15)));
    }
    text
}

/// The digit for the lowest bits of `value`.
fn digit<const N: usize>(digits: &[u8; N], value: u32) -> char {
    let at = value as usize % N;
    digits.get(at).map_or('0', |digit| char::from(*digit))
}

/// A checksum over all bytes, as a bucket keeps it.
pub(crate) fn full(checksum: &Checksum) -> bucket::Checksum {
    bucket::Checksum {
        algorithm: checksum.algorithm().digest_name().to_owned(),
        value: checksum.digest().to_vec(),
        kind: bucket::ChecksumKind::FullObject,
    }
}

/// The type of a checksum.
pub(crate) fn kind(kind: bucket::ChecksumKind) -> Type {
    match kind {
        bucket::ChecksumKind::FullObject => Type::FullObject,
        bucket::ChecksumKind::Composite => Type::Composite,
    }
}

/// The type of a checksum, for the bucket.
pub(crate) fn kept_kind(kind: Type) -> bucket::ChecksumKind {
    match kind {
        Type::FullObject => bucket::ChecksumKind::FullObject,
        Type::Composite => bucket::ChecksumKind::Composite,
    }
}

/// The algorithm that a bucket names; none where this program does not have it.
pub(crate) fn algorithm(name: &str) -> Option<Algorithm> {
    Algorithm::ALL
        .into_iter()
        .find(|each| each.digest_name() == name)
}

/// A checksum that a bucket kept; none where this program does not have its algorithm.
pub(crate) fn checksum(kept: &bucket::Checksum) -> Option<Checksum> {
    Checksum::new(algorithm(&kept.algorithm)?, &kept.value)
}

/// The first checksum of a list with its type.
pub(crate) fn first(kept: &[bucket::Checksum]) -> Option<(Checksum, Type)> {
    kept.iter()
        .find_map(|each| Some((checksum(each)?, kind(each.kind))))
}

/// The algorithm and type of the first checksum of a list.
pub(crate) fn first_kind(kept: &[bucket::Checksum]) -> Option<(Algorithm, Type)> {
    kept.iter()
        .find_map(|each| Some((algorithm(&each.algorithm)?, kind(each.kind))))
}

/// The owner of a bucket.
pub(crate) fn owner(bucket: &bucket::Bucket) -> Owner {
    Owner {
        id: bucket.owner.clone(),
        name: bucket.owner_name.clone(),
    }
}

/// An object of a listing.
pub(crate) fn listed(object: Listed) -> ListedObject {
    ListedObject {
        checksum: first_kind(&object.checksums),
        key: object.key,
        modified_ms: object.time_ms,
        etag: object.etag,
        size_bytes: object.size,
    }
}

/// A part of a listing.
pub(crate) fn part(part: Part) -> ListedPart {
    ListedPart {
        number: part.number,
        modified_ms: part.time_ms,
        checksum: part.checksums.iter().find_map(checksum),
        etag: part.etag,
        size_bytes: part.size,
    }
}
