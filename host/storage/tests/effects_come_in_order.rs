//! The order of effects around a segment's life, read from the trace of calls: what a crash could
//! not show because a later sync covers it is still promised.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
#![allow(clippy::indexing_slicing, missing_docs)]

mod common;

use billet_storage::sim::Sim;
use common::{leaf, open, put, small, write_body};

/// Calls with the root's random name taken out.
fn trace(sim: &Sim) -> Vec<String> {
    let root = open_root(sim);
    sim.trace()
        .iter()
        .map(|call| call.replace(&root, "root"))
        .collect()
}

fn open_root(sim: &Sim) -> String {
    String::from_utf8(sim.keys()[b"meta/root".as_slice()].clone()).unwrap()
}

#[test]
fn a_segment_is_opened_key_first_and_used_when_all_is_durable() {
    let sim = Sim::new();
    let store = open(&sim, &small(1 << 20));
    write_body(&store, &[leaf("one", 10)]).unwrap();
    let folder = "root/data/00000000000000000";
    let file = format!("{folder}/seg-00000000000000000000.car");
    let key = "segment/data/00000000000000000000";
    let expected = [
        "batch [\"meta/schema\", \"meta/root\", \"meta/starts\"]".to_owned(),
        format!("batch [\"{key}\", \"meta/numbers\"]"),
        "folder root".to_owned(),
        "folder root/data".to_owned(),
        format!("folder {folder}"),
        format!("create {file}"),
        format!("write {file} 0+18"),
        format!("sync {file}"),
        format!("sync folder {folder}"),
        "sync folder root/data".to_owned(),
        "sync folder root".to_owned(),
        "sync folder ".to_owned(),
        format!("batch [\"{key}\"]"),
        format!("allocate {file} 512"),
        format!("write {file} 18+47"),
    ];
    assert_eq!(trace(&sim), expected);
}

#[test]
fn a_segment_goes_file_first_and_its_key_last() {
    let sim = Sim::new();
    let store = open(&sim, &small(1 << 20));
    let claim = write_body(&store, &[leaf("one", 10)]).unwrap();
    store.close().unwrap();
    store.discard_pending(&[claim]);
    let before = sim.calls() as usize;
    store.tick().unwrap();
    let folder = "root/data/00000000000000000";
    let key = "segment/data/00000000000000000000";
    let mut expected = vec![format!("batch [\"{key}\"]")];
    for kind in ["car", "idx", "sum"] {
        expected.push(format!("remove {folder}/seg-00000000000000000000.{kind}"));
    }
    expected.push(format!("sync folder {folder}"));
    expected.push(format!("batch [\"{key}\"]"));
    assert_eq!(trace(&sim)[before..], expected);
    assert!(!sim.keys().contains_key(key.as_bytes()));
}

#[test]
fn a_seal_cuts_syncs_and_then_writes_one_batch() {
    let sim = Sim::new();
    let store = open(&sim, &small(1 << 20));
    put(&store, "log", "one").unwrap();
    let before = sim.calls() as usize;
    store.close().unwrap();
    let calls = trace(&sim).split_off(before);
    let kinds: Vec<_> = calls
        .iter()
        .map(|call| call.split(' ').next().unwrap())
        .collect();
    let beside = ["create", "write", "create", "write"];
    let expected = [
        &["length", "sync", "length", "sync", "batch"][..],
        &beside,
        &beside,
    ]
    .concat();
    assert_eq!(kinds, expected);
    let batch = &calls[4];
    for key in ["head/log", "segment/data/", "segment/catalog/"] {
        assert!(batch.contains(key), "{key} in {batch}");
    }
    assert!(sim.keys().contains_key(b"head/log".as_slice()));
}

#[test]
fn a_failed_append_is_cut_and_the_cut_is_durable_before_the_answer() {
    let sim = Sim::new();
    let store = open(&sim, &small(1 << 20));
    put(&store, "log", "one").unwrap();
    let catalog = sim
        .files()
        .into_iter()
        .find(|path| path.contains("/catalog/"))
        .unwrap();
    let good = sim.read(&catalog).unwrap();
    let end = billet_segment::scan(&good, billet_storage::Plane::Catalog).end;
    let body = write_body(&store, &[leaf("two", 10)]).unwrap();
    let head = store.head("log").unwrap().newest.unwrap();
    let request = billet_storage::CommitRequest {
        log: "log".to_owned(),
        expect: Some(head.commit),
        adopt: vec![body],
        ..billet_storage::CommitRequest::default()
    };
    // The data's write and sync come first, then the write that fails half way.
    let fault = billet_storage::sim::Fault::Short;
    let at = sim.calls() + 3;
    sim.plan(Some(billet_storage::sim::Plan {
        at,
        fault,
        is_lasting: false,
    }));
    let before = sim.calls() as usize;
    let answer = common::commit_one(&store, request);
    assert_eq!(answer, Err(billet_storage::StoreError::Full));
    let calls = trace(&sim).split_off(before);
    let kinds: Vec<_> = calls
        .iter()
        .map(|call| call.split(' ').next().unwrap())
        .collect();
    let expected = ["write", "sync", "allocate", "write", "length", "sync"];
    assert_eq!(kinds, expected);
    let left = sim
        .image(billet_storage::sim::Survivors::None)
        .read(&catalog)
        .unwrap();
    assert_eq!((left.len() as u64, &left[..]), (end, &good[..end as usize]));
}
