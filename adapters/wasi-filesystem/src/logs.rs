//! Logs as folders of records: going forwards to the newest one, and linking the next.
//!
//! Must never call a commit failed that somebody may see, nor follow a record that a crash could
//! still take away.

use std::collections::BTreeSet;
use std::fmt::Display;

use billet_block::{BLOCK_BYTES_MAX, CID_BYTES, CborError, Cid, Codec};
use billet_plain::{
    CHECKPOINT, Draft, Journal, LOGS, ROWS_BYTES_MAX, Record, Refused, last_record,
    last_record_folder, log_folder, log_of_folder, read_checkpoint, read_record, record_folder,
    write_checkpoint, write_record,
};

use crate::bindings::billet::store::types::StoreError;
use crate::bindings::wasi::clocks::monotonic_clock;
use crate::bindings::wasi::filesystem::types::ErrorCode;
use crate::bindings::wasi::random::random::get_random_u64;
use crate::convert::write_cid;
use crate::folder::{self, told};
use crate::memory;

/// How many records are read before they are followed.
const RECORDS_AT_ONCE: usize = 16;
/// Most bytes of a record's file.
const RECORD_BYTES_MAX: u64 = (CID_BYTES + BLOCK_BYTES_MAX) as u64;
/// Most bytes of a checkpoint's file: the rows, and what stands between them.
const CHECKPOINT_BYTES_MAX: u64 = 2 * ROWS_BYTES_MAX;
/// Longest wait after the first commit that somebody else won, about what a commit takes; doubled
/// for each further one.
const BACK_OFF_NS: u64 = 16_000_000;
/// How often that is doubled.
const BACK_OFF_DOUBLINGS_MAX: u32 = 6;

/// Goes forwards to the newest commit of `log` and looks at all that is then known of it.
pub(crate) async fn at_newest<T>(
    log: &str,
    look: impl FnOnce(&Journal) -> T,
) -> Result<T, StoreError> {
    let folder = folder_of(log)?;
    // It may have been forgotten while this instance waited for the last record that is not there.
    while advance(log, &folder).await? || memory::with_journal(log, |_, _| ()).is_none() {}
    memory::with_journal(log, |journal, _| look(journal)).ok_or(StoreError::Unavailable)
}

/// The names of all logs that ever had a folder, in order, those after `after`. A log's folder is
/// its durable key: this host has no other map.
pub(crate) async fn names(after: Option<&str>) -> Result<Vec<String>, StoreError> {
    let entries = folder::list(LOGS).await;
    let entries = entries.map_err(|code| told("listing the logs", &code))?;
    let logs = folder::folders(&entries).filter_map(log_of_folder);
    let logs: BTreeSet<String> = logs
        .filter(|log| after.is_none_or(|after| log.as_str() > after))
        .collect();
    Ok(logs.into_iter().collect())
}

/// Makes a commit: **the one commit point**. Gives its record's CID and number.
pub(crate) async fn commit(log: &str, draft: Draft) -> Result<(Cid, u64), StoreError> {
    let expect = draft.expect;
    let is_known = |journal: &Journal| journal.newest().map(|newest| newest.commit) == expect;
    // What is remembered may be old, but then the link below finds the next number taken.
    if memory::with_journal(log, |journal, _| is_known(journal)) != Some(true) {
        at_newest(log, |_| ()).await?;
    }
    let drafted = memory::with_journal(log, |journal, claims| journal.draft(draft, claims));
    let record = match drafted.ok_or(StoreError::Unavailable)? {
        Ok(record) => record,
        Err(Refused::Conflict) => return Err(lost(log).await),
        Err(refused) => return Err(refusal(&refused)),
    };
    let (cid, file) = write_record(&record).map_err(|error| match error {
        CborError::TooLong(_) => StoreError::Invalid("more than a record holds".to_owned()),
        other => StoreError::Invalid(other.to_string()),
    })?;
    let (folder, seq) = (folder_of(log)?, record.seq);
    if !link(&folder, seq, file).await? {
        return Err(lost(log).await);
    }
    let ended = [&record.adopt[..], &record.hold, &record.discard].concat();
    // Another call of this instance may have read it already.
    let record = vec![(cid, record)];
    memory::with_journal(log, |journal, _| follow(journal, &folder, record)).transpose()?;
    memory::forget_claims(&ended);
    memory::count_lost(log, false);
    checkpoint(log, &folder).await;
    Ok((cid, seq))
}

/// Writes the record and gives it its number; false where that is taken. When this returns true
/// the commit is durable; when it does not return, nobody knows.
async fn link(folder: &str, seq: u64, file: Vec<u8>) -> Result<bool, StoreError> {
    let records = records_of(folder, seq);
    let prepared = async {
        folder::ensure(&records).await?;
        folder::write_temporary(file).await
    };
    let temporary = prepared
        .await
        .map_err(|code| told("writing a record", &code))?;
    let path = path_of(folder, seq);
    match folder::link(&temporary, &path).await {
        Ok(()) => {}
        Err(ErrorCode::Exist) => {
            folder::remove(&temporary).await;
            return Ok(false);
        }
        // Not every host tells errors apart, so that the name is looked for as well.
        Err(code) if leaves_nothing(&code) || folder::is_absent(&path).await => {
            folder::remove(&temporary).await;
            return Err(told("linking a record", &code));
        }
        Err(code) => end(&code),
    }
    // I5: blocks were synced when they were claimed, now the record's name, then the answer.
    if let Err(code) = folder::sync(&records).await {
        end(&code);
    }
    folder::remove(&temporary).await;
    Ok(true)
}

/// Whether a link that failed in this way cannot have been made.
fn leaves_nothing(code: &ErrorCode) -> bool {
    matches!(
        code,
        ErrorCode::Access
            | ErrorCode::InsufficientSpace
            | ErrorCode::NoEntry
            | ErrorCode::NotPermitted
            | ErrorCode::Quota
            | ErrorCode::ReadOnly
            | ErrorCode::TooManyLinks
            | ErrorCode::Unsupported
    )
}

/// Ends this instance where a record may or may not survive a crash. Others can see it already, so
/// that "failed" would be a lie, as "done" would be.
fn end(code: &ErrorCode) -> ! {
    eprintln!("billet: a commit may be lost in a crash: {code:?}");
    std::process::abort()
}

/// Waits a little, longer each time, so that those who race for one log get through.
async fn lost(log: &str) -> StoreError {
    let times = memory::count_lost(log, true);
    let doublings = times.saturating_sub(1).min(BACK_OFF_DOUBLINGS_MAX);
    let longest = BACK_OFF_NS << doublings;
    monotonic_clock::wait_for(get_random_u64() % longest).await;
    StoreError::Conflict
}

/// Reads and follows some more records; false where there were no more.
async fn advance(log: &str, folder: &str) -> Result<bool, StoreError> {
    let Some(first) = memory::with_journal(log, |journal, _| journal.next_seq()) else {
        memory::remember(begin(log, folder).await?);
        return Ok(true);
    };
    let mut found = Vec::new();
    let mut folders = BTreeSet::new();
    for seq in (first..).take(RECORDS_AT_ONCE) {
        let Some(record) = read(folder, seq).await? else {
            break;
        };
        folders.insert(records_of(folder, seq));
        found.push(record);
    }
    // I7: whoever linked them may have vanished before syncing, and then a crash takes them away.
    for records in folders {
        let synced = folder::sync(&records).await;
        synced.map_err(|code| told("syncing records", &code))?;
    }
    if found.len() == RECORDS_AT_ONCE {
        memory::with_journal(log, |journal, _| follow(journal, folder, found)).transpose()?;
        return Ok(true);
    }
    let next = first.saturating_add(found.len() as u64);
    let is_lost = memory::with_journal(log, |journal, _| {
        follow(journal, folder, found).map(|()| journal.is_listed(next))
    });
    if is_lost.transpose()? == Some(true) {
        return Err(damaged(&path_of(folder, next), &"a lost record", &[]));
    }
    Ok(false)
}

/// Takes records in order, passing over those that were taken already.
fn follow(
    journal: &mut Journal,
    folder: &str,
    records: Vec<(Cid, Record)>,
) -> Result<(), StoreError> {
    for (cid, record) in records {
        let seq = record.seq;
        if seq == journal.next_seq()
            && let Err(error) = journal.follow(cid, record)
        {
            eprintln!("billet: {}: {error}", path_of(folder, seq));
            return Err(StoreError::Corrupt(write_cid(&cid)));
        }
    }
    Ok(())
}

/// Where reading `log` begins. Which record was linked last is looked at before any is looked for:
/// one that is not found then although it was linked can only be lost.
async fn begin(log: &str, folder: &str) -> Result<Journal, StoreError> {
    let listed = listed(folder).await?;
    let mut journal = restore(log, folder).await?;
    journal.set_listed(listed);
    Ok(journal)
}

/// A record that was linked, and so was each before it; 0 where there is none.
async fn listed(folder: &str) -> Result<u64, StoreError> {
    let list = async |folder: &str| {
        let entries = folder::list(folder).await;
        entries.map_err(|code| told("listing a log", &code))
    };
    let entries = list(folder).await?;
    let Some(newest) = last_record_folder(folder::folders(&entries)) else {
        // A checkpoint is of a record at least.
        return Ok(entries.iter().any(|entry| entry.name == CHECKPOINT).into());
    };
    let entries = list(&format!("{folder}/{newest}")).await?;
    Ok(last_record(
        newest,
        entries.iter().map(|entry| entry.name.as_str()),
    ))
}

/// The checkpoint of `log`, if that is good, or nothing yet.
async fn restore(log: &str, folder: &str) -> Result<Journal, StoreError> {
    let path = format!("{folder}/{CHECKPOINT}");
    let restored = match folder::read(&path, CHECKPOINT_BYTES_MAX).await {
        Ok(Some(file)) => read_checkpoint(log, &file).map_err(|error| error.to_string()),
        Ok(None) => return Ok(Journal::new(log)),
        Err(code) => Err(format!("{code:?}")),
    };
    let journal = match restored {
        Ok(journal) => journal,
        Err(reason) => {
            eprintln!("billet: {path}: {reason}; reading from the first record");
            return Ok(Journal::new(log));
        }
    };
    let Some(newest) = journal.newest() else {
        return Ok(Journal::new(log));
    };
    // A checkpoint is written after its record was durable: without it, records were lost.
    match read(folder, newest.seq).await? {
        Some((cid, _)) if cid == newest.commit => Ok(journal),
        _ => {
            eprintln!(
                "billet: {}: not the record of {path}",
                path_of(folder, newest.seq)
            );
            Err(StoreError::Corrupt(write_cid(&newest.commit)))
        }
    }
}

/// Writes a checkpoint where one is due. One that cannot be written is tried again much later: it
/// only spares reading.
async fn checkpoint(log: &str, folder: &str) {
    let due = memory::with_journal(log, |journal, _| {
        if !journal.is_checkpoint_due() {
            return None;
        }
        let newest = journal.newest().map(|newest| newest.seq);
        journal.set_checkpoint(newest.unwrap_or(0));
        write_checkpoint(journal).ok().flatten()
    });
    let Some(file) = due.flatten() else { return };
    let written = async {
        let temporary = folder::write_temporary(file).await?;
        folder::replace(&temporary, &format!("{folder}/{CHECKPOINT}")).await
    };
    if let Err(code) = written.await {
        eprintln!("billet: no checkpoint in {folder}: {code:?}");
    }
}

/// The record `seq`, or none where there is no such record yet.
async fn read(folder: &str, seq: u64) -> Result<Option<(Cid, Record)>, StoreError> {
    let path = path_of(folder, seq);
    let file = match folder::read(&path, RECORD_BYTES_MAX).await {
        Ok(Some(file)) => file,
        Ok(None) => return Ok(None),
        Err(ErrorCode::FileTooLarge) => return Err(damaged(&path, &"too long for a record", &[])),
        Err(code) => return Err(told(&path, &code)),
    };
    match read_record(&file) {
        Ok((cid, record)) if record.seq == seq => Ok(Some((cid, record))),
        Ok(_) => Err(damaged(&path, &"another record", &file)),
        Err(error) => Err(damaged(&path, &error, &file)),
    }
}

/// A record that cannot be taken, by its name as far as that can be told.
fn damaged(path: &str, reason: &dyn Display, file: &[u8]) -> StoreError {
    eprintln!("billet: {path}: {reason}");
    let name = file.get(..CID_BYTES);
    let name = name.filter(|name| Cid::from_bytes(name).is_ok());
    StoreError::Corrupt(match name {
        Some(name) => name.to_vec(),
        None => write_cid(&Cid::of(Codec::DagCbor, file)),
    })
}

fn refusal(refused: &Refused) -> StoreError {
    match refused {
        Refused::Conflict => StoreError::Conflict,
        Refused::UnknownClaim => StoreError::NotFound,
        Refused::Full => StoreError::Full,
        other => StoreError::Invalid(other.to_string()),
    }
}

fn folder_of(log: &str) -> Result<String, StoreError> {
    let name = log_folder(log);
    let name = name.ok_or_else(|| StoreError::Invalid("no name for a log".to_owned()))?;
    Ok(format!("{LOGS}/{name}"))
}

fn records_of(folder: &str, seq: u64) -> String {
    format!("{folder}/{}", record_folder(seq))
}

fn path_of(folder: &str, seq: u64) -> String {
    format!("{folder}/{}/{seq}", record_folder(seq))
}
