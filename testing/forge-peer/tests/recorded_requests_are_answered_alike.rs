//! The recorded requests, sent to the peer under the recorded keys and time: the outcomes, and
//! where nothing depends on what only the recorded service knew, the shapes of all tokens.
//!
//! Must never skip an exchange without saying in its list why.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs
)]

use std::collections::BTreeMap;
use std::net::SocketAddr;

use billet_forge_peer::caller::Caller;
use billet_forge_peer::token::{Kind, Token};
use billet_forge_peer::wire::{self, Answer};
use billet_forge_peer::{Config, Key, Peer, Strict, container};
use ipld_core::ipld::Ipld;
use serde_json::Value;

struct Replay {
    peer: Peer,
    keys: BTreeMap<String, Key>,
    _folder: tempfile::TempDir,
}

fn flow(name: &str) -> Option<Value> {
    billet_vectors::json(&format!("forge-wire/{name}.json"))
}

fn keys(flow: &Value) -> BTreeMap<String, Key> {
    flow["keys"]
        .as_array()
        .unwrap()
        .iter()
        .map(|entry| {
            let seed: [u8; 32] = hex::decode(entry["seed_hex"].as_str().unwrap())
                .unwrap()
                .try_into()
                .unwrap();
            let key = Key::from_seed(seed).signing_as(entry["did"].as_str().unwrap());
            (entry["label"].as_str().unwrap().to_owned(), key)
        })
        .collect()
}

impl Replay {
    fn start(plan_required: bool) -> Option<Self> {
        let mut all = BTreeMap::new();
        for name in [
            "setup",
            "login",
            "provision",
            "upload-new",
            "failures",
            "index-add",
        ] {
            all.extend(keys(&flow(name)?));
        }
        let folder = tempfile::tempdir().unwrap();
        let mut config = Config::new(folder.path());
        config.service = all["upload-service"].clone();
        config.nodes = vec![all["node"].clone()];
        config.indexer = all["indexer"].clone();
        config.strict = Strict::AS_OBSERVED;
        config.plan_required = plan_required;
        let peer = Peer::start(config).unwrap();
        for key in all.values() {
            peer.learn(key.did(), &key.did_key());
        }
        Some(Self {
            peer,
            keys: all,
            _folder: folder,
        })
    }

    fn send(&self, to: SocketAddr, exchange: &Value) -> Answer {
        self.peer.stop_clock(exchange["time"].as_i64().unwrap());
        let headers: Vec<(&str, &str)> = exchange["request_headers"]
            .as_object()
            .unwrap()
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str().unwrap()))
            .filter(|(name, _)| !matches!(*name, "content-length" | "transfer-encoding"))
            .collect();
        let body = hex::decode(exchange["request_body_hex"].as_str().unwrap_or("")).unwrap();
        let method = exchange["method"].as_str().unwrap();
        wire::send(
            to,
            method,
            exchange["path"].as_str().unwrap(),
            &headers,
            &body,
        )
        .unwrap()
    }

    /// Sends the exchanges of a client with the service and compares what `compare` says.
    fn service(&self, name: &str, compare: impl Fn(&Value) -> Compare) -> usize {
        let flow = flow(name).unwrap();
        let mut compared = 0;
        for exchange in flow["exchanges"].as_array().unwrap() {
            if !exchange["within"].is_null() || exchange["to"] != "sprue" {
                continue;
            }
            let mode = compare(exchange);
            if mode == Compare::Leave {
                continue;
            }
            let note = format!("{name} #{} {}", exchange["seq"], exchange["note"]);
            let answer = self.send(self.peer.service, exchange);
            assert_eq!(u64::from(answer.status), exchange["status"], "{note}");
            compared += 1;
            if mode == Compare::Status {
                continue;
            }
            let mut found = outcomes(&answer.body);
            // Receipts beside those of what was asked carry tasks that only one service knew.
            found.retain(|task, _| asked(exchange).contains(task));
            assert_eq!(found, recorded_outcomes(exchange), "{note}");
            if mode == Compare::Shapes {
                assert_eq!(shapes(&answer.body), recorded_shapes(exchange), "{note}");
            }
        }
        compared
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Compare {
    Leave,
    Status,
    Outcomes,
    Shapes,
}

fn tokens(body: &[u8]) -> Vec<std::sync::Arc<Token>> {
    container::read(body)
        .map(|contents| contents.tokens)
        .unwrap_or_default()
}

/// Task and outcome of each receipt.
fn outcomes(body: &[u8]) -> BTreeMap<String, String> {
    tokens(body)
        .iter()
        .filter(|token| token.kind() == Kind::Receipt)
        .map(|token| {
            let name = token.out().map_or_else(|(name, _)| name, |_| "ok".into());
            (token.ran().unwrap().to_string(), name)
        })
        .collect()
}

/// The tasks that an exchange asked for and that were answered.
fn asked(exchange: &Value) -> Vec<String> {
    let results = exchange["decoded"]["results"].as_array();
    results
        .into_iter()
        .flatten()
        .map(|result| result["task"].as_str().unwrap().to_owned())
        .collect()
}

fn recorded_outcomes(exchange: &Value) -> BTreeMap<String, String> {
    let body = hex::decode(exchange["response_body_hex"].as_str().unwrap_or("")).unwrap();
    let mut all = outcomes(&body);
    all.retain(|task, _| asked(exchange).contains(task));
    all
}

/// What a token looks like without what differs from run to run.
fn shapes(body: &[u8]) -> Vec<String> {
    let mut shapes: Vec<String> = tokens(body)
        .iter()
        .map(|token| {
            let meta = ["accessRequest", "accessConfirm", "keys"];
            let meta: Vec<&str> = meta
                .into_iter()
                .filter(|name| token.meta(name).is_some())
                .collect();
            format!(
                "{:?} {} {} {:?} {} {} exp {} meta {meta:?}",
                token.kind(),
                token.iss(),
                token.aud(),
                token.sub(),
                token.cmd(),
                shape(&Ipld::Map(token.args().clone())),
                token.exp().unwrap_or(0),
            )
        })
        .collect();
    shapes.sort();
    shapes
}

fn recorded_shapes(exchange: &Value) -> Vec<String> {
    shapes(&hex::decode(exchange["response_body_hex"].as_str().unwrap_or("")).unwrap())
}

/// A value with its links and byte strings reduced to their kind, and messages left out.
fn shape(value: &Ipld) -> String {
    match value {
        Ipld::Map(map) => {
            let parts: Vec<String> = map
                .iter()
                .filter(|(key, _)| *key != "message")
                .map(|(key, value)| format!("{key}: {}", shape(value)))
                .collect();
            format!("{{{}}}", parts.join(", "))
        }
        Ipld::List(list) => {
            let parts: Vec<String> = list.iter().map(shape).collect();
            format!("[{}]", parts.join(", "))
        }
        Ipld::Link(_) => "link".into(),
        Ipld::Bytes(bytes) => format!("{} bytes", bytes.len()),
        Ipld::String(text) if text.starts_with("bafy") => "link text".into(),
        Ipld::String(text) if text.starts_with("http://") => "url".into(),
        other => format!("{other:?}"),
    }
}

fn command(exchange: &Value, flow: &Value) -> String {
    let requests = exchange["decoded"]["request"].as_array();
    requests
        .into_iter()
        .flatten()
        .filter_map(|cid| flow["tokens"][cid.as_str()?]["cmd"].as_str())
        .find(|cmd| *cmd != "/ucan/assert/receipt" && *cmd != "/")
        .unwrap_or_default()
        .to_owned()
}

fn logged_in(plan_required: bool) -> Option<Replay> {
    let replay = Replay::start(plan_required)?;
    replay.service("login", |exchange| {
        match exchange["path"].as_str().unwrap() {
            // What the recorded request's mail said is confirmed by posting the recorded link.
            path if path.starts_with("/validate-email") => Compare::Status,
            "/" => Compare::Outcomes,
            _ => Compare::Leave,
        }
    });
    Some(replay)
}

#[test]
fn login_is_answered_alike() {
    let Some(replay) = Replay::start(false) else {
        return;
    };
    let compared = replay.service("login", |exchange| {
        match exchange["path"].as_str().unwrap() {
            path if path.starts_with("/validate-email") => Compare::Status,
            "/" => Compare::Shapes,
            _ => Compare::Status,
        }
    });
    assert_eq!(compared, 19);
}

#[test]
fn provisioning_is_answered_alike() {
    let Some(replay) = logged_in(false) else {
        return;
    };
    assert_eq!(replay.service("provision", |_| Compare::Shapes), 14);
    let Some(replay) = logged_in(true) else {
        return;
    };
    let first = |exchange: &Value| match exchange["seq"].as_u64() {
        Some(0..=2) => Compare::Shapes,
        // From here on nodes are registered, which the peer needs nobody for.
        _ => Compare::Leave,
    };
    assert_eq!(replay.service("plan-required", first), 3);
}

#[test]
fn refusals_are_answered_alike() {
    let Some(replay) = logged_in(false) else {
        return;
    };
    replay.service("provision", |_| Compare::Outcomes);
    let failures = flow("failures").unwrap();
    let compared = replay.service("failures", |exchange| {
        let seq = exchange["seq"].as_u64().unwrap();
        match (command(exchange, &failures).as_str(), seq) {
            // Faults of the recorded node, and what follows from bytes it held.
            ("/blob/add", 88..=95) => Compare::Leave,
            // Concludes and aborts name tasks that only the recorded service promised.
            ("/ucan/conclude", 44 | 45 | 49 | 76) => Compare::Outcomes,
            ("/ucan/conclude" | "/blob/abort", _) => Compare::Leave,
            // Asked over the network of the recording; the key is known here.
            ("/space/info", 29 | 31) => Compare::Shapes,
            ("/space/info", 0..=27) => Compare::Shapes,
            ("/blob/add", _) => Compare::Outcomes,
            // Receipts of tasks of the recorded service.
            ("", 52..=115 | 138 | 142..=151) => Compare::Leave,
            ("", 141) => Compare::Status,
            ("", 116..=140) => Compare::Status,
            _ => Compare::Shapes,
        }
    });
    assert_eq!(compared, 81);
    let texts = failures["exchanges"].as_array().unwrap();
    for exchange in texts.iter().filter(|exchange| exchange["status"] == 500) {
        let answer = replay.send(replay.peer.service, exchange);
        let recorded = hex::decode(exchange["response_body_hex"].as_str().unwrap()).unwrap();
        let recorded = String::from_utf8(recorded).unwrap();
        assert_eq!(String::from_utf8(answer.body).unwrap(), recorded);
    }
}

#[test]
fn lists_are_answered_alike() {
    let Some(replay) = logged_in(false) else {
        return;
    };
    replay.service("provision", |_| Compare::Outcomes);
    let lists = flow("upload-list").unwrap();
    let compared = replay.service("upload-list", |exchange| {
        match command(exchange, &lists).as_str() {
            // The blobs themselves are those of earlier flows; pages of nothing have no cursors.
            "/blob/list" if exchange["seq"] != 19 => Compare::Leave,
            _ => Compare::Shapes,
        }
    });
    assert_eq!(compared, 14);
}

#[test]
fn retrievals_are_answered_alike() {
    let Some(replay) = logged_in(false) else {
        return;
    };
    replay.service("provision", |_| Compare::Outcomes);
    let upload = |space: &str, length: usize, seq: usize| {
        let flow = flow("upload-new").unwrap();
        let put = &flow["exchanges"][seq];
        assert_eq!(put["method"], "PUT");
        let start = put["request_body"]["start"].as_u64().unwrap_or(0) as usize;
        let bytes: Vec<u8> = (0..length).map(|at| ((at + start) % 251) as u8).collect();
        let key = replay.keys[space].clone();
        let caller = Caller {
            address: replay.peer.service,
            service: replay.peer.service_did().to_owned(),
            agent: key.clone(),
        };
        replay.peer.set_clock_offset(0);
        caller.upload(key.did(), &[], &bytes).unwrap();
    };
    upload("space-1", 1024, 3);
    upload("space-1", 2000, 19);
    let flow = flow("retrieve").unwrap();
    for exchange in flow["exchanges"].as_array().unwrap() {
        let note = &exchange["note"];
        let answer = replay.send(replay.peer.nodes[0], exchange);
        assert_eq!(u64::from(answer.status), exchange["status"], "{note}");
        let recorded = &exchange["response_headers"];
        // The text of a failure is for people.
        let length = if answer.status == 500 {
            "vary"
        } else {
            "content-length"
        };
        for name in [length, "content-range", "etag", "vary", "x-piri-error-name"] {
            assert_eq!(
                answer.header(name),
                recorded[name].as_str(),
                "{note}: {name}"
            );
        }
        let out = |text: Option<&str>| {
            let tokens = container::read_outer(text?.as_bytes()).unwrap().tokens;
            let name = tokens[0]
                .out()
                .map_or_else(|(name, _)| name, |_| "ok".into());
            Some((tokens[0].ran(), name))
        };
        assert_eq!(
            out(answer.header("x-ucan-container")),
            out(recorded["x-ucan-container"].as_str()),
            "{note}"
        );
    }
}
