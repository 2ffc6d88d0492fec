//! Dates: the forms that clients send and the two that are written. The instants were worked out
//! with another program (`date -u -d … +%s`).
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs
)]

use billet_s3::date::{TIME_MAX_MS, http, iso, parse, parse_iso};
use proptest::prelude::*;

#[test]
fn written_forms() {
    assert_eq!(iso(0), "1970-01-01T00:00:00.000Z");
    assert_eq!(iso(1_784_636_594_567), "2026-07-21T12:23:14.567Z");
    assert_eq!(http(1_784_636_594_567), "Tue, 21 Jul 2026 12:23:14 GMT");
    assert_eq!(http(784_111_777_000), "Sun, 06 Nov 1994 08:49:37 GMT");
    assert_eq!(iso(u64::MAX), "9999-12-31T23:59:59.999Z");
}

#[test]
fn read_forms() {
    let cases = [
        ("Sun, 06 Nov 1994 08:49:37 GMT", Some(784_111_777_000)),
        ("Sunday, 06-Nov-94 08:49:37 GMT", Some(784_111_777_000)),
        ("Sun Nov  6 08:49:37 1994", Some(784_111_777_000)),
        ("Sun, 06 Nov 1994 08:49:37 +0000", Some(784_111_777_000)),
        ("1994-11-06T08:49:37Z", Some(784_111_777_000)),
        ("1994-11-06T09:49:37.250+01:00", Some(784_111_777_250)),
        ("Wednesday, 01-Jan-25 00:00:00 GMT", Some(1_735_689_600_000)),
        ("Wed, 31 Dec 1969 23:59:59 GMT", None),
        ("Sun, 31 Feb 1994 08:49:37 GMT", None),
        ("784111777", None),
        ("", None),
        ("-", None),
    ];
    for (text, time_ms) in cases {
        assert_eq!(parse(text), time_ms, "{text}");
    }
    assert_eq!(parse_iso("1994-11-06T08:49:37Z"), Some(784_111_777_000));
    assert_eq!(parse_iso("Sun, 06 Nov 1994 08:49:37 GMT"), None);
}

proptest! {
    #[test]
    fn what_is_written_is_read(time_ms in 0..=TIME_MAX_MS) {
        prop_assert_eq!(parse(&iso(time_ms)), Some(time_ms));
        prop_assert_eq!(parse(&http(time_ms)), Some(time_ms / 1000 * 1000));
    }

    #[test]
    fn reading_never_panics(text in "([A-Z][a-z]{2,8}, )?[0-9A-Za-z :.+€-]{0,40}") {
        let _ = (parse(&text), parse_iso(&text));
    }
}
