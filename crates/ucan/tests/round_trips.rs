//! Any claims, signed and read again: the same claims, the same bytes, and believed.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs
)]

mod common;

use std::collections::BTreeMap;

use billet_block::{Cid, Codec};
use billet_ucan::{
    Comparison, Container, Delegation, Did, Directory, Invocation, Ipld, Map, Outcome, Packing,
    Policy, Receipt, Selector, Signed, Signer, Statement, Token, Verifier,
};
use common::{NOW_S, sign, signer};
use proptest::collection::{btree_map, vec};
use proptest::option;
use proptest::prelude::*;

fn cids() -> impl Strategy<Value = Cid> {
    any::<u64>().prop_map(|number| Cid::of(Codec::DagCbor, &number.to_be_bytes()))
}

fn values() -> impl Strategy<Value = Ipld> {
    let leaf = prop_oneof![
        Just(Ipld::Null),
        any::<bool>().prop_map(Ipld::Bool),
        any::<i64>().prop_map(|number| Ipld::Integer(i128::from(number))),
        any::<u64>().prop_map(|number| Ipld::Integer(i128::from(number))),
        any::<f64>()
            .prop_filter("finite", |number| number.is_finite())
            .prop_map(Ipld::Float),
        ".{0,9}".prop_map(Ipld::String),
        vec(any::<u8>(), 0..40).prop_map(Ipld::Bytes),
        cids().prop_map(|cid| Ipld::Link(cid.into())),
    ];
    leaf.prop_recursive(3, 16, 4, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..4).prop_map(Ipld::List),
            btree_map("[a-z/]{0,9}", inner, 0..4).prop_map(Ipld::Map),
        ]
    })
}

fn maps() -> impl Strategy<Value = Map> {
    btree_map("[a-zA-Z]{0,20}", values(), 0..4)
}

fn times() -> impl Strategy<Value = Option<u64>> {
    option::of(0..=i64::MAX as u64)
}

fn dids() -> impl Strategy<Value = Did> {
    prop_oneof![
        any::<u8>().prop_map(|number| signer(number).did().clone()),
        "did:web:[a-z]{1,9}".prop_map(|text| common::did(&text)),
    ]
}

fn selectors() -> impl Strategy<Value = Selector> {
    let text = "\\.[a-z]{1,5}(\\[-?[0-9]{1,3}\\]|\\[\\])?\\??";
    text.prop_map(|text| text.parse().unwrap())
}

fn statements() -> impl Strategy<Value = Statement> {
    let comparison = prop_oneof![
        Just(Comparison::Equal),
        Just(Comparison::NotEqual),
        Just(Comparison::Greater),
        Just(Comparison::GreaterOrEqual),
        Just(Comparison::Less),
        Just(Comparison::LessOrEqual),
    ];
    let number = any::<i64>().prop_map(|number| Ipld::Integer(i128::from(number)));
    let leaf = prop_oneof![
        (comparison, selectors(), number)
            .prop_map(|(how, path, value)| { Statement::Compare(how, path, value) }),
        (selectors(), "[a-z*]{0,6}").prop_map(|(path, like)| Statement::Like(path, like)),
    ];
    leaf.prop_recursive(3, 12, 3, |inner| {
        let one = inner.clone().prop_map(Box::new);
        prop_oneof![
            vec(inner.clone(), 0..3).prop_map(Statement::And),
            vec(inner, 0..3).prop_map(Statement::Or),
            one.clone().prop_map(Statement::Not),
            (selectors(), one.clone()).prop_map(|(path, of)| Statement::All(path, of)),
            (selectors(), one).prop_map(|(path, of)| Statement::Any(path, of)),
        ]
    })
}

prop_compose! {
    fn delegations()(
        issuer in 1_u8..5, audience in dids(), subject in option::of(dids()),
        command in "/([a-z]{1,5}(/[a-z]{1,5}){0,2})?", policy in vec(statements(), 0..3),
        nonce in vec(any::<u8>(), 0..17), expires_s in times(), not_before_s in times(),
        meta in option::of(maps()),
    ) -> (u8, Delegation) {
        let command = common::command(&command);
        let policy = Policy(policy);
        let claims = Delegation {
            issuer: signer(issuer).did().clone(),
            audience, subject, command, policy, nonce, expires_s, not_before_s, meta,
        };
        (issuer, claims)
    }
}

prop_compose! {
    fn invocations()(
        issuer in 1_u8..5, subject in dids(), audience in option::of(dids()),
        command in "/[a-z]{1,5}", arguments in maps(), proofs in vec(cids(), 0..4),
        nonce in vec(any::<u8>(), 0..17), expires_s in times(), issued_s in times(),
        cause in option::of(cids()), meta in option::of(maps()),
    ) -> (u8, Invocation) {
        let command = common::command(&command);
        let claims = Invocation {
            issuer: signer(issuer).did().clone(),
            subject, audience, command, arguments, proofs, nonce, expires_s, issued_s, cause, meta,
        };
        (issuer, claims)
    }
}

prop_compose! {
    fn receipts()(
        executor in 1_u8..5, ran in cids(), ok in any::<bool>(), value in values(),
        nonce in vec(any::<u8>(), 0..17), expires_s in times(), issued_s in times(),
        cause in option::of(cids()), meta in option::of(maps()),
    ) -> (u8, Receipt) {
        let outcome = if ok { Outcome::Ok(value) } else { Outcome::Error(value) };
        let claims = Receipt {
            executor: signer(executor).did().clone(),
            ran, outcome, nonce, expires_s, issued_s, cause, meta,
        };
        (executor, claims)
    }
}

fn verifier(resolver: &Directory) -> Verifier<'_> {
    Verifier {
        resolver,
        now_s: NOW_S,
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn delegations_come_back((by, claims) in delegations()) {
        let token = sign(claims.clone(), &signer(by));
        let read = Signed::<Delegation>::decode(token.bytes()).unwrap();
        prop_assert_eq!(read.claims(), &claims);
        prop_assert_eq!(&read, &token);
        prop_assert_eq!(Token::decode_in_any_order(token.bytes()), Ok(token.into()));
        let resolver = Directory::default();
        let over = claims.expires_s.is_some_and(|at| at <= NOW_S);
        let early = claims.not_before_s.is_some_and(|at| at != 0 && at >= NOW_S);
        prop_assert_eq!(verifier(&resolver).delegation(&read).is_ok(), !over && !early);
    }

    #[test]
    fn attested_delegations_come_back((_, mut claims) in delegations()) {
        claims.issuer = common::did("did:mailto:example.com:alice");
        (claims.expires_s, claims.not_before_s) = (None, None);
        let token = claims.attest(&signer(9)).unwrap();
        let read = Signed::<Delegation>::decode(token.bytes()).unwrap();
        prop_assert_eq!(&read, &token);
        let mut resolver = Directory::default();
        prop_assert!(verifier(&resolver).delegation(&read).is_err());
        resolver.authority = Some(signer(9).did().clone());
        prop_assert_eq!(verifier(&resolver).delegation(&read), Ok(()));
    }

    #[test]
    fn invocations_come_back((by, claims) in invocations(), nonce in vec(any::<u8>(), 20..21)) {
        let token = sign(claims.clone(), &signer(by));
        let read = Signed::<Invocation>::decode(token.bytes()).unwrap();
        prop_assert_eq!(&read, &token);
        let task = claims.task().unwrap();
        // Only four fields name the task.
        let mut same = claims.clone();
        (same.audience, same.proofs, same.expires_s) = (None, Vec::new(), None);
        (same.issued_s, same.cause, same.meta) = (None, None, None);
        prop_assert_eq!(same.task().unwrap(), task);
        same.nonce = nonce;
        prop_assert_ne!(same.task().unwrap(), task);
    }

    #[test]
    fn receipts_come_back((by, claims) in receipts()) {
        let token = sign(claims.clone(), &signer(by));
        let read = Signed::<Receipt>::decode(token.bytes()).unwrap();
        prop_assert_eq!(&read, &token);
        let resolver = Directory::default();
        let outcome = verifier(&resolver).receipt(&read, &claims.ran, &claims.executor);
        prop_assert_eq!(outcome, Ok(&claims.outcome));
    }

    #[test]
    fn containers_come_back(
        given in vec(delegations(), 0..3), asked in vec(invocations(), 0..3),
        told in vec(receipts(), 0..3), rotation in 0_usize..9,
    ) {
        let given = given.into_iter().map(|(by, claims)| Token::from(sign(claims, &signer(by))));
        let asked = asked.into_iter().map(|(by, claims)| Token::from(sign(claims, &signer(by))));
        let told = told.into_iter().map(|(by, claims)| Token::from(sign(claims, &signer(by))));
        let mut tokens: Vec<Token> = given.chain(asked).chain(told).collect();
        let container = Container::of(tokens.clone()).unwrap();
        let count = tokens.len();
        tokens.rotate_left(rotation.checked_rem(count).unwrap_or(0));
        prop_assert_eq!(&Container::of(tokens).unwrap(), &container);
        for packing in Packing::ALL {
            let packed = container.pack(packing).unwrap();
            let (found, read) = Container::unpack(&packed).unwrap();
            prop_assert_eq!(found, packing);
            prop_assert_eq!(&read, &container);
            prop_assert_eq!(read.to_body().unwrap(), container.to_body().unwrap());
        }
    }

    #[test]
    fn any_bytes_are_read_or_refused(bytes in vec(any::<u8>(), 0..200), code in 0x3f_u8..0x48) {
        let _ = Token::decode(&bytes);
        let _ = Token::decode_in_any_order(&bytes);
        let _ = Container::from_body(&bytes);
        let packed = [&[code], bytes.as_slice()].concat();
        if let Ok((packing, container)) = Container::unpack(&packed) {
            prop_assert_eq!(packing.code(), code);
            prop_assert_eq!(container.tokens().count(), 0);
        }
    }
}

/// A map whose keys stand backwards, as some programs sign it.
fn backwards(bytes: &[u8], first: &[u8], second: &[u8]) -> Vec<u8> {
    let find = |part: &[u8]| bytes.windows(part.len()).position(|found| found == part);
    let (at, behind) = (find(first).unwrap(), find(second).unwrap() + second.len());
    assert_eq!(at + first.len() + second.len(), behind);
    [&bytes[..at], second, first, &bytes[behind..]].concat()
}

#[test]
fn other_orders_are_read_only_on_demand() {
    let space = signer(1);
    let mut claims = common::invocation(&space, space.did(), &[]);
    let one = |number| Ipld::Integer(number);
    claims.arguments = BTreeMap::from([("a".to_owned(), one(1)), ("b".to_owned(), one(2))]);
    let token = sign(claims, &space);
    let other = backwards(token.bytes(), b"\x61a\x01", b"\x61b\x02");
    assert!(Token::decode(&other).is_err());
    let Ok(Token::Invocation(read)) = Token::decode_in_any_order(&other) else {
        panic!("not read");
    };
    assert_eq!(read.claims(), token.claims());
    assert_eq!(read.bytes(), other);
    // The signature is over the bytes, so it was only good for the first order.
    let resolver = Directory::default();
    let judged = verifier(&resolver).claim(&read, space.did());
    assert_eq!(judged.unwrap_err().name(), "InvalidSignature");
    // The same key twice is no order at all.
    let twice = backwards(token.bytes(), b"\x61a\x01", b"\x61b\x02");
    let at = twice
        .windows(3)
        .position(|part| part == b"\x61b\x02")
        .unwrap();
    let twice = [&twice[..at + 1], b"a".as_slice(), &twice[at + 2..]].concat();
    assert!(Token::decode_in_any_order(&twice).is_err());
}

#[test]
fn values_without_a_form_are_refused() {
    let space = signer(1);
    let mut claims = common::invocation(&space, space.did(), &[]);
    claims.arguments = BTreeMap::from([("n".to_owned(), Ipld::Float(f64::NAN))]);
    assert!(claims.task().is_err());
    assert!(Signed::new(claims, &space).is_err());
}
