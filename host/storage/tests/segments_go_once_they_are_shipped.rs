//! Retirement: what goes, what stays, who is refused meanwhile and who is not disturbed.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
#![allow(clippy::indexing_slicing, missing_docs)]

mod common;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use billet_storage::sim::Sim;
use billet_storage::{Config, Keep, Plane, Retain, State, Store, StoreError};
use common::{SPACE, commit_one, leaf, node, open, put, small};

const NONE: Keep = Keep::Newest {
    segments: 0,
    bytes: 0,
};

/// Data segments seal after two bodies.
fn config(data: Keep) -> Config {
    let retain = Retain {
        data,
        ..Retain::default()
    };
    Config {
        retain,
        ..small(200)
    }
}

fn data_segments(store: &Store) -> Vec<u64> {
    let segments = store.segments().into_iter();
    let sealed = segments.filter(|s| s.id.plane == Plane::Data && s.state != State::Opening);
    sealed.map(|s| s.id.number).collect()
}

/// The network takes all bodies of these names.
fn accept(store: &Arc<Store>, names: &[impl AsRef<str>]) {
    let mut packer = store.pack(1, SPACE, Plane::Data, Vec::new()).unwrap();
    for name in names {
        packer.add(&leaf(name.as_ref(), 100).0).unwrap();
    }
    for shard in packer.finish().unwrap().shards {
        store.accept(shard.number, b"there").unwrap();
    }
}

fn ship(store: &Arc<Store>, log: &str, names: &[&str]) {
    accept(store, names);
    publish(store, log);
}

fn publish(store: &Store, log: &str) {
    let commit = store.head(log).unwrap().newest.unwrap().commit;
    store.publish(log, &commit).unwrap();
}

fn is_here(store: &Store, name: &str) -> bool {
    match store.block(&leaf(name, 100).0) {
        Ok(_) => true,
        Err(StoreError::NotFound) => false,
        Err(error) => panic!("{error}"),
    }
}

#[test]
fn nothing_goes_while_nothing_is_shipped_or_all_is_kept() {
    let sim = Sim::new();
    let store = open(&sim, &config(Keep::All));
    put(&store, "a", "one").unwrap();
    put(&store, "a", "two").unwrap();
    ship(&store, "a", &["one", "two"]);
    store.tick().unwrap();
    assert!(is_here(&store, "one"));
    drop(store);
    let store = open(&sim, &config(NONE));
    put(&store, "b", "three").unwrap();
    store.tick().unwrap();
    assert!(!is_here(&store, "one") && is_here(&store, "three"));
    assert_eq!(store.progress().totals.retired_segments, 1);
    assert!(store.progress().totals.retired_bytes > 200);
}

#[test]
fn the_newest_segments_are_kept() {
    let store = open(
        &Sim::new(),
        &config(Keep::Newest {
            segments: 2,
            bytes: 0,
        }),
    );
    let names = ["1", "2", "3", "4", "5", "6", "7", "8"];
    for name in names {
        put(&store, "a", name).unwrap();
    }
    ship(&store, "a", &names);
    store.tick().unwrap();
    assert_eq!(data_segments(&store).len(), 2);
    let here: Vec<_> = names
        .into_iter()
        .filter(|name| is_here(&store, name))
        .collect();
    assert_eq!(here, ["5", "6", "7", "8"]);
    for name in names {
        assert_eq!(store.locate(&leaf(name, 100).0).unwrap().len(), 1);
    }
}

#[test]
fn a_catalog_goes_only_when_asked_and_never_with_a_newest_record() {
    for (catalog, goes) in [(Keep::All, false), (NONE, true)] {
        let retain = Retain {
            data: NONE,
            catalog,
            ..Retain::default()
        };
        let sim = Sim::new();
        let config = Config {
            retain,
            block_cache_bytes: 0,
            ..small(200)
        };
        let store = open(&sim, &config);
        put(&store, "b", "stays").unwrap();
        publish(&store, "b");
        for name in ["1", "2", "3"] {
            put(&store, "a", name).unwrap();
            publish(&store, "a");
        }
        store.tick().unwrap();
        let gone = store.block(&node("1").0) == Err(StoreError::NotFound);
        assert_eq!(gone, goes);
        drop(store);
        let store = open(&sim, &config);
        assert_eq!(store.recovery().damage, [], "every head has its record");
        let head = store.head("b").unwrap().newest.unwrap();
        assert!(store.block(&head.commit).is_ok());
    }
}

#[test]
fn an_unsent_shard_keeps_its_segments() {
    let store = open(&Sim::new(), &config(NONE));
    put(&store, "a", "one").unwrap();
    put(&store, "a", "two").unwrap();
    let mut packer = store.pack(1, SPACE, Plane::Data, Vec::new()).unwrap();
    packer.add(&leaf("one", 100).0).unwrap();
    let shard = packer.finish().unwrap().shards[0].number;
    publish(&store, "a");
    store.tick().unwrap();
    assert!(is_here(&store, "one"));
    store.accept(shard, b"there").unwrap();
    store.tick().unwrap();
    assert!(!is_here(&store, "one"));
}

#[test]
fn a_pin_keeps_what_it_covers_until_its_adopter_is_published() {
    let store = open(&Sim::new(), &config(NONE));
    put(&store, "a", "one").unwrap();
    put(&store, "a", "two").unwrap();
    let (pin, head) = store.pin("a").unwrap();
    put(&store, "a", "later").unwrap();
    publish(&store, "a");
    store.tick().unwrap();
    assert!(is_here(&store, "one"), "pinned");
    let request = billet_storage::CommitRequest {
        log: "b".to_owned(),
        change: common::change(head.root, head.state, head.time_ms),
        adopt: vec![pin],
        ..Default::default()
    };
    commit_one(&store, request).unwrap();
    store.tick().unwrap();
    assert!(
        is_here(&store, "one"),
        "copied, and the copy is not published"
    );
    ship(&store, "b", &["two"]);
    store.tick().unwrap();
    assert!(!is_here(&store, "one"));
}

#[test]
fn past_the_high_water_mark_bodies_and_commits_wait() {
    let mut config = config(NONE);
    config.retain.backlog_bytes_max = 1_000;
    let store = open(&Sim::new(), &config);
    let mut names = Vec::new();
    let error = loop {
        let name = format!("body {}", names.len());
        match put(&store, "a", &name) {
            Ok(_) => names.push(name),
            Err(error) => break error,
        }
        store.tick().unwrap();
    };
    assert_eq!(
        error,
        StoreError::Busy {
            retry_after_ms: 1000
        }
    );
    assert!(names.len() > 5 && names.len() < 10, "{names:?}");
    let head = store.head("a").unwrap().newest.unwrap();
    let request = billet_storage::CommitRequest {
        log: "a".to_owned(),
        expect: Some(head.commit),
        change: common::change(head.root, head.state, head.time_ms),
        ..Default::default()
    };
    let refused = commit_one(&store, request);
    assert_eq!(
        refused,
        Err(StoreError::Busy {
            retry_after_ms: 1000
        })
    );
    assert!(is_here(&store, "body 0"), "reads go on");
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    ship(&store, "a", &names);
    store.tick().unwrap();
    assert!(store.progress().backlog_bytes < 1_000);
    put(&store, "a", "afterwards").unwrap();
}

#[test]
fn readers_are_not_disturbed() {
    let folder = tempfile::tempdir().unwrap();
    let effects = billet_storage::Effects::real(folder.path()).unwrap();
    // No table stays in memory: every read opens files.
    let config = Config {
        table_cache_bytes: 0,
        ..config(NONE)
    };
    let store = Store::open(config, effects).unwrap();
    let names: Vec<String> = (0..40).map(|n| format!("body {n}")).collect();
    let commit = |name: &String| put(&store, "a", name).unwrap().commit;
    let commits: Vec<_> = names.iter().map(commit).collect();
    put(&store, "b", "kept").unwrap();
    accept(&store, &names);
    let (is_done, looks) = (AtomicBool::new(false), AtomicBool::new(false));
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !is_done.load(Ordering::Acquire) {
                for name in &names {
                    let cid = leaf(name, 100).0;
                    match store.block(&cid) {
                        Ok(bytes) => assert_eq!(bytes, leaf(name, 100).1),
                        Err(error) => {
                            assert_eq!(error, StoreError::NotFound, "never damage");
                            assert_eq!(store.locate(&cid).unwrap().len(), 1, "then it is there");
                        }
                    }
                    assert!(is_here(&store, "kept"));
                    looks.store(true, Ordering::Release);
                }
            }
        });
        while !looks.load(Ordering::Acquire) {
            std::thread::yield_now();
        }
        for commit in &commits {
            store.publish("a", commit).unwrap();
            store.tick().unwrap();
        }
        is_done.store(true, Ordering::Release);
    });
    assert_eq!(store.progress().totals.retired_segments, 20);
    assert_eq!(
        store
            .audit(&billet_storage::list_files(folder.path(), "").unwrap())
            .unwrap(),
        []
    );
}

#[test]
fn what_somebody_reads_stays_until_it_is_read() {
    let mut config = config(NONE);
    config.retain.backlog_bytes_max = 10_000;
    let store = open(&Sim::new(), &config);
    put(&store, "a", "old one").unwrap();
    put(&store, "a", "old two").unwrap();
    let reading = store.reading();
    // Both are overwritten within the window: nobody ever ships them.
    put(&store, "a", "new one").unwrap();
    put(&store, "a", "new two").unwrap();
    ship(&store, "a", &["new one", "new two"]);
    store.tick().unwrap();
    assert!(is_here(&store, "old one") && is_here(&store, "old two"));
    assert!(!is_here(&store, "new one"), "nobody began to read that");
    let late = store.reading();
    drop(reading);
    store.tick().unwrap();
    assert!(!is_here(&store, "old one"), "whoever came late reads on");
    drop(late);
    assert_eq!(store.progress().totals.retired_segments, 2);
}

#[test]
fn who_reads_for_too_long_is_not_waited_for() {
    let mut config = config(NONE);
    config.retain.backlog_bytes_max = 1_000;
    let store = open(&Sim::new(), &config);
    let mut readings = Vec::new();
    for number in 0..8 {
        put(&store, "a", &format!("{number} one")).unwrap();
        put(&store, "a", &format!("{number} two")).unwrap();
        readings.push(store.reading());
        publish(&store, "a");
        store.tick().unwrap();
        assert!(is_here(&store, &format!("{number} one")));
    }
    assert!(!is_here(&store, "0 one"));
    assert!(data_segments(&store).len() > 1);
    drop(readings);
    store.tick().unwrap();
    assert_eq!(data_segments(&store).len(), 0);
}

#[test]
fn the_backlog_is_what_was_not_published_whether_it_is_kept_or_not() {
    let mut config = config(Keep::All);
    config.retain.backlog_bytes_max = 1 << 30;
    config.seal_bytes = 1 << 20;
    let store = open(&Sim::new(), &config);
    put(&store, "a", "one").unwrap();
    store.tick().unwrap();
    assert!(store.progress().backlog_bytes > 100);
    ship(&store, "a", &["one"]);
    store.tick().unwrap();
    assert_eq!(store.progress().backlog_bytes, 0);
    assert!(is_here(&store, "one"));
    put(&store, "a", "two").unwrap();
    assert!(store.progress().backlog_bytes > 100, "at once");
}
