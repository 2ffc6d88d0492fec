//! Every byte of a container changed: no panic, and never two containers that both are believed.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs
)]

mod common;

use billet_ucan::{Container, Directory, Packing, Signer, Token, Verifier};
use common::{NOW_S, delegation, invocation, receipt, service, sign, signer};

fn whole() -> Container {
    let (space, agent) = (signer(1), signer(2));
    let proof = sign(delegation(&space, agent.did(), Some(space.did())), &space);
    let asked = sign(invocation(&agent, space.did(), &[&proof]), &agent);
    let answer = sign(
        receipt(&service(), asked.claims().task().unwrap()),
        &service(),
    );
    Container::of([proof.into(), asked.into(), answer.into()]).unwrap()
}

/// Whether all of it is believed: three tokens, all signatures, chain and receipt.
fn is_believed(container: &Container) -> bool {
    let verifier = Verifier {
        resolver: &Directory::default(),
        now_s: NOW_S,
    };
    let service = service();
    let us = service.did();
    let (mut asked, mut answered, mut given) = (0, 0, 0);
    for token in container.tokens() {
        match token {
            Token::Delegation(token) => given += usize::from(verifier.delegation(token).is_ok()),
            Token::Invocation(token) => {
                asked += usize::from(verifier.invocation(token, us, container).is_ok());
                let task = token.claims().task().unwrap();
                for receipt in container.answering(&task) {
                    answered += usize::from(verifier.receipt(receipt, &task, us).is_ok());
                }
            }
            Token::Receipt(_) => {}
        }
    }
    (given, asked, answered) == (1, 1, 1)
}

/// Each byte of `bytes` in turn: every bit flipped alone, and two whole other values.
fn mutations(bytes: &[u8]) -> impl Iterator<Item = (usize, Vec<u8>)> {
    (0..bytes.len()).flat_map(move |at| {
        let old = bytes[at];
        let others = (0..8).map(move |bit| old ^ 1 << bit);
        let others = others.chain([0, 0xff]).filter(move |new| *new != old);
        others.map(move |new| {
            let mut mutated = bytes.to_vec();
            mutated[at] = new;
            (at, mutated)
        })
    })
}

#[test]
fn plain_container() {
    let container = whole();
    assert!(is_believed(&container));
    let body = container.to_body().unwrap();
    let mut read = 0;
    for (at, mutated) in mutations(&body) {
        if let Ok(container) = Container::from_body(&mutated) {
            read += 1;
            assert!(!is_believed(&container), "byte {at}");
        }
    }
    // Most of it is inside of tokens, which are then simply not believed.
    assert!(read > body.len());
}

#[test]
fn container_cut_off_or_followed() {
    let body = whole().to_body().unwrap();
    for length in 0..body.len() {
        assert!(Container::from_body(&body[..length]).is_err(), "{length}");
    }
    for byte in 0..=255 {
        let longer = [body.as_slice(), &[byte]].concat();
        assert!(Container::from_body(&longer).is_err(), "{byte}");
    }
}

/// Base64 has one text for one content, so here, too, nothing mutated is believed. Of the changes
/// of each byte every fourth is enough, because the bytes within are those above.
#[test]
fn packed_as_text() {
    let container = whole();
    for packing in [Packing::Raw, Packing::Base64, Packing::Base64Url] {
        let packed = container.pack(packing).unwrap();
        for (at, mutated) in mutations(&packed).step_by(4) {
            if let Ok((_, container)) = Container::unpack(&mutated) {
                assert!(!is_believed(&container), "{packing:?} {at}");
            }
        }
    }
}

/// The head of compressed bytes holds a time and the like, which nobody looks at: what is believed
/// is the container that was packed.
#[test]
fn compressed() {
    let container = whole();
    for packing in [Packing::Gzip, Packing::GzipBase64, Packing::GzipBase64Url] {
        let packed = container.pack(packing).unwrap();
        for (at, mutated) in mutations(&packed).step_by(4) {
            if let Ok((_, read)) = Container::unpack(&mutated) {
                assert!(read == container || !is_believed(&read), "{packing:?} {at}");
            }
        }
        for length in 0..packed.len() {
            assert!(
                Container::unpack(&packed[..length]).is_err(),
                "{packing:?} {length}"
            );
        }
    }
}
