//! Records for tests. Must never be used by what ships.

#![allow(dead_code)]

use billet_block::{Cid, Codec};
use billet_plain::{Change, Claims, Draft, Journal, Record, RowChange, write_record};
use serde_bytes::ByteBuf;

/// A CID that differs with `number`.
pub(crate) fn cid(number: u64) -> Cid {
    Cid::of(Codec::DagCbor, &number.to_be_bytes())
}

/// A change of root at a time.
pub(crate) fn change(space: &str, number: u64) -> Change {
    Change {
        space: space.to_owned(),
        root: cid(number),
        state: cid(0),
        time: number,
    }
}

/// A row that is set or deleted.
pub(crate) fn row(key: &[u8], value: Option<&[u8]>) -> RowChange {
    RowChange {
        key: ByteBuf::from(key),
        value: value.map(ByteBuf::from),
    }
}

/// Drafts on the newest record and follows it.
pub(crate) fn commit(journal: &mut Journal, draft: Draft, claims: &Claims) -> Record {
    let expect = journal.newest().map(|newest| newest.commit);
    let record = journal.draft(Draft { expect, ..draft }, claims).unwrap();
    let (cid, _) = write_record(&record).unwrap();
    journal.follow(cid, record.clone()).unwrap();
    record
}
