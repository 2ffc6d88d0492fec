//! An upload service and its node in memory, as section 4.5 of the protocol has them. Written by
//! its rules; for tests of the machines only.

use std::collections::{BTreeMap, BTreeSet};

use billet_forge::{Answer, Blob, Body, Method, Place, Request};
use billet_ucan::{
    Container, Did, Ed25519Signer, Invocation, Ipld, Map, Outcome, Receipt, Seed, Signed, Signer,
    Token,
};

use super::{answer, asked, signer};

type Cid = billet_block::Cid;

#[derive(Clone)]
struct Upload {
    space: String,
    digest: [u8; 32],
    put_task: Cid,
    accept_task: Cid,
    tokens: Vec<Token>,
}

pub struct Peer {
    pub service: Ed25519Signer,
    pub node: Ed25519Signer,
    uploads: Vec<Upload>,
    registered: BTreeMap<(String, [u8; 32]), usize>,
    receipts: BTreeMap<Cid, Vec<Token>>,
    addresses: BTreeMap<String, [u8; 32]>,
    bytes: BTreeSet<[u8; 32]>,
    /// How often a node took a blob.
    pub accepts: u32,
    pub adds: u32,
    counter: u64,
}

fn map<const N: usize>(entries: [(&str, Ipld); N]) -> Ipld {
    let entries = entries
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value));
    Ipld::Map(entries.collect())
}

fn link(cid: &Cid) -> Ipld {
    Ipld::Link((*cid).into())
}

fn promise(task: &Cid) -> Ipld {
    map([("await/ok", link(task))])
}

fn text(value: &Did) -> Ipld {
    Ipld::String(value.to_string())
}

pub fn blob_ipld(blob: &Blob) -> Ipld {
    let size = Ipld::Integer(blob.size.into());
    map([("digest", Ipld::Bytes(blob.multihash())), ("size", size)])
}

impl Default for Peer {
    fn default() -> Self {
        Self {
            service: signer(101),
            node: signer(102),
            uploads: Vec::new(),
            registered: BTreeMap::new(),
            receipts: BTreeMap::new(),
            addresses: BTreeMap::new(),
            bytes: BTreeSet::new(),
            accepts: 0,
            adds: 0,
            counter: 0,
        }
    }
}

pub fn receipt(by: &Ed25519Signer, ran: Cid, outcome: Outcome, nonce: u64) -> Token {
    let claims = Receipt {
        executor: by.did().clone(),
        ran,
        outcome,
        nonce: nonce.to_be_bytes().to_vec(),
        expires_s: None,
        issued_s: None,
        cause: None,
        meta: None,
    };
    Signed::new(claims, by).unwrap().into()
}

pub fn invocation(
    by: &Ed25519Signer,
    subject: &Did,
    command: &str,
    arguments: Ipld,
    nonce: Vec<u8>,
) -> Invocation {
    let Ipld::Map(arguments) = arguments else {
        panic!("arguments are a map");
    };
    Invocation {
        issuer: by.did().clone(),
        subject: subject.clone(),
        audience: None,
        command: command.parse().unwrap(),
        arguments,
        proofs: Vec::new(),
        nonce,
        expires_s: None,
        issued_s: None,
        cause: None,
        meta: None,
    }
}

/// The word of `node` that it has `blob` for `space`.
pub fn commitment(node: &Ed25519Signer, space: &Did, blob: &Blob) -> Invocation {
    let end = Ipld::Integer((blob.size - 1).into());
    let arguments = map([
        ("space", text(space)),
        ("content", Ipld::Bytes(blob.multihash())),
        (
            "location",
            Ipld::List(vec![Ipld::String("http://node.test/piece/1".to_owned())]),
        ),
        ("range", map([("start", Ipld::Integer(0)), ("end", end)])),
    ]);
    invocation(node, space, "/assert/location", arguments, vec![9])
}

impl Peer {
    fn count(&mut self) -> u64 {
        self.counter += 1;
        self.counter
    }

    fn ok(&mut self, by_node: bool, ran: Cid, value: Ipld) -> Token {
        let nonce = self.count();
        let by = if by_node { &self.node } else { &self.service };
        receipt(by, ran, Outcome::Ok(value), nonce)
    }

    /// Does what is asked.
    pub fn serve(&mut self, request: &Request) -> Answer {
        match (&request.method, &request.place) {
            (Method::Put, Place::Url(url)) => self.put(url, request),
            (Method::Get, Place::Service(path)) => {
                let task = path.strip_prefix("/receipt/").unwrap().parse().unwrap();
                match self.receipts.get(&task) {
                    Some(tokens) => reply(tokens.clone()),
                    None => answer(404, b"{}".to_vec()),
                }
            }
            (Method::Post, Place::Service(path)) if path == "/" => self.post(&asked(request)),
            other => panic!("not asked of a service: {other:?}"),
        }
    }

    fn put(&mut self, url: &str, request: &Request) -> Answer {
        let Body::Blob(blob) = &request.body else {
            panic!("a PUT without a blob");
        };
        match self.addresses.remove(url) {
            Some(digest) if digest == blob.digest => {
                self.bytes.insert(digest);
                answer(204, Vec::new())
            }
            _ => answer(404, Vec::new()),
        }
    }

    fn post(&mut self, container: &Container) -> Answer {
        let us = self.service.did().clone();
        let mut ours = container
            .invocations()
            .filter(|token| token.claims().executor() == &us);
        let token = ours.next().unwrap().clone();
        assert!(ours.next().is_none());
        match token.claims().command.as_str() {
            "/blob/add" => self.add(&token),
            "/ucan/conclude" => self.conclude(container, &token),
            other => panic!("{other}"),
        }
    }

    fn add(&mut self, token: &Signed<Invocation>) -> Answer {
        self.adds += 1;
        let claims = token.claims();
        let Ipld::Map(blob) = &claims.arguments["blob"] else {
            panic!("no blob");
        };
        let Ipld::Bytes(multihash) = &blob["digest"] else {
            panic!("no digest");
        };
        let digest: [u8; 32] = multihash[2..].try_into().unwrap();
        let add = claims.task().unwrap();
        let known = (claims.subject.to_string(), digest);
        let at = match self.registered.get(&known) {
            Some(at) => *at,
            None => self.chain(&claims.subject, digest, Ipld::Map(blob.clone()), &add),
        };
        let upload = self.uploads[at].clone();
        let site = map([("site", promise(&upload.accept_task))]);
        let mut tokens = upload.tokens.clone();
        tokens.push(self.ok(false, add, site));
        let registered = self.registered.contains_key(&known);
        if registered || self.bytes.contains(&digest) {
            tokens.push(put_receipt(&upload, self.count()));
            if !registered {
                self.accept(at);
                let more = self.receipts[&upload.accept_task].clone();
                tokens.extend(more);
            }
        }
        reply(tokens)
    }

    /// Allocates: a new chain of tasks.
    fn chain(&mut self, space: &Did, digest: [u8; 32], blob: Ipld, add: &Cid) -> usize {
        let nonce = self.count().to_be_bytes().to_vec();
        let node = self.node.did().clone();
        let of_space =
            |last: (&str, Ipld)| map([("space", text(space)), ("blob", blob.clone()), last]);
        let allocate = invocation(
            &self.service,
            &node,
            "/blob/allocate",
            of_space(("cause", link(add))),
            nonce.clone(),
        );
        let seed = Seed::new(digest);
        let key = Ed25519Signer::new(&seed);
        let arguments = map([
            ("body", blob.clone()),
            ("destination", promise(&allocate.task().unwrap())),
        ]);
        let mut put = invocation(&key, key.did(), "/http/put", arguments, nonce);
        let keys = map([(key.did().as_str(), Ipld::Bytes(seed.to_tagged().to_vec()))]);
        let meta = map([("id", text(key.did())), ("keys", keys)]);
        put.meta = Some(Map::from([("keys".to_owned(), meta)]));
        let awaiting = ("_put", promise(&put.task().unwrap()));
        let accept = invocation(
            &self.service,
            &node,
            "/blob/accept",
            of_space(awaiting),
            Vec::new(),
        );
        let mut allocated = Map::from([("size".to_owned(), Ipld::Integer(0))]);
        if !self.bytes.contains(&digest) {
            let url = format!("http://node.test/upload/{}", self.count());
            self.addresses.insert(url.clone(), digest);
            let address = map([
                ("url", Ipld::String(url)),
                ("headers", map([("x-node", Ipld::String("1".to_owned()))])),
                ("expires", Ipld::Integer(1_900_000_000)),
            ]);
            allocated.insert("address".to_owned(), address);
        }
        let done = self.ok(true, allocate.task().unwrap(), Ipld::Map(allocated));
        let upload = Upload {
            space: space.to_string(),
            digest,
            put_task: put.task().unwrap(),
            accept_task: accept.task().unwrap(),
            tokens: vec![
                Signed::new(allocate, &self.service).unwrap().into(),
                Signed::new(put, &key).unwrap().into(),
                Signed::new(accept, &self.service).unwrap().into(),
                done,
            ],
        };
        self.uploads.push(upload);
        self.uploads.len() - 1
    }

    fn accept(&mut self, at: usize) {
        let upload = self.uploads[at].clone();
        let blob = blob_of(&upload);
        let space: Did = upload.space.parse().unwrap();
        let claim = Signed::new(commitment(&self.node, &space, &blob), &self.node).unwrap();
        let site = map([("site", link(&claim.link()))]);
        let receipt = self.ok(true, upload.accept_task, site);
        self.receipts
            .insert(upload.accept_task, vec![claim.into(), receipt]);
        self.registered.insert((upload.space, upload.digest), at);
        self.accepts += 1;
    }

    fn conclude(&mut self, container: &Container, token: &Signed<Invocation>) -> Answer {
        let task = token.claims().task().unwrap();
        assert_eq!(token.claims().subject, token.claims().issuer);
        let Ipld::Link(receipt) = &token.claims().arguments["receipt"] else {
            panic!("no receipt");
        };
        let receipt = Cid::from_bytes(&receipt.to_bytes()).unwrap();
        let Some(Token::Receipt(receipt)) = container.token(&receipt) else {
            panic!("the receipt is not in the container");
        };
        let ran = receipt.claims().ran;
        let at = self
            .uploads
            .iter()
            .position(|upload| upload.put_task == ran);
        let at = at.unwrap();
        if !self.bytes.contains(&self.uploads[at].digest) {
            let error = map([
                ("name", Ipld::String("HandlerExecutionError".to_owned())),
                ("message", Ipld::String("piece not found".to_owned())),
            ]);
            let nonce = self.count();
            let told = super::peer::receipt(&self.service, task, Outcome::Error(error), nonce);
            return reply(vec![told]);
        }
        self.accept(at);
        let done = self.ok(false, task, Ipld::Map(Map::new()));
        reply(vec![done])
    }

    /// The node forgets all bytes that it has not accepted.
    pub fn forget_bytes(&mut self) {
        self.bytes.clear();
    }

    /// Somebody posts this receipt or claim for a task.
    pub fn post_by_stranger(&mut self, task: Cid, tokens: Vec<Token>) {
        self.receipts.entry(task).or_default().extend(tokens);
    }
}

fn blob_of(upload: &Upload) -> Blob {
    let accept = upload.tokens.iter().find_map(|token| match token {
        Token::Invocation(token) if token.claims().command.as_str() == "/blob/accept" => {
            Some(token)
        }
        _ => None,
    });
    let Ipld::Map(blob) = &accept.unwrap().claims().arguments["blob"] else {
        panic!("no blob");
    };
    let Ipld::Integer(size) = blob["size"] else {
        panic!("no size");
    };
    Blob {
        digest: upload.digest,
        size: u64::try_from(size).unwrap(),
    }
}

fn put_receipt(upload: &Upload, nonce: u64) -> Token {
    let key = Ed25519Signer::new(&Seed::new(upload.digest));
    receipt(
        &key,
        upload.put_task,
        Outcome::Ok(Ipld::Map(Map::new())),
        nonce,
    )
}

pub fn reply(tokens: Vec<Token>) -> Answer {
    answer(200, Container::of(tokens).unwrap().to_body().unwrap())
}
