//! What this instance remembers between two calls: machines that wait, and what troubled them.
//!
//! Must never hold what is not durable elsewhere: losing all of it costs a repeated question.

use std::cell::RefCell;
use std::collections::BTreeMap;

use billet_forge::{Failure, Machine, Upload};

use crate::clock::retry_ms;

/// Something that waits.
struct Waiting {
    until_ms: u64,
    upload: Option<Upload>,
    trouble: String,
    attempts: u32,
}

thread_local! {
    static WAITING: RefCell<BTreeMap<String, Waiting>> = const { RefCell::new(BTreeMap::new()) };
    static FIRST_SEEN_MS: RefCell<Option<u64>> = const { RefCell::new(None) };
}

/// Most things that are remembered to wait.
const WAITING_MAX: usize = 10_000;

/// When something may be tried again; 0 when nothing is known of it.
pub(crate) fn until_ms(key: &str) -> u64 {
    WAITING.with_borrow(|waiting| waiting.get(key).map_or(0, |waiting| waiting.until_ms))
}

/// Takes out an upload that waited.
pub(crate) fn take(key: &str) -> Option<Upload> {
    WAITING.with_borrow_mut(|waiting| waiting.get_mut(key)?.upload.take())
}

/// Leaves an upload to wait.
pub(crate) fn wait(key: &str, until_ms: u64, upload: Option<Upload>) {
    let trouble = upload.as_ref().and_then(|upload| {
        let trouble = upload.trouble()?;
        Some(format!("{}: {trouble}", upload.phase()))
    });
    insert(key, until_ms, upload, trouble.unwrap_or_default());
}

/// Something failed; says when to try again.
pub(crate) fn failed(key: &str, now_ms: u64, trouble: &str) -> u64 {
    let attempts = WAITING.with_borrow(|waiting| waiting.get(key).map_or(0, |one| one.attempts));
    let wait_ms = retry_ms().saturating_mul(1 << attempts.min(8));
    let until_ms = now_ms.saturating_add(wait_ms);
    insert(key, until_ms, None, trouble.to_owned());
    until_ms
}

/// As [`failed`], for trouble with the network.
pub(crate) fn troubled(key: &str, now_ms: u64, failure: &Failure) -> u64 {
    failed(key, now_ms, &failure.to_string())
}

fn insert(key: &str, until_ms: u64, upload: Option<Upload>, trouble: String) {
    WAITING.with_borrow_mut(|all| {
        let attempts = all.get(key).map_or(0, |waiting| waiting.attempts);
        if all.len() >= WAITING_MAX && !all.contains_key(key) {
            all.pop_first();
        }
        let waiting = Waiting {
            until_ms,
            upload,
            trouble,
            attempts: attempts.saturating_add(1),
        };
        all.insert(key.to_owned(), waiting);
    });
}

/// It is done.
pub(crate) fn forget(key: &str) {
    WAITING.with_borrow_mut(|waiting| waiting.remove(key));
}

/// Lets everything be tried again at once.
pub(crate) fn retry() {
    WAITING.with_borrow_mut(|waiting| {
        for waiting in waiting.values_mut() {
            waiting.until_ms = 0;
            waiting.attempts = 0;
            if let Some(upload) = &mut waiting.upload {
                upload.retry();
            }
        }
    });
}

/// What waits, until when, and why.
pub(crate) fn troubles() -> Vec<(String, u64, String)> {
    WAITING.with_borrow(|waiting| {
        let troubles = waiting.iter().filter(|(_, one)| !one.trouble.is_empty());
        let told = troubles.map(|(key, one)| (key.clone(), one.until_ms, one.trouble.clone()));
        told.take(100).collect()
    })
}

/// Since when there is something new to ship: `now_ms` when this is the first time.
pub(crate) fn first_seen_ms(now_ms: u64) -> u64 {
    FIRST_SEEN_MS.with_borrow_mut(|seen| *seen.get_or_insert(now_ms))
}

/// There is nothing new, or it is being shipped.
pub(crate) fn nothing_seen() {
    FIRST_SEEN_MS.with_borrow_mut(|seen| *seen = None);
}
