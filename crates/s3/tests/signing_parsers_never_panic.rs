//! Nothing that a client can send makes a parser panic, and no cut changes what a body decodes to.
//! The inputs lean on the words that the parsers look for.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs
)]

mod signing;

use billet_s3::auth::{self, with_hoisted};
use billet_s3::checksum::{Announced, Checksum, Completed, content_md5, requested, trailer};
use billet_s3::chunked::{Decoder, Event, Framing};
use billet_s3::head::RequestHead;
use billet_s3::payload::{Payload, body_length_bytes, stored_encoding};
use proptest::prelude::*;

fn word() -> impl Strategy<Value = String> {
    let words = [
        "",
        ";",
        "=",
        ",",
        "/",
        " ",
        "&",
        "%",
        "%2",
        "%ff",
        "%00",
        "+",
        "-",
        ":",
        "host",
        "0",
        "AWS4-HMAC-SHA256 ",
        "Credential=",
        "SignedHeaders=",
        "Signature=",
        signing::SCOPE,
        signing::STAMP,
        signing::EMPTY_SHA256,
        signing::ACCESS_KEY,
        "X-Amz-Algorithm=",
        "X-Amz-Credential=",
        "X-Amz-Date=",
        "X-Amz-Expires=",
        "X-Amz-SignedHeaders=",
        "X-Amz-Signature=",
        "x-amz-acl=",
        "UNSIGNED-PAYLOAD",
        "STREAMING-",
        "CRC32",
        "COMPOSITE",
        "x-amz-checksum-crc32",
        "MSpqpg==",
        "604800",
        "99999999999999999999",
    ];
    prop_oneof![
        4 => prop::sample::select(words.to_vec()).prop_map(str::to_owned),
        1 => "\\PC{0,6}",
    ]
}

fn text() -> impl Strategy<Value = String> {
    prop::collection::vec(word(), 0..14).prop_map(|words| words.concat())
}

fn head() -> impl Strategy<Value = RequestHead> {
    let names = [
        "authorization",
        "host",
        "date",
        "x-amz-date",
        "x-amz-content-sha256",
        "content-length",
        "x-amz-decoded-content-length",
        "x-amz-trailer",
        "x-amz-checksum-crc32",
        "content-md5",
        "x-amz-checksum-type",
        "x-amz-checksum-algorithm",
        "x-amz-sdk-checksum-algorithm",
        "x-amz-security-token",
        "x-amz-checksum-",
    ];
    let value = prop_oneof![
        3 => text().prop_map(String::into_bytes),
        1 => prop::collection::vec(any::<u8>(), 0..20),
    ];
    let headers = prop::collection::vec((prop::sample::select(names.to_vec()), value), 0..8);
    (text(), prop::option::of(text()), headers).prop_map(|(path, query, headers)| {
        let mut head = RequestHead::new("GET", &path, query.as_deref());
        for (name, value) in headers {
            head.push_header(name, value);
        }
        head
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn heads(head in head(), now_ms in any::<u64>()) {
        for now_ms in [now_ms, signing::EXAMPLE_MS] {
            if let Ok(presented) = auth::parse(&head, now_ms, &signing::policy()) {
                prop_assert!(!signing::authentic(&presented));
            }
        }
        let _ = (with_hoisted(&head), Announced::parse(&head), Completed::parse(&head));
        let _ = (content_md5(&head), requested(&head), trailer(&head));
        for payload in [Payload::Unsigned, Payload::StreamingUnsignedTrailer] {
            let _ = (Framing::parse(&head, &payload), body_length_bytes(&head, &payload));
        }
    }

    #[test]
    fn words(text in text()) {
        let _ = (Payload::parse(&text), stored_encoding(&text));
        for algorithm in billet_s3::checksum::Algorithm::ALL {
            let _ = Checksum::decode(algorithm, &text);
        }
        let head = RequestHead::new("GET", "/", Some(&text)).with_header("authorization", text);
        let _ = auth::parse(&head, signing::EXAMPLE_MS, &signing::policy());
    }

    #[test]
    fn bodies(
        pieces in prop::collection::vec(body_piece(), 0..20),
        length_bytes in 0_u64..40,
        signed in any::<bool>(),
        declared in any::<bool>(),
        cut in any::<prop::sample::Index>(),
    ) {
        let body = pieces.concat();
        let declared = declared.then_some(billet_s3::checksum::Algorithm::Crc32);
        let framing = Framing { signed, trailer: declared, length_bytes };
        let whole = run(framing, &[&body]);
        if let Ok(data) = &whole {
            prop_assert_eq!(data.len() as u64, length_bytes);
        }
        let (first, second) = body.split_at(cut.index(body.len() + 1));
        prop_assert_eq!(run(framing, &[first, second]), whole);
    }
}

fn body_piece() -> impl Strategy<Value = Vec<u8>> {
    let mac = signing::EMPTY_SHA256;
    let known: Vec<Vec<u8>> = [
        "\r\n",
        "\n",
        "\r",
        "0\r\n",
        "5\r\n",
        "5\r\nhello\r\n",
        "0\r\n\r\n",
        "hello",
        ";",
        "x-amz-checksum-crc32:MSpqpg==",
        "x-amz-trailer-signature:",
        mac,
        &format!("5;chunk-signature={mac}\r\nhello\r\n"),
        &format!("0;chunk-signature={mac}\r\n"),
        &format!("x-amz-trailer-signature:{mac}\r\n"),
        "ffffffffffffffff\r\n",
    ]
    .map(|piece| piece.as_bytes().to_vec())
    .into();
    prop_oneof![
        8 => prop::sample::select(known),
        1 => prop::collection::vec(any::<u8>(), 0..12),
    ]
}

/// Decodes with a key holder that confirms everything.
fn run(framing: Framing, pieces: &[&[u8]]) -> Result<Vec<u8>, billet_s3::error::S3Error> {
    let head = signing::signed_put("UNSIGNED-PAYLOAD", &[]);
    let presented = signing::parse(&head).unwrap();
    let mut decoder = Decoder::new(framing, presented.signed())?;
    let mut data = Vec::new();
    for piece in pieces {
        let mut rest = *piece;
        loop {
            let (used, event) = decoder.push(rest)?;
            match event {
                Event::More => break,
                Event::Data(range) => data.extend_from_slice(&rest[range]),
                Event::ChunkEnd => {
                    decoder.digest(&[0; 32])?;
                    decoder.confirmed()?;
                }
                Event::Verify(_) => decoder.confirmed()?,
            }
            rest = &rest[used..];
        }
    }
    decoder.finish()?;
    Ok(data)
}
