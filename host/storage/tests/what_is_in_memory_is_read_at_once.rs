//! Blocks that are in memory are read without waiting, into the memory that there is; what is not,
//! or finds no room, is left to a read that may wait.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
#![allow(clippy::indexing_slicing, missing_docs)]

use std::io::ErrorKind;

mod common;

use billet_storage::sim::Sim;
use billet_storage::{Disk, RealDisk, StoreError};
use common::{leaf, put, small};

#[test]
fn a_file_of_the_system_gives_what_it_has_and_no_less() {
    let folder = tempfile::tempdir().unwrap();
    let file = RealDisk::new(folder.path()).unwrap().create("a").unwrap();
    file.write_at(b"0123456789", 0).unwrap();
    let mut out = [0; 4];
    match file.read_now(&mut out, 3) {
        Ok(()) => assert_eq!(&out, b"3456"),
        // Some file systems cannot tell.
        Err(error) => assert!(
            matches!(error.kind(), ErrorKind::Unsupported | ErrorKind::WouldBlock),
            "{error}"
        ),
    }
    assert!(file.read_now(&mut out, 8).is_err(), "beyond the end");
}

#[test]
fn a_block_is_read_into_the_memory_that_there_is() {
    let sim = Sim::new();
    let store = common::open(&sim, &small(1 << 20));
    put(&store, "log", "one").unwrap();
    let (cid, bytes) = leaf("one", 100);
    for sealed in [false, true] {
        let store = match sealed {
            true => {
                store.close().unwrap();
                common::open(
                    &sim.image(billet_storage::sim::Survivors::All),
                    &small(1 << 20),
                )
            }
            false => std::sync::Arc::clone(&store),
        };
        let mut out = Vec::with_capacity(100);
        let now = store.read_leaf_now(&cid, &mut out);
        assert_eq!(
            now, !sealed,
            "the table of a closed segment is not loaded yet"
        );
        store.read_leaf_within(&cid, &mut out).unwrap();
        assert_eq!(out, bytes);
        out.clear();
        assert!(store.read_leaf_now(&cid, &mut out), "and now it is");
        assert_eq!(out, bytes);
        let mut out = Vec::with_capacity(99);
        assert!(!store.read_leaf_now(&cid, &mut out));
        let refused = store.read_leaf_within(&cid, &mut out);
        assert!(
            matches!(refused, Err(StoreError::Invalid(_))),
            "{refused:?}"
        );
        assert_eq!((out.len(), out.capacity()), (0, 99), "it did not grow");
    }
}
