//! Broken frames, lengths and trailers get the code and the text that AWS sends. None of them may
//! end as a whole body.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs
)]

mod signing;

use billet_s3::checksum::Algorithm;
use billet_s3::chunked::{
    Decoder, Event, Framing, MAX_CHUNK_LINE_BYTES, MAX_SIGNED_CHUNK_BYTES, MAX_TRAILER_BYTES,
};
use billet_s3::error::{Code, S3Error};
use billet_s3::payload::Payload;
use signing::{Decoded, assert_error, decode, decode_of, field, framed, seed, signed_put};

const CUT_SHORT: &str = "The request body terminated unexpectedly";
const WRONG_LENGTH: &str =
    "You did not provide the number of bytes specified by the Content-Length HTTP header";
const TRAILER_TEXT: &str = "The request contained trailing data that was not well-formed or did \
                            not conform to our published schema.";
const CRC64: &str = "x-amz-checksum-crc64nvme";

fn unsigned(length: u64, trailer: Option<&str>, body: &str) -> Result<Decoded, S3Error> {
    let length = length.to_string();
    let mut headers = vec![("x-amz-decoded-content-length", length.as_str())];
    headers.extend(trailer.map(|name| ("x-amz-trailer", name)));
    decode_of(
        &signed_put("STREAMING-UNSIGNED-PAYLOAD-TRAILER", &headers),
        body.as_bytes(),
    )
}

/// A signed upload whose body is changed before it is sent: bytes `from..to` become `with`.
fn changed(
    data: &[u8],
    trailer: Option<&str>,
    (from, to, with): (usize, usize, &str),
) -> Result<Decoded, S3Error> {
    let length = data.len().to_string();
    let mut headers = vec![("x-amz-decoded-content-length", length.as_str())];
    headers.extend(trailer.map(|_| ("x-amz-trailer", CRC64)));
    let payload = match trailer {
        Some(_) => "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER",
        None => "STREAMING-AWS4-HMAC-SHA256-PAYLOAD",
    };
    let head = signed_put(payload, &headers);
    let mut body = framed(&seed(&head), &[data], trailer);
    body.splice(from..to, with.bytes());
    decode_of(&head, &body)
}

/// A signed upload of `the object data` with one signed trailer.
fn signed_trailer(name: &str, line: &str) -> Result<Decoded, S3Error> {
    let head = signed_put(
        "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER",
        &[
            ("x-amz-decoded-content-length", "15"),
            ("x-amz-trailer", name),
        ],
    );
    let body = framed(&seed(&head), &[b"the object data"], Some(line));
    decode_of(&head, &body)
}

#[test]
fn broken_unsigned_frames() {
    for body in [
        "A\ndummy data\r\n0\r\n\r\n",
        "A\r\ndummy data0\r\n\r\n",
        "A\r\nXYZ\r\ndummy data\r\n0\r\n\r\n",
        "B\r\ndummy data\r\n0\r\n\r\n",
        "A\r\ndummy data\r\n0\r\n",
        "A\r\ndummy data\r\n0\r\nx-amz-checksum-crc64nvme:dPVWc2vU1+Q=\r\n",
        "A\r\n",
        "",
        "A\r\nA\r\ndummy data\r\n0\r\n\r\n",
        "invalid_chunk_size\r\ndummy data\r\n0\r\nx-amz-checksum-crc64nvme:dPVWc2vU1+Q=\r\n\r\n",
        "A\r\ndummy data\r\nJ\r\nx-amz-checksum-crc64nvme:dPVWc2vU1+Q=\r\n\r\n",
        "A;chunk-signature=0\r\ndummy data\r\n0\r\n\r\n",
        "+A\r\ndummy data\r\n0\r\n\r\n",
        " A\r\ndummy data\r\n0\r\n\r\n",
        "0x0A\r\ndummy data\r\n0\r\n\r\n",
        "\r\ndummy data\r\n0\r\n\r\n",
        "1000000000000000A\r\ndummy data\r\n0\r\n\r\n",
        "A\r\ndummy data\r\n0\r\nx-amz-checksum-crc64nvme:dPVWc2vU1+Q=\r\n\r\nmore",
        "A\r\ndummy data\r\n0\r\nx-amz-checksum-crc64nvme:dPVWc2vU1+Q=\r\n\r\n\r\n\r\n",
    ] {
        let error = unsigned(10, Some(CRC64), body).unwrap_err();
        assert_error(&error, Code::IncompleteBody, CUT_SHORT);
    }
}

#[test]
fn broken_signed_frames() {
    for change in [
        (0, 2, "j"),
        (83, 85, ""),
        (83, 85, "dd"),
        (103, 105, ""),
        (103, 105, "something invalid"),
        (187, 191, "bbbb"),
        (190, 191, "s"),
        (2, 3, ":"),
        (3, 19, ""),
        (19, 24, ""),
        (19, 20, "G"),
        (191, 191, "\r\n\r\n"),
        (191, 191, "x-amz-checksum-crc64nvme:dPVWc2vU1+Q=\r\n"),
    ] {
        let error = changed(b"dummy data paylaod", None, change).unwrap_err();
        assert_error(&error, Code::IncompleteBody, CUT_SHORT);
    }
    assert!(changed(b"dummy data paylaod", None, (0, 0, "")).is_ok());
}

#[test]
fn broken_signed_trailers() {
    let trailer = Some("x-amz-checksum-crc64nvme:SmzZ/LTp1CA=");
    for change in [
        (175, 176, "k"),
        (175, 177, "cc"),
        (215, 216, "bcd"),
        (220, 223, "invalid"),
        (230, 235, "abcd"),
        (241, 245, "abcde"),
        (306, 308, "pp"),
        (304, 308, "erty"),
    ] {
        let error = changed(b"abcdefg", trailer, change).unwrap_err();
        assert_error(&error, Code::IncompleteBody, CUT_SHORT);
    }
    assert_eq!(
        changed(b"abcdefg", trailer, (0, 0, ""))
            .unwrap()
            .checksum
            .as_deref(),
        Some("SmzZ/LTp1CA=")
    );
}

#[test]
fn malformed_trailers() {
    for (declared, body) in [
        (Some(CRC64), "5\r\nhello\r\n0\r\n\r\n"),
        (Some(CRC64), "5\r\nhello\r\n0\r\n:M3eFcAZSQlc=\r\n\r\n"),
        (
            None,
            "5\r\nhello\r\n0\r\nx-amz-checksum-crc64nvme:M3eFcAZSQlc=\r\n\r\n",
        ),
        (
            Some(CRC64),
            "5\r\nhello\r\n0\r\ninvalid_trailer:M3eFcAZSQlc=\r\n\r\n",
        ),
        (
            Some(CRC64),
            "5\r\nhello\r\n0\r\nx-amz-checksum-crc32:NhCmhg==\r\n\r\n",
        ),
        (Some(CRC64), "5\r\nhello\r\n0\r\nno colon\r\n\r\n"),
        (
            Some(CRC64),
            "5\r\nhello\r\n0\r\nx-amz-checksum-crc64nvme:M3eFcAZSQlc=\r\n\
             x-amz-checksum-crc64nvme:M3eFcAZSQlc=\r\n\r\n",
        ),
    ] {
        let error = unsigned(5, declared, body).unwrap_err();
        assert_error(&error, Code::MalformedTrailerError, TRAILER_TEXT);
    }
    for trailer in [
        "x-amz-invalid:invalid",
        "",
        "x-amz-checksum-sha1:YR/1TvTYOJz5gtqVFoBJBtmTibY=",
    ] {
        let error = changed(b"dummy data", Some(trailer), (0, 0, "")).unwrap_err();
        assert_error(&error, Code::MalformedTrailerError, TRAILER_TEXT);
    }
}

#[test]
fn a_trailer_that_is_no_checksum_of_its_kind() {
    for value in [
        "invalid_checksum",
        "",
        "NhCmhg==",
        "M3eFcAZSQlc",
        "M3eFcAZSQlc==",
    ] {
        let body = format!("5\r\nhello\r\n0\r\n{CRC64}:{value}\r\n\r\n");
        let error = unsigned(5, Some(CRC64), &body).unwrap_err();
        let text = "Value for x-amz-checksum-crc64nvme trailing header is invalid.";
        assert_error(&error, Code::InvalidRequest, text);
    }
    for algorithm in Algorithm::ALL {
        let name = algorithm.header();
        let body = format!("5\r\nhello\r\n0\r\n{name}:invalid\r\n\r\n");
        let text = format!("Value for {name} trailing header is invalid.");
        let error = unsigned(5, Some(name), &body).unwrap_err();
        assert_error(&error, Code::InvalidRequest, &text);
        let error = signed_trailer(name, &format!("{name}:invalid")).unwrap_err();
        assert_error(&error, Code::InvalidRequest, &text);
    }
}

/// Of `the object data`, as the conformance suite of versitygw has them.
#[test]
fn trailers_of_every_algorithm() {
    for (name, value) in [
        ("x-amz-checksum-crc32", "z3mWAA=="),
        ("x-amz-checksum-crc32c", "rxvjPA=="),
        ("x-amz-checksum-crc64nvme", "dYnI3/Fh0gM="),
        ("x-amz-checksum-sha1", "8O8FwCfmd5fCbCBvH09mrKMVoHU="),
        (
            "x-amz-checksum-sha256",
            "OoSow5X4zTIPl27MtdFdYT+9O3C367C75+Cb2MFtRBc=",
        ),
        (
            "x-amz-checksum-sha512",
            "uiz+VuENyLjzFxWrdmbN/NdIdldj/V3saJF6FsckcYu6xu26fM0CfAaTySaoFJmIdI2m5wbY\
             MJxtShQ1PXk3Tg==",
        ),
        ("x-amz-checksum-md5", "EtWtthXtCk3RxUiXKw+ydw=="),
        ("x-amz-checksum-xxhash64", "McmxUfNFLUs="),
        ("x-amz-checksum-xxhash3", "tLh+aNltTM4="),
        ("x-amz-checksum-xxhash128", "MXqrLVobrQkTBf82+7i9AQ=="),
    ] {
        let line = format!("{name}:{value}");
        let body = format!("f\r\nthe object data\r\n0\r\n{line}\r\n\r\n");
        let found = unsigned(15, Some(name), &body).unwrap();
        assert_eq!(found.checksum.as_deref(), Some(value));
        let found = signed_trailer(name, &line).unwrap();
        assert_eq!(found.checksum.as_deref(), Some(value));
    }
}

#[test]
fn declarations_that_cannot_hold() {
    let parse = |payload: &Payload, trailer: Option<&str>| {
        let mut headers = vec![("x-amz-decoded-content-length", "5")];
        headers.extend(trailer.map(|name| ("x-amz-trailer", name)));
        Framing::parse(&signed_put("UNSIGNED-PAYLOAD", &headers), payload)
    };
    let unsigned = Payload::StreamingUnsignedTrailer;
    let text = "The value specified in the x-amz-trailer header is not supported";
    for name in [
        "x-amz-meta-a",
        "crc32",
        "x-amz-checksum-crc32,x-amz-checksum-sha1",
        "content-md5",
    ] {
        let error = parse(&unsigned, Some(name)).unwrap_err();
        assert_error(&error, Code::InvalidRequest, text);
    }
    for algorithm in Algorithm::ALL {
        let framing = parse(&unsigned, Some(algorithm.header())).unwrap();
        assert_eq!(framing.unwrap().trailer, Some(algorithm));
    }
    assert!(
        parse(&unsigned, Some(""))
            .unwrap()
            .unwrap()
            .trailer
            .is_none()
    );
    let missing = parse(&Payload::StreamingSignedTrailer, None).unwrap_err();
    assert_error(&missing, Code::MalformedTrailerError, TRAILER_TEXT);
    let useless = parse(&Payload::StreamingSigned, Some(CRC64)).unwrap_err();
    assert_error(&useless, Code::MalformedTrailerError, TRAILER_TEXT);
    assert_eq!(parse(&Payload::Unsigned, Some(CRC64)), Ok(None));
}

#[test]
fn chunks_but_the_last_have_a_smallest_size() {
    let body = |sizes: &[usize]| {
        let mut body = String::new();
        for size in sizes {
            body += &format!("{size:x}\r\n{}\r\n", "b".repeat(*size));
        }
        (sizes.iter().sum::<usize>() as u64, body + "0\r\n\r\n")
    };
    for good in [
        &[8192, 8192, 100][..],
        &[100],
        &[10000, 9500, 20],
        &[8200, 8201, 10000, 10],
        &[],
    ] {
        let (length, body) = body(good);
        assert_eq!(
            unsigned(length, None, &body).unwrap().data.len() as u64,
            length
        );
    }
    for (bad, number, size) in [
        (&[100, 8192, 100][..], "1", "100"),
        (&[8192, 10, 100], "2", "10"),
        (&[10, 10, 10], "1", "10"),
        (&[10000, 10, 8192, 8192], "2", "10"),
        (&[8191, 1], "1", "8191"),
    ] {
        let (length, body) = body(bad);
        let error = unsigned(length, None, &body).unwrap_err();
        assert_error(
            &error,
            Code::InvalidChunkSizeError,
            "Only the last chunk is allowed to have a size less than 8192 bytes",
        );
        assert_eq!(field(&error, "Chunk"), Some(number));
        assert_eq!(field(&error, "BadChunkSize"), Some(size));
    }
}

#[test]
fn signed_chunks_have_a_largest_size() {
    let framing = |signed, length_bytes| Framing {
        signed,
        trailer: None,
        length_bytes,
    };
    let head = signed_put("UNSIGNED-PAYLOAD", &[]);
    let presented = signing::parse(&head).unwrap();
    let line = |size: u64| format!("{size:x};chunk-signature={}\r\n", signing::seed(&head));
    let signed = framing(true, MAX_SIGNED_CHUNK_BYTES * 2);
    let mut decoder = Decoder::new(signed, presented.signed()).unwrap();
    assert_eq!(
        decoder
            .push(line(MAX_SIGNED_CHUNK_BYTES).as_bytes())
            .unwrap()
            .1,
        Event::More
    );
    let mut decoder = Decoder::new(signed, presented.signed()).unwrap();
    let error = decoder
        .push(line(MAX_SIGNED_CHUNK_BYTES + 1).as_bytes())
        .unwrap_err();
    assert_eq!(error.code, Code::InvalidChunkSizeError);
    assert_eq!(field(&error, "BadChunkSize"), Some("16777217"));
    // A client that knows the length sends one unsigned chunk of any size.
    let mut decoder = Decoder::new(framing(false, 5 << 30), None).unwrap();
    let (used, event) = decoder.push(b"140000000\r\nabc").unwrap();
    assert_eq!((used, event), (14, Event::Data(11..14)));
}

#[test]
fn lengths_are_enforced_both_ways() {
    for (length, body) in [
        (5, "b\r\nabcdefghijk\r\n0\r\n\r\n"),
        (200, "b\r\nabcdefghijk\r\n0\r\n\r\n"),
        (0, "1\r\na\r\n0\r\n\r\n"),
        (1, "0\r\n\r\n"),
    ] {
        let error = unsigned(length, None, body).unwrap_err();
        assert_error(&error, Code::IncompleteBody, WRONG_LENGTH);
    }
    for (length, data) in [("10", &[b'a'; 8][..]), ("10", &[b'a'; 12])] {
        let head = signed_put(
            "STREAMING-AWS4-HMAC-SHA256-PAYLOAD",
            &[("x-amz-decoded-content-length", length)],
        );
        let error = decode_of(&head, &framed(&seed(&head), &[data], None)).unwrap_err();
        assert_error(&error, Code::IncompleteBody, WRONG_LENGTH);
    }
}

#[test]
fn no_more_than_the_declared_length_is_given_out() {
    let framing = Framing {
        signed: false,
        trailer: None,
        length_bytes: 5,
    };
    let mut decoder = Decoder::new(framing, None).unwrap();
    assert_eq!(
        decoder.push(b"b\r\nabcdefghijk\r\n"),
        Ok((8, Event::Data(3..8)))
    );
    assert!(decoder.push(b"fghijk\r\n").is_err());
}

#[test]
fn lines_and_trailers_are_bounded() {
    let long = "0".repeat(MAX_CHUNK_LINE_BYTES);
    let error = unsigned(5, None, &long).unwrap_err();
    assert_error(&error, Code::IncompleteBody, CUT_SHORT);
    let framing = Framing {
        signed: false,
        trailer: Algorithm::ALL.first().copied(),
        length_bytes: 0,
    };
    for filler in *b"a " {
        let mut decoder = Decoder::new(framing, None).unwrap();
        assert!(decoder.push(b"0\r\n").is_ok());
        assert!(decoder.push(&vec![filler; MAX_TRAILER_BYTES - 1]).is_ok());
        let error = decoder.push(&[filler]).unwrap_err();
        assert_error(&error, Code::MalformedTrailerError, TRAILER_TEXT);
    }
    // Empty lines before a signed trailer are bounded, too.
    let head = signed_put(
        "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER",
        &[
            ("x-amz-decoded-content-length", "0"),
            ("x-amz-trailer", CRC64),
        ],
    );
    let mut body = framed(&seed(&head), &[], None);
    body.extend(b"\r\n".repeat(MAX_TRAILER_BYTES));
    assert_eq!(
        decode_of(&head, &body).unwrap_err().code,
        Code::MalformedTrailerError
    );
}

#[test]
fn events_have_to_be_answered() {
    let head = signed_put(
        "STREAMING-AWS4-HMAC-SHA256-PAYLOAD",
        &[("x-amz-decoded-content-length", "5")],
    );
    let presented = signing::parse(&head).unwrap();
    let framing = Framing::parse(&head, presented.payload()).unwrap().unwrap();
    let body = framed(&seed(&head), &[b"hello"], None);
    let mut decoder = Decoder::new(framing, presented.signed()).unwrap();
    assert_eq!(decoder.confirmed().unwrap_err().code, Code::InternalError);
    assert_eq!(
        decoder.digest(&[0; 32]).unwrap_err().code,
        Code::InternalError
    );
    let (used, event) = decoder.push(&body).unwrap();
    assert!(matches!(event, Event::Data(_)));
    let (more, event) = decoder.push(&body[used..]).unwrap();
    assert_eq!(event, Event::ChunkEnd);
    assert_eq!(
        decoder.push(&body[used + more..]).unwrap_err().code,
        Code::InternalError
    );
    assert_eq!(decoder.push(&[]).unwrap_err().code, Code::InternalError);
    assert!(decoder.digest(&[0; 32]).is_ok());
    assert_eq!(
        decoder.push(&body[used + more..]).unwrap_err().code,
        Code::InternalError
    );
    assert_eq!(decoder.finish().unwrap_err().code, Code::InternalError);
    assert_eq!(
        Decoder::new(framing, None).unwrap_err().code,
        Code::InvalidRequest
    );
}

#[test]
fn chunks_cannot_be_swapped_left_out_or_replayed() {
    let (first, second) = (vec![1; 8192], vec![2; 8192]);
    let head = signed_put(
        "STREAMING-AWS4-HMAC-SHA256-PAYLOAD",
        &[("x-amz-decoded-content-length", "16384")],
    );
    let presented = signing::parse(&head).unwrap();
    let framing = Framing::parse(&head, presented.payload()).unwrap().unwrap();
    let body = framed(&seed(&head), &[&first, &second], None);
    let chunk = "2000;chunk-signature=".len() + 64 + 2 + 8192 + 2;
    let (one, two, last) = (&body[..chunk], &body[chunk..2 * chunk], &body[2 * chunk..]);
    let run = |pieces: [&[u8]; 3], framing| decode(framing, presented.signed(), pieces);
    assert!(run([one, two, last], framing).is_ok());
    let half = Framing {
        length_bytes: 8192,
        ..framing
    };
    let none = Framing {
        length_bytes: 0,
        ..framing
    };
    for (pieces, framing) in [
        ([two, one, last], framing),
        ([one, one, last], framing),
        ([one, last, &[]], half),
        ([two, last, &[]], half),
        ([last, &[], &[]], none),
    ] {
        assert_eq!(
            run(pieces, framing).unwrap_err().code,
            Code::SignatureDoesNotMatch
        );
    }
    let other = framed(&"0".repeat(64), &[&first, &second], None);
    let error = decode(framing, presented.signed(), [other.as_slice()]).unwrap_err();
    assert_eq!(error.code, Code::SignatureDoesNotMatch);
}
