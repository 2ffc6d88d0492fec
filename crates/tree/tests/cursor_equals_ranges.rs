//! A cursor gives what a range over a sorted map gives, wherever it starts and skips to.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]
#![allow(missing_docs)]

mod common;

use std::cell::Cell;

use billet_block::Cid;
use billet_tree::{Cursor, NodeCache, Nodes, Position, TreeError};
use common::{Counted, Model, Random, Store, value};

/// Reads on, fetching what is asked for and `hints` of what is hinted at; counts the rounds.
fn next(
    cursor: &mut Cursor,
    store: &Store,
    cache: &NodeCache,
    hints: usize,
    rounds: &mut usize,
) -> Option<(String, Cid)> {
    loop {
        match cursor.next(cache) {
            Ok(found) => return found,
            Err(TreeError::Missing(missing)) => {
                *rounds += 1;
                assert!(missing.hints.len() <= billet_tree::HINTS_MAX);
                for cid in missing.need.iter().chain(missing.hints.iter().take(hints)) {
                    assert!(cache.node(cid).is_none());
                    cache.insert(cid, &store.blocks[cid]).unwrap();
                }
            }
            Err(error) => panic!("{error}"),
        }
    }
}

fn is_past(position: &Position, key: &str) -> bool {
    match position {
        Position::Start => false,
        Position::At(at) => key < at.as_str(),
        Position::After(after) => key <= after.as_str(),
        Position::PastPrefix(prefix) => key < prefix.as_str() || key.starts_with(prefix.as_str()),
    }
}

fn random_position(random: &mut Random, keys: &[String]) -> Position {
    let key = keys[random.below(keys.len())].clone();
    let chars = key.chars().count();
    let cut: String = key.chars().take(random.below(chars + 1)).collect();
    match random.below(7) {
        0 => Position::Start,
        1 => Position::At(key),
        2 => Position::At(cut + "!"),
        3 => Position::After(key),
        4 => Position::After(cut),
        _ => Position::PastPrefix(cut),
    }
}

#[test]
fn any_start_prefix_and_seek() {
    let mut random = Random::new(11);
    for size in [0, 1, 2, 5, 40, 400] {
        let keys: Vec<String> = (0..size.max(1))
            .map(|n| format!("{}/é{n}", n % 9))
            .collect();
        let model: Model = keys
            .iter()
            .take(size)
            .map(|k| (k.clone(), value(k)))
            .collect();
        let mut store = Store::default();
        let root = store.build(&model);
        for _ in 0..400 {
            let from = random_position(&mut random, &keys);
            let prefix = match random.below(3) {
                0 => keys[random.below(keys.len())][..1].to_owned(),
                1 => keys[random.below(keys.len())][..2].to_owned(),
                _ => String::new(),
            };
            let mut cursor = Cursor::within(root, &prefix, from.clone());
            let cache = NodeCache::new(if random.below(2) == 0 { 0 } else { 1 << 20 });
            let (hints, mut rounds) = (random.below(70), 0);
            let mut expected: Vec<_> = model
                .iter()
                .filter(|(key, _)| key.starts_with(&prefix) && !is_past(&from, key))
                .rev()
                .collect();
            loop {
                if random.below(5) == 0 {
                    let to = random_position(&mut random, &keys);
                    expected.retain(|(key, _)| !is_past(&to, key));
                    cursor.seek(to);
                }
                let found = next(&mut cursor, &store, &cache, hints, &mut rounds);
                let wanted = expected.pop().map(|(key, value)| (key.clone(), *value));
                assert_eq!(found, wanted);
                if found.is_none() {
                    break;
                }
            }
        }
    }
}

#[test]
fn a_page_takes_few_rounds() {
    let model: Model = (0..20_000)
        .map(|n| (format!("k{n:06}"), value("x")))
        .collect();
    let mut store = Store::default();
    let root = store.build(&model);
    let mut cursor = Cursor::new(root, Position::After("k010000".to_owned()));
    let (cache, mut rounds) = (NodeCache::new(1 << 24), 0);
    for n in 10_001..11_001 {
        let found = next(&mut cursor, &store, &cache, 64, &mut rounds);
        assert_eq!(found.unwrap().0, format!("k{n:06}"));
    }
    assert!(rounds <= 25, "{rounds} rounds for 1,000 keys");
}

#[test]
fn hints_end_with_the_prefix() {
    let model: Model = (0..20_000)
        .map(|n| (format!("{:03}/{n}", n / 20), value("x")))
        .collect();
    let mut store = Store::default();
    let root = store.build(&model);
    let mut cursor = Cursor::within(root, "500/", Position::Start);
    let (cache, mut rounds) = (NodeCache::new(1 << 24), 0);
    let mut count = 0;
    while next(&mut cursor, &store, &cache, 64, &mut rounds).is_some() {
        count += 1;
    }
    assert_eq!(count, 20);
    let counted = cache.memory_bytes() / 1_000;
    assert!(counted < 60, "about {counted} nodes fetched for 20 keys");
}

#[test]
fn skipping_prefixes_reads_little() {
    let model: Model = (0..40)
        .flat_map(|dir| (0..1_000).map(move |n| (format!("dir{dir:02}/{n:04}"), value("x"))))
        .collect();
    let mut store = Store::default();
    let root = store.build(&model);
    let nodes = store.nodes();
    let counted = Counted {
        nodes: &nodes,
        reads: Cell::new(0),
    };
    let mut cursor = Cursor::new(root, Position::Start);
    let mut prefixes = Vec::new();
    while let Some((key, _)) = cursor.next(&counted).unwrap() {
        let prefix = key[..6].to_owned();
        cursor.seek(Position::PastPrefix(prefix.clone()));
        prefixes.push(prefix);
    }
    let expected: Vec<String> = (0..40).map(|dir| format!("dir{dir:02}/")).collect();
    assert_eq!(prefixes, expected);
    let (reads, height) = (counted.reads.get(), 12);
    assert!(
        reads <= 40 * height,
        "{reads} of {} nodes read",
        nodes.len()
    );
    assert!(nodes.len() > 10_000);
}

#[test]
fn a_place_behind_the_cursor_is_passed_over() {
    let model: Model = (0..100).map(|n| (format!("{n:02}"), value("x"))).collect();
    let mut store = Store::default();
    let root = store.build(&model);
    let nodes = store.nodes();
    let mut cursor = Cursor::new(root, Position::At("50".to_owned()));
    cursor.seek(Position::At("10".to_owned()));
    assert_eq!(cursor.next(&nodes).unwrap().unwrap().0, "50");
    cursor.seek(Position::Start);
    cursor.seek(Position::PastPrefix("4".to_owned()));
    cursor.seek(Position::After("20".to_owned()));
    assert_eq!(cursor.next(&nodes).unwrap().unwrap().0, "51");
    cursor.seek(Position::PastPrefix(String::new()));
    assert_eq!(cursor.next(&nodes).unwrap(), None);
    cursor.seek(Position::Start);
    assert_eq!(cursor.next(&nodes).unwrap(), None);
}
