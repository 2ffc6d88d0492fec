//! A buffer that is not a whole leaf yet always has room for one more byte. Must never try but a
//! few lengths: all that matters is where the last leaf ends.

use billet_block::LEAF_BYTES_MAX;
use billet_plain::leaf_room;

#[test]
fn whatever_comes_too_much_is_seen() {
    let leaf = LEAF_BYTES_MAX as u64;
    for size in [0, 1, 5, leaf - 1, leaf, leaf + 1, 3 * leaf - 1, 3 * leaf] {
        for taken in (0..=size).step_by(LEAF_BYTES_MAX).chain([size]) {
            let (left, room) = (size - taken, leaf_room(size, taken));
            assert!(room <= LEAF_BYTES_MAX, "{taken} of {size}");
            assert_eq!(room as u64 > left, left < leaf, "{taken} of {size}");
        }
    }
    assert_eq!(leaf_room(u64::MAX, 0), LEAF_BYTES_MAX);
    assert_eq!(leaf_room(5, 6), 1);
}
