//! Digests against published check values, owners against `sha256sum`.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs
)]

use billet_digest::{Hasher, OWNER_DEFAULT, owner_id};

#[test]
fn every_algorithm_gives_its_published_check_value() {
    let cases = [
        ("crc32", "cbf43926"),
        ("crc32c", "e3069283"),
        ("crc64nvme", "ae8b14860a799888"),
        ("md5", "25f9e794323b453885f5181f1b624d0b"),
        ("sha1", "f7c3bc1d808e04732adf679965ccc34ca7ae3441"),
        (
            "sha2-256",
            "15e2b0d3c33891ebb0f1ef609ec419420c20e320ce94c65fbc8c3312448eb225",
        ),
    ];
    for (algorithm, expected) in cases {
        let mut hasher = Hasher::open(algorithm).unwrap();
        // Twice, since it starts anew.
        for _ in 0..2 {
            for part in ["1234", "", "56789"] {
                hasher.update(part.as_bytes());
            }
            assert_eq!(hex::encode(hasher.finish()), expected, "{algorithm}");
        }
    }
    assert!(Hasher::open("sha512").is_none());
}

/// Of `abcdefg`, as versitygw's conformance suite has them in base64.
#[test]
fn every_checksum_of_s3_is_as_clients_compute_it() {
    for (algorithm, expected) in [
        (
            "sha2-512",
            "d716a4188569b68ab1b6dfac178e570114cdf0ea3a1cc0e31486c3e41241bc6a\
             76424e8c37ab26f096fc85ef9886c8cb634187f4fddff645fb099f1ff54c6b8c",
        ),
        ("md5", "7ac66c0f148de9519b8bd264312c4d64"),
        ("xxh64", "1860940e2902822d"),
        ("xxh3-64", "5a40dc3fd44c052f"),
        ("xxh3-128", "2aafd83869a59c313fe798c0edaa6dc6"),
    ] {
        let mut hasher = Hasher::open(algorithm).unwrap();
        for _ in 0..2 {
            hasher.update(b"abcd");
            hasher.update(b"efg");
            assert_eq!(hex::encode(hasher.finish()), expected, "{algorithm}");
        }
    }
}

/// `printf 'billet owner NAME' | sha256sum`.
#[test]
fn an_owner_has_one_id() {
    let id = "6232761c0ebc6a300755a1f7aaa892c04fe2d5f06fdda8e2e2f7ab2514f87f6c";
    assert_eq!(owner_id(OWNER_DEFAULT), id);
    let alice = "29910ec62e426f3ee0b1702c6017c5dddbe81cd00b6e696e4acfc6e5071dc402";
    assert_eq!(owner_id("alice"), alice);
}
