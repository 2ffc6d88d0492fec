//! A framed body means the same however it is cut: in two at every byte, byte by byte, and at
//! random. No cut may change data, checksum, verdicts or the refusal.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs
)]

mod signing;

use billet_s3::auth::Presented;
use billet_s3::chunked::Framing;
use billet_s3::error::S3Error;
use billet_s3::head::RequestHead;
use proptest::prelude::*;
use signing::{Decoded, decode, framed, parse, seed, signed_put};

struct Case {
    head: RequestHead,
    body: Vec<u8>,
    /// Bytes at the end without which the body is whole, too: a last line end.
    spare: usize,
}

impl Case {
    fn pieces(&self, pieces: &[&[u8]]) -> Result<Decoded, S3Error> {
        let presented = parse(&self.head).unwrap();
        let framing = Framing::parse(&self.head, presented.payload())
            .unwrap()
            .unwrap();
        assert!(matches!(presented, Presented::Header(_)));
        decode(framing, presented.signed(), pieces.iter().copied())
    }

    fn whole(&self) -> Result<Decoded, S3Error> {
        self.pieces(&[&self.body])
    }
}

fn data(length: usize) -> Vec<u8> {
    (0..length).map(|at| (at % 251) as u8).collect()
}

fn signed(chunks: &[&[u8]], trailer: Option<&str>) -> Case {
    let length = chunks
        .iter()
        .map(|chunk| chunk.len())
        .sum::<usize>()
        .to_string();
    let mut headers = vec![("x-amz-decoded-content-length", length.as_str())];
    headers.extend(trailer.map(|_| ("x-amz-trailer", "x-amz-checksum-crc32")));
    let payload = match trailer {
        Some(_) => "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER",
        None => "STREAMING-AWS4-HMAC-SHA256-PAYLOAD",
    };
    let head = signed_put(payload, &headers);
    let body = framed(&seed(&head), chunks, trailer);
    Case {
        head,
        body,
        spare: 2,
    }
}

fn unsigned(length: usize, trailer: bool, body: Vec<u8>) -> Case {
    let length = length.to_string();
    let mut headers = vec![("x-amz-decoded-content-length", length.as_str())];
    if trailer {
        headers.push(("x-amz-trailer", "x-amz-checksum-crc32"));
    }
    Case {
        head: signed_put("STREAMING-UNSIGNED-PAYLOAD-TRAILER", &headers),
        body,
        spare: 0,
    }
}

const TRAILER: &str = "x-amz-checksum-crc32:NhCmhg==";

fn cases() -> Vec<Case> {
    let plain = |trailer: &str| format!("5\r\nhello\r\n0\r\n{trailer}").into_bytes();
    let mut wrong = signed(&[b"hello"], Some(TRAILER));
    let end = wrong.body.len() - 5;
    wrong.body[end] ^= 1;
    vec![
        signed(&[b"hello"], None),
        signed(&[], None),
        signed(&[b"hello"], Some(TRAILER)),
        unsigned(5, false, plain("\r\n")),
        unsigned(5, true, plain(&format!("{TRAILER}\r\n\r\n"))),
        unsigned(5, true, plain(&format!("{TRAILER}\n\r\n"))),
        Case {
            spare: 2,
            ..unsigned(5, true, plain(&format!("{TRAILER}\n\r\n\r\n")))
        },
        // Refused, each at its own place.
        wrong,
        unsigned(5, true, plain(&format!("{TRAILER}\r\n"))),
        unsigned(5, true, plain("x-amz-checksum-crc32:no\r\n\r\n")),
        unsigned(5, true, plain("\r\n")),
        unsigned(5, false, plain("\r\n\r\n\r\n")),
        unsigned(4, false, plain("\r\n")),
        unsigned(6, false, plain("\r\n")),
    ]
}

#[test]
fn cut_in_two_and_three_and_byte_by_byte() {
    let mut refused = 0;
    for case in cases() {
        let whole = case.whole();
        refused += usize::from(whole.is_err());
        let bytes: Vec<_> = case.body.chunks(1).collect();
        assert_eq!(case.pieces(&bytes), whole);
        for at in 0..=case.body.len() {
            let (first, second) = case.body.split_at(at);
            assert_eq!(case.pieces(&[first, &[], second]), whole, "cut at {at}");
            let (middle, last) = second.split_at(second.len() / 2);
            assert_eq!(case.pieces(&[first, middle, last]), whole, "cut at {at}");
        }
    }
    assert_eq!(refused, 7);
}

#[test]
fn every_shorter_body_is_refused() {
    for case in cases().into_iter().filter(|case| case.whole().is_ok()) {
        let bytes = case.body.len();
        for length in 0..bytes {
            let result = case.pieces(&[&case.body[..length]]);
            let whole = case.spare > 0 && length == bytes - case.spare;
            assert_eq!(result.is_ok(), whole, "{length} of {bytes}");
        }
    }
}

#[test]
fn every_wrong_byte_of_a_signed_body_is_refused() {
    for case in [
        signed(&[b"hello"], None),
        signed(&[b"hello"], Some(TRAILER)),
    ] {
        assert!(case.whole().is_ok());
        for at in 0..case.body.len() {
            for flip in [1, 0x20, 0x80] {
                let mut body = case.body.clone();
                body[at] ^= flip;
                let result = case.pieces(&[&body]);
                assert!(result.is_err(), "byte {at} ^ {flip:#x}: {result:?}");
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn large_chunks_cut_at_random(
        sizes in prop::collection::vec(8192_usize..20_000, 0..4),
        last in 0_usize..9000,
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..12),
        trailer in any::<bool>(),
    ) {
        let data = data(sizes.iter().sum::<usize>() + last);
        let mut rest = data.as_slice();
        let mut chunks = Vec::new();
        for size in sizes.into_iter().chain([last]).filter(|size| *size > 0) {
            let (chunk, tail) = rest.split_at(size);
            chunks.push(chunk);
            rest = tail;
        }
        let case = signed(&chunks, trailer.then_some(TRAILER));
        let mut cuts: Vec<_> = cuts.iter().map(|cut| cut.index(case.body.len())).collect();
        cuts.sort_unstable();
        let mut pieces = Vec::new();
        let mut from = 0;
        for cut in cuts.into_iter().chain([case.body.len()]) {
            pieces.push(&case.body[from..cut]);
            from = cut;
        }
        let found = case.pieces(&pieces).unwrap();
        prop_assert_eq!(&found.data, &data);
        prop_assert_eq!(found.checksum.is_some(), trailer);
        prop_assert_eq!(found.verdicts.len(), chunks.len() + 1 + usize::from(trailer));
    }
}
