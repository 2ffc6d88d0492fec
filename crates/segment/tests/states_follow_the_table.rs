//! The life of a segment: which event may follow which.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
#![allow(clippy::indexing_slicing, missing_docs)]

use billet_segment::{Event, State};

const EVENTS: [Event; 6] = [
    Event::Reserve,
    Event::Created,
    Event::Seal,
    Event::Compact,
    Event::Release,
    Event::Unlinked,
];

#[test]
fn the_table_is_the_one_of_the_design() {
    use State::{Absent, Compacting, Open, Opening, Pruning, Sealed};
    // Rows are states, columns events, in the order above.
    let table = [
        (Absent, [Some(Opening), None, None, None, None, None]),
        (Opening, [None, Some(Open), None, None, Some(Pruning), None]),
        (Open, [None, None, Some(Sealed), None, Some(Pruning), None]),
        (
            Sealed,
            [None, None, None, Some(Compacting), Some(Pruning), None],
        ),
        (Compacting, [None, None, None, None, Some(Pruning), None]),
        (Pruning, [None, None, None, None, None, Some(Absent)]),
    ];
    assert_eq!(table.map(|(state, _)| state), State::ALL);
    for (state, row) in table {
        for (event, expected) in EVENTS.into_iter().zip(row) {
            assert_eq!(state.step(event).ok(), expected, "{state:?} and {event:?}");
        }
    }
}

#[test]
fn every_way_ends_with_an_unlink_and_never_skips_it() {
    // From each state, all ways of at most eight events: a segment becomes absent only by way of
    // `pruning`, and readers never look into one that is going.
    let mut reached = vec![(State::Absent, State::Absent)];
    for _ in 0..8 {
        let mut next = Vec::new();
        for (_, state) in &reached {
            next.extend(
                EVENTS
                    .iter()
                    .filter_map(|event| Some((*state, state.step(*event).ok()?))),
            );
        }
        next.sort();
        next.dedup();
        for (before, after) in &next {
            assert!(*after != State::Absent || *before == State::Pruning);
            assert!(*before != State::Pruning || *after == State::Absent);
        }
        reached = next;
    }
    let readable: Vec<_> = State::ALL
        .into_iter()
        .filter(|state| state.is_readable())
        .collect();
    assert_eq!(readable, [State::Open, State::Sealed, State::Compacting]);
}
