//! Answers at the admin socket end when whoever asked is gone, and until then they count: however
//! often somebody asks and goes, only so many run at once. Of an import nothing is left.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs
)]
#![allow(clippy::arithmetic_side_effects, dead_code, unreachable_pub)]

#[path = "support/endless.rs"]
mod endless;
#[path = "support/look.rs"]
mod look;

use std::path::Path;

use billet_client::daemon::Daemon;
use endless::{FILE_BYTES, ask, bytes_read, file, opened};

const ASKED: usize = 12;
/// Answers that a daemon gives at once.
const AT_ONCE: usize = 8;

#[test]
fn an_answer_ends_with_its_asker() {
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let program = Path::new(env!("CARGO_BIN_EXE_billet"));
    let store = folder.path().join("store");
    let file = file(folder.path());
    let daemon = Daemon::start(program, &store, &[]).unwrap();
    let mut last = None;
    for number in 0..ASKED {
        let bucket = format!("bucket{number}");
        last = loop {
            let begun = ask(&store, &file, &bucket);
            if begun.is_some() {
                break begun;
            }
        };
    }
    // The last one is at it when it is left.
    while opened(&daemon, &file) == 0 {
        std::thread::yield_now();
    }
    drop(last);
    loop {
        let count = opened(&daemon, &file);
        assert!(count <= AT_ONCE, "{count} answers at once");
        let read = bytes_read(&daemon).unwrap();
        assert!(read < 3 * FILE_BYTES, "{read} bytes were read");
        if count == 0 {
            break;
        }
        std::thread::yield_now();
    }
    assert!(look::whole(&store, &["bucket", "ls"]).is_empty());
}
