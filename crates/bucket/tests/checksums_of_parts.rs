//! Checksums of objects made of parts: values that AWS was seen to give, and CRCs of whole bodies
//! against those combined from their parts.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs
)]

mod common;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use billet_bucket::{Complete, Op, Refusal};
use billet_manifest::{Checksum, ChecksumKind, Object};
use common::{Store, complete, create_upload, named};
use crc_fast::CrcAlgorithm;

const LOG: &str = "photos";
const MIB: u32 = 1 << 20;

/// An upload that asks for a checksum, with parts of 5 MiB that have these.
fn completed(
    algorithm: &str,
    kind: Option<ChecksumKind>,
    values: &[Vec<u8>],
    declared: Option<Vec<u8>>,
) -> Result<Object, Refusal> {
    let mut store = Store::new();
    store.create(LOG);
    let Op::CreateUpload(mut create) = create_upload("k") else {
        panic!()
    };
    create.algorithm = Some(algorithm.to_owned());
    create.kind = kind;
    let upload = store.begin(LOG, Op::CreateUpload(create));
    let checksum = |value: &[u8]| Checksum {
        algorithm: algorithm.to_owned(),
        value: value.to_vec(),
        kind: ChecksumKind::FullObject,
    };
    let mut ops = Vec::new();
    for (number, value) in (1..).zip(values) {
        let Op::PutPart(mut part) = store.put_part("k", &upload, number, &[MIB; 5]) else {
            panic!()
        };
        part.checksums = vec![checksum(value)];
        ops.push(Op::PutPart(part));
    }
    assert!(store.apply(LOG, &ops).iter().all(Result::is_ok));
    let parts: Vec<_> = ops.iter().map(named).collect();
    let body = store.assemble(LOG, "k", &upload, &parts).unwrap();
    let Op::Complete(op) = complete("k", &upload, parts, body) else {
        panic!()
    };
    let op = Complete {
        checksum: declared.map(|value| checksum(&value)),
        ..op
    };
    let done = store.apply(LOG, &[Op::Complete(op)]).remove(0)?;
    Ok(Object::clone(&done.object.unwrap()))
}

#[test]
fn composite_sha256_is_what_aws_gives() {
    let parts = [
        "lcKa6Boe7a167tUCN5C4OaFygGSYD8MBnBARTrdL+1w=",
        "gHjhbUT4oo2tSCtSZJdlKi+jeNXJT+VImqdPXsXvkOc=",
        "4l9PQ3zOPZ0oGFvknFX+J4zZwE4WMzO+l3r8XrbWOeM=",
    ];
    let parts = parts.map(|part| BASE64_STANDARD.decode(part).unwrap());
    let object = completed("sha2-256", None, &parts, None).unwrap();
    let [checksum] = object.checksums.as_slice() else {
        panic!()
    };
    let text = BASE64_STANDARD.encode(&checksum.value);
    assert_eq!(text, "rVWtNbadtsaKXJAcgWPWjifHzJaXde/iV4jaJAOdivc=");
    assert_eq!(checksum.kind, ChecksumKind::Composite);
    assert_eq!(object.part_algorithm.as_deref(), Some("sha2-256"));
    assert_eq!(object.parts[1].checksum.as_ref(), Some(&parts[1]));

    let wrong = completed("sha2-256", None, &parts, Some(vec![0; 32]));
    assert_eq!(wrong.unwrap_err(), Refusal::Mismatch("sha2-256".to_owned()));
    let right = completed("sha2-256", None, &parts, Some(checksum.value.clone()));
    assert!(right.is_ok());
}

#[test]
fn full_object_crcs_are_those_of_the_whole() {
    let bodies = [1_u8, 2, 3].map(|seed| {
        let byte = |index: u32| (index.wrapping_mul(2_654_435_761) >> 24) as u8 ^ seed;
        (0..5 * MIB).map(byte).collect::<Vec<u8>>()
    });
    let whole = bodies.concat();
    for (name, crc, width) in [
        ("crc32", CrcAlgorithm::Crc32IsoHdlc, 4),
        ("crc32c", CrcAlgorithm::Crc32Iscsi, 4),
        ("crc64nvme", CrcAlgorithm::Crc64Nvme, 8),
    ] {
        let value = |bytes: &[u8]| {
            let all = crc_fast::checksum(crc, bytes).to_be_bytes();
            all[8 - width..].to_vec()
        };
        let parts: Vec<_> = bodies.iter().map(|body| value(body)).collect();
        let full = Some(ChecksumKind::FullObject);
        let object = completed(name, full, &parts, Some(value(&whole))).unwrap();
        assert_eq!(object.checksums[0].value, value(&whole), "{name}");
        assert_eq!(object.checksums[0].kind, ChecksumKind::FullObject);

        let object = completed(name, Some(ChecksumKind::Composite), &parts, None).unwrap();
        assert_eq!(object.checksums[0].value, value(&parts.concat()), "{name}");
        let default = completed(name, None, &parts, None).unwrap().checksums[0].kind;
        assert_eq!(default == ChecksumKind::FullObject, name == "crc64nvme");
    }
}

#[test]
fn crcs_are_those_of_the_check_input() {
    let check = |crc| crc_fast::checksum(crc, b"123456789");
    assert_eq!(check(CrcAlgorithm::Crc32IsoHdlc), 0xcbf4_3926);
    assert_eq!(check(CrcAlgorithm::Crc32Iscsi), 0xe306_9283);
    assert_eq!(check(CrcAlgorithm::Crc64Nvme), 0xae8b_1486_0a79_9888);
}
