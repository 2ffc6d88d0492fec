//! Signatures against the example of AWS.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs
)]

use billet_plain::{KeyPair, Refusal, Signature};

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
