//! AWS's published chunked uploads, with and without a trailer, verify chunk by chunk. It must
//! never sign anything by itself: every signature here is quoted.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs
)]

mod signing;

use billet_s3::head::RequestHead;
use signing::{ACCESS_KEY, Decoded, SCOPE, STAMP, decode_of};

fn upload(payload: &str, signed_headers: &str, seed: &str, more: &[(&str, &str)]) -> RequestHead {
    let mut head = RequestHead::new("PUT", "/examplebucket/chunkObject.txt", None)
        .with_header("Host", "s3.amazonaws.com")
        .with_header("x-amz-date", STAMP)
        .with_header("x-amz-storage-class", "REDUCED_REDUNDANCY")
        .with_header("x-amz-content-sha256", payload)
        .with_header("Content-Encoding", "aws-chunked")
        .with_header("x-amz-decoded-content-length", "66560")
        .with_header(
            "Authorization",
            format!(
                "AWS4-HMAC-SHA256 Credential={ACCESS_KEY}/{SCOPE},\
                 SignedHeaders={signed_headers},Signature={seed}"
            ),
        );
    for (name, value) in more {
        head.push_header(name, *value);
    }
    head
}

fn body(signatures: [&str; 3], trailer: &str) -> Vec<u8> {
    let [first, second, last] = signatures;
    let mut body = format!("10000;chunk-signature={first}\r\n").into_bytes();
    body.extend([b'a'; 65536]);
    body.extend(format!("\r\n400;chunk-signature={second}\r\n").into_bytes());
    body.extend([b'a'; 1024]);
    body.extend(format!("\r\n0;chunk-signature={last}\r\n{trailer}\r\n").into_bytes());
    body
}

const SIGNATURES: [&str; 3] = [
    "ad80c730a21e5b8d04586a2213dd63b9a0e99e0e2307b0ade35a65485a288648",
    "0055627c9e194cb4542bae2aa5492e3c1575bbb81b612b7d234b86a503ef5497",
    "b6c6ea8a5354eaf15b3cb7646744f4275b71ea724fed81ceb9323e279d449df9",
];

fn plain_upload() -> RequestHead {
    upload(
        "STREAMING-AWS4-HMAC-SHA256-PAYLOAD",
        "content-encoding;content-length;host;x-amz-content-sha256;x-amz-date;\
         x-amz-decoded-content-length;x-amz-storage-class",
        "4f232c4386841ef735655705268965c44a0e4690baa4adea153f7db9fa80a0a9",
        &[("Content-Length", "66824")],
    )
}

#[test]
fn signed_chunks() {
    let body = body(SIGNATURES, "");
    assert_eq!(body.len(), 66824);
    assert_eq!(
        decode_of(&plain_upload(), &body),
        Ok(Decoded {
            data: vec![b'a'; 66560],
            checksum: None,
            verdicts: vec![true; 3]
        })
    );
}

#[test]
fn a_wrong_digit_in_any_chunk_signature_is_noticed() {
    for wrong in 0..3 {
        let mut signatures = SIGNATURES.map(str::to_owned);
        signatures[wrong].replace_range(
            63..,
            if signatures[wrong].ends_with('0') {
                "1"
            } else {
                "0"
            },
        );
        let body = body([&signatures[0], &signatures[1], &signatures[2]], "");
        let error = decode_of(&plain_upload(), &body).unwrap_err();
        assert_eq!(error.code.name(), "SignatureDoesNotMatch");
    }
}

#[test]
fn signed_trailer() {
    let head = upload(
        "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER",
        "content-encoding;host;x-amz-content-sha256;x-amz-date;x-amz-decoded-content-length;\
         x-amz-storage-class;x-amz-trailer",
        "106e2a8a18243abcf37539882f36619c00e2dfc72633413f02d3b74544bfeb8e",
        &[("x-amz-trailer", "x-amz-checksum-crc32c")],
    );
    let signatures = [
        "b474d8862b1487a5145d686f57f013e54db672cee1c953b3010fb58501ef5aa2",
        "1c1344b170168f8e65b41376b44b20fe354e373826ccbbe2c1d40a8cae51e5c7",
        "2ca2aba2005185cf7159c6277faf83795951dd77a3a99e6e65d5c9f85863f992",
    ];
    let trailer = "x-amz-checksum-crc32c:sOO8/Q==\n\r\nx-amz-trailer-signature:\
                   d81f82fc3505edab99d459891051a732e8730629a2e4a59689829ca17fe2e435\r\n";
    assert_eq!(
        decode_of(&head, &body(signatures, trailer)),
        Ok(Decoded {
            data: vec![b'a'; 66560],
            checksum: Some("sOO8/Q==".to_owned()),
            verdicts: vec![true; 4],
        })
    );
    for (from, to) in [("435\r", "436\r"), ("sOO8", "sOO9")] {
        let body = body(signatures, &trailer.replace(from, to));
        let error = decode_of(&head, &body).unwrap_err();
        assert_eq!(error.code.name(), "SignatureDoesNotMatch");
    }
}
