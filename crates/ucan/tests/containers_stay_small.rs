//! Containers that are too much: bytes, tokens, depth, compressed nothings.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs
)]

mod common;

use std::io::Write;

use billet_block::DEPTH_MAX;
use billet_ucan::{
    CONTAINER_BYTES_MAX, CONTAINER_TOKENS_MAX, Container, ContainerError, Ipld, PACKED_BYTES_MAX,
    Packing, Signed, Signer, Token,
};
use common::{invocation, sign, signer};
use flate2::Compression;
use flate2::write::GzEncoder;

fn token(number: usize) -> Token {
    let space = signer(1);
    let mut claims = invocation(&space, space.did(), &[]);
    claims.nonce = number.to_be_bytes().to_vec();
    sign(claims, &space).into()
}

#[test]
fn as_many_tokens_as_fit_and_one_more() {
    let mut container = Container::of((0..CONTAINER_TOKENS_MAX).map(token)).unwrap();
    // One that is in it already takes no room.
    container.add(token(0)).unwrap();
    let body = container.to_body().unwrap();
    assert_eq!(Container::from_body(&body).unwrap(), container);
    let more = container.add(token(CONTAINER_TOKENS_MAX));
    assert_eq!(more, Err(ContainerError::TooManyTokens));
    let tokens = (0..=CONTAINER_TOKENS_MAX).map(|at| Ipld::Bytes(vec![at as u8]));
    let map = [("ctn-v1".to_owned(), Ipld::List(tokens.collect()))];
    let body = billet_block::encode(&Ipld::Map(map.into())).unwrap();
    assert_eq!(
        Container::from_body(&body),
        Err(ContainerError::TooManyTokens)
    );
}

fn body_of(bytes: usize) -> Vec<u8> {
    let map = [(
        "ctn-v1".to_owned(),
        Ipld::List(vec![Ipld::Bytes(vec![0; bytes])]),
    )];
    billet_block::encode(&Ipld::Map(map.into())).unwrap()
}

#[test]
fn as_many_bytes_as_fit_and_one_more() {
    let around = body_of(CONTAINER_BYTES_MAX - 100).len() - (CONTAINER_BYTES_MAX - 100);
    let largest = body_of(CONTAINER_BYTES_MAX - around);
    assert_eq!(largest.len(), CONTAINER_BYTES_MAX);
    let container = Container::from_body(&largest).unwrap();
    assert_eq!(container.unreadable().count(), 1);
    for packing in Packing::ALL {
        let packed = container.pack(packing).unwrap();
        assert_eq!(
            Container::unpack(&packed).unwrap(),
            (packing, container.clone())
        );
    }
    let larger = body_of(CONTAINER_BYTES_MAX - around + 1);
    assert_eq!(Container::from_body(&larger), Err(ContainerError::TooLong));
}

#[test]
fn compressed_nothing() {
    let mut encoder = GzEncoder::new(vec![Packing::Gzip.code()], Compression::best());
    for _ in 0..256 {
        encoder.write_all(&[0; 1 << 20]).unwrap();
    }
    let packed = encoder.finish().unwrap();
    assert!(packed.len() < 1 << 19);
    assert_eq!(Container::unpack(&packed), Err(ContainerError::TooLong));
}

#[test]
fn bytes_behind_the_compressed_ones() {
    let container = Container::of([token(1)]).unwrap();
    let packed = container.pack(Packing::Gzip).unwrap();
    let longer = [packed.as_slice(), &[0]].concat();
    assert_eq!(Container::unpack(&longer), Err(ContainerError::BadPacking));
    let twice = [packed.as_slice(), &packed[1..]].concat();
    assert_eq!(Container::unpack(&twice), Err(ContainerError::BadPacking));
}

#[test]
fn white_space_around_text() {
    let container = Container::of([token(1)]).unwrap();
    for packing in [Packing::Base64, Packing::GzipBase64Url] {
        let packed = container.pack(packing).unwrap();
        let padded = [b" \r\n".as_slice(), &packed, b"\n"].concat();
        assert_eq!(
            Container::unpack(&padded).unwrap(),
            (packing, container.clone())
        );
    }
    let raw = container.pack(Packing::Raw).unwrap();
    assert!(Container::unpack(&[b" ".as_slice(), &raw].concat()).is_err());
}

#[test]
fn packings_that_are_not_known() {
    for code in (0..=255).filter(|code| !Packing::ALL.iter().any(|known| known.code() == *code)) {
        let refused = Container::unpack(&[code, 0xa0]);
        assert_eq!(refused, Err(ContainerError::UnknownPacking), "{code}");
    }
    assert_eq!(Container::unpack(&[]), Err(ContainerError::UnknownPacking));
    let long = vec![b'B'; PACKED_BYTES_MAX + 1];
    assert_eq!(Container::unpack(&long), Err(ContainerError::TooLong));
}

#[test]
fn shapes_that_are_no_containers() {
    for body in [
        "a0",
        "80",
        "a16663746e2d7631a0",
        "a16663746e2d76318161",
        "a161788100",
        "f6",
        "",
    ] {
        let body = hex::decode(body).unwrap();
        let refused = Container::from_body(&body);
        assert!(
            matches!(refused, Err(ContainerError::Malformed(_))),
            "{body:?}"
        );
    }
    let two = Ipld::Map(
        [("ctn-v1", Ipld::List(vec![])), ("x", Ipld::Null)]
            .map(|(name, value)| (name.to_owned(), value))
            .into(),
    );
    assert!(Container::from_body(&billet_block::encode(&two).unwrap()).is_err());
    let numbers = Ipld::Map([("ctn-v1".to_owned(), Ipld::List(vec![Ipld::Integer(1)]))].into());
    assert!(Container::from_body(&billet_block::encode(&numbers).unwrap()).is_err());
}

#[test]
fn arguments_nested_as_deep_as_can_be_read() {
    // Token, signed part, payload and arguments are around the value.
    for (depth, fits) in [(DEPTH_MAX - 4, true), (DEPTH_MAX - 3, false)] {
        let nested = (0..depth).fold(Ipld::Integer(0), |value, _| Ipld::List(vec![value]));
        let space = signer(1);
        let mut claims = invocation(&space, space.did(), &[]);
        claims.arguments.insert("deep".to_owned(), nested);
        let signed = Signed::new(claims, &space);
        assert_eq!(signed.is_ok(), fits, "{depth}");
        if let Ok(token) = signed {
            assert_eq!(Token::decode(token.bytes()), Ok(token.into()));
        }
    }
}
