//! Records and checkpoints: back again after any history, and never with a byte changed.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs
)]

mod common;

use billet_plain::{
    CHECKPOINT_COMMITS, CheckpointError, Claims, Draft, Journal, read_checkpoint, read_record,
    write_checkpoint, write_record,
};
use common::{change, commit, row};
use proptest::prelude::*;

#[derive(Clone, Debug)]
enum Step {
    Root,
    Row(u8, Option<u8>),
    Hold(u64),
    Adopt(u64),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        Just(Step::Root),
        (0..8_u8, proptest::option::of(0..200_u8)).prop_map(|(key, value)| Step::Row(key, value)),
        (0..6_u64).prop_map(Step::Hold),
        (0..6_u64).prop_map(Step::Adopt),
    ]
}

/// Does the steps; those that the rules refuse leave no commit.
fn history(steps: &[Step]) -> (Journal, Vec<Vec<u8>>) {
    let mut journal = Journal::new("log");
    let mut claims = Claims::default();
    for id in 0..6 {
        claims.open(id, "here", 0);
    }
    let begin = Draft {
        change: Some(change("here", 1)),
        ..Draft::default()
    };
    let mut files = vec![
        write_record(&commit(&mut journal, begin, &claims))
            .unwrap()
            .1,
    ];
    for (at, step) in steps.iter().enumerate() {
        let mut draft = Draft {
            expect: journal.newest().map(|newest| newest.commit),
            ..Draft::default()
        };
        match step {
            Step::Root => draft.change = Some(change("here", 2 + at as u64)),
            Step::Row(key, value) => {
                let value = value.map(|length| vec![*key; usize::from(length)]);
                draft.rows = vec![row(&[*key, 0xff], value.as_deref())];
            }
            Step::Hold(id) => draft.hold = vec![*id],
            Step::Adopt(id) => draft.adopt = vec![*id],
        }
        if let Ok(record) = journal.draft(draft, &claims) {
            for id in record.adopt.iter().chain(&record.hold) {
                claims.forget(*id);
            }
            let (cid, file) = write_record(&record).unwrap();
            journal.follow(cid, record).unwrap();
            files.push(file);
        }
    }
    (journal, files)
}

fn replay(mut journal: Journal, files: &[Vec<u8>]) -> Journal {
    for file in files {
        let (cid, record) = read_record(file).unwrap();
        journal.follow(cid, record).unwrap();
    }
    journal
}

proptest! {
    #[test]
    fn a_log_is_its_records(steps in proptest::collection::vec(step(), 0..40)) {
        let (journal, files) = history(&steps);
        prop_assert_eq!(replay(Journal::new("log"), &files), journal);
    }

    #[test]
    fn a_log_is_a_checkpoint_and_later_records(
        steps in proptest::collection::vec(step(), 0..40),
        cut in 0..41_usize,
    ) {
        let (whole, files) = history(&steps);
        let cut = 1 + cut % files.len();
        let middle = replay(Journal::new("log"), &files[..cut]);
        let file = write_checkpoint(&middle).unwrap().unwrap();
        let mut from_checkpoint = replay(read_checkpoint("log", &file).unwrap(), &files[cut..]);
        let mut whole = whole;
        // Only where the checkpoint was is another thing.
        whole.set_checkpoint(cut as u64);
        from_checkpoint.set_checkpoint(cut as u64);
        prop_assert_eq!(from_checkpoint, whole);
    }

    #[test]
    fn a_changed_byte_is_seen(at in any::<prop::sample::Index>(), bit in 0..8_u8) {
        let (journal, files) = history(&[Step::Row(1, Some(9)), Step::Hold(2)]);
        let mut record = files[1].clone();
        let at_record = at.index(record.len());
        record[at_record] ^= 1 << bit;
        prop_assert!(read_record(&record).is_err());
        let mut checkpoint = write_checkpoint(&journal).unwrap().unwrap();
        let at_checkpoint = at.index(checkpoint.len());
        checkpoint[at_checkpoint] ^= 1 << bit;
        prop_assert_eq!(read_checkpoint("log", &checkpoint), Err(CheckpointError::Damaged));
    }

    #[test]
    fn a_cut_file_is_seen(at in any::<prop::sample::Index>()) {
        let (journal, files) = history(&[Step::Row(1, Some(9))]);
        prop_assert!(read_record(&files[1][..at.index(files[1].len())]).is_err());
        let checkpoint = write_checkpoint(&journal).unwrap().unwrap();
        let cut = &checkpoint[..at.index(checkpoint.len())];
        prop_assert_eq!(read_checkpoint("log", cut), Err(CheckpointError::Damaged));
    }
}

#[test]
fn a_checkpoint_of_another_log_is_not_taken() {
    let (journal, _) = history(&[]);
    let file = write_checkpoint(&journal).unwrap().unwrap();
    assert_eq!(read_checkpoint("other", &file), Err(CheckpointError::Other));
    assert_eq!(write_checkpoint(&Journal::new("log")).unwrap(), None);
}

#[test]
fn a_checkpoint_is_due_after_so_many_commits() {
    let mut journal = Journal::new("log");
    let claims = Claims::default();
    let begin = Draft {
        change: Some(change("here", 1)),
        ..Draft::default()
    };
    commit(&mut journal, begin, &claims);
    for seq in 2..=2 * CHECKPOINT_COMMITS {
        assert_eq!(
            journal.is_checkpoint_due(),
            seq == CHECKPOINT_COMMITS + 1,
            "{seq}"
        );
        if journal.is_checkpoint_due() {
            journal.set_checkpoint(CHECKPOINT_COMMITS);
        }
        commit(&mut journal, Draft::default(), &claims);
    }
    assert!(journal.is_checkpoint_due());
}
