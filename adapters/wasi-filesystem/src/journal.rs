//! The contract's journal, rows and durability over [`crate::logs`]. Must never answer from memory
//! without having looked for a newer record.

use billet_block::Cid;
use billet_plain::{Change, Draft, RowChange};

use crate::bindings::billet::store::types::StoreError;
use crate::bindings::exports::billet::store::durability::{self, Level};
use crate::bindings::exports::billet::store::journal::{self, Committed, Position, Standing};
use crate::bindings::exports::billet::store::rows::{self, Row};
use crate::convert::{read_cid, write_cid, write_position};
use crate::{Adapter, logs, memory};

/// Most heads or rows in one answer.
const PAGE_MAX: u32 = 1000;

impl journal::Guest for Adapter {
    async fn head(log: String) -> Result<Standing, StoreError> {
        let newest = newest(&log).await?;
        let now_ms = memory::now_ms();
        let least = newest.as_ref().map_or(0, |newest| newest.time_ms);
        Ok(Standing {
            now_ms: now_ms.max(least),
            newest,
        })
    }

    async fn heads(after: Option<String>, limit: u32) -> Result<Vec<Position>, StoreError> {
        let limit = limit.min(PAGE_MAX) as usize;
        let mut heads = Vec::new();
        if limit == 0 {
            return Ok(heads);
        }
        for log in logs::names(after.as_deref()).await? {
            let is_remembered = memory::is_remembered(&log);
            let head = newest(&log).await;
            if !is_remembered {
                // What is only listed must not stand in the way of what is used.
                memory::set_glanced(&log);
            }
            match head {
                // A folder whose first record was never linked is no log yet.
                Ok(head) => heads.extend(head),
                // Whoever asks for the log itself is told; the others are there all the same.
                Err(StoreError::Corrupt(_)) => eprintln!("billet: {log} is damaged: not listed"),
                Err(error) => return Err(error),
            }
            if heads.len() >= limit {
                break;
            }
        }
        Ok(heads)
    }

    async fn commit(
        log: String,
        expect: Option<Vec<u8>>,
        change: Option<journal::Change>,
        adopt: Vec<u64>,
        hold: Vec<u64>,
        discard: Vec<u64>,
        rows: Vec<journal::RowChange>,
    ) -> Result<Committed, StoreError> {
        let draft = Draft {
            expect: expect.as_deref().map(read_cid).transpose()?,
            change: change.as_ref().map(read_change).transpose()?,
            adopt,
            hold,
            discard,
            rows: rows.into_iter().map(read_row).collect(),
        };
        let (cid, seq): (Cid, u64) = logs::commit(&log, draft).await?;
        Ok(Committed {
            commit: write_cid(&cid),
            seq,
        })
    }

    async fn discard(claims: Vec<u64>) -> Result<(), StoreError> {
        memory::forget_claims(&claims);
        Ok(())
    }

    async fn pin(log: String) -> Result<(u64, Position), StoreError> {
        let newest = newest(&log).await?.ok_or(StoreError::NotFound)?;
        // Nothing is ever removed here, so a claim of the space is all that a pin takes.
        let claim = memory::open_claim(&newest.space)?;
        Ok((claim, newest))
    }
}

async fn newest(log: &str) -> Result<Option<Position>, StoreError> {
    logs::at_newest(log, |journal| {
        let newest = journal.newest();
        newest.map(|newest| write_position(log, newest))
    })
    .await
}

fn read_change(change: &journal::Change) -> Result<Change, StoreError> {
    Ok(Change {
        space: change.space.clone(),
        root: read_cid(&change.root)?,
        state: read_cid(&change.state)?,
        time: change.time_ms,
    })
}

fn read_row(row: journal::RowChange) -> RowChange {
    RowChange {
        key: row.key.into(),
        value: row.value.map(Into::into),
    }
}

impl rows::Guest for Adapter {
    async fn get(log: String, key: Vec<u8>) -> Result<Option<Vec<u8>>, StoreError> {
        logs::at_newest(&log, |journal| journal.row(&key).map(<[u8]>::to_vec)).await
    }

    async fn scan(
        log: String,
        prefix: Vec<u8>,
        after: Option<Vec<u8>>,
        limit: u32,
    ) -> Result<Vec<Row>, StoreError> {
        let limit = limit.min(PAGE_MAX) as usize;
        logs::at_newest(&log, |journal| {
            let rows = journal.scan(&prefix, after.as_deref());
            rows.take(limit)
                .map(|(key, value)| Row {
                    key: key.to_vec(),
                    value: value.to_vec(),
                })
                .collect()
        })
        .await
    }
}

impl durability::Guest for Adapter {
    async fn settle(log: String, seq: u64, level: Level) -> Result<(), StoreError> {
        match level {
            Level::Network => Err(StoreError::Unavailable),
            Level::Local => {
                let next = logs::at_newest(&log, |journal| journal.next_seq()).await?;
                if (1..next).contains(&seq) {
                    Ok(())
                } else {
                    Err(StoreError::NotFound)
                }
            }
        }
    }
}
