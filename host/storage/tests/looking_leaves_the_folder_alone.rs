//! A copy-on-write view behaves as a disk of its own would, whatever is written, cut and removed;
//! the folder below keeps every byte, and memory has an end.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
#![allow(clippy::indexing_slicing, missing_docs)]

use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::path::Path;

use billet_storage::{CowDisk, Disk, list_files};

const NAMES: [&str; 4] = ["a", "b", "in/c", "in/d"];

struct Random(u64);

impl Random {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % limit
    }
}

fn contents(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let files = list_files(folder, "").unwrap().into_iter();
    files
        .map(|path| (path.clone(), std::fs::read(folder.join(path)).unwrap()))
        .collect()
}

/// One change of a file that is there, in the view and in the model.
fn change(random: &mut Random, disk: &CowDisk, path: &str, model: &mut Vec<u8>) {
    let file = disk.open(path).unwrap().unwrap();
    let at = random.below(20_000) as usize;
    match random.below(4) {
        0 => {
            let byte = random.below(255) as u8 + 1;
            let bytes = vec![byte; random.below(9_000) as usize];
            file.write_at(&bytes, at as u64).unwrap();
            if !bytes.is_empty() {
                model.resize(model.len().max(at + bytes.len()), 0);
                model[at..at + bytes.len()].copy_from_slice(&bytes);
            }
        }
        1 => {
            file.set_len(at as u64).unwrap();
            model.resize(at, 0);
        }
        2 => {
            file.allocate(at as u64).unwrap();
            model.resize(model.len().max(at), 0);
        }
        _ => {
            let mut out = vec![0xee; random.below(9_000) as usize];
            let read = file.read_at(&mut out, at as u64).unwrap();
            let expected = model.get(at..).unwrap_or_default();
            let expected = &expected[..expected.len().min(out.len())];
            assert_eq!(&out[..read], expected);
        }
    }
    assert_eq!(disk.length(path).unwrap(), Some(model.len() as u64));
}

#[test]
fn a_view_is_a_disk_of_its_own() {
    let seed = 0x5eed;
    println!("seed {seed}");
    let mut random = Random(seed);
    for _ in 0..60 {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("in")).unwrap();
        for name in &NAMES[..3] {
            let bytes: Vec<u8> = (0..random.below(15_000)).map(|at| at as u8 | 1).collect();
            std::fs::write(folder.path().join(name), bytes).unwrap();
        }
        let before = contents(folder.path());
        let mut model = before.clone();
        let disk = CowDisk::new(folder.path(), 1 << 30).unwrap();
        for _ in 0..200 {
            let path = NAMES[random.below(4) as usize];
            match (random.below(20), model.get_mut(path)) {
                (0, _) => {
                    disk.remove(path).unwrap();
                    model.remove(path);
                }
                (1, _) => {
                    disk.create(path).unwrap();
                    model.insert(path.to_owned(), Vec::new());
                }
                (_, Some(bytes)) => change(&mut random, &disk, path, bytes),
                (_, None) => assert!(disk.open(path).unwrap().is_none()),
            }
        }
        let listed: Vec<_> = model.keys().cloned().collect();
        assert_eq!(disk.list_files("").unwrap(), listed);
        let inside = listed.iter().filter(|path| path.starts_with("in/"));
        let inside: Vec<_> = inside.cloned().collect();
        assert_eq!(disk.list_files("in").unwrap(), inside);
        assert_eq!(disk.list_files("none").unwrap(), [""; 0]);
        for (path, bytes) in &model {
            let mut out = vec![0; bytes.len() + 9];
            let read = disk.open(path).unwrap().unwrap().read_at(&mut out, 0);
            assert!(out[..read.unwrap()] == bytes[..], "{path}");
        }
        assert!(contents(folder.path()) == before, "no byte below changed");
    }
}

#[test]
fn memory_has_an_end_and_comes_back() {
    let folder = tempfile::tempdir().unwrap();
    let disk = CowDisk::new(folder.path(), 64 << 10).unwrap();
    let file = disk.create("file").unwrap();
    file.write_at(&[1; 64 << 10], 0).unwrap();
    let error = file.write_at(&[1], 64 << 10).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::StorageFull);
    file.write_at(&[2; 9], 5).unwrap();
    file.set_len(4096).unwrap();
    file.write_at(&[1; 32 << 10], 8192).unwrap();
    drop(file);
    disk.remove("file").unwrap();
    let again = disk.create("again").unwrap();
    again.write_at(&[1; 64 << 10], 0).unwrap();
    assert_eq!(contents(folder.path()), BTreeMap::new());
}
