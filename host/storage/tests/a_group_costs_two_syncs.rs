//! What a group of commits costs, and how its commits get on with each other.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
#![allow(clippy::indexing_slicing, missing_docs)]

mod common;

use billet_storage::sim::Sim;
use billet_storage::{CommitRequest, StoreError};
use common::{SPACE, change, commit_one, leaf, node, open, small, write_body};

const LOGS: usize = 32;

#[test]
fn thirty_two_commits_are_one_sync_of_each_plane() {
    let sim = Sim::new();
    let store = open(&sim, &small(1 << 20));
    for round in 0..3 {
        let mut requests = Vec::new();
        for log in 0..LOGS {
            let name = format!("{round} {log}");
            let body = write_body(&store, &[leaf(&name, 500)]).unwrap();
            let staged = store.stage(SPACE, vec![node(&name)]).unwrap();
            let root = node(&name).0;
            requests.push(CommitRequest {
                log: log.to_string(),
                expect: store
                    .head(&log.to_string())
                    .unwrap()
                    .newest
                    .map(|head| head.commit),
                change: change(root, root, 1),
                adopt: vec![body, staged],
                ..CommitRequest::default()
            });
        }
        let before = sim.trace().len();
        assert!(store.commit_group(requests).iter().all(Result::is_ok));
        let trace = sim.trace().split_off(before);
        let count = |call: &str, plane: &str| {
            trace
                .iter()
                .filter(|c| c.starts_with(call) && c.contains(plane))
                .count()
        };
        if round > 0 {
            assert_eq!(
                (count("sync", "/data/"), count("sync", "/catalog/")),
                (1, 1)
            );
            assert_eq!(
                count("batch", ""),
                0,
                "a commit costs no write of the table"
            );
            assert_eq!(
                trace.iter().filter(|call| call.starts_with("sync")).count(),
                2
            );
            let data = trace
                .iter()
                .position(|call| call.starts_with("sync"))
                .unwrap();
            let record = trace
                .iter()
                .position(|call| call.starts_with("write"))
                .unwrap();
            assert!(
                data < record,
                "I5: data is durable before the record is written"
            );
            assert!(
                trace.last().unwrap().starts_with("sync"),
                "nothing after the last sync"
            );
        }
    }
}

#[test]
fn of_two_on_one_head_the_first_wins() {
    let sim = Sim::new();
    let store = open(&sim, &small(1 << 20));
    let root = node("root").0;
    let request = |expect, log: &str| CommitRequest {
        log: log.to_owned(),
        expect,
        change: change(root, root, 7),
        ..CommitRequest::default()
    };
    let answers = store.commit_group(vec![request(None, "a"), request(None, "a")]);
    let first = answers[0].clone().unwrap();
    assert_eq!(answers[1], Err(StoreError::Conflict));
    let next = store.commit_group(vec![request(Some(first.commit), "a"), request(None, "b")]);
    assert_eq!(
        (next[0].clone().unwrap().seq, next[1].clone().unwrap().seq),
        (2, 1)
    );
    // The same root and state again is another record: the chain does not come back.
    assert_ne!(next[0].clone().unwrap().commit, first.commit);
    assert_eq!(
        commit_one(&store, request(Some(first.commit), "a")),
        Err(StoreError::Conflict)
    );
}

#[test]
fn obligations_are_checked() {
    let sim = Sim::new();
    let store = open(&sim, &small(1 << 20));
    let root = node("root").0;
    let invalid = |request: CommitRequest| {
        let answer = commit_one(&store, request);
        assert!(matches!(answer, Err(StoreError::Invalid(_))), "{answer:?}");
    };
    let good = CommitRequest {
        log: "a".to_owned(),
        change: change(root, root, 1000),
        ..CommitRequest::default()
    };
    invalid(CommitRequest {
        log: String::new(),
        ..good.clone()
    });
    invalid(CommitRequest {
        log: "x".repeat(256),
        ..good.clone()
    });
    invalid(CommitRequest {
        log: "a\0b".to_owned(),
        ..good.clone()
    });
    invalid(CommitRequest {
        change: None,
        ..good.clone()
    });
    let row = |key: usize, value: usize| billet_storage::RowChange {
        key: vec![0; key].into(),
        value: Some(vec![0; value].into()),
    };
    invalid(CommitRequest {
        rows: vec![row(1281, 0)],
        ..good.clone()
    });
    invalid(CommitRequest {
        rows: vec![row(1, 4097)],
        ..good.clone()
    });
    invalid(CommitRequest {
        rows: (0..600).map(|_| row(9, 4096)).collect(),
        ..good.clone()
    });
    assert_eq!(store.head("a").unwrap().newest, None);
    let longest = CommitRequest {
        rows: vec![row(1280, 4096)],
        ..good
    };
    commit_one(&store, longest).unwrap();
}

#[test]
fn time_never_goes_back() {
    let sim = Sim::new();
    let store = open(&sim, &small(1 << 20));
    let root = node("root").0;
    let at = |expect, time_ms| CommitRequest {
        log: "a".to_owned(),
        expect,
        change: change(root, root, time_ms),
        ..CommitRequest::default()
    };
    let expect = Some(commit_one(&store, at(None, 1000)).unwrap().commit);
    let earlier = commit_one(&store, at(expect, 999));
    assert!(
        matches!(earlier, Err(StoreError::Invalid(_))),
        "{earlier:?}"
    );
    sim.set_now_ms(3);
    let standing = store.head("a").unwrap();
    assert_eq!(
        standing.now_ms, 1000,
        "I7: never below the newest commit's time"
    );
    commit_one(
        &store,
        CommitRequest {
            change: None,
            ..at(expect, 0)
        },
    )
    .unwrap();
    assert_eq!(store.head("a").unwrap().newest.unwrap().time_ms, 1000);
}

#[test]
fn rows_and_heads_are_paged_in_order_over_seals() {
    let sim = Sim::new();
    let store = open(&sim, &small(700));
    let root = node("root").0;
    let mut expected = std::collections::BTreeMap::new();
    let mut expect = None;
    for round in 0..60_u8 {
        let key = vec![b'k', round % 23];
        let value = (round % 5 != 4).then(|| vec![round]);
        match &value {
            Some(value) => expected.insert(key.clone(), value.clone()),
            None => expected.remove(&key),
        };
        let row = billet_storage::RowChange {
            key: key.into(),
            value: value.map(Into::into),
        };
        let request = CommitRequest {
            log: "a".to_owned(),
            expect,
            change: change(root, root, 1),
            rows: vec![row],
            ..CommitRequest::default()
        };
        expect = Some(commit_one(&store, request).unwrap().commit);
        for limit in [1, 3, 1000] {
            let mut found = Vec::new();
            while let page = store
                .rows(
                    "a",
                    b"k",
                    found.last().map(|(k, _): &(Vec<u8>, _)| k.as_slice()),
                    limit,
                )
                .unwrap()
                && !page.is_empty()
            {
                found.extend(page);
            }
            assert_eq!(found, expected.clone().into_iter().collect::<Vec<_>>());
        }
    }
    assert_eq!(store.rows("a", b"x", None, 10).unwrap(), []);
    assert!(
        store.segments().len() > 5,
        "the rows went through many seals"
    );
    let names: Vec<_> = store
        .heads("", None, 10)
        .unwrap()
        .into_iter()
        .map(|(log, _)| log)
        .collect();
    assert_eq!(names, ["a"]);
}
