//! A segment that the system does not give is a finding of the check, which goes on with the
//! others; that the process is at a limit of its own ends the check, and accuses no file.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
#![allow(clippy::indexing_slicing, missing_docs)]

mod common;

use billet_segment::{FileKind, SegmentId};
use billet_storage::sim::{Broken, Sim};
use billet_storage::{Finding, FindingKind, Store, StoreError};
use common::{open, put, small};

const EIO: i32 = 5;
const EACCES: i32 = 13;
const EMFILE: i32 = 24;

/// A closed store with more than one segment in each plane.
fn closed() -> Sim {
    let sim = Sim::new();
    let store = open(&sim, &small(300));
    for name in ["one", "two", "three"] {
        put(&store, name, name).unwrap();
    }
    store.close().unwrap();
    drop(store);
    sim
}

fn cars(sim: &Sim) -> Vec<String> {
    let is_car =
        |path: &String| SegmentId::parse_path(path).is_ok_and(|(_, _, kind)| kind == FileKind::Car);
    sim.files().into_iter().filter(is_car).collect()
}

fn check(sim: &Sim, store: &Store) -> Result<Vec<Finding>, StoreError> {
    let mut findings = Vec::new();
    let files = sim.clone();
    store.check(&move |_| Ok(files.files()), &mut findings)?;
    Ok(findings)
}

#[test]
fn a_file_that_cannot_be_read_is_told() {
    let sim = closed();
    let store = open(&sim, &small(300));
    assert_eq!(check(&sim, &store), Ok(Vec::new()));
    assert!(cars(&sim).len() > 3, "more than one of each plane");
    for path in cars(&sim) {
        let middle = sim.read(&path).unwrap().len() as u64 / 2;
        for (broken, said) in [
            (Broken::At(middle, EIO), "Input/output error"),
            (Broken::Open(EIO), "Input/output error"),
            (Broken::Open(EACCES), "Permission denied"),
        ] {
            sim.break_file(&path, Some(broken));
            let findings = check(&sim, &store).unwrap();
            let told = |one: &Finding| {
                one.kind == FindingKind::Unreadable && one.path.as_deref() == Some(&path)
            };
            let told: Vec<_> = findings.iter().filter(|one| told(one)).collect();
            assert_eq!(told.len(), 1, "{path} {broken:?}: {findings:?}");
            assert!(
                told[0].kind.is_damage() && told[0].what.contains(said),
                "{told:?}"
            );
            let others = findings.iter().filter(|one| one.path.is_some()).count();
            assert_eq!(others, 1, "no other file is accused: {findings:?}");
            let (_, id, _) = SegmentId::parse_path(&path).unwrap();
            let mut alone = Vec::new();
            store.check_segment(id.number, &mut alone).unwrap();
            assert_eq!(alone, [told[0].clone()]);
            sim.break_file(&path, None);
        }
        // Another damage is still found beside it.
        sim.break_file(&path, Some(Broken::Open(EIO)));
        let other = cars(&sim).into_iter().find(|other| *other != path).unwrap();
        let bytes = sim.read(&other).unwrap();
        let mut rotten = bytes.clone();
        *rotten.last_mut().unwrap() ^= 1;
        sim.meddle(&other, Some(rotten));
        let findings = check(&sim, &store).unwrap();
        let kinds = |path: &str| {
            let of_path = findings
                .iter()
                .filter(|one| one.path.as_deref() == Some(path));
            of_path.map(|one| one.kind).collect::<Vec<_>>()
        };
        assert_eq!(kinds(&path), [FindingKind::Unreadable]);
        assert_eq!(kinds(&other), [FindingKind::BadBytes]);
        sim.meddle(&other, Some(bytes));
        sim.break_file(&path, None);
    }
    assert_eq!(check(&sim, &store), Ok(Vec::new()));
}

#[test]
fn a_limit_of_the_process_accuses_no_file() {
    let sim = closed();
    let store = open(&sim, &small(300));
    for path in cars(&sim) {
        sim.break_file(&path, Some(Broken::Open(EMFILE)));
        let error = check(&sim, &store).unwrap_err();
        let StoreError::Exhausted(text) = &error else {
            panic!("{error}");
        };
        assert!(
            text.contains(&path) && text.contains("Too many open files"),
            "{text}"
        );
        sim.break_file(&path, None);
    }
}

#[test]
fn a_file_that_goes_while_the_check_runs_is_told_once() {
    let sim = closed();
    let store = open(&sim, &small(300));
    let path = cars(&sim).pop().unwrap();
    let (listed, mut findings) = (sim.files(), Vec::new());
    let gone = |findings: &[Finding]| {
        let gone = findings
            .iter()
            .filter(|one| one.kind == FindingKind::NoFile);
        gone.filter(|one| one.path.as_deref() == Some(&path))
            .count()
    };
    sim.meddle(&path, None);
    store.check(&|_| Ok(listed.clone()), &mut findings).unwrap();
    assert_eq!(gone(&findings), 1, "{findings:?}");
}
