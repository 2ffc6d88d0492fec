//! Files that something outside changes, cuts or takes away: what can be made anew is, what is lost
//! is told with bucket and key, and no wrong byte is ever served.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs
)]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use billet_client::daemon::Daemon;
use billet_client::{Client, Request};

const SMALL: &[&str] = &["--set", "journal.seal_bytes=8MiB"];
const BUCKETS: [&str; 3] = ["first", "second", "third"];
/// Of the objects in each bucket; those of the first fill a segment of their own.
const SIZES: [&[usize]; 3] = [
    &[3 << 20, 3 << 20, 3 << 20],
    &[0, 100, 70_000, (1 << 20) + 5],
    &[5_000, 2_500_000, 40_000, 30_000],
];

type Objects = BTreeMap<String, Vec<u8>>;

/// Bytes that no other object has.
fn noise(seed: u64, size: usize) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 32) as u8
    };
    (0..size).map(|_| next()).collect()
}

/// A store with the objects in it, before anything happens to it.
struct Origin {
    folder: tempfile::TempDir,
    objects: Objects,
}

/// A copy of the store, to be damaged.
struct Copy {
    folder: tempfile::TempDir,
}

fn start(store: &Path) -> Daemon {
    Daemon::start(Path::new(env!("CARGO_BIN_EXE_billet")), store, SMALL).unwrap()
}

fn origin(is_closed: bool) -> Origin {
    let folder = tempfile::tempdir().unwrap();
    let mut daemon = start(&folder.path().join("store"));
    let mut client = daemon.client();
    let mut objects = Objects::new();
    for (bucket, sizes) in BUCKETS.iter().zip(SIZES) {
        assert_eq!(client.put(&format!("/{bucket}"), b"").unwrap().status, 200);
        for (index, size) in sizes.iter().enumerate() {
            let path = format!("/{bucket}/key {index}");
            let bytes = noise(objects.len() as u64 + 1, *size);
            assert_eq!(client.put(&path, &bytes).unwrap().status, 200);
            objects.insert(path, bytes);
        }
    }
    if is_closed {
        assert!(daemon.terminate().unwrap().success());
    } else {
        daemon.kill().unwrap();
    }
    Origin { folder, objects }
}

fn copy_all(from: &Path, to: &Path) {
    std::fs::create_dir(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let to = to.join(entry.file_name());
        let kind = entry.file_type().unwrap();
        if kind.is_dir() {
            copy_all(&entry.path(), &to);
        } else if kind.is_file() {
            // A process that was killed leaves its socket behind, too.
            std::fs::copy(entry.path(), to).unwrap();
        }
    }
}

impl Origin {
    fn copy(&self) -> Copy {
        let folder = tempfile::tempdir().unwrap();
        copy_all(
            &self.folder.path().join("store"),
            &folder.path().join("store"),
        );
        Copy { folder }
    }
}

impl Copy {
    fn store(&self) -> PathBuf {
        self.folder.path().join("store")
    }

    fn log(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("store.log")).unwrap()
    }

    /// Files of a plane and kind, in the order of their numbers.
    fn files(&self, plane: &str, kind: &str) -> Vec<PathBuf> {
        let mut found = Vec::new();
        let mut folders = vec![self.store()];
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(&folder).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    folders.push(path);
                } else if path.extension().is_some_and(|found| found == kind)
                    && path.to_str().unwrap().contains(&format!("/{plane}/"))
                {
                    found.push(path);
                }
            }
        }
        found.sort();
        found
    }

    /// Changes one byte of the data plane: of these bytes of an object.
    fn flip(&self, object: &[u8], at: usize) {
        for file in self.files("data", "car") {
            let mut bytes = std::fs::read(&file).unwrap();
            let piece = &object[at..(at + 64).min(object.len())];
            let found = bytes
                .windows(piece.len())
                .position(|window| window == piece);
            if let Some(found) = found {
                bytes[found] ^= 1;
                return std::fs::write(file, bytes).unwrap();
            }
        }
        panic!("the object is in no file");
    }

    /// The log names a bucket and a key of it as damaged.
    fn assert_told(&self, path: &str) {
        let (bucket, key) = path[1..].split_once('/').unwrap();
        let url = format!("/{bucket}/{}", key.replace(' ', "%20"));
        let log = self.log();
        let is_told = |line: &str| {
            let is_named = line.contains(bucket) && line.contains(key) || line.contains(&url);
            let is_damage = ["damaged data was not served", "answer broken off"];
            is_named && is_damage.iter().any(|words| line.contains(words))
        };
        assert!(log.lines().any(is_told), "{path} is not told in\n{log}");
    }
}

/// What a read of an object gave.
#[derive(Debug, PartialEq, Eq)]
enum Seen {
    Right,
    Damaged,
    Absent,
}

fn look(client: &mut Client, path: &str, bytes: &[u8]) -> Seen {
    let mut got = Vec::new();
    let request = Request {
        method: "GET",
        path,
        ..Request::default()
    };
    match client.send_to(request, &mut got) {
        Ok(answer) if answer.status == 200 => {
            assert!(got == bytes, "{path} has wrong bytes");
            Seen::Right
        }
        Ok(answer) if answer.status == 404 => Seen::Absent,
        Ok(answer) => {
            assert_eq!(answer.status, 500, "{path}");
            Seen::Damaged
        }
        // Broken off in the middle.
        Err(_) => {
            assert!(bytes.starts_with(&got), "{path} has wrong bytes");
            Seen::Damaged
        }
    }
}

/// The objects that are not read as they were written. None may have gone without a word.
fn damaged(daemon: &Daemon, objects: &Objects) -> Vec<String> {
    let mut client = daemon.client();
    let mut damaged = Vec::new();
    for (path, bytes) in objects {
        match look(&mut client, path, bytes) {
            Seen::Right => {}
            Seen::Damaged => {
                damaged.push(path.clone());
                client = daemon.client();
            }
            Seen::Absent => panic!("{path} is gone in silence"),
        }
    }
    damaged
}

#[test]
fn what_lies_beside_a_segment_is_made_anew() {
    let origin = origin(true);
    for kind in ["idx", "sum"] {
        for left in [None, Some(2), Some(usize::MAX)] {
            let copy = origin.copy();
            let files = [copy.files("data", kind), copy.files("catalog", kind)].concat();
            assert!(files.len() >= 3, "{files:?}");
            for file in &files {
                let bytes = std::fs::read(file).unwrap();
                match left {
                    None => std::fs::remove_file(file).unwrap(),
                    Some(usize::MAX) => {
                        std::fs::write(file, &bytes[..bytes.len() - 1]).unwrap();
                    }
                    Some(part) => std::fs::write(file, &bytes[..bytes.len() / part]).unwrap(),
                }
            }
            let daemon = start(&copy.store());
            assert_eq!(
                damaged(&daemon, &origin.objects),
                [""; 0],
                "{kind} {left:?}"
            );
        }
    }
}

#[test]
fn changed_bytes_of_closed_segments_are_told_and_never_served() {
    let origin = origin(true);
    // The first leaf, which is read before the head goes out, and one that is not.
    for (path, at) in [
        ("/second/key 1", 50),
        ("/third/key 1", 1_000),
        ("/third/key 1", (2 << 20) + 7),
        ("/first/key 2", 3 << 19),
    ] {
        let copy = origin.copy();
        copy.flip(&origin.objects[path], at);
        let daemon = start(&copy.store());
        assert_eq!(damaged(&daemon, &origin.objects), [path]);
        copy.assert_told(path);
        let again = daemon.client().put(path, &origin.objects[path]).unwrap();
        assert_eq!(again.status, 200, "it can be written again");
        assert_eq!(damaged(&daemon, &origin.objects), [""; 0]);
    }
    let length = {
        let copy = origin.copy();
        std::fs::metadata(&copy.files("catalog", "car")[0])
            .unwrap()
            .len() as usize
    };
    let mut hits = 0;
    for part in 1..12 {
        let copy = origin.copy();
        let file = &copy.files("catalog", "car")[0];
        let mut bytes = std::fs::read(file).unwrap();
        bytes[length * part / 12] ^= 0x10;
        std::fs::write(file, bytes).unwrap();
        let daemon = start(&copy.store());
        for path in damaged(&daemon, &origin.objects) {
            copy.assert_told(&path);
            hits += 1;
        }
    }
    println!("{hits} objects were hit by bytes of the catalog");
}

#[test]
fn a_segment_that_is_gone_is_told_and_hurts_nothing_else() {
    let origin = origin(true);
    let copy = origin.copy();
    std::fs::remove_file(&copy.files("data", "car")[0]).unwrap();
    let daemon = start(&copy.store());
    let lost = damaged(&daemon, &origin.objects);
    assert!(
        !lost.is_empty() && lost.iter().all(|path| path.starts_with("/first/")),
        "{lost:?}"
    );
    lost.iter().for_each(|path| copy.assert_told(path));
    let log = copy.log();
    assert!(log.contains("\"lost\"") && log.contains("is gone"), "{log}");
    let mut client = daemon.client();
    assert_eq!(client.put("/first/new", b"no").unwrap().status, 503);
    assert_eq!(
        client.put("/second/new", b"others go on").unwrap().status,
        200
    );
    assert!(
        daemon
            .ask_admin("/metrics")
            .unwrap()
            .contains("billet_damaged_logs 1")
    );
    let copy = origin.copy();
    std::fs::remove_file(&copy.files("catalog", "car")[0]).unwrap();
    let daemon = start(&copy.store());
    assert_eq!(
        damaged(&daemon, &origin.objects).len(),
        origin.objects.len()
    );
}

/// Where the bytes of a file end and only room for more follows.
fn end(bytes: &[u8]) -> usize {
    bytes.iter().rposition(|byte| *byte != 0).unwrap() + 1
}

#[test]
fn open_segments_are_cut_behind_what_counts() {
    let origin = origin(false);
    for lost in [1, 40, 300, 700] {
        let copy = origin.copy();
        let file = copy.files("catalog", "car").pop().unwrap();
        let bytes = std::fs::read(&file).unwrap();
        std::fs::write(&file, &bytes[..end(&bytes) - lost]).unwrap();
        let daemon = start(&copy.store());
        let mut client = daemon.client();
        // Only the newest commits can lie so near to the end.
        for (path, bytes) in &origin.objects {
            let seen = look(&mut client, path, bytes);
            let is_new = path.as_str() >= "/third/key 2";
            assert!(
                seen == Seen::Right || (is_new && seen == Seen::Absent),
                "{path}: {seen:?}"
            );
        }
        assert_eq!(client.put("/third/new", b"goes on").unwrap().status, 200);
    }
    for lost in [1, 1_000, 50_000] {
        let copy = origin.copy();
        let file = copy.files("data", "car").pop().unwrap();
        let bytes = std::fs::read(&file).unwrap();
        std::fs::write(&file, &bytes[..end(&bytes) - lost]).unwrap();
        let daemon = start(&copy.store());
        let found = damaged(&daemon, &origin.objects);
        let expected: &[&str] = match lost {
            50_000 => &["/third/key 2", "/third/key 3"],
            _ => &["/third/key 3"],
        };
        assert_eq!(found, expected);
        found.iter().for_each(|path| copy.assert_told(path));
        assert!(copy.log().contains("\"log\":\"third\""), "{}", copy.log());
    }
}

#[test]
fn changed_bytes_of_open_segments_are_told_and_never_served() {
    let origin = origin(false);
    for path in ["/third/key 0", "/third/key 2"] {
        let copy = origin.copy();
        copy.flip(&origin.objects[path], 77);
        let daemon = start(&copy.store());
        assert_eq!(damaged(&daemon, &origin.objects), [path]);
        copy.assert_told(path);
        assert!(
            copy.log().contains("\"log\":\"third\""),
            "recovery names the bucket"
        );
    }
    let copy = origin.copy();
    let file = copy.files("catalog", "car").pop().unwrap();
    let bytes = std::fs::read(&file).unwrap();
    let end = end(&bytes);
    for part in 1..8 {
        let copy = origin.copy();
        let file = copy.files("catalog", "car").pop().unwrap();
        let mut changed = bytes.clone();
        changed[end * part / 8] ^= 4;
        std::fs::write(&file, changed).unwrap();
        let daemon = start(&copy.store());
        let log = copy.log();
        assert!(
            log.contains("\"lost\""),
            "byte {} of {end}: {log}",
            end * part / 8
        );
        let mut client = daemon.client();
        for (path, bytes) in &origin.objects {
            match look(&mut client, path, bytes) {
                Seen::Right => {}
                Seen::Damaged => copy.assert_told(path),
                // Its commit may have been among the lost bytes: then its bucket is named.
                Seen::Absent => {
                    let bucket = path.split('/').nth(1).unwrap();
                    assert!(
                        log.contains(&format!("\"log\":\"{bucket}\"")),
                        "{path}: {log}"
                    );
                    assert_eq!(
                        client.put(&format!("/{bucket}/new"), b"no").unwrap().status,
                        503
                    );
                }
            }
        }
    }
}
