//! Listings of random keys against sorting and rolling up by hand: every page size ends, no prefix
//! comes twice, and `truncated` is exact.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs
)]

mod common;

use std::collections::BTreeSet;

use billet_bucket::{Line, ObjectListing, Query, UploadLine, UploadListing};
use common::{Random, Store, create_upload};

const LOG: &str = "photos";

/// All lines at once: keys and rolled-up prefixes in one ascending row.
fn expected(keys: &BTreeSet<String>, prefix: &str, delimiter: &str) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for key in keys.iter().filter(|key| key.starts_with(prefix)) {
        let rest = &key[prefix.len()..];
        let line = match rest.find(delimiter).filter(|_| !delimiter.is_empty()) {
            Some(at) => format!("P{}{}", prefix, &rest[..at + delimiter.len()]),
            None => format!("K{key}"),
        };
        if lines.last() != Some(&line) {
            lines.push(line);
        }
    }
    lines
}

fn text(line: &Line) -> String {
    match line {
        Line::Object(key, _) => format!("K{key}"),
        Line::Prefix(prefix) => format!("P{prefix}"),
    }
}

fn upload_text(line: &UploadLine) -> String {
    match line {
        UploadLine::Upload(upload) => format!("K{}", upload.key),
        UploadLine::Prefix(prefix) => format!("P{prefix}"),
    }
}

fn random_keys(random: &mut Random) -> BTreeSet<String> {
    let pieces = ["a", "b", "/", "//", "ab", "é", "\u{10ffff}", "-", "a/"];
    let count = random.below(60);
    let keys = (0..count).map(|_| {
        let length = 1 + random.below(5);
        (0..length)
            .map(|_| pieces[random.below(pieces.len())])
            .collect()
    });
    keys.collect()
}

fn page(store: &mut Store, query: &Query, of_uploads: bool) -> (Vec<String>, bool) {
    if of_uploads {
        let mut listing = UploadListing::new(query.clone(), None);
        store.run(LOG, |view| listing.run(view)).unwrap();
        let (lines, truncated) = listing.finish();
        return (lines.iter().map(upload_text).collect(), truncated);
    }
    let mut listing = ObjectListing::new(store.head(LOG).root, query.clone());
    store.run(LOG, |view| listing.run(view)).unwrap();
    let (lines, truncated) = listing.finish();
    (lines.iter().map(text).collect(), truncated)
}

fn check(store: &mut Store, keys: &BTreeSet<String>, prefix: &str, delimiter: &str) {
    let expected = expected(keys, prefix, delimiter);
    for of_uploads in [false, true] {
        for limit in [0, 1, 2, 3, 7, 1000] {
            let mut query = Query {
                prefix: prefix.to_owned(),
                delimiter: delimiter.to_owned(),
                after: None,
                limit,
            };
            let mut listed: Vec<String> = Vec::new();
            loop {
                let (lines, truncated) = page(store, &query, of_uploads);
                assert!(lines.len() <= limit);
                listed.extend(lines);
                let is_all = limit == 0 || listed.len() == expected.len();
                assert_eq!(truncated, !is_all, "{query:?} of {expected:?}");
                if !truncated {
                    break;
                }
                query.after = listed.last().map(|line| line[1..].to_owned());
            }
            let whole = if limit == 0 { &[] } else { expected.as_slice() };
            assert_eq!(listed, whole, "{query:?}");
        }
    }
}

#[test]
fn pages_put_together_are_the_whole() {
    for seed in 1..=25_u64 {
        println!("seed {seed}");
        let mut random = Random::new(seed);
        let keys = random_keys(&mut random);
        let mut store = Store::new();
        store.create(LOG);
        let puts: Vec<_> = keys.iter().map(|key| store.put(key, &[3])).collect();
        let uploads: Vec<_> = keys.iter().map(|key| create_upload(key)).collect();
        let done = store.apply(LOG, &[puts, uploads].concat());
        assert!(done.iter().all(Result::is_ok));
        for prefix in ["", "a", "a/", "é", "zz", "\u{10ffff}"] {
            for delimiter in ["", "/", "//", "b", "ab", "é"] {
                check(&mut store, &keys, prefix, delimiter);
            }
        }
    }
}

#[test]
fn a_marker_inside_a_prefix_tells_the_prefix_only_if_keys_follow() {
    let mut store = Store::new();
    store.create(LOG);
    let puts: Vec<_> = ["a/1", "a/2", "b"]
        .iter()
        .map(|key| store.put(key, &[3]))
        .collect();
    store.apply(LOG, &puts);
    let after = |store: &mut Store, after: &str| {
        let query = Query {
            delimiter: "/".to_owned(),
            after: Some(after.to_owned()),
            limit: 10,
            ..Query::default()
        };
        page(store, &query, false).0
    };
    assert_eq!(after(&mut store, "a/1"), ["Pa/", "Kb"]);
    assert_eq!(after(&mut store, "a/2"), ["Kb"]);
    assert_eq!(after(&mut store, "a/"), ["Kb"]);
    assert_eq!(after(&mut store, "b"), [""; 0]);
}

#[test]
fn a_page_of_prefixes_reads_few_nodes() {
    let mut store = Store::new();
    store.create(LOG);
    let keys = (0..4).flat_map(|top| (0..2500).map(move |leaf| format!("{top}/{leaf:05}")));
    let puts: Vec<_> = keys.map(|key| store.put(&key, &[3])).collect();
    store.apply(LOG, &puts);
    store.caches = billet_bucket::Caches::new(0, 0);
    store.fetched.clear();
    let query = Query {
        delimiter: "/".to_owned(),
        limit: 1000,
        ..Query::default()
    };
    let (lines, truncated) = page(&mut store, &query, false);
    assert_eq!((lines.len(), truncated), (4, false));
    assert!(store.fetched.len() < 100, "{} nodes", store.fetched.len());
}
