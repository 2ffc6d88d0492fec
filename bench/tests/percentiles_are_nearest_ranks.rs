//! Percentiles against their definition, over all short lists. It must never interpolate.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs
)]

use billet_bench::stats::percentile;

/// The least value such that enough of all values are no greater, found by trying each.
fn by_definition(sorted: &[u32], share_ppm: u64) -> u32 {
    let enough = |value: u32| {
        let count = sorted.iter().filter(|other| **other <= value).count() as u64;
        count * 1_000_000 >= share_ppm * sorted.len() as u64
    };
    sorted.iter().copied().find(|value| enough(*value)).unwrap()
}

#[test]
fn every_list_of_up_to_six_small_numbers_has_the_percentiles_of_the_definition() {
    for length in 1..=6_u32 {
        for code in 0..4_u32.pow(length) {
            let mut list: Vec<u32> = (0..length).map(|i| code / 4_u32.pow(i) % 4).collect();
            list.sort_unstable();
            for share_ppm in [
                1, 50_000, 166_667, 500_000, 500_001, 900_000, 999_000, 1_000_000,
            ] {
                let expected = by_definition(&list, share_ppm);
                assert_eq!(
                    percentile(&list, share_ppm),
                    expected,
                    "{list:?} at {share_ppm} ppm"
                );
            }
        }
    }
}

#[test]
fn known_ranks() {
    let hundred: Vec<u32> = (1..=100).collect();
    assert_eq!(percentile(&hundred, 500_000), 50);
    assert_eq!(percentile(&hundred, 990_000), 99);
    assert_eq!(percentile(&hundred, 999_000), 100);
    assert_eq!(percentile(&hundred, 50_000), 5);
    assert_eq!(percentile(&[], 500_000), 0);
}
