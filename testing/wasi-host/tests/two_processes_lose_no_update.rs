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

use std::thread;

use billet_client::{Body, Client, Request};
use common::{Process, bytes, expect, follow};

const WRITERS_A_PROCESS: u64 = 2;
const PUTS_A_WRITER: u64 = 15;
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

#[test]
fn every_acknowledged_put_is_there() {
    let folder = tempfile::tempdir().unwrap();
    let processes = [
        Process::start(folder.path(), 2, 7),
        Process::start(folder.path(), 1, 5),
    ];
    expect(200, &processes[0].client().put("/shared", b"").unwrap());
    let puts: Vec<(String, Vec<u8>)> = thread::scope(|scope| {
        let mut writers = Vec::new();
        for (at, process) in processes.iter().enumerate() {
            for writer in 0..WRITERS_A_PROCESS {
                let mut client = process.client();
                writers.push(scope.spawn(move || {
                    let mut done = Vec::new();
                    for number in 0..PUTS_A_WRITER {
                        let path = format!("/shared/{at}/{writer}/{number}");
                        let seed = (at as u64) << 32 | writer << 16 | number;
                        let body = bytes(seed, 100 + number as usize);
                        assert_eq!(put(&mut client, &path, &body, &[]), 200);
                        done.push((path, body));
                    }
                    done
                }));
            }
        }
        writers
            .into_iter()
            .flat_map(|writer| writer.join().unwrap())
            .collect()
    });
    for process in &processes {
        let mut client = process.client();
        for (path, body) in &puts {
            let got = client.get(path).unwrap();
            expect(200, &got);
            assert!(got.body == *body, "{path}");
        }
    }
    drop(processes);
    let journal = follow(folder.path(), "shared");
    // One for the bucket; a put that is told to slow down changed nothing.
    let expected = 1 + 2 * WRITERS_A_PROCESS * PUTS_A_WRITER;
    assert_eq!(journal.newest().unwrap().seq, expected);
}

#[test]
fn of_those_who_create_one_key_one_wins() {
    let folder = tempfile::tempdir().unwrap();
    let processes = [
        Process::start(folder.path(), 4, 128),
        Process::start(folder.path(), 4, 128),
    ];
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
