//! Files that were cut or changed after a crash: what was durable and is gone is told, by log;
//! what never was is dropped; wrong bytes are never served.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
#![allow(clippy::indexing_slicing, missing_docs)]

mod common;

use std::sync::Arc;

use billet_segment::{FileKind, Scan, SegmentId, scan};
use billet_storage::sim::{Sim, Survivors};
use billet_storage::{Plane, Store, StoreError};
use common::{leaf, open, put, read, small};

const PUTS: [(&str, &str); 5] = [
    ("a", "one"),
    ("b", "two"),
    ("a", "three"),
    ("c", "four"),
    ("a", "five"),
];

/// A machine that died with everything in open segments.
fn unclosed() -> Sim {
    let sim = Sim::new();
    let store = open(&sim, &small(1 << 20));
    for (log, name) in PUTS {
        put(&store, log, name).unwrap();
    }
    sim.image(Survivors::All)
}

fn car(sim: &Sim, plane: Plane) -> String {
    let is_it = |path: &String| {
        SegmentId::parse_path(path)
            .is_ok_and(|(_, id, kind)| id.plane == plane && kind == FileKind::Car)
    };
    sim.files().into_iter().find(is_it).unwrap()
}

fn seq(store: &Store, log: &str) -> u64 {
    store.head(log).unwrap().newest.map_or(0, |head| head.seq)
}

fn expected_seq(found: &Scan, log: &str, end: u64) -> u64 {
    let records = found
        .records
        .iter()
        .filter(|f| f.log == log && f.frame.end() <= end);
    records.count() as u64
}

#[test]
fn a_torn_catalog_keeps_every_whole_record() {
    let origin = unclosed();
    let path = car(&origin, Plane::Catalog);
    let bytes = origin.read(&path).unwrap();
    let whole = scan(&bytes, Plane::Catalog);
    assert_eq!((whole.records.len(), whole.bad.len()), (PUTS.len(), 0));
    let first = whole.frames[whole.frames.len() - 3].offset;
    for length in first..=whole.end {
        let sim = origin.image(Survivors::All);
        sim.meddle(&path, Some(bytes[..length as usize].to_vec()));
        let store = open(&sim, &small(1 << 20));
        for log in ["a", "b", "c"] {
            assert_eq!(
                seq(&store, log),
                expected_seq(&whole, log, length),
                "cut at {length}"
            );
        }
        assert_eq!(store.recovery().damage, [], "a tail is no damage");
        assert_eq!(
            store.recovery().torn,
            usize::from(has_piece(&whole, length))
        );
        put(&store, "a", "goes on").unwrap();
        assert_eq!(store.audit(&sim.files()).unwrap(), []);
    }
}

fn has_piece(whole: &Scan, length: u64) -> bool {
    whole.end != length && whole.frames.iter().all(|frame| frame.offset != length)
}

#[test]
fn a_cut_data_file_is_damage_of_the_logs_that_claim_it() {
    let origin = unclosed();
    let path = car(&origin, Plane::Data);
    let bytes = origin.read(&path).unwrap();
    let whole = scan(&bytes, Plane::Data);
    let first = whole.frames[whole.frames.len() - 3].offset;
    for length in first..whole.end {
        let sim = origin.image(Survivors::All);
        sim.meddle(&path, Some(bytes[..length as usize].to_vec()));
        let store = open(&sim, &small(1 << 20));
        for (index, (log, name)) in PUTS.iter().enumerate() {
            let is_lost = whole.frames[index].end() > length;
            let answer = read(&store, name, 100);
            if is_lost {
                assert_eq!(answer, Err(StoreError::Corrupt(leaf(name, 100).0)));
                assert!(store.damaged().iter().any(|(damaged, _)| damaged == log));
                assert!(matches!(
                    put(&store, log, "no"),
                    Err(StoreError::Unavailable(_))
                ));
            } else {
                answer.unwrap();
            }
        }
        assert_eq!(
            store.damaged().iter().filter(|(log, _)| log == "b").count(),
            0
        );
        put(&store, "b", "others go on").unwrap();
        let damage = store.damaged();
        drop(store);
        let store = open(&sim, &small(1 << 20));
        assert_eq!(store.damaged(), damage, "it is not forgotten");
    }
}

/// Flips each byte of a file in turn and looks at what is found.
fn flip_each(plane: Plane, look: impl Fn(&Arc<Store>, u64, &Scan)) {
    let origin = unclosed();
    let path = car(&origin, plane);
    let bytes = origin.read(&path).unwrap();
    let whole = scan(&bytes, plane);
    for at in 0..whole.end {
        let sim = origin.image(Survivors::All);
        let mut changed = bytes.clone();
        changed[at as usize] ^= 1 << (at % 8);
        sim.meddle(&path, Some(changed));
        let store = open(&sim, &small(1 << 20));
        look(&store, at, &whole);
    }
}

#[test]
fn a_flipped_byte_of_the_catalog_is_never_passed_over() {
    flip_each(Plane::Catalog, |store, at, whole| {
        let durable = whole.records.last().unwrap().durable.end;
        let damaged = store.damaged();
        for log in ["a", "b", "c"] {
            let all = expected_seq(whole, log, whole.end);
            let name = if seq(store, log) == 0 { "" } else { log };
            let is_told = damaged.iter().any(|(damaged, _)| damaged == name);
            if is_told {
                assert!(matches!(
                    put(store, log, "no"),
                    Err(StoreError::Unavailable(_))
                ));
            }
            if at < durable {
                assert!(
                    seq(store, log) == all || is_told,
                    "{log} goes back in silence at {at}"
                );
            } else {
                assert_eq!(seq(store, log), expected_seq(whole, log, at), "a torn tail");
            }
        }
        if at < durable {
            assert_ne!(store.recovery().damage, [], "byte {at}");
        }
        for (_, name) in PUTS {
            let (cid, bytes) = common::node(name);
            if let Ok(found) = store.block(&cid) {
                assert_eq!(found, bytes);
            }
        }
    });
}

#[test]
fn a_flipped_byte_of_data_is_told_and_never_served() {
    flip_each(Plane::Data, |store, at, whole| {
        for (index, (log, name)) in PUTS.iter().enumerate() {
            let frame = whole.frames[index];
            let is_hit = (frame.offset..frame.end()).contains(&at);
            let answer = read(store, name, 100);
            assert_eq!(answer.is_err(), is_hit, "byte {at}, {name}: {answer:?}");
            let is_told = store.damaged().iter().any(|(damaged, _)| damaged == log);
            assert!(is_told || !is_hit);
        }
        assert_ne!(store.recovery().damage, [], "byte {at}");
    });
}

#[test]
fn an_open_key_without_its_file_is_damage() {
    for plane in Plane::ALL {
        let sim = unclosed();
        sim.meddle(&car(&sim, plane), None);
        let store = open(&sim, &small(1 << 20));
        assert_ne!(store.recovery().damage, [], "{plane:?}");
        if plane == Plane::Data {
            assert!(matches!(
                read(&store, "one", 100),
                Err(StoreError::Corrupt(_))
            ));
            assert_eq!(store.damaged().len(), 3, "all logs have data in it");
        } else {
            read(&store, "one", 100).unwrap();
            let lost = common::node("one").0;
            assert_eq!(
                store.block(&lost),
                Err(StoreError::Corrupt(lost)),
                "not a plain miss"
            );
        }
    }
}

/// The logs that recovery names, after the closed data file is gone.
fn named_without_data(sim: &Sim) -> Vec<Option<String>> {
    sim.meddle(&car(sim, Plane::Data), None);
    let store = open(sim, &small(1000));
    let damage = store.recovery().damage.iter();
    damage.map(|damage| damage.log.clone()).collect()
}

#[test]
fn a_closed_file_that_is_gone_is_told_for_commits_that_came_after_it_was_closed() {
    let sim = Sim::new();
    let store = open(&sim, &small(1000));
    let body = common::write_body(&store, &[leaf("large", 3000)]).unwrap();
    assert_eq!(store.segments()[0].state, billet_storage::State::Sealed);
    let block = common::node("one");
    let change = common::change(block.0, block.0, 1);
    let staged = store.stage(common::SPACE, vec![block]).unwrap();
    let request = billet_storage::CommitRequest {
        log: "a".to_owned(),
        change,
        adopt: vec![body, staged],
        ..billet_storage::CommitRequest::default()
    };
    common::commit_one(&store, request).unwrap();
    let image = sim.image(Survivors::All);
    assert_eq!(named_without_data(&image), [Some("a".to_owned())]);
}

#[test]
fn a_closed_file_of_held_parts_that_is_gone_is_told_by_log() {
    let sim = Sim::new();
    let store = open(&sim, &small(1 << 20));
    let part = common::write_body(&store, &[leaf("part", 300)]).unwrap();
    let block = common::node("one");
    let change = common::change(block.0, block.0, 1);
    let staged = store.stage(common::SPACE, vec![block]).unwrap();
    let request = billet_storage::CommitRequest {
        log: "a".to_owned(),
        change,
        adopt: vec![staged],
        hold: vec![part],
        ..billet_storage::CommitRequest::default()
    };
    common::commit_one(&store, request).unwrap();
    store.close().unwrap();
    drop(store);
    assert_eq!(named_without_data(&sim), [Some("a".to_owned())]);
}

#[test]
fn a_loss_that_was_taken_lets_the_log_go_on() {
    let sim = unclosed();
    let path = car(&sim, Plane::Data);
    let mut bytes = sim.read(&path).unwrap();
    let hit = scan(&bytes, Plane::Data).frames[1];
    bytes[hit.payload() as usize] ^= 1;
    sim.meddle(&path, Some(bytes));
    let store = open(&sim, &small(1 << 20));
    assert!(matches!(
        put(&store, "b", "no"),
        Err(StoreError::Unavailable(_))
    ));
    assert_eq!(store.forgive("c"), Ok(false), "nothing is wrong with it");
    assert_eq!(store.forgive("b"), Ok(true));
    put(&store, "b", "goes on").unwrap();
    assert_eq!(store.block(&hit.cid), Err(StoreError::Corrupt(hit.cid)));
    drop(store);
    let store = open(&sim, &small(1 << 20));
    assert_eq!(
        (store.damaged(), store.recovery().damage.len()),
        (vec![], 0)
    );
    put(&store, "b", "and on").unwrap();
}

#[test]
fn a_taken_loss_of_an_unclosed_file_stays_taken() {
    for plane in [Plane::Data, Plane::Catalog] {
        let sim = unclosed();
        sim.meddle(&car(&sim, plane), None);
        let store = open(&sim, &small(1 << 20));
        let damaged = store.damaged();
        assert!(!damaged.is_empty());
        for (log, _) in &damaged {
            assert_eq!(store.forgive(log), Ok(true));
        }
        drop(store);
        for text in ["goes on", "and on"] {
            let store = open(&sim, &small(1 << 20));
            assert_eq!(store.damaged(), [], "{plane:?}");
            put(&store, "b", text).unwrap();
        }
    }
}
