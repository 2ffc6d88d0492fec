//! A process that serves the composed component on a folder, and clients of it.
//!
//! Must never find more than what a test put there.

#![allow(dead_code)]

use std::collections::BTreeMap;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Command;

use billet_client::Response;
use billet_client::second::SecondHost;
use billet_plain::{Journal, RECORDS_IN_FOLDER, read_record};

/// Where `cargo xtask compose wasi-filesystem` puts the component, or `BILLET_COMPOSED`.
pub(crate) fn component() -> PathBuf {
    if let Some(path) = std::env::var_os("BILLET_COMPOSED") {
        return path.into();
    }
    let program = Path::new(env!("CARGO_BIN_EXE_billet-wasi-host"));
    let target = program.parent().unwrap().parent().unwrap();
    let path = target.join("compose/billet-wasi-filesystem.wasm");
    assert!(
        path.exists(),
        "run `cargo xtask compose wasi-filesystem` before: {} is missing",
        path.display()
    );
    path
}

/// Starts a process on `folder`, `concurrent` requests an instance at once and `total` in all.
pub(crate) fn start(folder: &Path, concurrent: usize, total: usize) -> SecondHost {
    let program = Path::new(env!("CARGO_BIN_EXE_billet-wasi-host"));
    SecondHost::start(program, &component(), folder, Some((concurrent, total))).unwrap()
}

/// The same with an instance for each request, which remembers nothing, without some variables,
/// and with what it tells on standard error in the file `log`.
pub(crate) fn start_told(folder: &Path, log: &Path, without: &[&str]) -> SecondHost {
    let program = Path::new(env!("CARGO_BIN_EXE_billet-wasi-host"));
    let log = File::create(log).unwrap();
    let change = |command: &mut Command| {
        command.stderr(log);
        for name in without {
            command.env_remove(name);
        }
    };
    SecondHost::start_with(program, &component(), folder, Some((1, 1)), change).unwrap()
}

/// Fails with what the server said.
#[track_caller]
pub(crate) fn expect(status: u16, response: &Response) {
    assert_eq!(response.status, status, "{}", response.text());
}

/// Bytes that differ with `seed`.
pub(crate) fn bytes(seed: u64, size: usize) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut next = move || {
        state ^= state >> 12;
        state ^= state << 25;
        state ^= state >> 27;
        state.wrapping_mul(0x2545_f491_4f6c_dd1d)
    };
    let words = (0..size.div_ceil(8)).flat_map(|_| next().to_le_bytes());
    words.take(size).collect()
}

/// Follows a log's records on disk from the first to the last: each names the one before, and
/// none is missing.
pub(crate) fn follow(folder: &Path, log: &str) -> Journal {
    let records = record_files(&folder.join("logs").join(log));
    let mut journal = Journal::new(log);
    for (at, (seq, path)) in records.iter().enumerate() {
        assert_eq!(*seq, at as u64 + 1, "a record is missing");
        let (cid, record) = read_record(&std::fs::read(path).unwrap()).unwrap();
        journal.follow(cid, record).unwrap();
    }
    journal
}

fn record_files(log: &Path) -> BTreeMap<u64, PathBuf> {
    let mut records = BTreeMap::new();
    for folder in std::fs::read_dir(log).unwrap().map(Result::unwrap) {
        let Ok(thousand) = folder.file_name().to_str().unwrap().parse::<u64>() else {
            continue;
        };
        for file in std::fs::read_dir(folder.path())
            .unwrap()
            .map(Result::unwrap)
        {
            let seq: u64 = file.file_name().to_str().unwrap().parse().unwrap();
            assert_eq!(seq / RECORDS_IN_FOLDER, thousand);
            assert!(records.insert(seq, file.path()).is_none());
        }
    }
    records
}
