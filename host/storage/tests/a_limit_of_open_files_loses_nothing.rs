//! Whatever number of files a process may have open, a store that is whole is never called
//! damaged: it answers, since tables of segments give way, or says that the process is at a limit.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
#![allow(clippy::indexing_slicing, missing_docs)]

mod common;

use billet_storage::sim::{Sim, Survivors};
use billet_storage::{FindingKind, OpenError, StoreError};
use common::{node, put, read, small};

/// More than files that a store needs at once, fewer than the files of this one.
const FILES_MAX: usize = 12;

/// A closed store of many segments.
fn closed(names: &[String]) -> Sim {
    let sim = Sim::new();
    let store = common::open(&sim, &small(300));
    for name in names {
        put(&store, name, name).unwrap();
    }
    store.close().unwrap();
    drop(store);
    sim
}

fn says_limit(text: &str) -> bool {
    text.contains("at a limit") && text.contains("Too many open files")
}

fn told<T>(done: Result<T, StoreError>) -> bool {
    match done {
        Ok(_) => true,
        Err(StoreError::Exhausted(text)) => {
            assert!(text.contains("Too many open files"), "{text}");
            false
        }
        Err(error) => panic!("{error}"),
    }
}

#[test]
fn a_limit_of_open_files_loses_nothing() {
    let names: Vec<_> = (0..20).map(|number| format!("log-{number:02}")).collect();
    let origin = closed(&names);
    assert!(origin.files().len() > 60, "{}", origin.files().len());
    let mut is_enough = Vec::new();
    for limit in 0..=FILES_MAX {
        let sim = origin.image(Survivors::All);
        sim.limit_files(Some(limit));
        let store = match billet_storage::Store::open(small(300), sim.effects()) {
            Ok(store) => store,
            Err(OpenError::Store(error)) if says_limit(&error.to_string()) => {
                is_enough.push(false);
                continue;
            }
            Err(error) => panic!("with {limit} files: {error}"),
        };
        assert_eq!(store.recovery().damage, [], "with {limit} files");
        let mut all = true;
        for name in &names {
            all &= told(read(&store, name, 100));
            all &= told(store.block(&node(name).0));
        }
        let (files, mut findings) = (sim.clone(), Vec::new());
        all &= told(store.check(&move |_| Ok(files.files()), &mut findings));
        findings.retain(|one| one.kind != FindingKind::Index);
        assert_eq!(findings, [], "with {limit} files");
        all &= told(put(&store, "log-00", "more"));
        is_enough.push(all);
    }
    println!("{is_enough:?}");
    assert!(!is_enough[0] && is_enough[FILES_MAX], "{is_enough:?}");
    assert!(
        is_enough.is_sorted(),
        "more files never do less: {is_enough:?}"
    );
}
