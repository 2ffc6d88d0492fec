//! The files that stored bodies make.
//!
//! Must never see a byte of a body.

use billet_block::{Block, Codec, Digest};
use billet_manifest::{Checksum, File, Object, Part};
use billet_unixfs::{Builder, Root};

use crate::row::PARTS_MAX;
use crate::{Refusal, Source};

/// Most checksums of one object or part.
const CHECKSUMS_MAX: usize = 8;

/// Most bytes of a checksum, and of an algorithm's name.
const CHECKSUM_BYTES_MAX: usize = 64;

const TOO_MANY: &str = "too many or too long checksums";

/// A body as a file, with the blocks that it needs besides its leaves.
pub(crate) struct Body {
    pub(crate) file: File,
    pub(crate) blocks: Vec<Block>,
    pub(crate) sha256: Option<Vec<u8>>,
}

/// Builds the file of a stored body.
pub(crate) fn build(source: &Source) -> Result<Body, Refusal> {
    let mut builder = Builder::new();
    for leaf in &source.leaves {
        let pushed = builder.push(*leaf);
        pushed.map_err(|error| Refusal::invalid(error.to_string()))?;
    }
    if builder.size() != source.size {
        return Err(Refusal::invalid("the leaves are not as long as the body"));
    }
    let is_digest = |sha256: &Vec<u8>| sha256.len() == size_of::<Digest>();
    if source
        .sha256
        .as_ref()
        .is_some_and(|sha256| !is_digest(sha256))
    {
        return Err(Refusal::invalid("a SHA-256 has 32 bytes"));
    }
    // Inner nodes that are finished early are not given again at the end.
    let mut blocks = builder.take_blocks();
    let finished = builder.finish();
    let (root, last) = finished.map_err(|error| Refusal::invalid(error.to_string()))?;
    blocks.extend(last);
    let of_leaf = root.cid.codec() == Codec::Raw;
    let sha256 = match &source.sha256 {
        None if of_leaf => Some(root.cid.digest().to_vec()),
        given => given.clone(),
    };
    if of_leaf && sha256.as_deref() != Some(root.cid.digest()) {
        return Err(Refusal::invalid(
            "another SHA-256 than that of the one leaf",
        ));
    }
    Ok(Body {
        file: file(root),
        blocks,
        sha256,
    })
}

/// As manifests have it.
pub(crate) const fn file(root: Root) -> File {
    File {
        root: root.cid,
        size: root.size,
    }
}

/// Refuses checksums that would not fit where they go.
pub(crate) fn check_checksums(checksums: &[Checksum]) -> Result<(), Refusal> {
    if fit(checksums) {
        Ok(())
    } else {
        Err(Refusal::invalid(TOO_MANY))
    }
}

fn fit(checksums: &[Checksum]) -> bool {
    let fits = |checksum: &Checksum| {
        checksum.value.len() <= CHECKSUM_BYTES_MAX && checksum.algorithm.len() <= CHECKSUM_BYTES_MAX
    };
    checksums.len() <= CHECKSUMS_MAX && checksums.iter().all(fits)
}

/// What is wrong with the parts and checksums of a manifest, which somebody else may have
/// written: there are no more of either than any upload here could have.
pub(crate) fn outgrown(object: &Object) -> Option<&'static str> {
    let is_number = |part: &Part| (1..=PARTS_MAX).contains(&part.number);
    let pairs = object.parts.iter().zip(object.parts.iter().skip(1));
    let ascend = |(one, next): (&Part, &Part)| one.number < next.number;
    if !object.parts.iter().all(is_number) || !pairs.into_iter().all(ascend) {
        return Some("part numbers that do not ascend from 1 to 10,000");
    }
    let values = object
        .parts
        .iter()
        .filter_map(|part| part.checksum.as_ref());
    let mut lengths = values
        .map(Vec::len)
        .chain(object.part_algorithm.as_ref().map(String::len));
    let is_fit = fit(&object.checksums) && lengths.all(|length| length <= CHECKSUM_BYTES_MAX);
    (!is_fit).then_some(TOO_MANY)
}
