//! Manifests field by field as another reader of CBOR sees them, unknown formats by name, and no
//! second encoding of anything.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs
)]

use std::collections::BTreeMap;

use billet_block::{BLOCK_BYTES_MAX, Cid, Codec};
use billet_manifest::{
    Attributes, Checksum, ChecksumKind, CompletedRow, Content, File, ManifestError, Object, Part,
    PartRow, ROW_VALUE_BYTES_MAX, State, UploadRow, Value,
};
use ipld_core::ipld::Ipld;

fn file() -> File {
    File {
        root: Cid::of(Codec::Raw, b"hello"),
        size: 5,
    }
}

fn object() -> Object {
    Object {
        key: "a/b".to_owned(),
        content: Content::Unixfs(file()),
        etag: "5d41402abc4b2a76b9719d911017c592".to_owned(),
        time_ms: 1_700_000_000_123,
        headers: BTreeMap::from([("content-type".to_owned(), "text/plain".to_owned())]),
        metadata: BTreeMap::from([("x".to_owned(), "y".to_owned())]),
        checksums: vec![Checksum {
            algorithm: "crc32".to_owned(),
            value: vec![0x36, 0x10, 0xa6, 0x86],
            kind: ChecksumKind::FullObject,
        }],
        sha256: Some(file().root.digest().to_vec()),
        parts: Vec::new(),
        part_algorithm: None,
    }
}

fn ipld(bytes: &[u8]) -> Ipld {
    serde_ipld_dagcbor::from_slice(bytes).unwrap()
}

fn map<const N: usize>(entries: [(&str, Ipld); N]) -> Ipld {
    Ipld::Map(entries.map(|(key, value)| (key.to_owned(), value)).into())
}

fn text(text: &str) -> Ipld {
    Ipld::String(text.to_owned())
}

#[test]
fn object_fields_are_those_of_its_table() {
    let root = Ipld::Link(file().root.to_string().parse().unwrap());
    let digest = file().root.digest().to_vec();
    let expected = map([(
        "/billet/object/1",
        map([
            ("key", text("a/b")),
            ("etag", text("5d41402abc4b2a76b9719d911017c592")),
            ("time", Ipld::Integer(1_700_000_000_123)),
            ("headers", map([("content-type", text("text/plain"))])),
            ("metadata", map([("x", text("y"))])),
            ("sha256", Ipld::Bytes(digest)),
            (
                "content",
                map([("unixfs", map([("root", root), ("size", Ipld::Integer(5))]))]),
            ),
            (
                "checksums",
                Ipld::List(vec![map([
                    ("algorithm", text("crc32")),
                    ("value", Ipld::Bytes(vec![0x36, 0x10, 0xa6, 0x86])),
                    ("kind", text("full-object")),
                ])]),
            ),
        ]),
    )]);
    let bytes = object().to_bytes().unwrap();
    assert_eq!(ipld(&bytes), expected);
    assert_eq!(serde_ipld_dagcbor::to_vec(&expected).unwrap(), bytes);
    assert_eq!(Object::from_bytes(&bytes).unwrap(), object());
}

#[test]
fn newer_formats_are_named() {
    let newer = serde_ipld_dagcbor::to_vec(&map([("/billet/object/9", map([]))])).unwrap();
    let error = Object::from_bytes(&newer).unwrap_err();
    assert_eq!(error, ManifestError::Newer("/billet/object/9".to_owned()));

    let state = State::from_bytes(&object().to_bytes().unwrap()).unwrap_err();
    assert_eq!(state, ManifestError::Newer("/billet/object/1".to_owned()));

    let Ipld::Map(mut union) = ipld(&object().to_bytes().unwrap()) else {
        panic!("not a map");
    };
    let Some(Ipld::Map(fields)) = union.get_mut("/billet/object/1") else {
        panic!("not a map");
    };
    fields.insert("content".to_owned(), map([("sealed", map([]))]));
    let sealed = serde_ipld_dagcbor::to_vec(&Ipld::Map(union)).unwrap();
    let error = Object::from_bytes(&sealed).unwrap_err();
    let format = "/billet/object/1/content/sealed".to_owned();
    assert_eq!(error, ManifestError::Newer(format));
}

#[test]
fn every_changed_byte_is_refused_or_reads_back_as_itself() {
    let bytes = object().to_bytes().unwrap();
    for at in 0..bytes.len() {
        for flip in [1, 0x80, 0xff] {
            let mut damaged = bytes.clone();
            damaged[at] ^= flip;
            if let Ok(read) = Object::from_bytes(&damaged) {
                assert_eq!(read.to_bytes().unwrap(), damaged, "byte {at}");
            }
        }
        assert!(Object::from_bytes(&bytes[..at]).is_err(), "cut at {at}");
    }
    let mut longer = bytes;
    longer.push(0);
    assert!(Object::from_bytes(&longer).is_err());
}

#[test]
fn unknown_and_explicit_null_fields_are_refused() {
    for (name, value) in [("extra", Ipld::Integer(1)), ("sha256", Ipld::Null)] {
        let Ipld::Map(mut union) = ipld(&object().to_bytes().unwrap()) else {
            panic!("not a map");
        };
        let Some(Ipld::Map(fields)) = union.get_mut("/billet/object/1") else {
            panic!("not a map");
        };
        fields.insert(name.to_owned(), value);
        let bytes = serde_ipld_dagcbor::to_vec(&Ipld::Map(union)).unwrap();
        let read = Object::from_bytes(&bytes);
        assert!(matches!(read, Err(ManifestError::Damaged(_))), "{name}");
    }
}

#[test]
fn ten_thousand_parts_fit_into_a_block() {
    let mut object = object();
    object.parts = (1..=10_000)
        .map(|number| Part {
            number,
            size: 5 << 30,
            checksum: Some(vec![7; 64]),
        })
        .collect();
    object.part_algorithm = Some("sha2-512".to_owned());
    let bytes = object.to_bytes().unwrap();
    assert!(bytes.len() <= BLOCK_BYTES_MAX, "{} bytes", bytes.len());
    assert_eq!(Object::from_bytes(&bytes).unwrap(), object);
}

#[test]
fn states_and_rows_read_back() {
    let state = State {
        live: true,
        created_ms: 7,
        owner: "0".repeat(64),
        owner_name: "root".to_owned(),
        region: "us-east-1".to_owned(),
        settings: BTreeMap::from([("cors".to_owned(), vec![0, 255].into())]),
    };
    let bytes = state.to_bytes().unwrap();
    assert_eq!(State::from_bytes(&bytes).unwrap(), state);

    let part = PartRow {
        etag: "e".repeat(32),
        file: file(),
        time_ms: u64::MAX,
        checksums: object().checksums,
        body: u64::MAX,
        claims: vec![1, 2],
    };
    let bytes = part.to_bytes().unwrap();
    assert_eq!(PartRow::from_bytes(&bytes).unwrap(), part);

    let completed = CompletedRow {
        key: "k".repeat(1024),
        etag: "e".repeat(40),
        file: file(),
        time_ms: 1,
        checksums: object().checksums,
    };
    let bytes = completed.to_bytes().unwrap();
    assert_eq!(CompletedRow::from_bytes(&bytes).unwrap(), completed);
}

#[test]
fn rows_keep_within_their_room() {
    let mut row = UploadRow {
        started_ms: 1,
        owner: String::new(),
        owner_name: String::new(),
        algorithm: Some("sha1".to_owned()),
        kind: Some(ChecksumKind::Composite),
        attributes: Some(Attributes::default()),
        linked: None,
        claims: Vec::new(),
    };
    let empty = row.to_bytes().unwrap();
    assert_eq!(UploadRow::from_bytes(&empty).unwrap(), row);
    row.owner = "o".repeat(ROW_VALUE_BYTES_MAX - empty.len() - 2);
    assert_eq!(row.to_bytes().unwrap().len(), ROW_VALUE_BYTES_MAX);
    row.owner.push('o');
    let most = ROW_VALUE_BYTES_MAX;
    let bytes = most + 1;
    let error = row.to_bytes().unwrap_err();
    assert_eq!(error, ManifestError::TooLong { bytes, most });
}
