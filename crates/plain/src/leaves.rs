//! How a body that arrives becomes leaves. Must never ask for memory beyond one leaf.

use billet_block::LEAF_BYTES_MAX;

/// Bytes to reserve for the next leaf of a body of `size` bytes, `taken` of which are in leaves
/// already: what is left and one byte more, so that the read that finds the end, or that there is
/// none, has room. A read without room would be done at once and tell neither.
pub fn leaf_room(size: u64, taken: u64) -> usize {
    let left = usize::try_from(size.saturating_sub(taken)).unwrap_or(usize::MAX);
    left.saturating_add(1).min(LEAF_BYTES_MAX)
}
