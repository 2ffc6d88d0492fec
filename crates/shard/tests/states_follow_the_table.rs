//! The life of a shard: which event may follow which.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
#![allow(clippy::indexing_slicing, missing_docs)]

use billet_shard::{ShardEvent, ShardState};

#[test]
fn the_table_is_the_one_of_the_design() {
    use ShardEvent::{Accept, Forget, Pack, Remove, Removed, Step};
    use ShardState::{Absent, Accepted, Packed, Removing, Uploading};
    let events = [Pack, Step, Accept, Forget, Remove, Removed];
    // Rows are states, columns events, in the order above.
    let unsent = [
        None,
        Some(Uploading),
        Some(Accepted),
        Some(Absent),
        None,
        None,
    ];
    let table = [
        (Absent, [Some(Packed), None, None, None, None, None]),
        (Packed, unsent),
        (Uploading, unsent),
        (Accepted, [None, None, None, None, Some(Removing), None]),
        (Removing, [None, None, None, None, None, Some(Absent)]),
    ];
    assert_eq!(table.map(|(state, _)| state), ShardState::ALL);
    for (state, row) in table {
        for (event, expected) in events.into_iter().zip(row) {
            assert_eq!(state.step(event).ok(), expected, "{state:?} and {event:?}");
        }
        assert_eq!(state.is_due(), matches!(state, Packed | Uploading));
    }
}
