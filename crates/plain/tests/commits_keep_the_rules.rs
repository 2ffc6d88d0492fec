//! What a commit may ask for, and what it leaves behind.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs
)]

mod common;

use billet_plain::{
    CLAIM_AGE_MS_MAX, CLAIMS_MAX, Claims, Draft, Journal, ROW_KEY_BYTES_MAX, ROW_VALUE_BYTES_MAX,
    ROWS_BYTES_MAX, Refused, RowChange, write_record,
};
use common::{change, cid, commit, row};

fn begun() -> Journal {
    let mut journal = Journal::new("log");
    let draft = Draft {
        change: Some(change("here", 10)),
        ..Draft::default()
    };
    commit(&mut journal, draft, &Claims::default());
    journal
}

fn expecting(journal: &Journal) -> Draft {
    Draft {
        expect: journal.newest().map(|newest| newest.commit),
        ..Draft::default()
    }
}

#[test]
fn only_the_newest_record_may_be_expected() {
    let mut journal = begun();
    let claims = Claims::default();
    let old = expecting(&journal);
    commit(&mut journal, Draft::default(), &claims);
    for expect in [None, old.expect, Some(cid(77))] {
        let draft = Draft {
            expect,
            ..Draft::default()
        };
        assert_eq!(journal.draft(draft, &claims), Err(Refused::Conflict));
    }
    let first = Draft {
        expect: Some(cid(1)),
        change: Some(change("here", 1)),
        ..Draft::default()
    };
    assert_eq!(
        Journal::new("log").draft(first, &claims),
        Err(Refused::Conflict)
    );
}

#[test]
fn nothing_is_committed_below_a_record_that_was_linked() {
    let mut journal = begun();
    let claims = Claims::default();
    journal.set_listed(3);
    journal.set_listed(1);
    for seq in [2, 3] {
        assert!(journal.is_listed(seq));
        let refused = journal.draft(expecting(&journal), &claims);
        assert_eq!(refused, Err(Refused::Conflict));
        let mut next = begun();
        while next.next_seq() < seq {
            commit(&mut next, Draft::default(), &claims);
        }
        let record = next.draft(expecting(&next), &claims).unwrap();
        let (cid, _) = write_record(&record).unwrap();
        journal.follow(cid, record).unwrap();
    }
    assert!(!journal.is_listed(4));
    assert!(journal.draft(expecting(&journal), &claims).is_ok());
}

#[test]
fn a_root_that_comes_back_is_another_record() {
    let mut journal = begun();
    let claims = Claims::default();
    let before = journal.newest().unwrap().clone();
    let there = Draft {
        change: Some(change("here", 11)),
        ..Draft::default()
    };
    commit(&mut journal, there, &claims);
    let mut again = change("here", 10);
    again.time = 11;
    commit(
        &mut journal,
        Draft {
            change: Some(again),
            ..Draft::default()
        },
        &claims,
    );
    let after = journal.newest().unwrap();
    assert_eq!((before.root, before.state), (after.root, after.state));
    assert_ne!(before.commit, after.commit);
    assert_eq!(after.seq, 3);
}

#[test]
fn a_log_begins_with_a_root_and_its_time_never_goes_back() {
    let claims = Claims::default();
    let refused = Journal::new("log").draft(Draft::default(), &claims);
    assert!(matches!(refused, Err(Refused::Invalid(_))));
    let journal = begun();
    let back = Draft {
        change: Some(change("here", 9)),
        ..expecting(&journal)
    };
    assert!(matches!(
        journal.draft(back, &claims),
        Err(Refused::Invalid(_))
    ));
    let still = Draft {
        change: Some(change("here", 10)),
        ..expecting(&journal)
    };
    assert!(journal.draft(still, &claims).is_ok());
}

#[test]
fn claims_are_known_named_once_and_of_the_space() {
    let journal = begun();
    let mut claims = Claims::default();
    assert!(claims.open(1, "here", 0));
    assert!(claims.open(2, "elsewhere", 0));
    let ask = |adopt: &[u64], hold: &[u64], discard: &[u64]| {
        let draft = Draft {
            adopt: adopt.to_vec(),
            hold: hold.to_vec(),
            discard: discard.to_vec(),
            ..expecting(&journal)
        };
        journal.draft(draft, &claims).map(|_| ())
    };
    assert_eq!(ask(&[1], &[], &[]), Ok(()));
    assert_eq!(ask(&[], &[1], &[2]), Ok(()));
    assert_eq!(ask(&[3], &[], &[]), Err(Refused::UnknownClaim));
    assert_eq!(ask(&[], &[3], &[]), Err(Refused::UnknownClaim));
    assert_eq!(ask(&[], &[], &[3]), Err(Refused::UnknownClaim));
    assert!(matches!(ask(&[2], &[], &[]), Err(Refused::Invalid(_))));
    assert!(matches!(ask(&[], &[2], &[]), Err(Refused::Invalid(_))));
    assert!(matches!(ask(&[1], &[1], &[]), Err(Refused::Invalid(_))));
    assert!(matches!(ask(&[1, 1], &[], &[]), Err(Refused::Invalid(_))));
}

#[test]
fn held_claims_outlive_the_instance_and_end_once() {
    let mut journal = begun();
    let mut claims = Claims::default();
    for id in [5, 6] {
        assert!(claims.open(id, "here", 0));
    }
    commit(
        &mut journal,
        Draft {
            hold: vec![5, 6],
            ..Draft::default()
        },
        &claims,
    );
    let nothing = Claims::default();
    commit(
        &mut journal,
        Draft {
            adopt: vec![5],
            ..Draft::default()
        },
        &nothing,
    );
    commit(
        &mut journal,
        Draft {
            discard: vec![6],
            ..Draft::default()
        },
        &nothing,
    );
    for id in [5, 6] {
        let draft = Draft {
            adopt: vec![id],
            ..expecting(&journal)
        };
        assert_eq!(journal.draft(draft, &nothing), Err(Refused::UnknownClaim));
    }
}

#[test]
fn rows_are_set_deleted_and_scanned_in_order() {
    let mut journal = begun();
    let claims = Claims::default();
    let rows = [&b"b"[..], b"a/2", b"a/10", b"a/1", b"a", b"a0"];
    let rows = rows.map(|key| row(key, Some(key))).to_vec();
    commit(
        &mut journal,
        Draft {
            rows,
            ..Draft::default()
        },
        &claims,
    );
    let rows = vec![row(b"a/2", None), row(b"a/1", Some(b"new"))];
    commit(
        &mut journal,
        Draft {
            rows,
            ..Draft::default()
        },
        &claims,
    );
    let scan = |prefix: &'static [u8], after: Option<&'static [u8]>| -> Vec<String> {
        journal
            .scan(prefix, after)
            .map(|(key, value)| String::from_utf8([key, b"=", value].concat()).unwrap())
            .collect()
    };
    assert_eq!(scan(b"a/", None), ["a/1=new", "a/10=a/10"]);
    assert_eq!(scan(b"a/", Some(b"a/1")), ["a/10=a/10"]);
    assert_eq!(scan(b"a/", Some(b"")), ["a/1=new", "a/10=a/10"]);
    assert_eq!(scan(b"a/", Some(b"b")), Vec::<String>::new());
    assert_eq!(scan(b"", Some(b"a0")), ["b=b"]);
    assert_eq!(journal.row(b"a/1"), Some(&b"new"[..]));
    assert_eq!(journal.row(b"a/2"), None);
}

#[test]
fn rows_have_limits() {
    let journal = begun();
    let claims = Claims::default();
    let ask = |key: usize, value: usize| {
        let rows = vec![row(&vec![1; key], Some(&vec![1; value]))];
        journal
            .draft(
                Draft {
                    rows,
                    ..expecting(&journal)
                },
                &claims,
            )
            .is_ok()
    };
    assert!(ask(ROW_KEY_BYTES_MAX, ROW_VALUE_BYTES_MAX));
    assert!(!ask(ROW_KEY_BYTES_MAX + 1, 0));
    assert!(!ask(1, ROW_VALUE_BYTES_MAX + 1));
}

#[test]
fn a_full_log_takes_what_makes_it_no_larger() {
    let claims = Claims::default();
    let value = vec![1; ROW_VALUE_BYTES_MAX];
    let rows: Vec<_> = (0..ROWS_BYTES_MAX / (8 + ROW_VALUE_BYTES_MAX as u64))
        .map(|number| row(&number.to_be_bytes(), Some(&value)))
        .collect();
    let first = rows[0].key.clone();
    let mut journal = begun();
    let filled = journal.draft(
        Draft {
            rows,
            ..expecting(&journal)
        },
        &claims,
    );
    journal.follow(cid(1), filled.unwrap()).unwrap();
    let ask = |rows: &[RowChange]| {
        let draft = Draft {
            rows: rows.to_vec(),
            ..expecting(&journal)
        };
        journal.draft(draft, &claims).map(|_| ())
    };
    let new = |key: &[u8]| row(key, Some(&value));
    let gone = || row(&first, None);
    // Full but for the rest of a row.
    assert_eq!(ask(&[row(b"n", Some(b"small"))]), Ok(()));
    assert_eq!(ask(&[new(b"n")]), Err(Refused::Full));
    // Another value as long, and a row in place of another, in either order.
    assert_eq!(ask(&[new(&first)]), Ok(()));
    assert_eq!(ask(&[gone(), new(b"n")]), Ok(()));
    assert_eq!(ask(&[new(b"n"), gone()]), Ok(()));
    // What is freed counts once, and what is set and deleted again not at all.
    assert_eq!(
        ask(&[gone(), gone(), new(b"n"), new(b"m")]),
        Err(Refused::Full)
    );
    assert_eq!(ask(&[new(b"n"), new(b"n"), row(b"n", None)]), Ok(()));
    assert_eq!(ask(&[gone(), new(b"n"), new(&first)]), Err(Refused::Full));
    // A row that was never there frees nothing.
    assert_eq!(ask(&[row(b"m", None), new(b"n")]), Err(Refused::Full));
}

#[test]
fn nothing_but_the_next_record_is_followed() {
    let mut journal = begun();
    let good = journal
        .draft(expecting(&journal), &Claims::default())
        .unwrap();
    let breaches: [fn(&mut billet_plain::Record); 5] = [
        |record| record.seq += 1,
        |record| record.seq -= 1,
        |record| record.prev = None,
        |record| record.log = "other".to_owned(),
        |record| record.time -= 1,
    ];
    for breach in breaches {
        let mut record = good.clone();
        breach(&mut record);
        let before = journal.clone();
        let (cid, _) = write_record(&record).unwrap();
        assert!(journal.follow(cid, record).is_err());
        assert_eq!(journal, before);
    }
    let (cid, _) = write_record(&good).unwrap();
    assert!(journal.follow(cid, good).is_ok());
}

#[test]
fn pending_claims_grow_old_and_are_bounded() {
    let mut claims = Claims::default();
    assert!(claims.open(1, "here", 1000));
    assert!(!claims.open(1, "here", 1000));
    assert!(claims.open(2, "here", 1000 + CLAIM_AGE_MS_MAX));
    assert_eq!(claims.space(1), Some("here"));
    assert!(claims.open(3, "here", 1001 + CLAIM_AGE_MS_MAX));
    assert_eq!(claims.space(1), None);
    claims.forget(2);
    assert_eq!(claims.space(2), None);
    let mut id = 10;
    while !claims.is_full() {
        id += 1;
        assert!(claims.open(id, "here", 0));
        assert!(id <= 10 + CLAIMS_MAX as u64);
        if id == 1000 {
            break;
        }
    }
    assert!(!claims.is_full());
}
