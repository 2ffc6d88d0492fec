//! A process that is killed while it writes, and the next one on the same directory: what was
//! acknowledged is there, what was not is wholly there or wholly absent.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs
)]

mod common;

use std::collections::BTreeMap;
use std::sync::mpsc;
use std::thread;

use common::{bytes, expect, follow, start};

const KILLS: u64 = 4;
/// Acknowledged puts before each kill.
const PUTS_BEFORE_A_KILL: u64 = 7;
const KEYS: u64 = 5;

#[test]
fn acknowledged_puts_survive_kills() {
    let folder = tempfile::tempdir().unwrap();
    // What a key must hold, and what an unanswered put may have made of it.
    let mut told: BTreeMap<String, u64> = BTreeMap::new();
    let mut open: Option<(String, u64)> = None;
    let mut seed = 0;
    for kill in 0..=KILLS {
        let mut process = start(folder.path(), 2, 3);
        let mut client = process.client();
        if kill == 0 {
            expect(200, &client.put("/kept", b"").unwrap());
        }
        for (path, content) in &told {
            let got = client.get(path).unwrap();
            expect(200, &got);
            let unanswered = open.as_ref().filter(|(other, _)| other == path);
            let whole = |content: u64| got.body == body(content);
            let fine = whole(*content) || unanswered.is_some_and(|(_, content)| whole(*content));
            assert!(fine, "{path} holds neither its old nor its new bytes");
        }
        if let Some((path, content)) = open.take() {
            // From now on it is one or the other, for good.
            let got = client.get(&path).unwrap();
            match got.status {
                404 => assert!(!told.contains_key(&path)),
                _ if got.body == body(content) => drop(told.insert(path, content)),
                _ => assert!(told.contains_key(&path)),
            }
        }
        let (tell, answers) = mpsc::channel();
        let start = seed;
        let writer = thread::spawn(move || {
            for seed in start.. {
                let path = format!("/kept/{}", seed % KEYS);
                let answer = client.put(&path, &body(seed));
                let acknowledged = answer.is_ok_and(|response| response.status == 200);
                if tell.send((path, seed, acknowledged)).is_err() || !acknowledged {
                    return;
                }
            }
        });
        for _ in 0..PUTS_BEFORE_A_KILL {
            let (path, content, acknowledged) = answers.recv().unwrap();
            assert!(acknowledged);
            told.insert(path, content);
            seed = content + 1;
        }
        process.kill().unwrap();
        for (path, content, acknowledged) in answers {
            seed = content + 1;
            if acknowledged {
                told.insert(path, content);
            } else {
                open = Some((path, content));
            }
        }
        writer.join().unwrap();
    }
    let journal = follow(folder.path(), "kept");
    assert!(journal.newest().unwrap().seq > KILLS * PUTS_BEFORE_A_KILL);
}

fn body(seed: u64) -> Vec<u8> {
    bytes(seed, 1000 + (seed as usize * 300_007) % 2_500_000)
}
