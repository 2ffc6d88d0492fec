//! What one instance remembers: open descriptors, pending claims, and copies of what lies on disk.
//!
//! No truth may live here: all but the pending claims can be had again from the directory, and a
//! claim that vanishes was never committed. Must never be borrowed across an await.

use std::cell::{OnceCell, RefCell};
use std::collections::BTreeSet;
use std::rc::Rc;

use billet_plain::{Claims, Environment, Journal, Journals, KeyPair};

use crate::bindings::billet::store::types::StoreError;
use crate::bindings::wasi::cli::environment::get_environment;
use crate::bindings::wasi::clocks::{monotonic_clock, system_clock};
use crate::bindings::wasi::filesystem::preopens::get_directories;
use crate::bindings::wasi::filesystem::types::{Descriptor, ErrorCode};
use crate::bindings::wasi::random::random::get_random_u64;

/// How many folders are known to be durable before all are looked at anew.
const FOLDERS_MAX: usize = 4096;

/// What the monotonic clock counts to a millisecond.
const NS_IN_MS: u64 = 1_000_000;

/// Milliseconds to wait for room in the table of claims.
const CLAIMS_RETRY_MS: u32 = 1000;

#[derive(Default)]
struct Memory {
    claims: Claims,
    journals: Journals,
    durable: BTreeSet<String>,
}

thread_local! {
    static ROOT: OnceCell<Option<Rc<Descriptor>>> = const { OnceCell::new() };
    static ENVIRONMENT: OnceCell<Environment> = const { OnceCell::new() };
    static MEMORY: RefCell<Memory> = RefCell::new(Memory::default());
}

/// The first directory that the host opened for this component.
pub(crate) fn root() -> Result<Rc<Descriptor>, ErrorCode> {
    let first = || {
        let first = get_directories().into_iter().next();
        if first.is_none() {
            eprintln!("billet: no directory was given to keep anything in");
        }
        first.map(|(descriptor, _)| Rc::new(descriptor))
    };
    ROOT.with(|root| root.get_or_init(first).clone())
        .ok_or(ErrorCode::NoDevice)
}

/// A variable of the environment, none where it is empty. The secret is not among them.
pub(crate) fn setting(name: &str) -> Option<String> {
    with_environment(|environment| environment.setting(name).map(str::to_owned))
}

/// Does something with the environment's key pair.
pub(crate) fn with_keys<T>(action: impl FnOnce(&KeyPair) -> T) -> T {
    with_environment(|environment| action(environment.keys()))
}

fn with_environment<T>(action: impl FnOnce(&Environment) -> T) -> T {
    let first = || {
        let environment = Environment::new(get_environment());
        if let Some(name) = environment.missing() {
            eprintln!("billet: {name} is not set, so that no access key is known");
        }
        environment
    };
    ENVIRONMENT.with(|environment| action(environment.get_or_init(first)))
}

/// Unix milliseconds.
pub(crate) fn now_ms() -> u64 {
    let now = system_clock::now();
    let seconds = u64::try_from(now.seconds).unwrap_or(0);
    seconds
        .saturating_mul(1000)
        .saturating_add(u64::from(now.nanoseconds / 1_000_000))
}

/// A new claim of `space`. Its number is drawn, since instances cannot count together.
pub(crate) fn open_claim(space: &str) -> Result<u64, StoreError> {
    // Their age is counted by a clock that nobody sets: another one would drop claims in use.
    let now_ms = monotonic_clock::now() / NS_IN_MS;
    with(|memory| {
        if memory.claims.is_full() {
            return Err(StoreError::Busy(CLAIMS_RETRY_MS));
        }
        loop {
            let id = get_random_u64();
            if memory.claims.open(id, space, now_ms) {
                return Ok(id);
            }
        }
    })
}

/// Forgets pending claims.
pub(crate) fn forget_claims<'a>(claims: impl IntoIterator<Item = &'a u64>) {
    with(|memory| {
        for claim in claims {
            memory.claims.forget(*claim);
        }
    });
}

/// Whether this instance has synced the folder that `folder` is in since it was made.
pub(crate) fn is_durable(folder: &str) -> bool {
    with(|memory| memory.durable.contains(folder))
}

/// Notes that the folder's own name is durable.
pub(crate) fn set_durable(folder: &str) {
    with(|memory| {
        if memory.durable.len() >= FOLDERS_MAX {
            memory.durable.clear();
        }
        memory.durable.insert(folder.to_owned());
    });
}

/// Does something with a log as far as it is remembered, and with the pending claims.
pub(crate) fn with_journal<T>(
    log: &str,
    action: impl FnOnce(&mut Journal, &Claims) -> T,
) -> Option<T> {
    with(|memory| {
        let claims = &memory.claims;
        memory.journals.with(log, |journal| action(journal, claims))
    })
}

/// Whether a log is remembered.
pub(crate) fn is_remembered(log: &str) -> bool {
    with(|memory| memory.journals.has(log))
}

/// Remembers a log, unless it is remembered up to a later commit.
pub(crate) fn remember(journal: Journal) {
    with(|memory| memory.journals.remember(journal));
}

/// Lets a log be the first to be forgotten.
pub(crate) fn set_glanced(log: &str) {
    with(|memory| memory.journals.set_glanced(log));
}

/// How many commits of a log were lost in a row, this one counted; or none is any more.
pub(crate) fn count_lost(log: &str, lost: bool) -> u32 {
    with(|memory| memory.journals.count_lost(log, lost))
}

fn with<T>(action: impl FnOnce(&mut Memory) -> T) -> T {
    MEMORY.with_borrow_mut(action)
}
