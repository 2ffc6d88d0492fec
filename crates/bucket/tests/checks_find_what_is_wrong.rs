//! A check passes every key of a whole bucket, and names each block that is missing, damaged or in
//! another's place, with a key that it concerns; what is not below that block it passes all the
//! same.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs
)]

mod common;

use std::collections::{BTreeMap, BTreeSet};

use billet_block::{Cid, Codec};
use billet_bucket::{
    Blocked, Caches, Check, Checked, Damage, Kind, Promise, Span, StoreError, Target, View,
};
use billet_manifest::{Checksum, ChecksumKind, Object, Part, Value as _};
use billet_tree::Builder;
use common::{MIB, Random, Store, named};

const LOG: &str = "photos";

/// Keys besides the one that is uploaded in parts.
const KEYS: usize = 60;

type Blocks = BTreeMap<Cid, Vec<u8>>;

#[derive(Default)]
struct Found {
    bodies: Vec<(Promise, Vec<Span>)>,
    damages: Vec<Damage>,
}

impl Found {
    fn keys(&self) -> BTreeSet<String> {
        self.bodies
            .iter()
            .map(|(body, _)| body.key.clone())
            .collect()
    }
}

/// Runs a check with nothing at hand but these blocks.
fn check(blocks: &Blocks, targets: &[Target]) -> Found {
    let caches = Caches::new(0, 0);
    let mut view = View::new(&caches);
    let mut check = Check::new(targets);
    let mut found = Found::default();
    loop {
        match check.next(&view) {
            Ok(None) => return found,
            Ok(Some(Checked::Body(body))) => found.bodies.push((body, Vec::new())),
            Ok(Some(Checked::Leaves(leaves))) => found.bodies.last_mut().unwrap().1.extend(leaves),
            Ok(Some(Checked::Damaged(damage))) => found.damages.push(damage),
            Err(Blocked::Failed(refusal)) => panic!("{refusal}"),
            Err(Blocked::Need(need)) => {
                assert!(!need.is_empty());
                view.forget_blocks();
                for (cid, kind) in need.blocks {
                    let answer = match blocks.get(&cid) {
                        None => Err(StoreError::NotFound),
                        Some(bytes) if cid.matches(bytes) => Ok(bytes.clone()),
                        Some(_) => Err(StoreError::Corrupt(cid)),
                    };
                    if let Err(error) = view.supply_block(cid, kind, answer) {
                        assert_eq!(kind, Kind::Node);
                        check.lose(cid, error);
                    }
                }
            }
        }
    }
}

/// A bucket of bodies of all shapes, one of them uploaded in parts.
fn bucket() -> (Store, Vec<Target>) {
    let mut random = Random::new(5);
    let mut store = Store::new();
    store.create(LOG);
    let shapes = [vec![], vec![9], vec![MIB; 3], vec![5; 1030]];
    let ops: Vec<_> = (0..KEYS)
        .map(|index| store.put(&format!("key {index}"), &shapes[random.below(4)]))
        .collect();
    store.apply(LOG, &ops);
    let upload = store.begin(LOG, common::create_upload("parts"));
    let parts = [vec![MIB; 5], vec![MIB, 7]];
    let parts: Vec<_> = (1..)
        .zip(&parts)
        .map(|(number, lengths)| store.put_part("parts", &upload, number, lengths))
        .collect();
    store.apply(LOG, &parts);
    let named: Vec<_> = parts.iter().map(named).collect();
    let assembly = store.assemble(LOG, "parts", &upload, &named).unwrap();
    let done = store.apply(LOG, &[common::complete("parts", &upload, named, assembly)]);
    assert!(done[0].is_ok(), "{done:?}");
    let head = store.head(LOG);
    let targets = vec![Target::Tree(head.root), Target::State(head.state)];
    (store, targets)
}

#[test]
fn a_whole_bucket_is_passed_key_by_key() {
    let (store, targets) = bucket();
    let found = check(&store.blocks, &targets);
    assert_eq!(found.damages, []);
    assert_eq!(found.bodies.len(), KEYS + 1);
    for (body, leaves) in &found.bodies {
        let bytes: u64 = leaves.iter().map(|leaf| leaf.length).sum();
        assert_eq!(bytes, body.size, "{}", body.key);
        let object = Object::from_bytes(&store.blocks[&body.manifest]).unwrap();
        if body.key == "parts" {
            let sizes: Vec<u64> = body.parts.iter().map(|part| part.size).collect();
            assert_eq!(sizes, [5 << 20, (1 << 20) + 7]);
            assert!(object.etag.ends_with("-2"));
            assert_eq!(
                body.composites.len(),
                1,
                "the ETag's MD5 of the parts' MD5s"
            );
        } else {
            let md5 = hex(&body
                .digests
                .iter()
                .find(|(name, _)| name == "md5")
                .unwrap()
                .1);
            assert_eq!(md5, object.etag);
        }
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn each_block_that_is_lost_or_damaged_is_named_and_the_rest_is_passed() {
    let (store, targets) = bucket();
    let whole = check(&store.blocks, &targets);
    let mut store = store;
    let walk = store.walk(&targets, &[]);
    let catalog = walk.into_iter().filter(|entry| !entry.is_leaf);
    let catalog: Vec<Cid> = catalog.map(|entry| entry.cid).collect();
    assert!(catalog.len() > KEYS * 3 / 2, "{}", catalog.len());
    let mut blocks = std::mem::take(&mut store.blocks);
    for cid in &catalog {
        for is_damaged in [false, true] {
            let bytes = blocks.remove(cid).unwrap();
            if is_damaged {
                blocks.insert(*cid, [bytes.as_slice(), b"?"].concat());
            }
            let found = check(&blocks, &targets);
            blocks.insert(*cid, bytes);
            let named: BTreeSet<Cid> = found.damages.iter().map(|one| one.cid).collect();
            assert_eq!(named, BTreeSet::from([*cid]), "{:?}", found.damages);
            let lost = whole.keys().len() - found.keys().len();
            let is_root = targets[0] == Target::Tree(*cid);
            assert!(lost <= KEYS || is_root, "{lost} keys are lost with {cid}");
        }
    }
}

#[test]
fn a_manifest_under_another_key_and_a_body_of_another_size_are_named() {
    let (store, _) = bucket();
    let mut blocks = store.blocks.clone();
    let object = blocks.values().find_map(|bytes| {
        let object = Object::from_bytes(bytes).ok()?;
        (object.content.file().size > u64::from(MIB)).then_some(object)
    });
    let object = object.unwrap();
    let mut shorter = object.clone();
    let billet_manifest::Content::Unixfs(file) = &mut shorter.content;
    file.size -= 1;
    let cases = [
        ("elsewhere", object.to_block().unwrap()),
        (object.key.as_str(), shorter.to_block().unwrap()),
    ];
    for (key, manifest) in cases {
        let mut tree = Builder::new();
        tree.push(key, manifest.cid).unwrap();
        let (root, nodes) = tree.finish().unwrap();
        blocks.insert(manifest.cid, manifest.bytes.clone());
        blocks.extend(nodes.into_iter().map(|node| (node.cid, node.bytes)));
        let found = check(&blocks, &[Target::Tree(root)]);
        let keys: Vec<&str> = found.damages.iter().map(|one| one.key.as_str()).collect();
        assert_eq!(keys, [key], "{:?}", found.damages);
    }
}

/// What is said of a tree whose one key has this manifest; none when its body is passed.
fn said_of(object: &Object, blocks: &Blocks) -> Option<String> {
    let manifest = object.to_block().unwrap();
    let mut tree = Builder::new();
    tree.push(&object.key, manifest.cid).unwrap();
    let (root, nodes) = tree.finish().unwrap();
    let mut blocks = blocks.clone();
    blocks.insert(manifest.cid, manifest.bytes);
    blocks.extend(nodes.into_iter().map(|node| (node.cid, node.bytes)));
    let found = check(&blocks, &[Target::Tree(root)]);
    assert_eq!(found.bodies.len() + found.damages.len(), 1);
    let damage = found.damages.into_iter().next()?;
    assert_eq!((damage.cid, &damage.key), (manifest.cid, &object.key));
    Some(damage.reason)
}

#[test]
fn manifests_of_more_than_an_upload_can_have_are_named() {
    let (store, _) = bucket();
    let object = store.blocks.values().find_map(|bytes| {
        let object = Object::from_bytes(bytes).ok()?;
        (object.content.file().size == 0).then_some(object)
    });
    let object = object.unwrap();
    let parts = |numbers: std::ops::RangeInclusive<u32>| -> Vec<Part> {
        let part = |number| Part {
            number,
            size: 0,
            checksum: None,
        };
        numbers.map(part).collect()
    };
    let say = |change: &dyn Fn(&mut Object)| {
        let mut object = object.clone();
        change(&mut object);
        said_of(&object, &store.blocks)
    };
    assert_eq!(say(&|object| object.parts = parts(1..=10_000)), None);
    assert_eq!(say(&|object| object.parts = parts(10_000..=10_000)), None);
    for numbers in [0..=0, 1..=10_001, 10_001..=10_001] {
        let said = say(&|object| object.parts = parts(numbers.clone()));
        assert!(said.unwrap().contains("part numbers"), "{numbers:?}");
    }
    let said = say(&|object| object.parts = [parts(1..=9), parts(9..=9)].concat());
    assert!(said.unwrap().contains("part numbers"));

    let checksum = Checksum {
        algorithm: "a".repeat(64),
        value: vec![1; 64],
        kind: ChecksumKind::Composite,
    };
    assert_eq!(
        say(&|object| object.checksums = vec![checksum.clone(); 8]),
        None
    );
    let outgrown: [&dyn Fn(&mut Object); 5] = [
        &|object| object.checksums = vec![checksum.clone(); 9],
        &|object| {
            object.checksums = vec![checksum.clone()];
            object.checksums[0].algorithm.push('a');
        },
        &|object| {
            object.checksums = vec![checksum.clone()];
            object.checksums[0].value.push(1);
        },
        &|object| object.part_algorithm = Some("a".repeat(65)),
        &|object| {
            object.parts = parts(1..=1);
            object.parts[0].checksum = Some(vec![1; 65]);
        },
    ];
    for (index, change) in outgrown.into_iter().enumerate() {
        let said = say(change);
        assert!(said.unwrap().contains("checksums"), "case {index}");
    }
}

#[test]
fn bytes_for_an_empty_body_are_named() {
    let (store, _) = bucket();
    let mut blocks = store.blocks.clone();
    let empty = Cid::of(Codec::Raw, b"");
    let object = blocks.values().find_map(|bytes| {
        let object = Object::from_bytes(bytes).ok()?;
        (object.content.file().root == empty).then_some(object)
    });
    let mut object = object.unwrap();
    let billet_manifest::Content::Unixfs(file) = &mut object.content;
    file.root = Cid::of(Codec::Raw, b"not empty");
    blocks.insert(file.root, b"not empty".to_vec());
    let named = file.root;
    let manifest = object.to_block().unwrap();
    let mut tree = Builder::new();
    tree.push(&object.key, manifest.cid).unwrap();
    let (root, nodes) = tree.finish().unwrap();
    blocks.insert(manifest.cid, manifest.bytes);
    blocks.extend(nodes.into_iter().map(|node| (node.cid, node.bytes)));
    let found = check(&blocks, &[Target::Tree(root)]);
    assert_eq!(found.damages.len(), 1);
    assert_eq!(found.damages[0].cid, named);
}
