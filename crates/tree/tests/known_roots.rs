//! Levels, prefixes and roots that other implementations state.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]
#![allow(missing_docs)]

mod common;

use std::collections::BTreeSet;

use billet_block::{Cid, sha256};
use billet_tree::{apply, common_prefix_bytes, empty_block, empty_root, key_level, prove};
use common::{Model, Random, Store, drive, value};
use serde_json::Value;

fn cid(text: &Value) -> Cid {
    text.as_str().unwrap().parse().unwrap()
}

fn list(array: &Value) -> &Vec<Value> {
    array.as_array().unwrap()
}

/// Applies a batch to a tree in the store and returns the new root.
fn change(store: &mut Store, root: Cid, batch: &[(&str, Option<Cid>)]) -> Cid {
    let (applied, _) = drive(store, |nodes| apply(nodes, &root, batch));
    let applied = applied.unwrap();
    for block in &applied.blocks {
        store.put(block.clone());
    }
    applied.root
}

/// The root of a model, made in bulk, in one batch and key by key in some order.
fn root_of(model: &Model) -> Cid {
    let root = Store::default().build(model);
    let batch: Vec<_> = model.iter().map(|(k, v)| (k.as_str(), Some(*v))).collect();
    let mut store = Store::empty();
    assert_eq!(change(&mut store, empty_root(), &batch), root);
    if batch.len() <= 300 {
        let mut order = batch;
        Random::new(7).shuffle(&mut order);
        let one_by_one = order
            .iter()
            .fold(empty_root(), |root, put| change(&mut store, root, &[*put]));
        assert_eq!(one_by_one, root);
    }
    root
}

#[test]
fn empty_tree() {
    let empty = "bafyreie5737gdxlw5i64vzichcalba3z2v5n6icifvx5xytvske7mr3hpm";
    assert_eq!(empty_root().to_string(), empty);
    assert_eq!(hex::encode(empty_block().bytes), "a2616580616cf6");
}

#[test]
fn bytes_of_small_nodes() {
    let hello = value("hello");
    let one = Model::from([("a".to_owned(), hello)]);
    let mut store = Store::default();
    let root = store.build(&one);
    let expected = "bafyreibf3x2arhipaz22of4u5l6sswvlix3274f4mycpdkislo3suxazry";
    assert_eq!(root.to_string(), expected);
    let bytes = "a2616581a4616b41616170006174f66176d82a582500015512202cf24dba5fb0a30e26e83b2ac5b9e2\
                 9e1b161e5c1fa7425e73043362938b9824616cf6";
    assert_eq!(hex::encode(&store.blocks[&root]), bytes);
    let two = ["photos/cat.jpg", "photos/dog.jpg"].map(|key| (key.to_owned(), hello));
    let expected = "bafyreid5ey3svtagdhms2mwqlhfwn7eupj65nr5kmaxan4jyjccuqlrdne";
    assert_eq!(root_of(&Model::from(two)).to_string(), expected);
}

#[test]
fn levels() {
    let stated = [
        ("a", 0),
        ("b", 1),
        ("k00014", 2),
        ("k00015", 3),
        ("k00073", 4),
        ("k00517", 5),
        ("k09491", 6),
        ("k13375", 7),
        ("k78144", 8),
    ];
    for (key, level) in stated {
        assert_eq!(key_level(key), level, "{key}");
    }
    let Some(vectors) = billet_vectors::json("mst/key_heights.json") else {
        return;
    };
    assert_eq!(list(&vectors).len(), 9);
    for case in list(&vectors) {
        let level = u64::from(key_level(case["key"].as_str().unwrap()));
        assert_eq!(Some(level), case["height"].as_u64(), "{case}");
    }
}

#[test]
fn example_keys_carry_their_level() {
    let Some(text) = billet_vectors::text("mst/example_keys.txt") else {
        return;
    };
    let mut count = 0;
    for key in text.lines() {
        count += 1;
        let digit = key.as_bytes()[1] - b'0';
        assert_eq!(key_level(key), digit, "{key}");
    }
    assert_eq!(count, 156);
    let model: Model = text
        .lines()
        .map(|key| (key.to_owned(), value(key)))
        .collect();
    root_of(&model);
}

#[test]
fn common_prefixes() {
    let Some(vectors) = billet_vectors::json("mst/common_prefix.json") else {
        return;
    };
    assert_eq!(list(&vectors).len(), 13);
    for case in list(&vectors) {
        let side = |name: &str| case[name].as_str().unwrap().as_bytes();
        let shared = common_prefix_bytes(side("left"), side("right"));
        assert_eq!(Some(shared as u64), case["len"].as_u64(), "{case}");
    }
}

#[test]
fn indigo_roots() {
    let Some(vectors) = billet_vectors::json("mst/known-roots.json") else {
        return;
    };
    let value = cid(&vectors["value"]);
    assert_eq!(list(&vectors["cases"]).len(), 11);
    for case in list(&vectors["cases"]) {
        let keys = list(&case["keys"]).iter();
        let model = keys
            .map(|key| (key.as_str().unwrap().to_owned(), value))
            .collect();
        assert_eq!(root_of(&model), cid(&case["root"]), "{}", case["name"]);
    }
}

/// The keys of a set, in order: listed, or made by the rule of that name.
fn keys_of(set: &Value) -> Vec<String> {
    if let Some(keys) = set["keys_sorted"].as_array() {
        return keys
            .iter()
            .map(|key| key.as_str().unwrap().to_owned())
            .collect();
    }
    let mut keys: Vec<String> = match set["name"].as_str().unwrap() {
        "shared-prefix-10k" => (0..10_000)
            .map(|i| format!("logs/2026/11/{:02}/{i:05}.json", i % 28 + 1))
            .collect(),
        "uuid-like-2k" => (0..2_000)
            .map(|i| hex::encode(sha256(i.to_string().as_bytes()))[..32].to_owned())
            .collect(),
        name => panic!("a set without keys or a known rule: {name}"),
    };
    keys.sort_unstable();
    keys
}

#[test]
fn s3_keys() {
    let Some(vectors) = billet_vectors::json("mst/s3-keys.json") else {
        return;
    };
    let mut checked = 0;
    for set in list(&vectors["sets"]) {
        let expected = &set["roots"]["2"];
        let keys = keys_of(set);
        let model: Model = keys.iter().map(|key| (key.clone(), value(key))).collect();
        assert!(model.keys().eq(&keys), "{}: order", set["name"]);
        assert_eq!(root_of(&model), cid(&expected["root"]), "{}", set["name"]);
        let mut store = Store::default();
        store.build(&model);
        assert_eq!(Some(store.blocks.len() as u64), expected["nodes"].as_u64());
        let bytes: usize = store.blocks.values().map(Vec::len).sum();
        assert_eq!(Some(bytes as u64), expected["bytes"].as_u64());
        checked += 1;
    }
    assert_eq!(checked, 6);
}

#[test]
fn commits() {
    let Some(vectors) = billet_vectors::json("mst/commit-proof-fixtures.json") else {
        return;
    };
    assert_eq!(list(&vectors).len(), 6);
    for case in list(&vectors) {
        let value = cid(&case["leafValue"]);
        let texts = |name: &str| {
            let keys = list(&case[name]).iter();
            keys.map(|key| key.as_str().unwrap().to_owned())
                .collect::<Vec<_>>()
        };
        let model: Model = texts("keys").into_iter().map(|key| (key, value)).collect();
        let before = cid(&case["rootBeforeCommit"]);
        let mut store = Store::default();
        assert_eq!(store.build(&model), before);
        let (adds, dels) = (texts("adds"), texts("dels"));
        let adds = adds.iter().map(|key| (key.as_str(), Some(value)));
        let mut batch: Vec<_> = adds
            .chain(dels.iter().map(|key| (key.as_str(), None)))
            .collect();
        batch.sort_unstable();
        let keys: Vec<String> = batch.iter().map(|(key, _)| (*key).to_owned()).collect();
        let after = cid(&case["rootAfterCommit"]);
        assert_eq!(
            change(&mut store, before, &batch),
            after,
            "{}",
            case["comment"]
        );
        let listed: BTreeSet<Cid> = list(&case["blocksInProof"]).iter().map(cid).collect();
        for key in keys {
            let path = prove(&store.nodes(), &after, &key).unwrap();
            let path: BTreeSet<Cid> = path.into_iter().collect();
            assert!(path.is_subset(&listed), "{}", case["comment"]);
        }
    }
}
