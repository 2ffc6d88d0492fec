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

/// Of the bytes `abcdefg`, as the conformance suite of versitygw has them.
const VALUES: [(Algorithm, &str); 10] = [
    (Algorithm::Crc32, "MSpqpg=="),
    (Algorithm::Crc32c, "5if0QQ=="),
    (Algorithm::Crc64Nvme, "SmzZ/LTp1CA="),
    (Algorithm::Md5, "esZsDxSN6VGbi9JkMSxNZA=="),
    (Algorithm::Sha1, "L7XhNBn8iSRoZeejJPR27GJOh0A="),
    (
        Algorithm::Sha256,
        "fRpUEnsiJQL1t5tfsIAwYRUqRPkrN+I8ZSe69mXU2po=",
    ),
    (
        Algorithm::Sha512,
        "1xakGIVptoqxtt+sF45XARTN8Oo6HMDjFIbD5BJBvGp2Qk6MN6sm8Jb8he+YhsjLY0GH9P3f9kX7CZ8f9UxrjA==",
    ),
    (Algorithm::XxHash64, "GGCUDikCgi0="),
    (Algorithm::XxHash3, "WkDcP9RMBS8="),
    (Algorithm::XxHash128, "Kq/YOGmlnDE/55jA7aptxg=="),
];

#[test]
fn names_on_the_wire_and_towards_the_host() {
    let names = Algorithm::ALL.map(|each| (each.name(), each.header(), each.digest_name()));
    assert_eq!(
        names,
        [
            ("CRC32", "x-amz-checksum-crc32", "crc32"),
            ("CRC32C", "x-amz-checksum-crc32c", "crc32c"),
            ("CRC64NVME", "x-amz-checksum-crc64nvme", "crc64nvme"),
            ("MD5", "x-amz-checksum-md5", "md5"),
            ("SHA1", "x-amz-checksum-sha1", "sha1"),
            ("SHA256", "x-amz-checksum-sha256", "sha2-256"),
            ("SHA512", "x-amz-checksum-sha512", "sha2-512"),
            ("XXHASH64", "x-amz-checksum-xxhash64", "xxh64"),
            ("XXHASH3", "x-amz-checksum-xxhash3", "xxh3-64"),
            ("XXHASH128", "x-amz-checksum-xxhash128", "xxh3-128"),
        ]
    );
    assert_eq!(VALUES.map(|(algorithm, _)| algorithm), Algorithm::ALL);
    let error = Algorithm::parse("CRC16").unwrap_err();
    let mut listed: Vec<_> = Algorithm::ALL.iter().map(|each| each.name()).collect();
    listed.sort_unstable();
    let listed = format!("[{}]", listed.join(", "));
    assert!(error.message.ends_with(&listed), "{}", error.message);
}

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
fn unknown_algorithms() {
    const HEADER: &str = "The algorithm type you specified in x-amz-checksum- header is invalid.";
    let one = [("x-amz-checksum-crc16", "AAA=")];
    let beside = [("x-amz-checksum-crc32", "MSpqpg=="), one[0]];
    for headers in [&one[..], &beside] {
        let error = announced(headers).unwrap_err();
        assert_error(&error, Code::InvalidRequest, HEADER);
        let error = Completed::parse(&head(headers)).unwrap_err();
        assert_error(&error, Code::InvalidRequest, HEADER);
    }
    let text = "Checksum algorithm provided is unsupported. Please try again with any of the valid \
                types: [CRC32, CRC32C, CRC64NVME, MD5, SHA1, SHA256, SHA512, XXHASH128, XXHASH3, \
                XXHASH64]";
    let error = announced(&[("x-amz-sdk-checksum-algorithm", "invalid")]).unwrap_err();
    assert_error(&error, Code::InvalidRequest, text);
    let error = requested(&head(&[("x-amz-checksum-algorithm", "invalid")])).unwrap_err();
    assert_error(&error, Code::InvalidRequest, text);
    for trailer in [
        "x-amz-checksum-crc16",
        "x-amz-checksum-crc32,x-amz-checksum-sha1",
        "x-amz-checksum-",
        "x-amz-checksum-type",
        "content-md5",
    ] {
        let error = announced(&[("x-amz-trailer", trailer)]).unwrap_err();
        let text = "The value specified in the x-amz-trailer header is not supported";
        assert_error(&error, Code::InvalidRequest, text);
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
        (Algorithm::Md5, Composite, &[Composite]),
        (Algorithm::Sha1, Composite, &[Composite]),
        (Algorithm::Sha256, Composite, &[Composite]),
        (Algorithm::Sha512, Composite, &[Composite]),
        (Algorithm::XxHash64, Composite, &[Composite]),
        (Algorithm::XxHash3, Composite, &[Composite]),
        (Algorithm::XxHash128, Composite, &[Composite]),
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
            &format!("{value}--3"),
            &format!("{value}-+3"),
            &format!("{value}-smth"),
            &format!("{value}-12a"),
            "invalid_checksum",
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

/// What an upload was created with decides what its completion may say of the whole.
#[test]
fn the_whole_that_a_completion_expects() {
    use Type::{Composite, FullObject};
    let read = |headers: &[(&str, &str)]| Completed::parse(&head(headers)).unwrap();
    let kind = |kind: Type| read(&[("x-amz-checksum-type", kind.name())]);
    for (algorithm, value) in VALUES {
        let checksum = Checksum::decode(algorithm, value);
        let plain = read(&[(algorithm.header(), value)]);
        for created in [Composite, FullObject] {
            let created = Some((algorithm, created)).filter(|(a, kind)| a.allows(*kind));
            let Some((_, own)) = created else { continue };
            assert_eq!(plain.expected(created, 3), Ok(checksum.clone()));
            assert_eq!(kind(own).expected(created, 3), Ok(None));
            let other = if own == Composite {
                FullObject
            } else {
                Composite
            };
            let text = format!(
                "The upload was created using the {} checksum mode. The complete request must use \
                 the same checksum mode.",
                own.name()
            );
            let error = kind(other).expected(created, 3).unwrap_err();
            assert_error(&error, Code::InvalidRequest, &text);
        }
        // Nothing was asked for: the server's own checksum is not the client's to state.
        assert_eq!(plain.expected(None, 3), Ok(None));
        assert_eq!(kind(FullObject).expected(None, 3), Ok(None));
        if !algorithm.allows(Composite) {
            continue;
        }
        let created = Some((algorithm, Composite));
        let parts = read(&[(algorithm.header(), &format!("{value}-3"))]);
        assert_eq!(parts.expected(created, 3), Ok(checksum));
        let text = format!(
            "The {} you specified did not match the calculated checksum.",
            algorithm.name()
        );
        let error = parts.expected(created, 2).unwrap_err();
        assert_error(&error, Code::BadDigest, &text);
    }
    // Of another algorithm than the upload's, or with a count where none belongs: never the same.
    let other = read(&[("x-amz-checksum-sha256", VALUES[5].1)]);
    let error = other.expected(Some((Algorithm::Crc32, FullObject)), 1);
    assert_eq!(error.unwrap_err().code, Code::BadDigest);
    let counted = read(&[("x-amz-checksum-crc32", "MSpqpg==-1")]);
    let error = counted.expected(Some((Algorithm::Crc32, FullObject)), 1);
    assert_eq!(error.unwrap_err().code, Code::BadDigest);
    let nothing = kind(Composite).expected(None, 1).unwrap_err();
    assert_error(
        &nothing,
        Code::InvalidRequest,
        "The upload was created using the FULL_OBJECT checksum mode. The complete request must use \
         the same checksum mode.",
    );
}

#[test]
fn the_checksum_of_a_part_in_a_completion() {
    use Type::{Composite, FullObject};
    let sha256 = Checksum::decode(Algorithm::Sha256, VALUES[5].1);
    fn check(created: Option<(Algorithm, Type)>, given: Option<&Checksum>) -> Result<(), S3Error> {
        checksum::check_part(created, 7, given)
    }
    for (algorithm, value) in VALUES {
        let own = Checksum::decode(algorithm, value);
        for created in [Composite, FullObject].map(|kind| (algorithm, kind)) {
            assert_eq!(check(Some(created), own.as_ref()), Ok(()));
        }
        assert_eq!(check(None, own.as_ref()), Ok(()));
        assert_eq!(check(Some((algorithm, FullObject)), None), Ok(()));
        let error = check(Some((algorithm, Composite)), None).unwrap_err();
        let text = format!(
            "The upload was created using a {} checksum. The complete request must include the \
             checksum for each part. It was missing for part 7 in the request.",
            algorithm.name().to_lowercase()
        );
        assert_error(&error, Code::InvalidRequest, &text);
        if algorithm != Algorithm::Sha256 {
            let error = check(Some((algorithm, FullObject)), sha256.as_ref()).unwrap_err();
            let text = "The sha256 you specified for part 7 did not match what we received.";
            assert_error(&error, Code::BadDigest, text);
        }
    }
    assert_eq!(check(None, None), Ok(()));
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
