//! How many logs an instance remembers, how large they may be together, and which go first.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs
)]

mod common;

use billet_plain::{
    Claims, Draft, JOURNALS_MAX, Journal, Journals, ROWS_BYTES_MAX, Record, RowChange,
};
use common::{change, cid, commit};

fn begun(log: &str) -> Journal {
    let mut journal = Journal::new(log);
    let draft = Draft {
        change: Some(change("here", 1)),
        ..Draft::default()
    };
    commit(&mut journal, draft, &Claims::default());
    journal
}

/// Gives a log one more row. It is larger than a commit may make it, which saves time.
fn grow(journal: &mut Journal, bytes: u64) {
    let draft = Draft {
        expect: journal.newest().map(|newest| newest.commit),
        ..Draft::default()
    };
    let record = journal.draft(draft, &Claims::default()).unwrap();
    let key = journal.next_seq().to_be_bytes();
    let value = vec![0; usize::try_from(bytes).unwrap() - key.len()];
    let rows = vec![RowChange {
        key: key.to_vec().into(),
        value: Some(value.into()),
    }];
    journal.follow(cid(7), Record { rows, ..record }).unwrap();
}

fn large(log: &str, bytes: u64) -> Journal {
    let mut journal = begun(log);
    grow(&mut journal, bytes);
    journal
}

fn known<'a>(journals: &Journals, logs: &[&'a str]) -> Vec<&'a str> {
    let known = logs.iter().filter(|log| journals.has(log));
    known.copied().collect()
}

#[test]
fn the_one_left_alone_longest_goes_first() {
    let mut journals = Journals::default();
    let names: Vec<String> = (0..=JOURNALS_MAX).map(|at| format!("log{at}")).collect();
    for name in &names[..JOURNALS_MAX] {
        journals.remember(begun(name));
        journals.with(name, |_| ()).unwrap();
    }
    journals.with("log0", |_| ()).unwrap();
    journals.remember(begun(&names[JOURNALS_MAX]));
    let gone: Vec<_> = names.iter().filter(|name| !journals.has(name)).collect();
    assert_eq!(gone, ["log1"]);
}

#[test]
fn beside_the_one_in_use_there_are_as_many_bytes_as_one_may_have() {
    let logs = ["a", "b", "c", "d"];
    let mut journals = Journals::default();
    for log in logs {
        journals.remember(large(log, ROWS_BYTES_MAX / 2));
        journals.with(log, |_| ()).unwrap();
    }
    assert_eq!(known(&journals, &logs), ["b", "c", "d"]);
    // One that is as large as can be stays beside one other.
    journals.remember(large("a", ROWS_BYTES_MAX));
    assert_eq!(known(&journals, &logs), ["a", "c", "d"]);
    journals.with("d", |_| ()).unwrap();
    assert_eq!(known(&journals, &logs), ["a", "d"]);
}

#[test]
fn a_log_that_grows_makes_room_when_another_is_used() {
    let logs = ["a", "b"];
    let mut journals = Journals::default();
    journals.remember(begun("a"));
    journals.remember(begun("b"));
    journals
        .with("a", |journal| grow(journal, ROWS_BYTES_MAX))
        .unwrap();
    journals.with("b", |_| ()).unwrap();
    assert_eq!(known(&journals, &logs), ["a", "b"]);
    journals.with("a", |journal| grow(journal, 9)).unwrap();
    journals.with("b", |_| ()).unwrap();
    assert_eq!(known(&journals, &logs), ["b"]);
}

#[test]
fn what_was_only_glanced_at_displaces_nothing() {
    let logs = ["a", "b", "c", "used"];
    let mut journals = Journals::default();
    journals.remember(large("used", ROWS_BYTES_MAX / 2));
    journals.with("used", |_| ()).unwrap();
    for log in ["a", "b", "c"] {
        journals.remember(large(log, ROWS_BYTES_MAX));
        journals.with(log, |_| ()).unwrap();
        journals.set_glanced(log);
    }
    assert_eq!(known(&journals, &logs), ["c", "used"]);
}
