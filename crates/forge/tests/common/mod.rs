//! What the tests share: recordings, keys, and reading what a machine asks. Must never use the
//! code under test to say what is right.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs
)]
#![allow(dead_code, unreachable_pub, reason = "each test takes what it needs")]

pub mod peer;
pub mod recording;

use billet_forge::{Answer, Body, Moment, RETRY_MS, Request};
use billet_ucan::{Container, Ed25519Signer, Invocation, Seed, Signed};

pub const NOW_MS: u64 = 1_800_000_000_000;

pub fn signer(number: u8) -> Ed25519Signer {
    Ed25519Signer::new(&Seed::new([number; 32]))
}

/// A moment of its own: the same number gives the same nonces.
pub fn moment(now_ms: u64, number: u64) -> Moment {
    let mut random = [0; 32];
    random[..8].copy_from_slice(&number.to_be_bytes());
    random[16..24].copy_from_slice(&(!number).to_be_bytes());
    Moment {
        now_ms,
        random,
        retry_ms: RETRY_MS,
    }
}

/// The container in a request's body or header.
pub fn asked(request: &Request) -> Container {
    if let Body::Bytes(body) = &request.body {
        return Container::from_body(body).unwrap();
    }
    let header = request
        .headers
        .iter()
        .find(|(name, _)| name == "x-ucan-container");
    Container::unpack(header.unwrap().1.as_bytes()).unwrap().1
}

/// The invocation of a container that is meant for this audience.
pub fn invocation_for<'c>(container: &'c Container, audience: &str) -> &'c Signed<Invocation> {
    let mut found = container
        .invocations()
        .filter(|token| token.claims().executor().as_str() == audience);
    let token = found.next().expect("an invocation");
    assert!(found.next().is_none(), "more than one invocation runs");
    token
}

pub fn answer(status: u16, body: Vec<u8>) -> Answer {
    Answer::Whole {
        status,
        headers: Vec::new(),
        body,
    }
}
