//! Indexes equal those of other programs byte for byte, and keep to the limits of their readers.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs
)]

mod common;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use billet_block::sha256;
use billet_forge::{Index, IndexError, SLICES_MAX, Shard, Slice};
use common::recording::{Recording, hex_of};
use serde_json::Value;

fn digest(value: &Value) -> [u8; 32] {
    hex_of(value)[2..].try_into().unwrap()
}

fn one(shard: [u8; 32], slices: Shard) -> Index {
    Index {
        shards: [(shard, slices)].into(),
    }
}

#[test]
fn composed_by_the_layout() {
    let Some(json) = billet_vectors::json("car/sharded-dag-index-0.1.json") else {
        return;
    };
    let told = &json["fil_forge"];
    let slices = told["slices"].as_array().unwrap().iter().map(|slice| {
        let start = slice["start"].as_u64().unwrap();
        let end = slice["end"].as_u64().unwrap();
        (digest(&slice["digest_hex"]), Slice { start, end })
    });
    let index = one(digest(&told["shard_multihash_hex"]), slices.collect());
    let archive = STANDARD
        .decode(told["archive_base64"].as_str().unwrap())
        .unwrap();
    assert_eq!(index.encode().unwrap(), archive);
    assert_eq!(Index::decode(&archive).unwrap(), index);
    // The other form under the same name, with offsets and lengths, is refused.
    let other = &json["storacha_js"]["archive_base64"];
    let other = STANDARD.decode(other.as_str().unwrap()).unwrap();
    assert!(matches!(
        Index::decode(&other),
        Err(IndexError::Malformed(_))
    ));
}

#[test]
fn made_by_another_encoder() {
    let Some(json) = billet_vectors::json("ucan/forge-derived.json") else {
        return;
    };
    let told = &json["sdi"];
    let archive = hex_of(&told["car_hex"]);
    let index = Index::decode(&archive).unwrap();
    assert_eq!(index.encode().unwrap(), archive);
    let shard = &told["shards"][0];
    let slices = &index.shards[&digest(&shard["shard"])];
    assert_eq!(slices.len(), shard["slices"].as_array().unwrap().len());
    for slice in shard["slices"].as_array().unwrap() {
        let found = slices[&digest(&slice[0])];
        assert_eq!(found.start, slice[1].as_u64().unwrap());
        assert_eq!(found.end, slice[2].as_u64().unwrap());
    }
}

#[test]
fn uploaded_to_a_running_service() {
    let mut seen = 0;
    for name in ["index-add", "guppy-upload"] {
        let Some(recording) = Recording::read(name) else {
            return;
        };
        for seq in 0..60 {
            let Some(exchange) = recording.find(seq) else {
                continue;
            };
            let body = exchange["request_body_hex"].as_str().unwrap_or_default();
            if exchange["method"] != "PUT" || body.is_empty() {
                continue;
            }
            let archive = hex::decode(body).unwrap();
            if let Ok(index) = Index::decode(&archive) {
                assert_eq!(index.encode().unwrap(), archive, "{name} {seq}");
                seen += 1;
            }
        }
    }
    assert!(seen >= 2, "{seen} indexes");
}

#[test]
fn as_many_slices_as_readers_take_and_one_more() {
    let slices = |count: usize| -> Shard {
        let slice = |at: usize| {
            let start = at as u64 * 100;
            let end = start + 99;
            (sha256(&at.to_be_bytes()), Slice { start, end })
        };
        (0..count).map(slice).collect()
    };
    let most = one([1; 32], slices(SLICES_MAX));
    assert_eq!(Index::decode(&most.encode().unwrap()).unwrap(), most);
    let more = one([1; 32], slices(SLICES_MAX + 1));
    assert_eq!(more.encode(), Err(IndexError::TooMany));
}

#[test]
fn damaged_ones_are_refused() {
    let slice = Slice { start: 5, end: 9 };
    let index = one([7; 32], [([3; 32], slice), ([4; 32], slice)].into());
    let archive = index.encode().unwrap();
    assert!(Index::decode(&archive[..archive.len() - 1]).is_err());
    for at in 0..archive.len() {
        let mut other = archive.clone();
        other[at] ^= 1;
        assert_ne!(Index::decode(&other), Ok(index.clone()), "{at}");
    }
    let backwards = one([7; 32], [([3; 32], Slice { start: 9, end: 5 })].into());
    assert!(Index::decode(&backwards.encode().unwrap()).is_err());
}
