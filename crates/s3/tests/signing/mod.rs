//! A client and a key holder for the tests: derives keys, signs and verifies with HMAC, encodes by
//! itself. It must never call this crate's own canonical request, or it would prove nothing.
#![allow(dead_code, reason = "each test file uses its own part")]

use billet_s3::auth::{AuthPolicy, Claim, Presented, Signed};
use billet_s3::chunked::{Decoder, Event, Framing};
use billet_s3::error::{Code, S3Error};
use billet_s3::head::RequestHead;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::{Digest as _, Sha256};

pub(crate) const ACCESS_KEY: &str = "AKIAIOSFODNN7EXAMPLE";
pub(crate) const SECRET: &str = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY";
pub(crate) const EMPTY_SHA256: &str =
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
/// 2013-05-24 00:00:00 UTC, the time of AWS's examples.
pub(crate) const EXAMPLE_MS: u64 = 1_369_353_600_000;
pub(crate) const STAMP: &str = "20130524T000000Z";
pub(crate) const SCOPE: &str = "20130524/us-east-1/s3/aws4_request";
pub(crate) const HOST: &str = "examplebucket.s3.amazonaws.com";

pub(crate) fn policy() -> AuthPolicy {
    AuthPolicy {
        regions: vec!["us-east-1".to_owned()],
        hosts: Vec::new(),
    }
}

pub(crate) fn hmac(key: &[u8], data: &[u8]) -> [u8; 32] {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).unwrap();
    mac.update(data);
    mac.finalize().into_bytes().into()
}

pub(crate) fn sha256_hex(data: &[u8]) -> String {
    hex::encode(Sha256::digest(data))
}

fn day_key(date: &str, region: &str, service: &str) -> [u8; 32] {
    let mut key = hmac(format!("AWS4{SECRET}").as_bytes(), date.as_bytes());
    for part in [region, service, "aws4_request"] {
        key = hmac(&key, part.as_bytes());
    }
    key
}

/// What the key holder answers.
pub(crate) fn verifies(claim: &Claim) -> bool {
    assert_eq!(claim.algorithm, "AWS4-HMAC-SHA256");
    let key = day_key(&claim.date, &claim.region, claim.service);
    claim.access_key == ACCESS_KEY && hmac(&key, claim.message.as_bytes()) == claim.mac
}

pub(crate) fn authentic(presented: &Presented) -> bool {
    presented
        .signed()
        .is_some_and(|signed| signed.claims().any(|claim| verifies(&claim)))
}

/// Signs a string with the key of the examples' day.
pub(crate) fn sign(message: &str) -> String {
    hex::encode(hmac(
        &day_key("20130524", "us-east-1", "s3"),
        message.as_bytes(),
    ))
}

/// Encodes as a client does: all but unreserved characters.
pub(crate) fn encode(text: &str) -> String {
    text.bytes()
        .map(|byte| match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => {
                char::from(byte).to_string()
            }
            other => format!("%{other:02X}"),
        })
        .collect()
}

/// The signature over a canonical request.
pub(crate) fn request_signature(canonical: &str) -> String {
    let digest = sha256_hex(canonical.as_bytes());
    sign(&format!("AWS4-HMAC-SHA256\n{STAMP}\n{SCOPE}\n{digest}"))
}

pub(crate) fn authorization(signed_headers: &str, signature: &str) -> String {
    format!(
        "AWS4-HMAC-SHA256 Credential={ACCESS_KEY}/{SCOPE},\
         SignedHeaders={signed_headers},Signature={signature}"
    )
}

/// A signed request for a body, with headers given in sorted order besides the usual three.
pub(crate) fn signed_put(payload: &str, headers: &[(&str, &str)]) -> RequestHead {
    let mut all = vec![
        ("host", HOST),
        ("x-amz-content-sha256", payload),
        ("x-amz-date", STAMP),
    ];
    all.extend_from_slice(headers);
    all.sort_unstable();
    let names: Vec<_> = all.iter().map(|(name, _)| *name).collect();
    let names = names.join(";");
    let lines: String = all
        .iter()
        .map(|(name, value)| format!("{name}:{value}\n"))
        .collect();
    let canonical = format!("PUT\n/key\n\n{lines}\n{names}\n{payload}");
    let mut head = RequestHead::new("PUT", "/key", None).with_header(
        "Authorization",
        authorization(&names, &request_signature(&canonical)),
    );
    for (name, value) in all {
        head.push_header(name, value);
    }
    head
}

/// Parses at the examples' time.
pub(crate) fn parse(head: &RequestHead) -> Result<Presented, S3Error> {
    billet_s3::auth::parse(head, EXAMPLE_MS, &policy())
}

pub(crate) fn refusal(head: &RequestHead) -> S3Error {
    parse(head).expect_err("must be refused")
}

pub(crate) fn assert_error(error: &S3Error, code: Code, message: &str) {
    assert_eq!((error.code, error.message.as_ref()), (code, message));
}

pub(crate) fn field<'a>(error: &'a S3Error, name: &str) -> Option<&'a str> {
    error
        .fields
        .iter()
        .find(|(each, _)| *each == name)
        .map(|(_, value)| value.as_str())
}

/// Frames a body with signatures that continue `seed`; `trailer` is a line without its end.
pub(crate) fn framed(seed: &str, chunks: &[&[u8]], trailer: Option<&str>) -> Vec<u8> {
    let mut previous = seed.to_owned();
    let mut out = Vec::new();
    for chunk in chunks.iter().copied().chain([&[][..]]) {
        let digest = sha256_hex(chunk);
        previous = sign(&format!(
            "AWS4-HMAC-SHA256-PAYLOAD\n{STAMP}\n{SCOPE}\n{previous}\n{EMPTY_SHA256}\n{digest}"
        ));
        out.extend(format!("{:x};chunk-signature={previous}\r\n", chunk.len()).into_bytes());
        if !chunk.is_empty() {
            out.extend_from_slice(chunk);
            out.extend_from_slice(b"\r\n");
        }
    }
    if let Some(trailer) = trailer {
        let digest = sha256_hex(format!("{trailer}\n").as_bytes());
        let signature = sign(&format!(
            "AWS4-HMAC-SHA256-TRAILER\n{STAMP}\n{SCOPE}\n{previous}\n{digest}"
        ));
        out.extend(format!("{trailer}\r\nx-amz-trailer-signature:{signature}\r\n").into_bytes());
    }
    out.extend_from_slice(b"\r\n");
    out
}

/// The request's own signature, from its header.
pub(crate) fn seed(head: &RequestHead) -> String {
    let value = head.once("authorization").unwrap().unwrap();
    value.split_once("Signature=").unwrap().1.to_owned()
}

/// What became of a framed body.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Decoded {
    pub(crate) data: Vec<u8>,
    pub(crate) checksum: Option<String>,
    /// Each verdict in order.
    pub(crate) verdicts: Vec<bool>,
}

/// Takes the frames off as the gateway does; stops at the first signature that does not verify.
pub(crate) fn decode<'a>(
    framing: Framing,
    signed: Option<&Signed>,
    pieces: impl IntoIterator<Item = &'a [u8]>,
) -> Result<Decoded, S3Error> {
    let mut decoder = Decoder::new(framing, signed)?;
    let mut found = Decoded {
        data: Vec::new(),
        checksum: None,
        verdicts: Vec::new(),
    };
    let mut hasher = Sha256::new();
    for piece in pieces {
        let mut rest = piece;
        loop {
            let (used, event) = decoder.push(rest)?;
            let claim = match event {
                Event::More => {
                    assert_eq!(used, rest.len());
                    break;
                }
                Event::Data(range) => {
                    hasher.update(&rest[range.clone()]);
                    found.data.extend_from_slice(&rest[range]);
                    None
                }
                Event::ChunkEnd => {
                    let digest = std::mem::take(&mut hasher).finalize().into();
                    Some(decoder.digest(&digest)?)
                }
                Event::Verify(claim) => Some(*claim),
            };
            rest = &rest[used..];
            if let Some(claim) = claim {
                found.verdicts.push(verifies(&claim));
                if !verifies(&claim) {
                    return Err(claim.refused(billet_s3::auth::Refusal::Mismatch));
                }
                decoder.confirmed()?;
            }
        }
    }
    found.checksum = decoder.finish()?.map(|checksum| checksum.to_base64());
    Ok(found)
}

/// Decodes what a head announces, in one piece.
pub(crate) fn decode_of(head: &RequestHead, body: &[u8]) -> Result<Decoded, S3Error> {
    let presented = parse(head)?;
    assert!(authentic(&presented) || presented.signed().is_none());
    let framing = Framing::parse(head, presented.payload())?.expect("a framed body");
    decode(framing, presented.signed(), [body])
}
