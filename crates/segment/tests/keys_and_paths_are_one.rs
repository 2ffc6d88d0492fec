//! Keys and paths of segments are two forms of one name, and nothing else is either.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
#![allow(clippy::indexing_slicing, missing_docs)]

use billet_segment::{FileKind, Plane, RootId, SegmentId};
use proptest::prelude::*;

#[test]
fn the_forms_are_fixed() {
    let root = RootId(0x00ff_1234_5678_9abc);
    let id = SegmentId {
        number: 12_345,
        plane: Plane::Catalog,
    };
    assert_eq!(id.key(), "segment/catalog/00000000000000012345");
    let path = "00ff123456789abc/catalog/00000000000000012/seg-00000000000000012345";
    for (kind, end) in [
        (FileKind::Car, "car"),
        (FileKind::Idx, "idx"),
        (FileKind::Sum, "sum"),
    ] {
        assert_eq!(id.path(&root, kind), format!("{path}.{end}"));
    }
    assert_eq!(
        id.folder(&root),
        "00ff123456789abc/catalog/00000000000000012"
    );
}

#[test]
fn every_kind_of_every_plane_has_a_path_of_its_own() {
    let mut paths = std::collections::BTreeSet::new();
    for number in [0, 1, 999, 1000, u64::MAX] {
        for plane in Plane::ALL {
            let id = SegmentId { number, plane };
            assert_eq!(SegmentId::parse_key(id.key().as_bytes()), Ok(id));
            for kind in FileKind::ALL {
                let path = id.path(&RootId(number), kind);
                assert_eq!(SegmentId::parse_path(&path), Ok((RootId(number), id, kind)));
                assert!(paths.insert(path));
            }
        }
    }
    assert_eq!(paths.len(), 5 * Plane::ALL.len() * FileKind::ALL.len());
}

#[test]
fn near_misses_are_refused() {
    let key = "segment/data/00000000000000000007";
    let path = "0123456789abcdef/data/00000000000000000/seg-00000000000000000007.car";
    SegmentId::parse_key(key.as_bytes()).unwrap();
    SegmentId::parse_path(path).unwrap();
    for at in 0..key.len() {
        let mut shorter = key.to_owned();
        shorter.remove(at);
        assert!(
            SegmentId::parse_key(shorter.as_bytes()).is_err(),
            "{shorter}"
        );
    }
    for at in 0..path.len() {
        let mut shorter = path.to_owned();
        shorter.remove(at);
        assert!(SegmentId::parse_path(&shorter).is_err(), "{shorter}");
    }
    for wrong in [
        "segment/data/+0000000000000000007",
        "segment/data/99999999999999999999",
        "segment/Data/00000000000000000007",
        "segment/data/00000000000000000007/",
        "",
    ] {
        let refused = SegmentId::parse_key(wrong.as_bytes())
            .unwrap_err()
            .to_string();
        assert!(refused.contains(wrong), "{refused}");
    }
    for (from, to) in [
        ("/00000000000000000/", "/00000000000000001/"),
        ("abcdef", "ABCDEF"),
    ] {
        assert!(
            SegmentId::parse_path(&path.replace(from, to)).is_err(),
            "{to}"
        );
    }
}

/// Paths, and what is nearly one.
const PATHS: &str = concat!(
    "[0-9a-f]{0,17}/(data|catalog)/[0-9]{16,18}/",
    "seg-[0-9]{19,21}\\.(car|idx|sum|CAR)"
);

proptest! {
    #[test]
    fn what_parses_is_what_would_be_written(text in PATHS) {
        if let Ok((root, id, kind)) = SegmentId::parse_path(&text) {
            prop_assert_eq!(id.path(&root, kind), text);
        }
    }
}
