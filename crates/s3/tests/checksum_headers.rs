//! Checksum headers: names, shapes, which go together, and AWS's answers where they do not. A
//! contradiction must never be settled by picking one side.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs
)]

mod signing;

use billet_s3::checksum::{
    self, Algorithm, Announced, Checksum, Completed, Type, check_md5, content_md5, requested,
};
use billet_s3::error::{Code, S3Error};
use billet_s3::head::RequestHead;
use signing::{assert_error, field};

fn head(headers: &[(&str, &str)]) -> RequestHead {
    let mut head = RequestHead::new("PUT", "/key", None);
    for (name, value) in headers {
        head.push_header(name, *value);
    }
    head
}

/// Of the bytes `abcdefg`.
const VALUES: [(Algorithm, &str); 5] = [
    (Algorithm::Crc32, "MSpqpg=="),
    (Algorithm::Crc32c, "5if0QQ=="),
    (Algorithm::Crc64Nvme, "SmzZ/LTp1CA="),
    (Algorithm::Sha1, "L7XhNBn8iSRoZeejJPR27GJOh0A="),
    (
        Algorithm::Sha256,
        "fRpUEnsiJQL1t5tfsIAwYRUqRPkrN+I8ZSe69mXU2po=",
    ),
];

const INVALID_SDK: &str = "Value for x-amz-sdk-checksum-algorithm header is invalid.";
const MORE_THAN_ONE: &str =
    "Expecting a single x-amz-checksum- header. Multiple checksum Types are not allowed.";

fn announced(headers: &[(&str, &str)]) -> Result<Announced, S3Error> {
    Announced::parse(&head(headers))
}

#[test]
fn values_in_headers() {
    for (algorithm, value) in VALUES {
        let Ok(Announced::Value(found)) = announced(&[(algorithm.header(), value)]) else {
            panic!("{algorithm:?}")
        };
        assert_eq!(
            (found.algorithm(), found.to_base64().as_str()),
            (algorithm, value)
        );
        assert_eq!(found.digest().len(), algorithm.length_bytes());
        assert_eq!(found.check(found.digest()), Ok(()));
        assert_error(
            &found.check(&vec![0; algorithm.length_bytes()]).unwrap_err(),
            Code::BadDigest,
            &format!(
                "The {} you specified did not match the calculated checksum.",
                algorithm.name()
            ),
        );
        for bad in [
            "",
            "invalid",
            &value[1..],
            &format!("{value}A"),
            "AAA=",
            "====",
            "AAAAAB==",
        ] {
            let error = announced(&[(algorithm.header(), bad)]).unwrap_err();
            let text = format!("Value for {} header is invalid.", algorithm.header());
            assert_error(&error, Code::InvalidRequest, &text);
        }
        assert!(Checksum::new(algorithm, &[0; 3]).is_none());
    }
    assert_eq!(announced(&[]), Ok(Announced::Nothing));
    let others = [
        ("x-amz-checksum-mode", "ENABLED"),
        ("x-amz-checksum-algorithm", "CRC32"),
    ];
    assert_eq!(announced(&others), Ok(Announced::Nothing));
}

#[test]
fn trailers() {
    for (algorithm, value) in VALUES {
        let upper = algorithm.header().to_uppercase();
        for name in [algorithm.header(), &upper] {
            let found = announced(&[("x-amz-trailer", name)]);
            assert_eq!(found, Ok(Announced::Trailer(algorithm)));
        }
        let both = announced(&[
            ("x-amz-trailer", Algorithm::Crc32.header()),
            (algorithm.header(), value),
        ]);
        assert_error(&both.unwrap_err(), Code::InvalidRequest, MORE_THAN_ONE);
    }
    let other = [
        ("x-amz-trailer", "x-amz-checksum-crc32"),
        ("x-amz-checksum-md5", "AAAA"),
    ];
    assert_error(
        &announced(&other).unwrap_err(),
        Code::InvalidRequest,
        MORE_THAN_ONE,
    );
}

#[test]
fn the_sdk_algorithm_has_to_agree() {
    let sdk = "x-amz-sdk-checksum-algorithm";
    for (algorithm, value) in VALUES {
        for name in [algorithm.name().to_owned(), algorithm.name().to_lowercase()] {
            assert!(announced(&[(sdk, &name), (algorithm.header(), value)]).is_ok());
            assert!(announced(&[(sdk, &name), ("x-amz-trailer", algorithm.header())]).is_ok());
        }
        assert_error(
            &announced(&[(sdk, algorithm.name())]).unwrap_err(),
            Code::InvalidRequest,
            "x-amz-sdk-checksum-algorithm specified, but no corresponding x-amz-checksum-* or \
             x-amz-trailer headers were found.",
        );
    }
    for headers in [
        [(sdk, "sha1"), ("x-amz-trailer", "x-amz-checksum-crc64nvme")],
        [(sdk, "CRC32"), ("x-amz-checksum-crc32c", "5if0QQ==")],
    ] {
        assert_error(
            &announced(&headers).unwrap_err(),
            Code::InvalidRequest,
            INVALID_SDK,
        );
    }
}

#[test]
fn more_than_one_checksum() {
    let two = [
        ("x-amz-checksum-crc32", "MSpqpg=="),
        ("x-amz-checksum-crc32c", "5if0QQ=="),
    ];
    let twice = [
        ("x-amz-checksum-crc32", "MSpqpg=="),
        ("x-amz-checksum-crc32", "MSpqpg=="),
    ];
    for headers in [two, twice] {
        assert_error(
            &announced(&headers).unwrap_err(),
            Code::InvalidRequest,
            MORE_THAN_ONE,
        );
        let error = Completed::parse(&head(&headers)).unwrap_err();
        assert_error(&error, Code::InvalidRequest, MORE_THAN_ONE);
    }
}

#[test]
fn algorithms_that_are_unknown_or_not_offered() {
    let text = "The algorithm type you specified in x-amz-checksum- header is invalid.";
    let error = announced(&[("x-amz-checksum-crc16", "AAA=")]).unwrap_err();
    assert_error(&error, Code::InvalidRequest, text);
    let text = "Checksum algorithm provided is unsupported. Please try again with any of the valid \
                types: [CRC32, CRC32C, CRC64NVME, MD5, SHA1, SHA256, SHA512, XXHASH128, XXHASH3, \
                XXHASH64]";
    for headers in [
        [("x-amz-sdk-checksum-algorithm", "invalid")],
        [("x-amz-checksum-algorithm", "invalid")],
    ] {
        let head = head(&headers);
        let error = Announced::parse(&head)
            .err()
            .or_else(|| requested(&head).err())
            .unwrap();
        assert_error(&error, Code::InvalidRequest, text);
    }
    for name in ["md5", "sha512", "xxhash64", "xxhash3", "xxhash128"] {
        let header = format!("x-amz-checksum-{name}");
        for (name, value) in [
            (header.as_str(), "AAAA"),
            ("x-amz-trailer", header.as_str()),
            ("x-amz-sdk-checksum-algorithm", name),
        ] {
            assert_eq!(
                announced(&[(name, value)]).unwrap_err().code,
                Code::NotImplemented
            );
        }
        let error = requested(&head(&[("x-amz-checksum-algorithm", name)])).unwrap_err();
        assert_eq!(error.code, Code::NotImplemented);
    }
}

#[test]
fn types_of_multipart_checksums() {
    let ask = |algorithm: &str, kind: &str| {
        requested(&head(&[
            ("x-amz-checksum-algorithm", algorithm),
            ("x-amz-checksum-type", kind),
        ]))
    };
    use Type::{Composite, FullObject};
    for (algorithm, default, allowed) in [
        (Algorithm::Crc32, Composite, &[Composite, FullObject][..]),
        (Algorithm::Crc32c, Composite, &[Composite, FullObject]),
        (Algorithm::Crc64Nvme, FullObject, &[FullObject]),
        (Algorithm::Sha1, Composite, &[Composite]),
        (Algorithm::Sha256, Composite, &[Composite]),
    ] {
        assert_eq!(ask(algorithm.name(), ""), Ok(Some((algorithm, default))));
        for kind in [Composite, FullObject] {
            let found = ask(
                &algorithm.name().to_lowercase(),
                &kind.name().to_lowercase(),
            );
            if allowed.contains(&kind) {
                assert_eq!(found, Ok(Some((algorithm, kind))));
                continue;
            }
            let text = format!(
                "The {} checksum type cannot be used with the {} checksum algorithm.",
                kind.name(),
                algorithm.name().to_lowercase()
            );
            assert_error(&found.unwrap_err(), Code::InvalidRequest, &text);
        }
    }
    assert_eq!(ask("", ""), Ok(None));
    let error = ask("CRC32", "invalid").unwrap_err();
    let text = "Value for x-amz-checksum-type header is invalid.";
    assert_error(&error, Code::InvalidRequest, text);
    assert_error(
        &ask("", "COMPOSITE").unwrap_err(),
        Code::InvalidRequest,
        "The x-amz-checksum-type header can only be used with the x-amz-checksum-algorithm header.",
    );
}

#[test]
fn completing_an_upload() {
    let complete =
        |algorithm: Algorithm, value: &str| Completed::parse(&head(&[(algorithm.header(), value)]));
    for (algorithm, value) in VALUES {
        let whole = complete(algorithm, value).unwrap();
        assert_eq!(whole.checksum, Checksum::decode(algorithm, value));
        assert_eq!(whole.part_count, None);
        let parts = complete(algorithm, &format!("{value}-10000"));
        if algorithm == Algorithm::Crc64Nvme {
            assert!(parts.is_err());
        } else {
            assert_eq!(parts.unwrap().part_count, Some(10_000));
        }
        for bad in [
            "invalid",
            "-1",
            &format!("{value}-"),
            &format!("{value}-a"),
            &format!("{value}-1-1"),
        ] {
            let error = complete(algorithm, bad).unwrap_err();
            let text = format!("Value for {} header is invalid.", algorithm.header());
            assert_error(&error, Code::InvalidRequest, &text);
        }
    }
    let kind = Completed::parse(&head(&[("x-amz-checksum-type", "FULL_OBJECT")])).unwrap();
    assert_eq!(
        kind,
        Completed {
            kind: Some(Type::FullObject),
            ..Completed::default()
        }
    );
}

#[test]
fn a_part_of_another_kind() {
    let error = checksum::mismatch(Algorithm::Crc32, Some(Algorithm::Sha256));
    let text = "Checksum Type mismatch occurred, expected checksum Type: CRC32, actual checksum \
                Type: SHA256";
    assert_error(&error, Code::InvalidRequest, text);
    let error = checksum::mismatch(Algorithm::Crc32, None);
    assert_error(
        &error,
        Code::InvalidRequest,
        &text.replace("SHA256", "null"),
    );
    let text = "Missing required header for this request: Content-MD5 OR x-amz-checksum-*";
    assert_error(&checksum::missing(), Code::InvalidRequest, text);
}

#[test]
fn content_md5_headers() {
    let read = |value: &str| content_md5(&head(&[("Content-MD5", value)]));
    let sent = read("XrY7u+Ae7tCTyyK7j1rNww==").unwrap().unwrap();
    assert_eq!(content_md5(&head(&[])), Ok(None));
    for bad in [
        "",
        "invalid_md5",
        "aGVsbCBzLGRham5mamFuc2Y=",
        "XrY7u+Ae7tCTyyK7j1rNww",
    ] {
        let error = read(bad).unwrap_err();
        assert_error(
            &error,
            Code::InvalidDigest,
            "The Content-Md5 you specified is not valid.",
        );
        assert_eq!(field(&error, "Content-MD5"), Some(bad));
    }
    assert_eq!(check_md5(&sent, &sent), Ok(()));
    let error = check_md5(&sent, &[0; 16]).unwrap_err();
    let text = "The Content-MD5 you specified did not match what we received.";
    assert_error(&error, Code::BadDigest, text);
    assert_eq!(
        field(&error, "CalculatedDigest"),
        Some("AAAAAAAAAAAAAAAAAAAAAA==")
    );
    assert_eq!(
        field(&error, "ExpectedDigest"),
        Some("5eb63bbbe01eeed093cb22bb8f5acdc3")
    );
}
