//! Ranges against sizes: what is served, what is ignored, what is refused.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs
)]

use billet_s3::Code;
use billet_s3::range::{CopyRange, Range};
use proptest::prelude::*;

const WHOLE: Range = Range::Whole;

fn part(first: u64, last: u64) -> Range {
    Range::Part { first, last }
}

#[test]
fn served_and_ignored_ranges() {
    let cases = [
        ("bytes=0-4", 10, part(0, 4)),
        ("bytes=0-0", 10, part(0, 0)),
        ("bytes=00-01", 10, part(0, 1)),
        ("bytes=9-9", 10, part(9, 9)),
        ("bytes=5-", 10, part(5, 9)),
        ("bytes=0-", 10, part(0, 9)),
        ("bytes=5-99", 10, part(5, 9)),
        ("bytes=0-99999999999999999999999", 10, part(0, 9)),
        ("bytes=-3", 10, part(7, 9)),
        ("bytes=-10", 10, part(0, 9)),
        ("bytes=-100", 10, part(0, 9)),
        ("bytes=-99999999999999999999999", 10, part(0, 9)),
        ("Bytes=1-2", 10, part(1, 2)),
        ("bytes=-5", 0, WHOLE),
        ("bytes=4-2", 10, WHOLE),
        ("bytes=12-11", 10, WHOLE),
        ("items=0-1", 10, WHOLE),
        ("bytes=0-0,2-3", 10, WHOLE),
        ("bytes=0-0,", 10, WHOLE),
        ("bytes=,", 10, WHOLE),
        ("bytes=-", 10, WHOLE),
        ("bytes=", 10, WHOLE),
        ("bytes", 10, WHOLE),
        ("bytes= -1", 10, WHOLE),
        ("bytes=--1", 10, WHOLE),
        ("bytes=0 -1", 10, WHOLE),
        ("bytes=0--1", 10, WHOLE),
        ("bytes=+1-2", 10, WHOLE),
        ("bytes=abc", 10, WHOLE),
        ("bytes=a-z", 10, WHOLE),
        ("bytes=1-x", 10, WHOLE),
        ("bytes=1=2-3", 10, WHOLE),
        ("0-4", 10, WHOLE),
        ("", 10, WHOLE),
    ];
    for (header, size, expected) in cases {
        assert_eq!(
            Range::resolve(Some(header), size).unwrap(),
            expected,
            "{header} of {size}"
        );
    }
    assert_eq!(Range::resolve(None, 10).unwrap(), WHOLE);
}

#[test]
fn unsatisfiable_ranges_tell_range_and_size() {
    let cases = [
        ("bytes=10-", 10),
        ("bytes=10-10", 10),
        ("bytes=99999999999999999999-", 10),
        ("bytes=-0", 10),
        ("bytes=0-0", 0),
        ("bytes=0-", 0),
        ("bytes=-0", 0),
    ];
    for (header, size) in cases {
        let error = Range::resolve(Some(header), size).unwrap_err();
        assert_eq!(error.code, Code::InvalidRange, "{header} of {size}");
        assert_eq!(error.status(), 416);
        assert_eq!(
            error.fields,
            [
                ("RangeRequested", header.to_owned()),
                ("ActualObjectSize", size.to_string())
            ]
        );
    }
}

#[test]
fn content_range_and_extent() {
    assert_eq!(part(2, 5).content_range(10).unwrap(), "bytes 2-5/10");
    assert_eq!(part(2, 5).offset_length(10), (2, 4));
    assert_eq!(WHOLE.content_range(10), None);
    assert_eq!(WHOLE.offset_length(10), (0, 10));
}

#[test]
fn copied_ranges_are_strict() {
    let range = CopyRange::parse("bytes=5-9").unwrap();
    assert_eq!(range.resolve(10).unwrap(), (5, 5));
    let error = range.resolve(9).unwrap_err();
    assert_eq!(error.code, Code::InvalidArgument);
    assert_eq!(
        error.message,
        "Range specified is not valid for source object of size: 9"
    );
    let bad = [
        "byte=100-200",
        "bytes=invalid-range",
        "bytes=200-100",
        "bytes=-2-300",
        "bytes=aa-12",
        "bytes=12-aa",
        "bytes=bb-",
        "bytes=5-",
        "bytes=-5",
        "",
        "bytes=0-1,2-3",
    ];
    for header in bad {
        let error = CopyRange::parse(header).unwrap_err();
        assert_eq!(error.code, Code::InvalidArgument, "{header}");
        assert_eq!(error.fields[0].1, "x-amz-copy-source-range");
    }
}

proptest! {
    /// Against the plainest reading: the positions that the range names and the object has.
    #[test]
    fn small_ranges_name_the_positions_they_say(
        first in 0_u64..12,
        last in 0_u64..12,
        size in 0_u64..10,
    ) {
        let wanted: Vec<u64> = (0..size).filter(|at| (first..=last).contains(at)).collect();
        let resolved = Range::resolve(Some(&format!("bytes={first}-{last}")), size);
        match resolved {
            Ok(Range::Whole) => prop_assert!(first > last),
            Ok(Range::Part { first, last }) => {
                prop_assert_eq!((first..=last).collect::<Vec<_>>(), wanted);
            }
            Err(_) => prop_assert!(wanted.is_empty() && first <= last),
        }
    }

    #[test]
    fn a_part_always_lies_inside(header in "(bytes=)?[0-9,= -]{0,24}", size in any::<u64>()) {
        if let Ok(Range::Part { first, last }) = Range::resolve(Some(&header), size) {
            prop_assert!(first <= last && last < size);
        }
        let _ = CopyRange::parse(&header).map(|range| range.resolve(size));
    }
}
