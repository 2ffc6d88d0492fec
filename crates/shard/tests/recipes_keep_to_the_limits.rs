//! What goes into a shard: never more than the network takes, with room for publish blocks.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
#![allow(clippy::indexing_slicing, missing_docs)]

use billet_block::{BLOCK_BYTES_MAX, Cid, Codec};
use billet_shard::{
    PUBLISH_BLOCKS_MAX, PUBLISH_BYTES_MAX, Recipe, SHARD_BLOCKS_MAX, SHARD_BYTES_MAX, may_publish,
};

fn fill(length: u32) -> Recipe {
    let mut recipe = Recipe::default();
    while recipe.has_room(length) {
        recipe.push(Cid::of(Codec::Raw, b"x"), length);
    }
    recipe
}

#[test]
fn small_blocks_fill_it_by_number() {
    let recipe = fill(100);
    assert_eq!(recipe.slots().len(), SHARD_BLOCKS_MAX - PUBLISH_BLOCKS_MAX);
    assert_eq!(recipe.size(), 59 + 7_900 * (2 + 36 + 100));
}

#[test]
fn large_blocks_fill_it_by_bytes() {
    for length in [1 << 20, BLOCK_BYTES_MAX as u32, 40_000] {
        let recipe = fill(length);
        assert!(recipe.size() <= SHARD_BYTES_MAX - PUBLISH_BYTES_MAX);
        assert!(recipe.size() + u64::from(length) + 40 > SHARD_BYTES_MAX - PUBLISH_BYTES_MAX);
    }
}

#[test]
fn publish_blocks_always_go_in() {
    for length in [1, 1 << 20] {
        for publish in [1, PUBLISH_BLOCKS_MAX] {
            let mut recipe = fill(length);
            let most = |each: &usize| may_publish(std::iter::repeat_n(*each, publish));
            let each = (0..=PUBLISH_BYTES_MAX as usize).rev().find(most).unwrap() as u32;
            assert!(u64::from(each) > PUBLISH_BYTES_MAX / publish as u64 - 64);
            for _ in 0..publish {
                recipe.push(Cid::of(Codec::DagCbor, b"p"), each);
            }
            assert!(recipe.slots().len() <= SHARD_BLOCKS_MAX);
            assert!(recipe.size() <= SHARD_BYTES_MAX);
        }
    }
}

#[test]
fn slots_stand_behind_each_other() {
    let mut recipe = Recipe::default();
    let mut end = 59;
    for length in [0, 91, 92, 16_347, 16_348, 1 << 20] {
        let slot = recipe.push(Cid::of(Codec::Raw, b"x"), length);
        assert_eq!(slot.start(), end);
        end = slot.end();
    }
    assert_eq!(recipe.size(), end);
}

#[test]
fn too_many_publish_blocks_are_refused() {
    assert!(may_publish(std::iter::repeat_n(1, PUBLISH_BLOCKS_MAX)));
    assert!(!may_publish(std::iter::repeat_n(1, PUBLISH_BLOCKS_MAX + 1)));
    assert!(!may_publish(std::iter::once(PUBLISH_BYTES_MAX as usize)));
}
