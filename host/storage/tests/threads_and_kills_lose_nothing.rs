//! Many threads on a real disk, and a process that is killed while it writes.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
#![allow(clippy::indexing_slicing, missing_docs)]

mod common;

use std::io::{BufRead as _, BufReader};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::mpsc::channel;

use billet_storage::{CommitRequest, Committer, Effects, Store};
use common::{SPACE, change, leaf, node, small, write_body};

const THREADS: usize = 8;
const CHILD: &str = "BILLET_STORAGE_CHILD";

/// One put through the committer, tried again on the newer head after a conflict.
fn put(store: &Arc<Store>, committer: &Committer, log: &str, name: &str) -> u64 {
    let body = write_body(store, &[leaf(name, 3000)]).unwrap();
    let staged = store.stage(SPACE, vec![node(name)]).unwrap();
    let root = node(name).0;
    loop {
        let standing = store.head(log).unwrap();
        let (done, answer) = channel();
        let request = CommitRequest {
            log: log.to_owned(),
            expect: standing.newest.map(|head| head.commit),
            change: change(root, root, standing.now_ms),
            adopt: vec![body, staged],
            ..CommitRequest::default()
        };
        committer.submit(request, move |result| done.send(result).unwrap());
        match answer.recv().unwrap() {
            Ok(committed) => return committed.seq,
            Err(billet_storage::StoreError::Conflict) => {}
            Err(error) => panic!("{error}"),
        }
    }
}

#[test]
fn threads_share_groups_and_read_what_they_wrote() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(small(200_000), Effects::real(folder.path()).unwrap()).unwrap();
    let committer = Committer::start(Arc::clone(&store)).unwrap();
    std::thread::scope(|scope| {
        for thread in 0..THREADS {
            let (store, committer) = (&store, &committer);
            scope.spawn(move || {
                for n in 0..40 {
                    let name = format!("{thread} {n}");
                    // Half of them fight for one log.
                    let log = if n % 2 == 0 {
                        "shared".to_owned()
                    } else {
                        thread.to_string()
                    };
                    put(store, committer, &log, &name);
                    common::read(store, &name, 3000).unwrap();
                    assert_eq!(store.block(&node(&name).0).unwrap(), node(&name).1);
                }
            });
        }
    });
    let seq = |log: &str| store.head(log).unwrap().newest.unwrap().seq;
    assert_eq!(seq("shared"), 20 * THREADS as u64, "no lost update");
    assert_eq!(seq("3"), 20);
    drop(committer);
    store.close().unwrap();
    drop(store);
    let store = Store::open(small(200_000), Effects::real(folder.path()).unwrap()).unwrap();
    assert_eq!(store.recovery().unclosed, 0);
    for thread in 0..THREADS {
        for n in 0..40 {
            common::read(&store, &format!("{thread} {n}"), 3000).unwrap();
        }
    }
    let files = billet_storage::list_files(folder.path(), "").unwrap();
    assert_eq!(store.audit(&files).unwrap(), []);
}

/// Not a test of its own: the process that the next test kills.
#[test]
fn the_process_that_is_killed() {
    let Ok(folder) = std::env::var(CHILD) else {
        return;
    };
    let effects = Effects::real(folder.as_ref()).unwrap();
    let store = Store::open(small(50_000), effects).unwrap();
    let committer = Committer::start(Arc::clone(&store)).unwrap();
    loop {
        let seq = store.head("log").unwrap().newest.map_or(0, |head| head.seq);
        let seq = put(&store, &committer, "log", &(seq + 1).to_string());
        println!("acknowledged {seq}");
    }
}

#[test]
fn a_killed_process_loses_nothing_it_acknowledged() {
    let folder = tempfile::tempdir().unwrap();
    let mut acknowledged = 0_u64;
    for round in 1..=6 {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "the_process_that_is_killed", "--nocapture"])
            .env(CHILD, folder.path())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let seqs = lines.map_while(Result::ok).filter_map(|line| {
            line.rsplit_once("acknowledged ")
                .and_then(|(_, seq)| seq.parse::<u64>().ok())
        });
        let before = acknowledged;
        for seq in seqs {
            acknowledged = seq;
            if seq == before + 17 * round {
                child.kill().unwrap();
            }
        }
        child.wait().unwrap();
        assert!(
            acknowledged >= before + 17 * round,
            "it was killed, and did not end by itself"
        );
        let effects = Effects::real(folder.path()).unwrap();
        let store = Store::open(small(50_000), effects).unwrap();
        assert_eq!(store.recovery().damage, []);
        assert!(store.recovery().unclosed > 0);
        let seq = store.head("log").unwrap().newest.unwrap().seq;
        assert!(
            seq >= acknowledged,
            "I1: {acknowledged} was acknowledged, {seq} is there"
        );
        for n in 1..=seq {
            common::read(&store, &n.to_string(), 3000).unwrap();
        }
        acknowledged = seq;
    }
}
