//! Two processes on one directory, many instances each: every acknowledged change is there, one
//! creator wins, and a log's records are one chain.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs
)]

mod common;

use std::collections::BTreeMap;
use std::thread;
use std::time::{Duration, Instant};

use billet_client::{Body, Client, Request};
use common::{expect, follow, start};

const WRITERS_A_PROCESS: u64 = 2;
/// How long they write, unless `BILLET_SHARED_MS` says otherwise.
const SHARED_MS_DEFAULT: u64 = 3_000;
/// Keys that a writer overwrites again and again.
const KEYS_A_WRITER: u64 = 7;
/// How often a writer asks again when the answer is that too many write at once.
const TRIES_MAX: u32 = 100;

/// Puts until it is taken or refused for good; gives that status.
fn put(client: &mut Client, path: &str, body: &[u8], headers: &[(&str, &str)]) -> u16 {
    for _ in 0..TRIES_MAX {
        let response = client
            .send(Request {
                method: "PUT",
                path,
                headers,
                body: Body::Bytes(body),
                ..Request::default()
            })
            .unwrap();
        // Both mean that nothing changed, since too many wrote at once.
        let again = response.status == 503
            || response
                .element("Code")
                .is_some_and(|code| code == "OperationAborted");
        if !again {
            return response.status;
        }
    }
    panic!("{path} is never taken");
}

/// What a writer left behind: its keys with the bytes of the last answered put, the number of puts
/// that were answered with success, and how often it counted.
struct Written {
    last: BTreeMap<String, Vec<u8>>,
    puts: u64,
    counted: u64,
}

/// Overwrites keys of its own and counts in a key of all, in turns, until the time is over.
fn write(mut client: Client, writer: &str, until: Instant) -> Written {
    let mut written = Written {
        last: BTreeMap::new(),
        puts: 0,
        counted: 0,
    };
    for number in 0.. {
        if Instant::now() >= until {
            break;
        }
        let path = format!("/shared/{writer}/{}", number % KEYS_A_WRITER);
        let body = format!("{writer} {number}").into_bytes();
        assert_eq!(put(&mut client, &path, &body, &[]), 200);
        written.last.insert(path, body);
        written.puts += 1;
        if count(&mut client) {
            written.puts += 1;
            written.counted += 1;
        }
    }
    written
}

/// Adds one to the number in `/shared/count`, unless somebody else was faster.
fn count(client: &mut Client) -> bool {
    let read = client.get("/shared/count").unwrap();
    expect(200, &read);
    let number: u64 = read.text().parse().unwrap();
    let next = (number + 1).to_string();
    let headers = [("if-match", read.header("etag").unwrap())];
    match put(client, "/shared/count", next.as_bytes(), &headers) {
        200 => true,
        412 => false,
        status => panic!("counting was answered with {status}"),
    }
}

#[test]
fn every_acknowledged_update_is_there() {
    let shared_ms = std::env::var("BILLET_SHARED_MS").map(|text| text.parse().unwrap());
    let folder = tempfile::tempdir().unwrap();
    // Instances come and go all the time, so that nothing hides in one.
    let processes = [start(folder.path(), 2, 7), start(folder.path(), 1, 5)];
    let mut first = processes[0].client();
    expect(200, &first.put("/shared", b"").unwrap());
    expect(200, &first.put("/shared/count", b"0").unwrap());
    let until = Instant::now() + Duration::from_millis(shared_ms.unwrap_or(SHARED_MS_DEFAULT));
    let written: Vec<Written> = thread::scope(|scope| {
        let mut writers = Vec::new();
        for (at, process) in processes.iter().enumerate() {
            for writer in 0..WRITERS_A_PROCESS {
                let client = process.client();
                writers.push(scope.spawn(move || write(client, &format!("{at}-{writer}"), until)));
            }
        }
        let joined = writers.into_iter().map(|writer| writer.join().unwrap());
        joined.collect()
    });
    let counted: u64 = written.iter().map(|written| written.counted).sum();
    for process in &processes {
        let mut client = process.client();
        for (path, body) in written.iter().flat_map(|written| &written.last) {
            let got = client.get(path).unwrap();
            expect(200, &got);
            assert!(got.body == *body, "{path}");
        }
        let count = client.get("/shared/count").unwrap();
        assert_eq!(count.text(), counted.to_string());
    }
    drop(processes);
    let journal = follow(folder.path(), "shared");
    // Two before the writers; a put that is told to slow down changed nothing.
    let puts: u64 = written.iter().map(|written| written.puts).sum();
    println!("{puts} puts, {counted} of them counted, in one chain");
    assert_eq!(journal.newest().unwrap().seq, 2 + puts);
}

#[test]
fn of_those_who_create_one_key_one_wins() {
    let folder = tempfile::tempdir().unwrap();
    let processes = [start(folder.path(), 4, 128), start(folder.path(), 4, 128)];
    expect(200, &processes[0].client().put("/race", b"").unwrap());
    for round in 0..5 {
        let path = format!("/race/{round}");
        let statuses: Vec<u16> = thread::scope(|scope| {
            let race = |at: usize| {
                let (path, mut client) = (&path, processes[at % 2].client());
                let body = at.to_string();
                let headers = &[("if-none-match", "*")];
                scope.spawn(move || put(&mut client, path, body.as_bytes(), headers))
            };
            let racers: Vec<_> = (0..4).map(race).collect();
            racers
                .into_iter()
                .map(|racer| racer.join().unwrap())
                .collect()
        });
        let winners: Vec<usize> = (0..4).filter(|racer| statuses[*racer] == 200).collect();
        assert_eq!(winners.len(), 1, "{statuses:?}");
        assert!(
            statuses.iter().all(|status| [200, 412].contains(status)),
            "{statuses:?}"
        );
        let got = processes[(round + 1) % 2].client().get(&path).unwrap();
        assert_eq!(got.text(), winners[0].to_string());
    }
}
