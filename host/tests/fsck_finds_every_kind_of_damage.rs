//! `billet fsck` finds each kind of damage that is done to a copy of a store, names bucket and key
//! where there is one, changes nothing, and is content with the store itself.
//!
//! `BILLET_SEED` replays the places of flipped bytes.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs
)]
#![allow(clippy::arithmetic_side_effects, dead_code, unreachable_pub)]

#[path = "support/look.rs"]
mod look;

use std::collections::BTreeSet;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use billet_client::Client;
use billet_client::daemon::Daemon;
use billet_storage::{Head, Kv, RealDisk, RedbKv};
use serde_json::Value;

const PROGRAM: &str = env!("CARGO_BIN_EXE_billet");
const KEYS: usize = 30;

fn fill(client: &mut Client) {
    assert_eq!(client.put("/photos", b"").unwrap().status, 200);
    for index in 0..KEYS {
        let body = vec![index as u8; 2000 + index];
        let path = format!("/photos/{index:02}");
        assert_eq!(client.put(&path, &body).unwrap().status, 200);
    }
    let long: Vec<u8> = (0..(2_usize << 20) + 9)
        .map(|at| (at / 977) as u8)
        .collect();
    assert_eq!(client.put("/photos/long", &long).unwrap().status, 200);
    look::leave_an_upload_open(client, "/photos/parts");
}

/// A copy of a store's files.
fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let (entry, name) = entry
            .map(|entry| (entry.path(), entry.file_name()))
            .unwrap();
        if entry.is_dir() {
            copy(&entry, &to.join(name));
        } else if entry.is_file() {
            std::fs::copy(&entry, to.join(name)).unwrap();
        }
    }
}

fn flip(path: &Path, at: usize) {
    let mut bytes = std::fs::read(path).unwrap();
    bytes[at] ^= 0x10;
    std::fs::write(path, bytes).unwrap();
}

/// The findings over a store, which does not change; the exit status.
fn check(store: &Path) -> (Vec<Value>, i32) {
    let before = look::digests(store);
    let (lines, code) = look::lines(store, &["fsck"]);
    assert_eq!(look::digests(store), before, "a check changes no byte");
    let all = lines.len();
    let findings: Vec<_> = lines
        .into_iter()
        .filter(|line| line.get("finding").is_some())
        .collect();
    assert!(
        all == findings.len() + 1 || code == 1,
        "the last line sums up"
    );
    (findings, code)
}

fn has(findings: &[Value], field: &str, value: &str) -> bool {
    findings.iter().any(|line| line[field] == value)
}

/// Every finding of a block names the bucket; the keys it names.
fn keys(findings: &[Value]) -> BTreeSet<String> {
    let of_blocks = findings
        .iter()
        .filter(|line| line["finding"] == "not-closed");
    let keys = of_blocks.map(|line| {
        assert_eq!(line["bucket"], "photos");
        line["key"].as_str().unwrap_or_default().to_owned()
    });
    keys.collect()
}

struct Scene {
    _folder: tempfile::TempDir,
    origin: PathBuf,
    copies: usize,
}

impl Scene {
    fn store(&mut self) -> PathBuf {
        self.copies += 1;
        let store = self.origin.with_file_name(format!("copy-{}", self.copies));
        copy(&self.origin, &store);
        store
    }
}

fn scene() -> Scene {
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let origin = folder.path().join("store");
    let mut daemon = Daemon::start(Path::new(PROGRAM), &origin, &[]).unwrap();
    fill(&mut daemon.client());
    let (findings, code) = look::lines(&origin, &["fsck"]);
    assert_eq!((findings.len(), code), (1, 0), "{findings:?} while it runs");
    assert!(daemon.terminate().unwrap().success());
    Scene {
        _folder: folder,
        origin,
        copies: 0,
    }
}

#[test]
fn fsck_finds_every_kind_of_damage() {
    let seed: u64 = std::env::var("BILLET_SEED").map_or(11, |text| text.parse().unwrap());
    println!("BILLET_SEED={seed}");
    let mut scene = scene();
    let (findings, code) = check(&scene.origin.clone());
    assert_eq!((findings.len(), code), (0, 0), "{findings:?}");
    flipped_bytes(&mut scene, seed);
    files(&mut scene);
    lengths(&mut scene);
    tables(&mut scene);
    beside(&mut scene);
    rows(&mut scene);
    heads(&mut scene);
}

/// A byte of a block that a bucket reaches, in both planes.
fn flipped_bytes(scene: &mut Scene, seed: u64) {
    for plane in ["data", "catalog"] {
        let store = scene.store();
        let path = look::segments(&store, plane)[0].clone();
        let number = number(&path);
        let shown = look::whole(&store, &["segment", "show", &number]);
        let blocks: Vec<_> = shown
            .iter()
            .filter(|line| line["commit"].is_null())
            .collect();
        // Of the catalog the newest, which is the newest state, node or manifest.
        let block = match plane {
            "data" => blocks[seed as usize % KEYS],
            _ => blocks[blocks.len() - 1],
        };
        let end = block["offset"].as_u64().unwrap() + 40 + block["bytes"].as_u64().unwrap() - 9;
        flip(&path, end as usize);
        let (findings, code) = check(&store);
        assert_eq!(code, 3, "{plane}: {findings:?}");
        assert!(
            has(&findings, "finding", "bad-bytes"),
            "{plane}: {findings:?}"
        );
        let cid = block["cid"].as_str().unwrap();
        if plane == "data" {
            assert!(has(&findings, "cid", cid), "{findings:?}");
            assert_eq!(keys(&findings).len(), 1, "{findings:?}");
        }
        let (lines, code) = look::lines(&store, &["segment", "verify", &number]);
        assert_eq!((lines[0]["verdict"].as_str(), code), (Some("damaged"), 3));
        let (_, code) = look::lines(&store, &["block", "get", cid]);
        assert_eq!(code, 3, "never served");
    }
}

fn files(scene: &mut Scene) {
    let store = scene.store();
    std::fs::remove_file(&look::segments(&store, "data")[0]).unwrap();
    let (findings, code) = check(&store);
    assert_eq!(code, 3);
    assert!(has(&findings, "finding", "no-file") && has(&findings, "finding", "lost"));
    assert_eq!(
        keys(&findings).len(),
        KEYS + 1,
        "each key is named: {findings:?}"
    );

    let store = scene.store();
    let path = look::segments(&store, "data")[0].clone();
    let length = std::fs::metadata(&path).unwrap().len();
    let file = std::fs::OpenOptions::new().write(true).open(&path).unwrap();
    file.set_len(length - 5000).unwrap();
    let (findings, code) = check(&store);
    assert_eq!(code, 3);
    assert!(has(&findings, "finding", "other-length"), "{findings:?}");
    assert!(!keys(&findings).is_empty(), "{findings:?}");

    let store = scene.store();
    let stray = path_beside(
        &look::segments(&store, "data")[0],
        "seg-00000000000000009999.car",
    );
    std::fs::write(&stray, b"whose?").unwrap();
    let (findings, code) = check(&store);
    assert_eq!((findings.len(), code), (1, 3), "{findings:?}");
    assert_eq!(findings[0]["finding"], "stray-file");
    assert!(findings[0]["path"].as_str().unwrap().ends_with("9999.car"));

    for extension in ["idx", "sum"] {
        let store = scene.store();
        let path = look::segments(&store, "data")[0].with_extension(extension);
        std::fs::remove_file(&path).unwrap();
        let (findings, code) = check(&store);
        assert_eq!(code, 0, "it is made anew when it is needed: {findings:?}");
        assert!(has(&findings, "finding", "index"), "{findings:?}");
        let text = findings[0]["what"].as_str().unwrap();
        assert!(text.ends_with("made anew when it is needed"), "{text}");
    }
}

/// Other lengths of a sealed file, all of which end where a block does or zeros begin.
fn lengths(scene: &mut Scene) {
    for (plane, count) in [("data", 3), ("catalog", 1)] {
        let path = look::segments(&scene.origin, plane)[0].clone();
        let whole = std::fs::metadata(&path).unwrap().len();
        let number = number(&path);
        let shown = look::whole(&scene.origin, &["segment", "show", &number]);
        let last = shown.last().unwrap()["offset"].as_u64().unwrap();
        for length in [0, last, whole + 4096].into_iter().take(count) {
            let store = scene.store();
            let path = &look::segments(&store, plane)[0];
            let file = std::fs::File::options().write(true).open(path).unwrap();
            file.set_len(length).unwrap();
            let (findings, code) = check(&store);
            let of_length = findings.iter().filter(|f| f["finding"] == "other-length");
            assert_eq!((of_length.count(), code), (1, 3), "{length}: {findings:?}");
            for command in ["verify", "show"] {
                let (lines, code) = look::lines(&store, &["segment", command, &number]);
                let is_told = match command {
                    "verify" => lines[0]["verdict"] == "damaged",
                    _ => lines.last().unwrap()["bad"] == true,
                };
                assert!(is_told && code == 3, "{command} {length}: {lines:?}");
            }
        }
    }
}

/// What is no table of keys, or another one.
fn tables(scene: &mut Scene) {
    let whole = std::fs::read(scene.origin.join("catalog.redb")).unwrap();
    let mut pages = whole.clone();
    pages[8192..].fill(0x5a);
    let cut = &whole[..whole.len() / 2];
    for bytes in [&[7; 5000][..], cut, &pages] {
        let store = scene.store();
        std::fs::write(store.join("catalog.redb"), bytes).unwrap();
        for command in [&["fsck"][..], &["segment", "ls"]] {
            let output = look::run(&store, command);
            let said = look::said(&output);
            assert_eq!(look::code(&output), 3, "{said}");
            assert!(said.contains("the table of keys is damaged"), "{said}");
        }
    }
}

/// A folder beside the segments that is not to be read is nobody's business; root reads all.
fn beside(scene: &mut Scene) {
    let store = scene.store();
    let other = store.join("lost+found");
    std::fs::create_dir(&other).unwrap();
    std::fs::set_permissions(&other, std::fs::Permissions::from_mode(0o0)).unwrap();
    let (lines, code) = look::lines(&store, &["fsck"]);
    std::fs::set_permissions(&other, std::fs::Permissions::from_mode(0o700)).unwrap();
    assert_eq!((lines.len(), code), (1, 0), "{lines:?}");
}

/// A segment's number, from its file's name.
fn number(path: &Path) -> String {
    let number: u64 = path.file_stem().unwrap().to_str().unwrap()[4..]
        .parse()
        .unwrap();
    number.to_string()
}

fn path_beside(path: &Path, name: &str) -> PathBuf {
    path.with_file_name(name)
}

/// Rows of the table that are gone.
fn rows(scene: &mut Scene) {
    let kinds = [
        ("head/", "no-head"),
        ("held/", "no-claim"),
        ("segment/", "stray-file"),
        // Of an upload, and of a part of it.
        ("row/photos\0u/", "no-row"),
        ("row/photos\0p/", "no-row"),
    ];
    for (prefix, expected) in kinds {
        let store = scene.store();
        change(&store, prefix, None);
        let (findings, code) = check(&store);
        assert_eq!(code, 3, "{prefix}: {findings:?}");
        assert!(
            has(&findings, "finding", expected),
            "{prefix}: {findings:?}"
        );
    }
    let store = scene.store();
    change(&store, "row/photos\0p/", Some(b"another".to_vec()));
    let (findings, code) = check(&store);
    assert_eq!((findings.len(), code), (1, 3), "{findings:?}");
    assert_eq!(findings[0]["finding"], "no-row");
    assert_eq!(findings[0]["bucket"], "photos");
}

/// A head that is not what its commit says, in each of its parts.
fn heads(scene: &mut Scene) {
    let store = scene.store();
    let log = look::whole(&store, &["log", "photos"]);
    let before = log.iter().find(|line| line["root"] != log[0]["root"]);
    let before = before.unwrap()["root"].as_str().unwrap();
    let before: billet_block::Cid = before.parse().unwrap();
    type Meddle<'a> = &'a dyn Fn(&mut Head);
    let parts: [(&str, Meddle<'_>); 5] = [
        ("root", &|head| head.root = before),
        ("state", &|head| head.state = before),
        ("time", &|head| head.time_ms += 1),
        ("space", &|head| head.space.push('x')),
        ("segment", &|head| head.segment += 1),
    ];
    for (part, meddle) in parts {
        let store = scene.store();
        let disk = std::sync::Arc::new(RealDisk::new(&store).unwrap());
        let table = RedbKv::open(disk, "catalog.redb").unwrap();
        let (key, row) = table.scan(b"head/", None, 1).unwrap().remove(0);
        let mut head = Head::from_bytes(&key, &row).unwrap();
        meddle(&mut head);
        table.batch(&[(key, Some(head.to_bytes()))]).unwrap();
        drop(table);
        let (findings, code) = check(&store);
        assert_eq!(code, 3, "{part}: {findings:?}");
        let found = findings.iter().find(|one| one["finding"] == "other-head");
        let found = found.unwrap_or_else(|| panic!("{part}: {findings:?}"));
        assert_eq!(found["bucket"], "photos");
        assert!(
            found["what"]
                .as_str()
                .unwrap()
                .ends_with(&format!(" another {part}")),
            "{found}"
        );
        assert!(part == "state" || findings.len() == 1, "{findings:?}");
    }
}

/// Puts that in the place of the last row whose key begins so, or deletes it.
fn change(store: &Path, prefix: &str, value: Option<Vec<u8>>) {
    let disk = std::sync::Arc::new(RealDisk::new(store).unwrap());
    let table = RedbKv::open(disk, "catalog.redb").unwrap();
    let found = table.scan(prefix.as_bytes(), None, 10).unwrap();
    let (last, _) = found.last().unwrap();
    table.batch(&[(last.clone(), value)]).unwrap();
}
