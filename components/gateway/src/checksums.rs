//! Checksums of objects and parts as response headers and as text. It must never state a checksum
//! of other bytes than those it is about.

use crate::bindings::billet::bucket::types::{Checksum, ChecksumKind};
use crate::convert;

/// The header that tells the type.
const TYPE: &str = "x-amz-checksum-type";

/// The value as S3 writes it: base64, with the count of parts behind a composite one.
pub(crate) fn text(kept: &Checksum, parts: usize) -> Option<String> {
    let base64 = convert::checksum(kept)?.to_base64();
    Some(match kept.kind {
        ChecksumKind::FullObject => base64,
        ChecksumKind::Composite => format!("{base64}-{parts}"),
    })
}

/// The headers that tell the first checksum of an object, with its type.
pub(crate) fn headers(kept: &[Checksum], parts: usize) -> Vec<(String, String)> {
    let first = kept.iter().find_map(|each| {
        let name = convert::algorithm(&each.algorithm)?.header().to_owned();
        Some((name, text(each, parts)?, convert::kind(each.kind)))
    });
    let Some((name, value, kind)) = first else {
        return Vec::new();
    };
    vec![(name, value), (TYPE.to_owned(), kind.name().to_owned())]
}

/// The same for a part, which has no type of its own.
pub(crate) fn of_part(kept: &[Checksum]) -> Vec<(String, String)> {
    let mut found = headers(kept, 0);
    found.retain(|(name, _)| name != TYPE);
    found
}
