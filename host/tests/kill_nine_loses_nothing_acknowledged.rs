//! `kill -9` at any moment: every acknowledged change is there after a restart, every other one is
//! wholly there or wholly absent.
//!
//! The writers keep their own record outside the store. `BILLET_KILLS` sets how many times the
//! daemon is killed (10 where it is not set), `BILLET_SEED` replays a run.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs,
    dead_code,
    unreachable_pub
)]

#[path = "support/look.rs"]
mod look;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

use billet_client::daemon::Daemon;
use billet_client::{Body, Client, Request, Response};

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

/// An upload that is not complete: its parts are pieces of `content`.
struct Upload {
    key: String,
    id: String,
    content: Content,
    /// Of the parts that were acknowledged.
    etags: Vec<String>,
}

/// What a writer remembers over all rounds.
#[derive(Default)]
struct Memory {
    records: Records,
    upload: Option<Upload>,
}

/// The daemon's answer was not what it must be, or there was none.
enum Stop {
    Refused(String),
    Gone,
}

impl From<std::io::Error> for Stop {
    fn from(_: std::io::Error) -> Self {
        Self::Gone
    }
}

fn expect(is_right: bool, what: &str, response: &Response) -> Result<(), Stop> {
    if is_right {
        return Ok(());
    }
    Err(Stop::Refused(format!(
        "{what}: {} {}",
        response.status,
        response.text()
    )))
}

/// A writer at work.
struct Writer<'a> {
    client: Client,
    name: u64,
    random: Random,
    memory: &'a mut Memory,
}

impl Writer<'_> {
    /// Writes until the daemon is gone. Each key belongs to one writer, which waits for each
    /// answer.
    fn run(mut self, count: &AtomicU64) {
        loop {
            match self.step() {
                Ok(()) => count.fetch_add(1, Ordering::SeqCst),
                Err(Stop::Gone) => return,
                Err(Stop::Refused(why)) => panic!("{why}"),
            };
        }
    }

    fn step(&mut self) -> Result<(), Stop> {
        let key = format!(
            "/bucket/w{}/k{}",
            self.name,
            self.random.below(KEYS_A_WRITER)
        );
        match self.random.below(100) {
            0..12 => self.change(&key, None, |client, key| {
                let response = client.delete(key)?;
                expect(response.status == 204, key, &response)
            }),
            12..25 => self.copy(&key),
            25..40 => self.go_on_with_upload(&key),
            40..50 => self.put(&key, 3 << 20),
            _ => self.put(&key, 20_000),
        }
    }

    /// A change of one key, and what it makes of it.
    fn change(
        &mut self,
        key: &str,
        wanted: Option<Content>,
        act: impl FnOnce(&mut Client, &str) -> Result<(), Stop>,
    ) -> Result<(), Stop> {
        let record = self.memory.records.entry(key.to_owned()).or_default();
        record.unanswered = Some(wanted);
        act(&mut self.client, key)?;
        *record = Record {
            acknowledged: wanted,
            unanswered: None,
        };
        Ok(())
    }

    fn content(&mut self, size: u64) -> Content {
        Content {
            seed: self.random.next(),
            size,
        }
    }

    fn put(&mut self, key: &str, most: u64) -> Result<(), Stop> {
        let size = self.random.below(most);
        let content = self.content(size);
        self.change(key, Some(content), |client, key| {
            let response = client.put(key, &content.bytes())?;
            expect(response.status == 200, key, &response)
        })
    }

    /// A copy of another key of this writer, as large as that may be.
    fn copy(&mut self, key: &str) -> Result<(), Stop> {
        let sources = self
            .memory
            .records
            .iter()
            .filter(|(source, _)| *source != key);
        let source = sources.filter_map(|(key, record)| Some((key.clone(), record.acknowledged?)));
        let sources: Vec<_> = source.collect();
        if sources.is_empty() {
            return self.put(key, 20_000);
        }
        let (source, content) = sources[self.random.below(sources.len() as u64) as usize].clone();
        self.change(key, Some(content), |client, key| {
            let headers = &[("x-amz-copy-source", source.as_str())];
            let response = client.send(Request {
                method: "PUT",
                path: key,
                headers,
                ..Request::default()
            })?;
            expect(response.element("ETag").is_some(), key, &response)
        })
    }

    /// Begins an upload, adds a part, completes or aborts it: whatever comes next. Between two
    /// such steps the daemon may have been killed.
    fn go_on_with_upload(&mut self, key: &str) -> Result<(), Stop> {
        let Some(mut upload) = self.memory.upload.take() else {
            let size = PART_BYTES + self.random.below(100_000);
            let (content, query) = (self.content(size), &[("uploads", "")]);
            let created = post(&mut self.client, key, query, b"")?;
            let id = created.element("UploadId");
            expect(id.is_some(), key, &created)?;
            self.memory.upload = id.map(|id| Upload {
                key: key.to_owned(),
                id,
                content,
                etags: Vec::new(),
            });
            return Ok(());
        };
        let bytes = upload.content.bytes();
        let parts: Vec<_> = bytes.chunks(PART_BYTES as usize).collect();
        match parts.get(upload.etags.len()) {
            _ if self.random.below(8) == 0 => {
                let answer = upload.send(&mut self.client, "DELETE", None, Body::default())?;
                expect(answer.status == 204, "abort", &answer)
            }
            Some(part) => {
                let number = (upload.etags.len() + 1).to_string();
                let body = Body::Bytes(part);
                let answer = upload.send(&mut self.client, "PUT", Some(&number), body);
                if let Ok(answer) = &answer {
                    expect(answer.header("etag").is_some(), "part", answer)?;
                    upload
                        .etags
                        .extend(answer.header("etag").map(str::to_owned));
                }
                // A part without an answer is sent again.
                self.memory.upload = Some(upload);
                answer.map(|_| ()).map_err(Stop::from)
            }
            None => self.complete(&upload),
        }
    }

    fn complete(&mut self, upload: &Upload) -> Result<(), Stop> {
        let parts = (1..).zip(&upload.etags).map(|(number, etag)| {
            format!("<Part><PartNumber>{number}</PartNumber><ETag>{etag}</ETag></Part>")
        });
        let parts: String = parts.collect();
        let body = format!("<CompleteMultipartUpload>{parts}</CompleteMultipartUpload>");
        let query = &[("uploadId", upload.id.as_str())];
        self.change(&upload.key, Some(upload.content), |client, key| {
            let done = post(client, key, query, body.as_bytes())?;
            expect(
                done.status == 200 && done.element("ETag").is_some(),
                key,
                &done,
            )
        })
    }
}

impl Upload {
    fn send(
        &self,
        client: &mut Client,
        method: &str,
        part: Option<&str>,
        body: Body<'_>,
    ) -> std::io::Result<Response> {
        let mut query = vec![("uploadId", self.id.as_str())];
        query.extend(part.map(|part| ("partNumber", part)));
        client.send(Request {
            method,
            path: &self.key,
            query: &query,
            body,
            ..Request::default()
        })
    }

    /// All acknowledged parts are there, and at most one more that had no answer.
    fn check(&self, client: &mut Client) {
        let listed = self.send(client, "GET", None, Body::default()).unwrap();
        let text = listed.text();
        assert_eq!(listed.status, 200, "{}: {text}", self.key);
        for etag in &self.etags {
            let etag = etag.trim_matches('"');
            assert!(
                text.contains(etag),
                "{}: no part {etag} in {text}",
                self.key
            );
        }
        let parts = text.matches("<PartNumber>").count();
        assert!((0..=1).contains(&(parts - self.etags.len())), "{text}");
    }
}

fn post(
    client: &mut Client,
    path: &str,
    query: &[(&str, &str)],
    body: &[u8],
) -> std::io::Result<Response> {
    let body = Body::Bytes(body);
    client.send(Request {
        method: "POST",
        path,
        query,
        body,
        ..Request::default()
    })
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
fn compare(client: &mut Client, all: &mut [Memory]) {
    let mut present = 0;
    for (key, record) in all.iter_mut().flat_map(|memory| &mut memory.records) {
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
    for upload in all.iter().filter_map(|memory| memory.upload.as_ref()) {
        upload.check(client);
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

fn round(folder: &Path, random: &mut Random, all: &mut [Memory], configured: &mut Record) -> u64 {
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
        for (name, memory) in (0..).zip(all.iter_mut()) {
            let (client, count) = (daemon.client(), &count);
            let random = Random(random.next() | 1);
            let writer = Writer {
                client,
                name,
                random,
                memory,
            };
            writers.push(scope.spawn(move || writer.run(count)));
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
    check(folder);
    count.load(Ordering::SeqCst)
}

/// What the dead daemon left is whole, as far as anybody can tell without changing it.
fn check(store: &Path) {
    let (lines, code) = look::lines(store, &["fsck"]);
    assert_eq!(code, 0, "{lines:#?}");
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
    let mut all: Vec<Memory> = (0..WRITERS).map(|_| Memory::default()).collect();
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
