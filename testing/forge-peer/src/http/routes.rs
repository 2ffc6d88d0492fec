//! What each path of service, nodes and indexer does.
//!
//! Must never treat an effect and its answer as one: faults come between them.

use std::fs::File;
use std::io::{self, Write as _};
use std::path::PathBuf;
use std::sync::Arc;

use cid::Cid;
use http::{HeaderValue, Method, StatusCode};
use http_body_util::BodyExt as _;
use ipld_core::ipld::Ipld;
use serde_json::json;
use sha2::Digest as _;

use super::body::FileBody;
use super::{Exchange, Reply, Role, control, failed, json, reply};
use crate::cbor::{LIST_MAX, cid_of};
use crate::check::{self, Names as _};
use crate::container;
use crate::counters::Counters;
use crate::fault::Kind as Fault;
use crate::key::{self, Key};
use crate::node::{Node, Retrieval, Upload};
use crate::token::{Draft, Token};
use crate::world::{Outcome, Party, Task, run, spoil};

/// The media type of calls, to the letter.
const DAG_CBOR: &str = "application/vnd.ipld.dag-cbor";

pub(super) async fn answer(mut exchange: Exchange) -> io::Result<Reply> {
    let world = Arc::clone(&exchange.world);
    if super::is_down(&world, exchange.role) {
        // Connections that were open when it went down end as well.
        return Err(exchange.reset());
    }
    let answered = route(&mut exchange).await;
    if let Ok(reply) = &answered
        && reply.status().as_u16() >= 400
    {
        let status = reply.status().as_u16();
        *world.counters().statuses.entry(status).or_default() += 1;
    }
    answered
}

async fn route(exchange: &mut Exchange) -> io::Result<Reply> {
    if exchange.role == Role::Control {
        return control::answer(exchange).await;
    }
    let path = exchange.request.uri().path().to_owned();
    let method = exchange.request.method().clone();
    match (&method, path.as_str(), exchange.role) {
        (&Method::POST, "/", _) | (&Method::POST, "/claims", Role::Indexer) => rpc(exchange).await,
        (&Method::GET, "/.well-known/did.json", _) => Ok(json(200, &document(exchange))),
        (&Method::GET, "/", Role::Service) => Ok(banner(exchange)),
        (&Method::GET, "/health", Role::Service) => Ok(json(200, &json!({"status": "healthy"}))),
        (&Method::POST, "/validate-email", Role::Service) => click(exchange).await,
        (&Method::GET, "/validate-email", Role::Service) => {
            exchange.count("other");
            Ok(reply(200, "text/html", "<form method=post></form>"))
        }
        (&Method::GET, "/claims", Role::Indexer) => claims(exchange).await,
        (&Method::GET, path, Role::Service) => match path.strip_prefix("/receipt/") {
            Some(task) if !task.is_empty() => receipt(exchange, task).await,
            _ => Ok(not_found()),
        },
        (&Method::PUT, path, Role::Node(index)) => match path.strip_prefix("/pdp/piece/upload/") {
            Some(id) => put(exchange, index, id).await,
            None => Ok(not_found()),
        },
        (&Method::GET, path, Role::Node(index)) if path.starts_with("/piece/") => {
            retrieve(exchange, index).await
        }
        (&Method::GET, path, Role::Indexer) => Ok(claim(exchange, path)),
        _ => Ok(not_found()),
    }
}

fn not_found() -> Reply {
    json(404, &json!({"message": "Not Found"}))
}

fn party(exchange: &Exchange) -> Option<&dyn Party> {
    match exchange.role {
        Role::Service => Some(&exchange.world.service),
        Role::Indexer => Some(&exchange.world.indexer),
        Role::Node(index) => exchange
            .world
            .nodes
            .get(index)
            .map(|node| node as &dyn Party),
        Role::Control => None,
    }
}

fn banner(exchange: &Exchange) -> Reply {
    exchange.count("other");
    let did = exchange.world.service.key().did();
    let repo = "https://example.com/forge-peer";
    if exchange.header("accept").as_deref() == Some("application/json") {
        let build = json!({"version": "v0.0.0-peer", "repo": repo});
        return json(200, &json!({"id": did, "build": build}));
    }
    reply(
        200,
        "text/plain; charset=UTF-8",
        format!("forge-peer v0.0.0\n- {repo}\n- {did}"),
    )
}

fn document(exchange: &Exchange) -> serde_json::Value {
    exchange.count("other");
    let Some(party) = party(exchange) else {
        return serde_json::Value::Null;
    };
    let did = party.key().did();
    let method = format!("{did}#key-0");
    let did_key = party.key().did_key();
    json!({
        "@context": "https://www.w3.org/ns/did/v1.1",
        "id": did,
        "verificationMethod": [{
            "controller": did,
            "id": method,
            "publicKeyMultibase": did_key.trim_start_matches("did:key:"),
            "type": "Multikey",
        }],
        "authentication": [method],
        "assertionMethod": [method],
        "capabilityDelegation": [method],
        "capabilityInvocation": [method],
    })
}

async fn rpc(exchange: &mut Exchange) -> io::Result<Reply> {
    exchange.count(match exchange.role {
        Role::Service => "rpc",
        Role::Node(_) => "node-rpc",
        Role::Indexer | Role::Control => "indexer-rpc",
    });
    let kind = exchange.header("content-type").unwrap_or_default();
    if kind != DAG_CBOR {
        return Ok(failed(&format!(
            "decoding request: invalid content type {kind:?}, expected {DAG_CBOR:?}"
        )));
    }
    let body = exchange.read().await?;
    let outcome = match party(exchange) {
        Some(party) => run(&exchange.world, party, &body),
        None => return Ok(not_found()),
    };
    match outcome {
        Outcome::Failed(text) => Ok(failed(&text)),
        Outcome::Answer(tokens, fault) => {
            let answer = reply(200, DAG_CBOR, container::write(&tokens));
            exchange.after(fault.as_ref(), answer).await
        }
        Outcome::Nothing(fault) => match exchange.before(Some(&fault)).await {
            Some(end) => end,
            None => Err(exchange.reset()),
        },
    }
}

async fn receipt(exchange: &mut Exchange, task: &str) -> io::Result<Reply> {
    exchange.count("receipt");
    let fault = exchange.world.fault("receipt", None);
    if let Some(end) = exchange.before(fault.as_ref()).await {
        return end;
    }
    let answer = match task.parse::<Cid>() {
        Err(error) => {
            let text = format!("invalid task CID: invalid cid: {error}");
            json(400, &json!({ "error": text }))
        }
        Ok(task) => match served(exchange, task, fault.as_ref()) {
            None => json(404, &json!({"error": "receipt not found"})),
            Some(tokens) if tokens.len() as u64 > LIST_MAX => failed("too many tokens"),
            Some(tokens) => reply(200, DAG_CBOR, container::write(&tokens)),
        },
    };
    exchange.after(fault.as_ref(), answer).await
}

/// What is served for a task, or what a fault makes of it.
fn served(exchange: &Exchange, task: Cid, fault: Option<&Fault>) -> Option<Vec<Arc<Token>>> {
    let world = &exchange.world;
    let mut tokens = world.service.receipts(task)?;
    if fault == Some(&Fault::NoReceipt) {
        return None;
    }
    for token in tokens.iter_mut().filter(|token| token.ran() == Some(task)) {
        let out = token.args().get("out").cloned().unwrap_or(Ipld::Null);
        let ran = match fault {
            Some(Fault::WrongReceipt) => cid_of(0x71, b"another task"),
            Some(Fault::BadSignature | Fault::StrangerReceipt) => task,
            _ => return Some(tokens),
        };
        // Not the issuer's key: no signature of it holds, whichever is asked for.
        let other = Key::named("stranger").signing_as(token.iss());
        let draft = |signer: &str| Draft::receipt(signer, ran, out.clone(), world.now());
        if let Some(spoilt) = spoil(fault, &other, draft) {
            *token = Arc::new(spoilt);
        }
    }
    Some(tokens)
}

/// The mailed link, posted.
async fn click(exchange: &mut Exchange) -> io::Result<Reply> {
    exchange.count("click");
    let fault = exchange.world.fault("click", None);
    if let Some(end) = exchange.before(fault.as_ref()).await {
        return end;
    }
    let Some(link) = exchange.query("ucan").into_iter().next() else {
        return Ok(reply(400, "text/html", "<p>missing ucan</p>"));
    };
    let answer = match confirm(&exchange.world, &link) {
        Ok(()) => reply(200, "text/html", "<p>done</p>"),
        Err(text) => reply(500, "text/html", format!("<p>{text}</p>")),
    };
    exchange.after(fault.as_ref(), answer).await
}

/// Executes the confirmation in a mailed link.
pub(crate) fn confirm(world: &crate::world::World, link: &str) -> Result<(), String> {
    let contents = container::read_outer(link.as_bytes())?;
    let beside: check::Proofs = contents
        .tokens
        .iter()
        .map(|token| (token.cid(), Arc::clone(token)))
        .collect();
    let confirms = |token: &&Arc<Token>| token.cmd() == "/access/confirm";
    let token = contents
        .tokens
        .iter()
        .find(confirms)
        .ok_or("no confirmation")?;
    let now = world.now();
    check::invocation(token, &beside, now, &world.directory)
        .map_err(|refusal| refusal.to_string())?;
    if token.iss() != world.directory.authority() {
        return Err("not a link of this service".into());
    }
    let task = Task {
        token,
        beside: &beside,
        now,
        fault: None,
    };
    let done = world.service.execute(world, &task);
    done.map(|_| ()).map_err(|refusal| refusal.to_string())
}

async fn claims(exchange: &mut Exchange) -> io::Result<Reply> {
    exchange.count("claims");
    let fault = exchange.world.fault("claims", None);
    if let Some(end) = exchange.before(fault.as_ref()).await {
        return end;
    }
    let kind = exchange.query("type").into_iter().next();
    let kind = kind.unwrap_or_else(|| "standard".into());
    let decode = |text: String| multibase::decode(text).map(|(_, bytes)| bytes);
    let digests: Result<Vec<_>, _> = exchange
        .query("multihash")
        .into_iter()
        .map(decode)
        .collect();
    let header = exchange.header("x-ucan-container");
    let readable = header.is_none_or(|text| container::read_outer(text.as_bytes()).is_ok());
    let answer = match (digests, kind.as_str()) {
        (Ok(digests), "standard" | "location" | "index_or_location")
            if !digests.is_empty() && digests.len() <= 100 && readable =>
        {
            let spaces = exchange.query("spaces");
            let world = &exchange.world;
            let car = world.indexer.query(world, &kind, &digests, &spaces);
            reply(200, "application/vnd.ipld.car; version=1", car)
        }
        _ => reply(400, "text/plain; charset=utf-8", "invalid query\n"),
    };
    exchange.after(fault.as_ref(), answer).await
}

/// One claim's bytes by its CID.
fn claim(exchange: &Exchange, path: &str) -> Reply {
    exchange.count("claims");
    let wanted = path
        .strip_prefix("/claim/")
        .and_then(|cid| cid.parse::<Cid>().ok());
    let nodes = exchange.world.nodes.iter();
    let mut all = nodes.flat_map(|node| {
        let accepted = node.accepted().into_iter();
        accepted.flat_map(|(digest, ..)| node.locations(&digest))
    });
    match wanted.and_then(|wanted| all.find(|token| token.cid() == wanted)) {
        Some(token) => reply(200, DAG_CBOR, token.bytes().to_vec()),
        None => not_found(),
    }
}

async fn put(exchange: &mut Exchange, index: usize, id: &str) -> io::Result<Reply> {
    exchange.count("put");
    let world = Arc::clone(&exchange.world);
    let Some(node) = world.nodes.get(index) else {
        return Ok(not_found());
    };
    let fault = world.fault("put", Some(index));
    if let Some(end) = exchange.before(fault.as_ref()).await {
        return end;
    }
    if let Some(Fault::Refused { name }) = &fault {
        return Ok(json(403, &json!({ "error": name })));
    }
    let ahead = match fault {
        Some(Fault::Expired { seconds }) => seconds,
        _ => 0,
    };
    let error = |status: u16, text: &str| Ok(json(status, &json!({ "error": text })));
    let length = exchange
        .header("content-length")
        .and_then(|text| text.parse::<u64>().ok());
    if world.strict.length && length.is_none() {
        return error(411, "content length required");
    }
    let Some(upload) = node.upload(id, world.now().saturating_add(ahead)) else {
        return error(404, "upload not found");
    };
    if length.is_some_and(|length| length != upload.size) {
        return error(400, "size mismatch");
    }
    let file = node
        .folder()
        .join(format!("upload-{}", hex::encode(key::nonce())));
    let answer = match receive(exchange, &file, &upload).await {
        Ok(Received::Right) if fault == Some(Fault::Duplicate) => {
            // What the second of two equal requests is told.
            node.keep(&world, id, &file)?;
            return error(404, "upload not found");
        }
        Ok(Received::Right) => {
            node.keep(&world, id, &file)?;
            reply(204, "application/json", "")
        }
        Ok(Received::Size) => return error(400, "size mismatch"),
        Ok(Received::Hash(found)) => {
            return error(400, &format!("hash mismatch: {}", hex::encode(found)));
        }
        Err(failure) => {
            // What arrived of it is of no use.
            let _ = std::fs::remove_file(&file);
            return Err(failure);
        }
    };
    exchange.after(fault.as_ref(), answer).await
}

enum Received {
    Right,
    Size,
    Hash([u8; 32]),
}

/// Takes a body into a file; the file stays only if its bytes are the right ones.
async fn receive(exchange: &mut Exchange, file: &PathBuf, upload: &Upload) -> io::Result<Received> {
    let mut out = File::create_new(file)?;
    let mut hash = sha2::Sha256::new();
    let mut size = 0_u64;
    while let Some(frame) = exchange.request.body_mut().frame().await {
        let frame = frame.map_err(io::Error::other)?;
        let Some(data) = frame.data_ref() else {
            continue;
        };
        size += data.len() as u64;
        exchange.world.counters().bytes_put += data.len() as u64;
        if size > upload.size {
            break;
        }
        hash.update(data);
        out.write_all(data)?;
    }
    let digest: [u8; 32] = hash.finalize().into();
    let right = size == upload.size && upload.digest.ends_with(&digest);
    if right {
        return Ok(Received::Right);
    }
    std::fs::remove_file(file)?;
    Ok(if size == upload.size {
        Received::Hash(digest)
    } else {
        Received::Size
    })
}

async fn retrieve(exchange: &mut Exchange, index: usize) -> io::Result<Reply> {
    exchange.count("retrieve");
    let world = Arc::clone(&exchange.world);
    let Some(node) = world.nodes.get(index) else {
        return Ok(not_found());
    };
    let header = exchange.header("x-ucan-container");
    match node.retrieve(&world, header.as_deref().map(str::as_bytes), "retrieve") {
        Retrieval::Failed(text) => Ok(failed(&text)),
        Retrieval::Refused(status, receipt, name) => {
            let mut answer = reply(status, "application/octet-stream", "");
            answer.headers_mut().remove(http::header::CONTENT_TYPE);
            let_header(
                &mut answer,
                "x-ucan-container",
                &container::write_header(&[receipt]),
            );
            let_header(&mut answer, "vary", "X-UCAN-Container");
            if let Some(name) = name {
                let_header(&mut answer, "x-piri-error-name", &name);
            }
            Ok(answer)
        }
        bytes @ Retrieval::Bytes { .. } => send_bytes(exchange, node, bytes).await,
    }
}

fn let_header(answer: &mut Reply, name: &'static str, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        answer.headers_mut().insert(name, value);
    }
}

async fn send_bytes(
    exchange: &mut Exchange,
    node: &Node,
    retrieval: Retrieval,
) -> io::Result<Reply> {
    let Retrieval::Bytes {
        receipt,
        digest,
        path,
        start,
        end,
        total,
        fault,
    } = retrieval
    else {
        return Ok(not_found());
    };
    if let Some(end) = exchange.before(fault.as_ref()).await {
        return end;
    }
    let length = end - start + 1;
    let world = Arc::clone(&exchange.world);
    let body = FileBody::open(&path, start, length, node.lies(), world)?;
    let mut answer = reply(200, "application/octet-stream", "");
    *answer.body_mut() = body.boxed();
    if length < total {
        *answer.status_mut() = StatusCode::PARTIAL_CONTENT;
        let_header(
            &mut answer,
            "content-range",
            &format!("bytes {start}-{end}/{total}"),
        );
    }
    let tag = multibase::encode(multibase::Base::Base58Btc, &digest);
    let_header(&mut answer, "etag", &format!("\"{tag}\""));
    let_header(
        &mut answer,
        "cache-control",
        "public, max-age=29030400, immutable",
    );
    let_header(&mut answer, "content-length", &length.to_string());
    let_header(&mut answer, "vary", "X-UCAN-Container");
    if let Some(receipt) = receipt {
        let header = container::write_header(&[receipt]);
        let_header(&mut answer, "x-ucan-container", &header);
    }
    Counters::more(&mut exchange.world.counters().commands, "served");
    exchange.after(fault.as_ref(), answer).await
}
