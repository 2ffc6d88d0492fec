//! Rot in closed segments: every changed byte is noticed when its block is read, what lies beside
//! a CAR is made anew, and a file that is gone is told loudly.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
#![allow(clippy::indexing_slicing, missing_docs)]

mod common;

use billet_segment::{FileKind, SegmentId, scan};
use billet_storage::sim::Sim;
use billet_storage::{Plane, StoreError};
use common::{leaf, node, open, put, read, small};

const NAMES: [&str; 4] = ["one", "two", "three", "four"];

fn closed() -> Sim {
    let sim = Sim::new();
    let store = open(&sim, &small(1 << 20));
    for name in NAMES {
        put(&store, name, name).unwrap();
    }
    store.close().unwrap();
    drop(store);
    sim
}

fn paths(sim: &Sim, wanted: FileKind) -> Vec<(Plane, String)> {
    let parse = |path: String| match SegmentId::parse_path(&path) {
        Ok((_, id, kind)) if kind == wanted => Some((id.plane, path)),
        _ => None,
    };
    sim.files().into_iter().filter_map(parse).collect()
}

fn read_all(sim: &Sim) {
    let store = open(sim, &small(1 << 20));
    assert_eq!(store.recovery().damage, []);
    for name in NAMES {
        read(&store, name, 100).unwrap();
        assert_eq!(store.block(&node(name).0).unwrap(), node(name).1);
    }
}

#[test]
fn every_changed_byte_of_a_closed_car_is_noticed() {
    let origin = closed();
    for (plane, path) in paths(&origin, FileKind::Car) {
        let bytes = origin.read(&path).unwrap();
        let frames = scan(&bytes, plane).frames;
        for at in 0..bytes.len() {
            let sim = origin.image(billet_storage::sim::Survivors::All);
            let mut changed = bytes.clone();
            changed[at] ^= 0x40;
            sim.meddle(&path, Some(changed));
            let store = open(&sim, &small(1 << 20));
            for frame in &frames {
                let is_hit = (frame.payload()..frame.end()).contains(&(at as u64));
                let answer = store.block(&frame.cid);
                let now =
                    store.read_leaf_now(&frame.cid, &mut Vec::with_capacity(frame.length as usize));
                assert_eq!(now, !is_hit, "I6: byte {at}, at once");
                if is_hit {
                    assert_eq!(answer, Err(StoreError::Corrupt(frame.cid)), "byte {at}");
                } else {
                    assert!(frame.cid.matches(&answer.unwrap()));
                }
            }
        }
    }
}

#[test]
fn what_lies_beside_a_car_is_made_anew() {
    let origin = closed();
    for kind in [FileKind::Idx, FileKind::Sum] {
        for (_, path) in paths(&origin, kind) {
            let bytes = origin.read(&path).unwrap();
            let sim = origin.image(billet_storage::sim::Survivors::All);
            sim.meddle(&path, None);
            read_all(&sim);
            assert_eq!(sim.read(&path).unwrap(), bytes, "made anew as it was");
            for at in 0..bytes.len() {
                let mut changed = bytes.clone();
                changed[at] ^= 1;
                sim.meddle(&path, Some(changed));
                read_all(&sim);
                assert_eq!(sim.read(&path).unwrap(), bytes, "byte {at}");
                sim.meddle(&path, Some(bytes[..at].to_vec()));
                read_all(&sim);
                assert_eq!(sim.read(&path).unwrap(), bytes, "cut at {at}");
            }
        }
    }
}

#[test]
fn rot_and_a_lost_index_together_are_no_plain_miss() {
    let sim = closed();
    let (_, path) = paths(&sim, FileKind::Car)
        .into_iter()
        .find(|(p, _)| *p == Plane::Data)
        .unwrap();
    let mut bytes = sim.read(&path).unwrap();
    let hit = scan(&bytes, Plane::Data).frames[1];
    bytes[hit.payload() as usize] ^= 1;
    sim.meddle(&path, Some(bytes));
    for (_, path) in paths(&sim, FileKind::Sum) {
        sim.meddle(&path, None);
    }
    let store = open(&sim, &small(1 << 20));
    assert_eq!(store.block(&hit.cid), Err(StoreError::Corrupt(hit.cid)));
    read(&store, "one", 100).unwrap();
}

#[test]
fn a_closed_file_that_is_gone_or_short_is_told() {
    let origin = closed();
    for (plane, path) in paths(&origin, FileKind::Car) {
        let bytes = origin.read(&path).unwrap();
        for left in [None, Some(bytes[..bytes.len() - 1].to_vec())] {
            let sim = origin.image(billet_storage::sim::Survivors::All);
            sim.meddle(&path, left.clone());
            let store = open(&sim, &small(1 << 20));
            let told = &store.recovery().damage;
            for name in NAMES {
                let is_told = told.iter().any(|damage| {
                    damage.log.as_deref() == Some(name) && damage.reason.contains(&path)
                });
                assert!(is_told, "{name} in {told:?}");
                assert!(matches!(
                    put(&store, name, "no"),
                    Err(StoreError::Unavailable(_))
                ));
            }
            let lost = if plane == Plane::Data {
                leaf("four", 100).0
            } else {
                node("four").0
            };
            if left.is_none() {
                assert_eq!(store.block(&lost), Err(StoreError::Corrupt(lost)));
            }
            put(&store, "new", "others go on").unwrap();
            assert_eq!(
                store.audit(&sim.files()).unwrap().len(),
                1,
                "the audit names the file"
            );
            drop(store);
            sim.meddle(&path, Some(bytes.clone()));
            read_all(&sim);
        }
    }
}

fn is_refused(store: &std::sync::Arc<billet_storage::Store>, name: &str) -> bool {
    matches!(put(store, name, "no"), Err(StoreError::Unavailable(_)))
}

#[test]
fn a_taken_loss_of_a_closed_file_stays_taken() {
    let origin = closed();
    let cars = paths(&origin, FileKind::Car);
    for (_, path) in &cars {
        let (_, other) = cars.iter().find(|(_, other)| other != path).unwrap();
        let bytes = origin.read(path).unwrap();
        for left in [None, Some(bytes[..bytes.len() - 1].to_vec())] {
            let sim = origin.image(billet_storage::sim::Survivors::All);
            sim.meddle(path, left.clone());
            let store = open(&sim, &small(1 << 20));
            assert!(is_refused(&store, "one") && is_refused(&store, "two"));
            assert_eq!(store.forgive("one"), Ok(true));
            drop(store);
            for start in 0..3 {
                let store = open(&sim, &small(1 << 20));
                let told = &store.recovery().damage;
                let logs: Vec<_> = told.iter().map(|one| one.log.as_deref()).collect();
                assert!(logs.contains(&Some("two")) && !logs.contains(&Some("one")));
                assert!(is_refused(&store, "two"), "start {start}");
                if start > 0 {
                    put(&store, "one", &format!("goes on {start}")).unwrap();
                }
            }
            // Another file of the same log is another loss, and so is the same one lost again.
            let image = sim.image(billet_storage::sim::Survivors::All);
            image.meddle(other, None);
            assert!(is_refused(&open(&image, &small(1 << 20)), "one"));
            sim.meddle(path, Some(bytes.clone()));
            put(&open(&sim, &small(1 << 20)), "one", "it came back").unwrap();
            sim.meddle(path, left);
            assert!(is_refused(&open(&sim, &small(1 << 20)), "one"));
        }
    }
}

#[test]
fn a_planted_file_is_found_by_the_audit_and_by_nothing_else() {
    let sim = closed();
    let (_, path) = paths(&sim, FileKind::Car).remove(0);
    let planted = path.replace("seg-00000000000000000000", "seg-00000000000000000900");
    let planted = planted.replace("seg-00000000000000000001", "seg-00000000000000000900");
    sim.meddle(&planted, sim.read(&path));
    let store = open(&sim, &small(1 << 20));
    let found = store.audit(&sim.files()).unwrap();
    assert_eq!(
        found,
        [billet_storage::AuditFinding::NoKey(planted.clone())]
    );
    drop(store);
    assert!(sim.read(&planted).is_some(), "it is left alone");
}
