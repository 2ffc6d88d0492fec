//! Conditions of reads, copies, ranges and writes. The truth table is written from RFC 9110,
//! section 13.2.2, one line for each of its 81 combinations, and not from the code.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs
)]

use billet_s3::condition::{IfRange, ReadConditions, WriteCondition};
use billet_s3::etag::{EtagMatch, quote, unquote};
use billet_s3::{Code, RequestHead, Result};
use proptest::prelude::*;

const ETAG: &str = "\"5d41402abc4b2a76b9719d911017c592\"";
const OTHER: &str = "\"00000000000000000000000000000000\"";
const MODIFIED: &str = "Sat, 21 Nov 2026 12:00:00 GMT";
const BEFORE: &str = "Sat, 21 Nov 2026 11:59:59 GMT";
const AFTER: &str = "Sat, 21 Nov 2026 12:00:01 GMT";
const FUTURE: &str = "Sat, 21 Nov 2026 13:00:00 GMT";
/// 12:00:00.750 on that day: sub-seconds must not count.
const MODIFIED_MS: u64 = 1_795_262_400_750;
const NOW_MS: u64 = MODIFIED_MS + 60_000;

fn head(headers: &[(&str, Option<&str>)]) -> RequestHead {
    let mut head = RequestHead::new("GET", "/b/k", None);
    for (name, value) in headers {
        if let Some(value) = value {
            head.push_header(name, *value);
        }
    }
    head
}

fn read(headers: &[(&str, Option<&str>)]) -> Result<()> {
    ReadConditions::parse(&head(headers))
        .unwrap()
        .check_read(ETAG, MODIFIED_MS, NOW_MS)
}

fn status(outcome: &Result<()>) -> u16 {
    outcome
        .as_ref()
        .err()
        .map_or(200, billet_s3::S3Error::status)
}

/// The order of evaluation as the RFC numbers it: each condition is absent, holds or fails.
fn expected(
    if_match: Option<bool>,
    if_none_match: Option<bool>,
    modified: Option<bool>,
    unmodified: Option<bool>,
) -> u16 {
    // Steps 1 and 2.
    match (if_match, unmodified) {
        (Some(false), _) | (None, Some(false)) => return 412,
        _ => {}
    }
    // Steps 3 and 4.
    match (if_none_match, modified) {
        (Some(false), _) | (None, Some(false)) => 304,
        _ => 200,
    }
}

#[test]
fn all_combinations_of_the_four_conditions() {
    let states = [None, Some(true), Some(false)];
    for if_match in states {
        for if_none_match in states {
            for modified in states {
                for unmodified in states {
                    let outcome = read(&[
                        (
                            "if-match",
                            if_match.map(|holds| if holds { ETAG } else { OTHER }),
                        ),
                        (
                            "if-none-match",
                            if_none_match.map(|h| if h { OTHER } else { ETAG }),
                        ),
                        (
                            "if-modified-since",
                            modified.map(|h| if h { BEFORE } else { MODIFIED }),
                        ),
                        (
                            "if-unmodified-since",
                            unmodified.map(|h| if h { AFTER } else { BEFORE }),
                        ),
                    ]);
                    assert_eq!(
                        status(&outcome),
                        expected(if_match, if_none_match, modified, unmodified),
                        "{if_match:?} {if_none_match:?} {modified:?} {unmodified:?}"
                    );
                }
            }
        }
    }
}

#[test]
fn single_headers() {
    let cases: &[(&str, &str, u16)] = &[
        ("if-match", ETAG, 200),
        ("if-match", "5d41402abc4b2a76b9719d911017c592", 200),
        ("if-match", "*", 200),
        (
            "if-match",
            "\"x\", \"5d41402abc4b2a76b9719d911017c592\"",
            200,
        ),
        (
            "if-match",
            "\"a,b\" ,\"5d41402abc4b2a76b9719d911017c592\"",
            200,
        ),
        ("if-match", "W/\"5d41402abc4b2a76b9719d911017c592\"", 412),
        ("if-match", OTHER, 412),
        ("if-none-match", ETAG, 304),
        (
            "if-none-match",
            "W/\"5d41402abc4b2a76b9719d911017c592\"",
            304,
        ),
        ("if-none-match", "*", 304),
        ("if-none-match", "x, 5d41402abc4b2a76b9719d911017c592", 304),
        ("if-none-match", OTHER, 200),
        ("if-none-match", "", 200),
        ("if-modified-since", MODIFIED, 304),
        ("if-modified-since", AFTER, 304),
        ("if-modified-since", BEFORE, 200),
        ("if-modified-since", FUTURE, 200),
        ("if-modified-since", "yesterday", 200),
        ("if-modified-since", "2026-11-21T12:00:00Z", 304),
        ("if-unmodified-since", MODIFIED, 200),
        ("if-unmodified-since", BEFORE, 412),
        ("if-unmodified-since", FUTURE, 200),
        ("if-unmodified-since", "never", 200),
    ];
    for (name, value, want) in cases {
        assert_eq!(
            status(&read(&[(name, Some(value))])),
            *want,
            "{name}: {value}"
        );
    }
}

#[test]
fn a_list_may_be_spread_over_headers() {
    let two = head(&[
        ("if-none-match", Some(OTHER)),
        ("if-none-match", Some(ETAG)),
    ]);
    let outcome = ReadConditions::parse(&two)
        .unwrap()
        .check_read(ETAG, MODIFIED_MS, NOW_MS);
    assert_eq!(outcome.unwrap_err().code, Code::NotModified);
}

#[test]
fn a_failed_read_names_its_condition() {
    let error = read(&[("if-match", Some(OTHER))]).unwrap_err();
    assert_eq!(error.fields, [("Condition", "If-Match".to_owned())]);
    let error = read(&[("if-unmodified-since", Some(BEFORE))]).unwrap_err();
    assert_eq!(
        error.fields,
        [("Condition", "If-Unmodified-Since".to_owned())]
    );
}

#[test]
fn a_copy_source_fails_with_412_whatever_fails() {
    let cases = [
        (
            "x-amz-copy-source-if-match",
            OTHER,
            "x-amz-copy-source-If-Match",
        ),
        (
            "x-amz-copy-source-if-none-match",
            ETAG,
            "x-amz-copy-source-If-None-Match",
        ),
        (
            "x-amz-copy-source-if-modified-since",
            AFTER,
            "x-amz-copy-source-If-Modified-Since",
        ),
        (
            "x-amz-copy-source-if-unmodified-since",
            BEFORE,
            "x-amz-copy-source-If-Unmodified-Since",
        ),
    ];
    for (name, value, condition) in cases {
        let conditions = ReadConditions::parse_copy_source(&head(&[(name, Some(value))])).unwrap();
        let error = conditions
            .check_copy_source(ETAG, MODIFIED_MS, NOW_MS)
            .unwrap_err();
        assert_eq!(error.code, Code::PreconditionFailed);
        assert_eq!(error.fields, [("Condition", condition.to_owned())]);
    }
    // The plain names say nothing about a source.
    let plain = ReadConditions::parse_copy_source(&head(&[("if-match", Some(OTHER))])).unwrap();
    assert_eq!(plain, ReadConditions::default());
}

#[test]
fn if_range_wants_the_very_same_object() {
    let holds = |value: &str| {
        let parsed = IfRange::parse(&head(&[("if-range", Some(value))]))
            .unwrap()
            .unwrap();
        parsed.holds(ETAG, MODIFIED_MS)
    };
    assert!(holds(ETAG));
    assert!(holds("5d41402abc4b2a76b9719d911017c592"));
    assert!(holds(MODIFIED));
    assert!(!holds(OTHER));
    assert!(!holds("W/\"5d41402abc4b2a76b9719d911017c592\""));
    assert!(!holds(BEFORE));
    assert!(!holds(AFTER));
    assert!(!holds("*"));
    assert!(!holds(""));
    assert_eq!(IfRange::parse(&head(&[])).unwrap(), None);
}

#[test]
fn write_conditions() {
    let parse = |if_match: Option<&str>, if_none_match: Option<&str>| {
        let head = head(&[("if-match", if_match), ("if-none-match", if_none_match)]);
        WriteCondition::parse_put(&head)
    };
    let tag = |text: &str| Some(WriteCondition::Etag(text.to_owned()));
    assert_eq!(parse(None, None).unwrap(), None);
    assert_eq!(parse(Some(""), Some("")).unwrap(), None);
    assert_eq!(
        parse(None, Some("*")).unwrap(),
        Some(WriteCondition::Absent)
    );
    assert_eq!(
        parse(None, Some("\"*\"")).unwrap(),
        Some(WriteCondition::Absent)
    );
    assert_eq!(
        parse(Some("*"), None).unwrap(),
        Some(WriteCondition::Exists)
    );
    assert_eq!(parse(Some("\"abc\""), None).unwrap(), tag("abc"));
    assert_eq!(parse(Some("abc"), None).unwrap(), tag("abc"));
    for (if_match, if_none_match, header) in [
        (None, Some("abc"), "If-None-Match"),
        (Some("abc"), Some("abc"), "If-None-Match"),
        (Some("abc"), Some("*"), "If-Match,If-None-Match"),
    ] {
        let error = parse(if_match, if_none_match).unwrap_err();
        assert_eq!(error.code, Code::NotImplemented);
        assert_eq!(error.fields[0], ("Header", header.to_owned()));
        assert_eq!(error.fields[1].0, "additionalMessage");
    }
}

#[test]
fn a_failed_write_tells_missing_from_different() {
    let etag = WriteCondition::Etag("abc".to_owned());
    assert_eq!(etag.failure("k", false).code, Code::NoSuchKey);
    assert_eq!(etag.failure("k", true).code, Code::PreconditionFailed);
    assert_eq!(
        WriteCondition::Exists.failure("k", false).code,
        Code::NoSuchKey
    );
    let absent = WriteCondition::Absent.failure("k", true);
    assert_eq!(absent.code, Code::PreconditionFailed);
    assert_eq!(absent.fields, [("Condition", "If-None-Match".to_owned())]);
}

#[test]
fn quotes_come_and_go_once() {
    assert_eq!(quote("abc"), "\"abc\"");
    assert_eq!(quote("\"abc\""), "\"abc\"");
    assert_eq!(unquote("\"abc\""), "abc");
    assert_eq!(unquote("\""), "\"");
    assert_eq!(unquote("abc"), "abc");
}

proptest! {
    #[test]
    fn etag_lists_never_panic(text in "[\"W/*, a-c\t]{0,40}") {
        let parsed = EtagMatch::parse(&text);
        let _ = (parsed.matches_strong("a"), parsed.matches_weak("a"));
    }
}
