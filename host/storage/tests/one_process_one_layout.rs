//! One process at a time, one schema, one layout.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
#![allow(clippy::indexing_slicing, missing_docs)]

mod common;

use std::collections::BTreeMap;
use std::sync::Arc;

use billet_storage::sim::Sim;
use billet_storage::{Config, Disk, Effects, Kv, MemoryKv, OpenError, RealDisk, RedbKv, Store};
use common::{open, put, small};

#[test]
fn a_second_store_on_one_folder_is_refused_by_name() {
    let sim = Sim::new();
    let first = open(&sim, &small(1000));
    let second = Store::open(small(1000), sim.effects());
    assert!(matches!(second, Err(OpenError::Locked(_))));
    drop(first);
    open(&sim, &small(1000));
}

#[test]
fn another_name_of_the_folder_does_not_help() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("root");
    let first = Store::open(Config::default(), Effects::real(&root).unwrap()).unwrap();
    let link = folder.path().join("link");
    std::os::unix::fs::symlink(&root, &link).unwrap();
    for alias in [root.clone(), link, folder.path().join("root/../root/.")] {
        let refused = Store::open(Config::default(), Effects::real(&alias).unwrap()).unwrap_err();
        let name = root.canonicalize().unwrap().display().to_string();
        assert!(
            refused.to_string().contains(&name),
            "{refused} names {name}"
        );
    }
    drop(first);
    Store::open(Config::default(), Effects::real(&root).unwrap()).unwrap();
}

#[test]
fn a_newer_schema_and_other_pinned_values_are_refused_with_both() {
    let sim = Sim::new();
    let pinned = |value: &str| Config {
        pinned: vec![("leaf_bytes".to_owned(), value.to_owned())],
        ..small(1000)
    };
    drop(open(&sim, &pinned("1048576")));
    let refused = Store::open(pinned("4096"), sim.effects())
        .unwrap_err()
        .to_string();
    assert!(
        refused.contains("leaf_bytes") && refused.contains("1048576"),
        "{refused}"
    );
    assert!(refused.contains("4096"), "{refused}");
    drop(open(&sim, &pinned("1048576")));
    let effects = sim.effects();
    let kv = (effects.open_kv)().unwrap();
    kv.batch(&[(b"meta/schema".to_vec(), Some(b"2".to_vec()))])
        .unwrap();
    let before = sim.calls();
    let newer = Store::open(pinned("1048576"), sim.effects());
    assert!(matches!(newer, Err(OpenError::Newer { .. })));
    assert_eq!(sim.calls(), before, "nothing was written");
}

#[test]
fn a_malformed_key_is_named() {
    let sim = Sim::new();
    drop(open(&sim, &small(1000)));
    let kv = (sim.effects().open_kv)().unwrap();
    kv.batch(&[(b"segment/data/7".to_vec(), Some(vec![1]))])
        .unwrap();
    let refused = Store::open(small(1000), sim.effects())
        .unwrap_err()
        .to_string();
    assert!(refused.contains("segment/data/7"), "{refused}");
}

#[test]
fn the_table_in_a_file_does_what_the_one_in_memory_does() {
    let folder = tempfile::tempdir().unwrap();
    let disk: Arc<dyn Disk> = Arc::new(RealDisk::new(folder.path()).unwrap());
    let model = MemoryKv::new(BTreeMap::new());
    let mut seed = 7_u64;
    let mut draw = |below: u64| {
        seed = seed
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (seed >> 33) % below
    };
    for _ in 0..5 {
        let kv = RedbKv::open(Arc::clone(&disk), "table.redb").unwrap();
        for _ in 0..12 {
            let mut changes = Vec::new();
            for _ in 0..draw(6) {
                let key = vec![b'a' + draw(3) as u8, draw(9) as u8];
                changes.push((key, (draw(3) > 0).then(|| vec![draw(256) as u8; 5])));
            }
            kv.batch(&changes).unwrap();
            model.batch(&changes).unwrap();
            let prefix = vec![b'a' + draw(3) as u8];
            let after = (draw(2) > 0).then(|| vec![b'a' + draw(3) as u8, draw(9) as u8]);
            let limit = draw(5) as usize;
            let scan = |kv: &dyn Kv| kv.scan(&prefix, after.as_deref(), limit).unwrap();
            assert_eq!(scan(&kv), scan(&model));
            let key = [prefix[0], draw(9) as u8];
            assert_eq!(kv.get(&key), model.get(&key));
        }
    }
}

#[test]
fn a_store_on_a_real_disk_is_found_again() {
    let folder = tempfile::tempdir().unwrap();
    let open = || Store::open(small(2000), Effects::real(folder.path()).unwrap()).unwrap();
    for round in 0..4 {
        let store: Arc<Store> = open();
        assert_eq!(store.recovery().damage, []);
        for earlier in 0..round * 5 {
            common::read(&store, &earlier.to_string(), 100).unwrap();
        }
        for name in round * 5..round * 5 + 5 {
            put(&store, "log", &name.to_string()).unwrap();
        }
        assert_eq!(
            store.head("log").unwrap().newest.unwrap().seq,
            round as u64 * 5 + 5
        );
        if round % 2 == 0 {
            store.close().unwrap();
        }
        let files = billet_storage::list_files(folder.path(), "").unwrap();
        assert!(files.iter().any(|file| file.ends_with(".car")));
        assert_eq!(store.audit(&files).unwrap(), []);
    }
}
