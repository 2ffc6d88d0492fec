//! The overlay against a plain map, and claims against the clock.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
#![allow(clippy::indexing_slicing, missing_docs)]

use std::collections::BTreeMap;

use billet_segment::{CLAIM_AGE_MAX_MS, ClaimError, Claims, Content, Overlay, Pair};
use proptest::prelude::*;

type Change = (Vec<u8>, Option<u8>);

fn scan_map(
    map: &BTreeMap<Vec<u8>, Vec<u8>>,
    prefix: &[u8],
    after: Option<&[u8]>,
    limit: usize,
) -> Vec<Pair> {
    let found = map.iter().filter(|(key, _)| key.starts_with(prefix));
    let found = found.filter(|(key, _)| after.is_none_or(|after| key.as_slice() > after));
    found
        .take(limit)
        .map(|(key, value)| (key.clone(), value.clone()))
        .collect()
}

fn changes() -> impl Strategy<Value = Vec<Change>> {
    let key = prop::collection::vec(0..3_u8, 0..4);
    prop::collection::vec((key, prop::option::of(any::<u8>())), 0..30)
}

proptest! {
    #[test]
    fn an_overlay_over_a_table_is_the_newer_map(
        older in changes(),
        newer in changes(),
        prefix in prop::collection::vec(0..3_u8, 0..3),
        after in prop::option::of(prop::collection::vec(0..3_u8, 0..4)),
        limit in 0..12_usize,
    ) {
        let mut table = BTreeMap::new();
        for (key, value) in older {
            match value {
                Some(value) => table.insert(key, vec![value]),
                None => table.remove(&key),
            };
        }
        let mut overlay = Overlay::default();
        let mut expected = table.clone();
        for (key, value) in newer {
            let value = value.map(|value| vec![value]);
            overlay.put(key.clone(), value.clone());
            match value.clone() {
                Some(value) => expected.insert(key.clone(), value),
                None => expected.remove(&key),
            };
            prop_assert_eq!(overlay.get(&key), Some(value.as_deref()));
        }
        let fetch = |after: Option<&[u8]>, limit| {
            Ok::<_, std::convert::Infallible>(scan_map(&table, &prefix, after, limit))
        };
        let found = overlay.scan(&prefix, after.as_deref(), limit, fetch).unwrap();
        prop_assert_eq!(found, scan_map(&expected, &prefix, after.as_deref(), limit));
    }
}

#[test]
fn a_claim_lives_until_it_is_taken_or_too_old() {
    let mut claims: Claims<()> = Claims::new(3);
    let first = claims.add("s", 100, Content::Placed(vec![])).unwrap();
    let second = claims.add("s", 200, Content::Staged(vec![])).unwrap();
    assert!(second > first && first >> 40 == 3);
    assert_eq!(
        claims.check(first, "t", 100).unwrap_err(),
        ClaimError::OtherSpace
    );
    assert_eq!(claims.check(7, "s", 100).unwrap_err(), ClaimError::Unknown);
    claims.check(first, "s", 100 + CLAIM_AGE_MAX_MS).unwrap();
    let late = 101 + CLAIM_AGE_MAX_MS;
    assert_eq!(
        claims.check(first, "s", late).unwrap_err(),
        ClaimError::Unknown
    );
    assert_eq!(claims.expire(late).len(), 1, "given back once");
    assert_eq!(claims.expire(late).len(), 0);
    // A clock that steps back makes nothing older.
    claims.check(second, "s", 0).unwrap();
    assert!(claims.remove(second).is_some() && claims.remove(second).is_none());
    assert_eq!(claims.iter().count(), 0);
    let third = claims.add("s", 0, Content::Placed(vec![])).unwrap();
    assert!(third > second, "numbers are never used again");
    assert!(
        Claims::<()>::new(4)
            .add("s", 0, Content::Placed(vec![]))
            .unwrap()
            > third
    );
}
