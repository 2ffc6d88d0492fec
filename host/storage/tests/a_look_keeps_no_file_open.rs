//! A view of a folder closes what was only read with its last user, and keeps what was changed.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
#![allow(clippy::indexing_slicing, missing_docs)]
#![cfg(target_os = "linux")]

use billet_storage::{CowDisk, Disk};

/// Files of a folder that this process has open.
fn open_below(folder: &std::path::Path) -> usize {
    let open = std::fs::read_dir("/proc/self/fd").unwrap();
    let targets = open.filter_map(|entry| std::fs::read_link(entry.unwrap().path()).ok());
    targets.filter(|target| target.starts_with(folder)).count()
}

#[test]
fn a_look_keeps_no_file_open() {
    let folder = tempfile::tempdir().unwrap();
    let below = folder.path().canonicalize().unwrap();
    let names: Vec<_> = (0..50).map(|number| number.to_string()).collect();
    for name in &names {
        std::fs::write(below.join(name), name).unwrap();
    }
    let disk = CowDisk::new(folder.path(), 1 << 20).unwrap();
    for name in &names {
        let mut out = [0; 2];
        let file = disk.open(name).unwrap().unwrap();
        assert_eq!(file.read_at(&mut out, 0).unwrap(), name.len());
        assert_eq!(open_below(&below), 1);
    }
    assert_eq!(open_below(&below), 0);
    assert_eq!(disk.list_files("").unwrap().len(), names.len());

    // Whoever has it open sees what another changes, and so does whoever comes later.
    let (one, two) = (
        disk.open("7").unwrap().unwrap(),
        disk.open("7").unwrap().unwrap(),
    );
    two.write_at(b"changed", 0).unwrap();
    drop(two);
    let read = |file: &dyn billet_storage::File| {
        let mut out = [0; 9];
        let count = file.read_at(&mut out, 0).unwrap();
        out[..count].to_vec()
    };
    assert_eq!(read(&*one), b"changed");
    drop(one);
    assert_eq!(read(&*disk.open("7").unwrap().unwrap()), b"changed");
    assert_eq!(disk.length("7").unwrap(), Some(7));

    // What was open before it went does not come back by being changed.
    let old = disk.open("8").unwrap().unwrap();
    disk.remove("8").unwrap();
    old.write_at(b"old", 0).unwrap();
    assert!(disk.open("8").unwrap().is_none());
    disk.create("8").unwrap();
    old.set_len(1).unwrap();
    assert_eq!(disk.length("8").unwrap(), Some(0));
    disk.rename("9", "8").unwrap();
    old.allocate(99).unwrap();
    assert_eq!(disk.length("8").unwrap(), Some(1));
    assert_eq!(
        std::fs::read(below.join("7")).unwrap(),
        b"7",
        "nothing below changed"
    );
}
