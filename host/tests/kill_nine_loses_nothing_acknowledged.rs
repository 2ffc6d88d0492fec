//! `kill -9` at any moment: every acknowledged change is there after a restart, every other one is
//! wholly there or wholly absent.
//!
//! The writers keep their own record outside the store. `BILLET_KILLS` sets how many times the
//! daemon is killed (10 where it is not set), `BILLET_SEED` replays a run.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs
)]

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

use billet_client::daemon::Daemon;
use billet_client::{Body, Client, Request};

const WRITERS: u64 = 4;
const KEYS_A_WRITER: u64 = 12;
const PART_BYTES: u64 = 5 << 20;

/// xorshift64*: small, seeded, the same everywhere.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    fn below(&mut self, limit: u64) -> u64 {
        self.next() % limit
    }
}

/// What a key holds, as its writer remembers it: seed and size of its bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Content {
    seed: u64,
    size: u64,
}

impl Content {
    fn bytes(self) -> Vec<u8> {
        let mut random = Random(self.seed | 1);
        let words = self.size.div_ceil(8);
        let mut bytes: Vec<u8> = (0..words)
            .flat_map(|_| random.next().to_le_bytes())
            .collect();
        bytes.truncate(self.size as usize);
        bytes
    }
}

/// A key's acknowledged content, and what an unanswered request may have made of it.
#[derive(Clone, Copy, Debug, Default)]
struct Record {
    acknowledged: Option<Content>,
    unanswered: Option<Option<Content>>,
}

type Records = BTreeMap<String, Record>;

/// Writes until the daemon is gone. Each key belongs to one writer, which waits for each answer.
fn write(mut client: Client, writer: u64, seed: u64, count: &AtomicU64, records: &mut Records) {
    let mut random = Random(seed | 1);
    loop {
        let key = format!("/bucket/w{writer}/k{}", random.below(KEYS_A_WRITER));
        let kind = random.below(100);
        let wanted = (kind >= 15).then(|| Content {
            seed: random.next(),
            size: match kind {
                15..20 => PART_BYTES + random.below(100_000),
                20..30 => random.below(3 << 20),
                _ => random.below(20_000),
            },
        });
        records.entry(key.clone()).or_default().unanswered = Some(wanted);
        let answered = match wanted {
            None => client.delete(&key).map(|response| response.status == 204),
            Some(content) if kind < 20 => upload_in_parts(&mut client, &key, content),
            Some(content) => client
                .put(&key, &content.bytes())
                .map(|response| response.status == 200),
        };
        match answered {
            Ok(true) => {
                *records.get_mut(&key).unwrap() = Record {
                    acknowledged: wanted,
                    unanswered: None,
                };
                count.fetch_add(1, Ordering::SeqCst);
            }
            Ok(false) => panic!("{key} refused"),
            Err(_) => return,
        }
    }
}

fn upload_in_parts(client: &mut Client, key: &str, content: Content) -> std::io::Result<bool> {
    let query = &[("uploads", "")];
    let created = client.send(Request {
        method: "POST",
        path: key,
        query,
        ..Request::default()
    })?;
    let Some(upload) = created.element("UploadId") else {
        return Ok(false);
    };
    let bytes = content.bytes();
    let mut parts = String::new();
    for (number, piece) in bytes.chunks(PART_BYTES as usize).enumerate() {
        let number = (number + 1).to_string();
        let query = &[("partNumber", number.as_str()), ("uploadId", &upload)];
        let body = Body::Bytes(piece);
        let headers = &[];
        let part = client.send(Request {
            method: "PUT",
            path: key,
            query,
            headers,
            body,
        })?;
        let Some(etag) = part.header("etag") else {
            return Ok(false);
        };
        parts += &format!("<Part><PartNumber>{number}</PartNumber><ETag>{etag}</ETag></Part>");
    }
    let body = format!("<CompleteMultipartUpload>{parts}</CompleteMultipartUpload>");
    let query = &[("uploadId", upload.as_str())];
    let body = Body::Bytes(body.as_bytes());
    let request = Request {
        method: "POST",
        path: key,
        query,
        body,
        ..Request::default()
    };
    let done = client.send(request)?;
    Ok(done.status == 200 && done.element("ETag").is_some())
}

/// Creates, configures, deletes and creates again a bucket of its own. A record of the bucket is
/// the number in its tag.
fn configure(mut client: Client, seed: u64, count: &AtomicU64, record: &mut Record) {
    let mut random = Random(seed | 1);
    let path = "/configured";
    loop {
        let there = record.acknowledged;
        let (wanted, answered) = match (there, random.below(4)) {
            (None, _) => {
                let fresh = Content { seed: 0, size: 0 };
                record.unanswered = Some(Some(fresh));
                (
                    Some(fresh),
                    client.put(path, b"").map(|response| response.status),
                )
            }
            (Some(_), 0) => {
                record.unanswered = Some(None);
                (None, client.delete(path).map(|response| response.status))
            }
            (Some(_), _) => {
                let tagged = Content {
                    seed: random.below(1 << 40) + 1,
                    size: 0,
                };
                record.unanswered = Some(Some(tagged));
                (Some(tagged), put_tag(&mut client, path, tagged.seed))
            }
        };
        match answered {
            Ok(200 | 204) => {
                *record = Record {
                    acknowledged: wanted,
                    unanswered: None,
                };
                count.fetch_add(1, Ordering::SeqCst);
            }
            Ok(status) => panic!("{path}: {status} for {wanted:?} after {there:?}"),
            Err(_) => return,
        }
    }
}

fn put_tag(client: &mut Client, path: &str, value: u64) -> std::io::Result<u16> {
    let body = format!(
        "<Tagging><TagSet><Tag><Key>n</Key><Value>{value}</Value></Tag></TagSet></Tagging>"
    );
    let query = &[("tagging", "")];
    let body = Body::Bytes(body.as_bytes());
    let request = Request {
        method: "PUT",
        path,
        query,
        body,
        ..Request::default()
    };
    client.send(request).map(|response| response.status)
}

fn read_tag(client: &mut Client, path: &str) -> Option<Content> {
    let query = &[("tagging", "")];
    let request = Request {
        method: "GET",
        path,
        query,
        ..Request::default()
    };
    let response = client.send(request).unwrap();
    match response.element("Code").as_deref() {
        Some("NoSuchBucket") => None,
        Some("NoSuchTagSet") => Some(Content { seed: 0, size: 0 }),
        Some(other) => panic!("{path}: {other}"),
        None => Some(Content {
            seed: response.element("Value").unwrap().parse().unwrap(),
            size: 0,
        }),
    }
}

/// Compares the store with the records, then takes what it saw as acknowledged.
fn compare(client: &mut Client, all: &mut [Records]) {
    let mut present = 0;
    for (key, record) in all.iter_mut().flatten() {
        let response = client.get(key).unwrap();
        let candidates = [Some(record.acknowledged), record.unanswered];
        let seen = candidates
            .into_iter()
            .flatten()
            .find(|candidate| match candidate {
                None => response.status == 404,
                Some(content) => response.status == 200 && response.body == content.bytes(),
            });
        let Some(seen) = seen else {
            let (status, size) = (response.status, response.body.len());
            panic!("{key}: status {status} with {size} bytes is none of {record:?}");
        };
        present += usize::from(seen.is_some());
        *record = Record {
            acknowledged: seen,
            unanswered: None,
        };
    }
    let listed = client
        .get("/bucket")
        .unwrap()
        .text()
        .matches("<Key>")
        .count();
    assert_eq!(
        listed, present,
        "the listing has other keys than the records"
    );
}

fn compare_configured(client: &mut Client, record: &mut Record) {
    let seen = read_tag(client, "/configured");
    let possible = seen == record.acknowledged || record.unanswered == Some(seen);
    assert!(
        possible,
        "the bucket is {seen:?}, which is none of {record:?}"
    );
    *record = Record {
        acknowledged: seen,
        unanswered: None,
    };
}

fn round(folder: &Path, random: &mut Random, all: &mut [Records], configured: &mut Record) -> u64 {
    let daemon = Daemon::start(Path::new(env!("CARGO_BIN_EXE_billet")), folder, SMALL).unwrap();
    let mut client = daemon.client();
    assert!(matches!(
        client.put("/bucket", b"").unwrap().status,
        200 | 409
    ));
    compare(&mut client, all);
    compare_configured(&mut client, configured);
    let count = AtomicU64::new(0);
    let enough = random.below(150) + 1;
    std::thread::scope(|scope| {
        let mut writers = Vec::new();
        for (writer, records) in (0..).zip(all.iter_mut()) {
            let (client, seed, count) = (daemon.client(), random.next(), &count);
            writers.push(scope.spawn(move || write(client, writer, seed, count, records)));
        }
        let (client, seed, counter) = (daemon.client(), random.next(), &count);
        writers.push(scope.spawn(move || configure(client, seed, counter, configured)));
        let busy = || writers.iter().any(|writer| !writer.is_finished());
        while count.load(Ordering::SeqCst) < enough && busy() {
            std::thread::yield_now();
        }
        let mut daemon = daemon;
        daemon.kill().unwrap();
    });
    count.load(Ordering::SeqCst)
}

/// Small segments, so that rounds seal some.
const SMALL: &[&str] = &["--set", "journal.seal_bytes=8MiB"];

fn setting(name: &str, default: u64) -> u64 {
    std::env::var(name)
        .ok()
        .and_then(|text| text.parse().ok())
        .unwrap_or(default)
}

#[test]
fn kill_nine_loses_nothing_acknowledged() {
    let kills = setting("BILLET_KILLS", 10);
    let seed = setting("BILLET_SEED", 0x5eed);
    println!("BILLET_KILLS={kills} BILLET_SEED={seed}");
    let folder = tempfile::tempdir().unwrap();
    let store = folder.path().join("store");
    let mut random = Random(seed | 1);
    let mut all: Vec<Records> = (0..WRITERS).map(|_| Records::new()).collect();
    let mut configured = Record::default();
    let mut acknowledged = 0;
    for _ in 0..kills {
        acknowledged += round(&store, &mut random, &mut all, &mut configured);
    }
    let daemon = Daemon::start(Path::new(env!("CARGO_BIN_EXE_billet")), &store, SMALL).unwrap();
    compare(&mut daemon.client(), &mut all);
    compare_configured(&mut daemon.client(), &mut configured);
    println!("kills {kills}  acknowledged {acknowledged}  lost 0  torn 0");
}
