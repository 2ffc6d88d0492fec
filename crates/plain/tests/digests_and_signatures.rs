//! Digests against published check values, signatures against the example of AWS.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs
)]

use billet_plain::{Hasher, KeyPair, Refusal, Signature};

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

/// The example of "Signature Calculations for the Authorization Header": GET Object.
const MESSAGE: &str = "AWS4-HMAC-SHA256\n20130524T000000Z\n20130524/us-east-1/s3/aws4_request\n\
    7344ae5b7ee6c3e7e6b0fe0640412a37625d1fbfff95c48bbb2dc43964946972";
const MAC: &str = "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41";
const ACCESS_KEY: &str = "AKIAIOSFODNN7EXAMPLE";
const SECRET: &str = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY";

fn example(mac: &[u8]) -> Signature<'_> {
    Signature {
        algorithm: "AWS4-HMAC-SHA256",
        access_key: ACCESS_KEY,
        has_session_token: false,
        date: "20130524",
        region: "us-east-1",
        service: "s3",
        message: MESSAGE.as_bytes(),
        mac,
    }
}

fn pair() -> KeyPair {
    KeyPair::new(Some(ACCESS_KEY.to_owned()), Some(SECRET.to_owned()))
}

#[test]
fn the_example_of_aws_is_taken() {
    let mac = hex::decode(MAC).unwrap();
    let principal = pair().verify(&example(&mac)).unwrap();
    assert_eq!(principal.name, "billet");
    // sha256sum of "billet owner billet".
    let id = "6232761c0ebc6a300755a1f7aaa892c04fe2d5f06fdda8e2e2f7ab2514f87f6c";
    assert_eq!(principal.id, id);
}

#[test]
fn anything_else_is_refused() {
    let mac = hex::decode(MAC).unwrap();
    let good = example(&mac);
    for bit in 0..256 {
        let mut mac = mac.clone();
        mac[bit / 8] ^= 1 << (bit % 8);
        assert_eq!(pair().verify(&example(&mac)), Err(Refusal::Mismatch));
    }
    let wrong = [
        Signature { mac: &[], ..good },
        Signature {
            mac: &mac[..31],
            ..good
        },
        Signature {
            algorithm: "AWS4-ECDSA-P256-SHA256",
            ..good
        },
        Signature {
            date: "20130525",
            ..good
        },
        Signature {
            region: "us-east-2",
            ..good
        },
        Signature {
            service: "iam",
            ..good
        },
        Signature {
            message: b"",
            ..good
        },
    ];
    for signature in wrong {
        assert_eq!(pair().verify(&signature), Err(Refusal::Mismatch));
    }
    let token = Signature {
        has_session_token: true,
        ..good
    };
    assert_eq!(pair().verify(&token), Err(Refusal::Expired));
    let other = Signature {
        access_key: "AKIAIOSFODNN7EXAMPLF",
        ..good
    };
    assert_eq!(pair().verify(&other), Err(Refusal::UnknownKey));
}

#[test]
fn without_a_whole_pair_every_key_is_unknown() {
    let mac = hex::decode(MAC).unwrap();
    let some = |text: &str| Some(text.to_owned());
    let halves = [
        KeyPair::default(),
        KeyPair::new(some(ACCESS_KEY), None),
        KeyPair::new(None, some(SECRET)),
        KeyPair::new(some(ACCESS_KEY), some("")),
        KeyPair::new(some(""), some(SECRET)),
    ];
    for pair in halves {
        assert_eq!(pair.verify(&example(&mac)), Err(Refusal::UnknownKey));
    }
}

#[test]
fn a_secret_is_never_shown() {
    let shown = format!("{:?}", pair());
    assert!(
        shown.contains(ACCESS_KEY) && !shown.contains(SECRET),
        "{shown}"
    );
}
