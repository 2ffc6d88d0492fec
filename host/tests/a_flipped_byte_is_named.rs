//! Whatever byte of a CAR is changed, wherever it is cut or goes on, a check says so and an import
//! refuses it; a changed byte of a store is told with bucket and key.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs
)]
#![allow(clippy::arithmetic_side_effects, dead_code, unreachable_pub)]

#[path = "support/carry.rs"]
mod carry;

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use billet_client::daemon::Daemon;
use billet_host::carry::{Fault, Inspector, verify_archive};
use carry::{billet, content, ends, put};

/// Flips tried in a large file.
const SAMPLES: usize = 24;

/// A large body: 12 leaves under a node.
const LARGE: usize = 12_000_001;

struct Bench {
    inspector: Inspector,
    runtime: tokio::runtime::Runtime,
    file: PathBuf,
}

impl Bench {
    fn new(folder: &Path) -> Self {
        Self {
            inspector: Inspector::new().unwrap(),
            runtime: tokio::runtime::Runtime::new().unwrap(),
            file: folder.join("tried.car"),
        }
    }

    /// What is wrong with a CAR of these bytes.
    fn faults(&self, bytes: &[u8]) -> Vec<Fault> {
        std::fs::write(&self.file, bytes).unwrap();
        let faults = Arc::new(Mutex::new(Vec::new()));
        let told = Arc::clone(&faults);
        let fault = Box::new(move |fault| told.lock().unwrap().push(fault));
        let work = verify_archive(&self.inspector, &self.file, Arc::default(), fault);
        let (checked, _) = self.runtime.block_on(work).unwrap();
        let faults = std::mem::take(&mut *faults.lock().unwrap());
        assert_eq!(checked.faults, faults.len() as u64);
        faults
    }
}

fn text(faults: &[Fault]) -> String {
    format!("{faults:?}")
}

/// Two exports, of a bucket of small objects and of one with a large one.
fn exports(folder: &Path) -> (PathBuf, Vec<u8>, Vec<u8>) {
    let store = folder.join("store");
    let program = Path::new(env!("CARGO_BIN_EXE_billet"));
    let mut daemon = Daemon::start(program, &store, &[]).unwrap();
    let mut client = daemon.client();
    put(&mut client, "/small", b"");
    for (key, bytes) in [("a", &b""[..]), ("b", b"some bytes"), ("c", b"others")] {
        put(&mut client, &format!("/small/{key}"), bytes);
    }
    put(&mut client, "/large", b"");
    put(&mut client, "/large/large", &content(LARGE));
    let export = |bucket: &str| {
        let file = folder.join(format!("{bucket}.car"));
        ends(0, &store, &["export", bucket, "-o", file.to_str().unwrap()]);
        std::fs::read(file).unwrap()
    };
    let exports = (export("small"), export("large"));
    assert!(daemon.terminate().unwrap().success());
    (store, exports.0, exports.1)
}

/// Where each section begins, the end of the last at the end.
fn sections(bytes: &[u8]) -> Vec<usize> {
    let length = |at: usize| {
        let (mut value, mut at, mut shift) = (0, at, 0);
        loop {
            value |= usize::from(bytes[at] & 127) << shift;
            at += 1;
            if bytes[at - 1] < 128 {
                return at + value;
            }
            shift += 7;
        }
    };
    let mut starts = vec![length(0)];
    while *starts.last().unwrap() < bytes.len() {
        starts.push(length(*starts.last().unwrap()));
    }
    starts
}

#[test]
fn a_flipped_byte_is_named() {
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let (store, small, large) = exports(folder.path());
    let bench = Bench::new(folder.path());
    assert_eq!(bench.faults(&small), []);
    assert_eq!(bench.faults(&large), []);
    refused(&bench, &store, &small);
    flipped(&bench, &small, &large);
    told_of_a_store(&store);
}

/// Every byte and many cuts of a small file, some bytes of a large one.
fn flipped(bench: &Bench, small: &[u8], large: &[u8]) {
    for at in 0..small.len() {
        let mut bytes = small.to_vec();
        bytes[at] ^= 1 + (at % 255) as u8;
        assert_ne!(bench.faults(&bytes), [], "byte {at} of {}", small.len());
    }
    for length in (0..small.len()).step_by(7).chain(sections(small)) {
        if length == small.len() {
            continue;
        }
        assert_ne!(bench.faults(&small[..length]), [], "cut at {length}");
    }
    let seed = std::process::id() as usize;
    println!("seed {seed}");
    let mut at = seed;
    for _ in 0..SAMPLES {
        at = at.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        let mut bytes = large.to_vec();
        let at = (at >> 8) % bytes.len();
        bytes[at] ^= 1;
        let faults = bench.faults(&bytes);
        assert_ne!(faults, [], "byte {at}");
        // All but the header lies under the one key, or is what leads to it.
        let starts = sections(large);
        let is_leaf = starts.iter().filter(|start| **start <= at).count() > 4;
        let named = faults
            .iter()
            .any(|fault| fault.key.as_deref() == Some("large"));
        assert!(named || !is_leaf, "byte {at}: {}", text(&faults));
    }
}

/// Missing and extra blocks, other ends and heads; an import refuses each and makes no bucket.
fn refused(bench: &Bench, store: &Path, small: &[u8]) {
    let starts = sections(small);
    let import = |what: &str| {
        let file = bench.file.to_str().unwrap();
        let said = ends(3, store, &["import", file, "--bucket", "never"]);
        assert!(!said.is_empty(), "{what}");
        let listed = ends(0, store, &["bucket", "ls"]);
        assert!(!listed.contains("never"), "{what}: {listed}");
    };
    for window in starts.windows(2) {
        let bytes = [&small[..window[0]], &small[window[1]..]].concat();
        let faults = bench.faults(&bytes);
        let said = text(&faults);
        assert!(
            said.contains("not found") || said.contains("is missing"),
            "{said}"
        );
    }
    import("a block is missing");
    let extra = b"\x2c\x01\x55\x12\x20\x2c\xf2\x4d\xba\x5f\xb0\xa3\x0e\x26\xe8\x3b\x2a\xc5\xb9\xe2\
        \x9e\x1b\x16\x1e\x5c\x1f\xa7\x42\x5e\x73\x04\x33\x62\x93\x8b\x98\x24hello";
    let mut extra = extra.to_vec();
    extra[0] = (extra.len() - 1) as u8;
    let faults = bench.faults(&[small, &extra].concat());
    assert!(
        text(&faults).contains("nothing in the bucket links"),
        "{}",
        text(&faults)
    );
    import("an extra block");
    for end in [
        &[0_u8][..],
        b"\x01",
        b"garbage at the end of the file",
        &[0; 100],
    ] {
        assert_ne!(bench.faults(&[small, end].concat()), [], "{end:?}");
    }
    import("garbage at the end");
    let no_roots = [b"\x11\xa2\x65roots\x80\x67version\x01", &small[starts[0]..]].concat();
    let faults = bench.faults(&no_roots);
    assert!(text(&faults).contains("not a bucket"), "{}", text(&faults));
    let faults = bench.faults(b"\x0a\xa1\x67version\x02");
    assert!(text(&faults).contains("version 2"), "{}", text(&faults));
    let faults = bench.faults(b"no archive at all, but a text");
    assert!(text(&faults).contains("at byte 0"), "{}", text(&faults));
    import("another file");
}

/// A byte of a leaf on the disk.
fn told_of_a_store(store: &Path) {
    let needle = &content(LARGE)[5_000_000..5_000_032];
    let mut open = vec![store.to_owned()];
    let mut flipped = 0;
    while let Some(path) = open.pop() {
        if path.is_dir() {
            open.extend(
                std::fs::read_dir(&path)
                    .unwrap()
                    .map(|one| one.unwrap().path()),
            );
        } else if path.extension().is_some_and(|end| end == "car") {
            let mut bytes = std::fs::read(&path).unwrap();
            let at = bytes.windows(needle.len()).position(|some| some == needle);
            if let Some(at) = at {
                bytes[at] ^= 4;
                std::fs::write(&path, bytes).unwrap();
                flipped += 1;
            }
        }
    }
    assert_eq!(flipped, 1);
    ends(0, store, &["verify", "small"]);
    let said = ends(3, store, &["verify", "large"]);
    let told: Vec<&str> = said
        .lines()
        .filter(|line| line.starts_with("damage\t"))
        .collect();
    assert_eq!(told.len(), 1, "{said}");
    assert!(told[0].contains("\tlarge\tlarge\t"), "{said}");
    let file = store.with_extension("damaged.car");
    let output = billet(store, &["export", "large", "-o", file.to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(3));
    assert!(!file.exists(), "half a file stays");
}
