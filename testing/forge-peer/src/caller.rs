//! A caller of the services in a few lines, with this package's own codec: for testing the peer
//! and the real service against each other.
//!
//! Must never stand in for the client: it checks nothing but what it is asked to.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use cid::Cid;
use ipld_core::ipld::Ipld;
use sha2::Digest as _;

use crate::cbor;
use crate::container;
use crate::key::{self, Key};
use crate::token::{Draft, Token, links};
use crate::wire::{self, Answer};

/// One that calls a service as an agent.
#[derive(Clone, Debug)]
pub struct Caller {
    /// Where the service listens.
    pub address: SocketAddr,
    /// The service's name.
    pub service: String,
    /// Who calls.
    pub agent: Key,
}

/// The receipt of a task and the tokens beside it.
#[derive(Clone, Debug)]
pub struct Reply {
    /// The task's receipt.
    pub receipt: Arc<Token>,
    /// All tokens of the answer, the receipt included.
    pub tokens: Vec<Arc<Token>>,
}

impl Reply {
    /// `ok`, or the error's name.
    pub fn outcome(&self) -> String {
        match self.receipt.out() {
            Ok(_) => "ok".into(),
            Err((name, _)) => name,
        }
    }
}

/// What became of an upload.
#[derive(Clone, Debug)]
pub struct Uploaded {
    /// The blob's multihash.
    pub digest: Vec<u8>,
    /// The location commitment.
    pub location: Arc<Token>,
    /// The accept task.
    pub accept: Cid,
}

/// Seconds since 1970.
pub fn now() -> i64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    now.map_or(0, |now| i64::try_from(now.as_secs()).unwrap_or(0))
}

/// The multihash of bytes.
pub fn multihash(bytes: &[u8]) -> Vec<u8> {
    cbor::wrap(&sha2::Sha256::digest(bytes).into()).to_bytes()
}

/// `{digest, size}` of bytes.
pub fn blob(bytes: &[u8]) -> Ipld {
    cbor::map([
        ("digest", Ipld::Bytes(multihash(bytes))),
        ("size", Ipld::Integer(bytes.len() as i128)),
    ])
}

/// The task in `{"await/ok": task}` under a name of a map.
pub fn awaited(value: &Ipld, name: &str) -> Option<Cid> {
    match value {
        Ipld::Map(map) => match map.get(name)? {
            Ipld::Map(inner) => match inner.get("await/ok")? {
                Ipld::Link(task) => Some(*task),
                _ => None,
            },
            _ => None,
        },
        _ => None,
    }
}

fn task_among(tokens: &[Arc<Token>], task: Cid) -> Result<Arc<Token>, String> {
    let mut found = tokens
        .iter()
        .filter(|token| token.kind() == crate::token::Kind::Invocation);
    let found = found.find(|token| token.task() == task);
    found
        .cloned()
        .ok_or_else(|| format!("task {task} is not in the answer"))
}

/// The receipt of a task among tokens.
pub fn receipt_among(tokens: &[Arc<Token>], task: Cid) -> Option<Arc<Token>> {
    tokens
        .iter()
        .find(|token| token.ran() == Some(task))
        .cloned()
}

impl Caller {
    /// Posts a container.
    ///
    /// # Errors
    /// The connection's failure.
    pub fn post(&self, tokens: &[Arc<Token>]) -> Result<Answer, String> {
        let headers = [("content-type", "application/vnd.ipld.dag-cbor")];
        let body = container::write(tokens);
        let sent = wire::send(self.address, "POST", "/", &headers, &body);
        sent.map_err(|error| error.to_string())
    }

    /// Signs and posts one task for the service, with proofs (root first) and more tokens.
    ///
    /// # Errors
    /// No receipt comes back.
    pub fn call(
        &self,
        draft: Draft,
        proofs: &[Arc<Token>],
        beside: &[Arc<Token>],
    ) -> Result<Reply, String> {
        let links: Vec<Cid> = proofs.iter().map(|proof| proof.cid()).collect();
        let draft = draft.aud(&self.service).prf(&links).exp(now() + 60);
        let token = Arc::new(draft.sign(&self.agent));
        let task = token.task();
        let all: Vec<Arc<Token>> = std::iter::once(token)
            .chain(proofs.iter().cloned())
            .chain(beside.iter().cloned())
            .collect();
        let answer = self.post(&all)?;
        if answer.status != 200 {
            let text = String::from_utf8_lossy(&answer.body).into_owned();
            return Err(format!("status {}: {text}", answer.status));
        }
        let tokens = container::read(&answer.body)?.tokens;
        let receipt = receipt_among(&tokens, task).ok_or("no receipt")?;
        Ok(Reply { receipt, tokens })
    }

    /// The tokens served for a task; `None` while there is no receipt.
    ///
    /// # Errors
    /// The answer is neither.
    pub fn poll(&self, task: Cid) -> Result<Option<Vec<Arc<Token>>>, String> {
        let path = format!("/receipt/{task}");
        let answer = wire::send(self.address, "GET", &path, &[], &[]);
        let answer = answer.map_err(|error| error.to_string())?;
        match answer.status {
            200 => Ok(Some(container::read(&answer.body)?.tokens)),
            404 => Ok(None),
            status => Err(format!("status {status}")),
        }
    }

    /// Logs in and returns the delegations of the account: all subjects, and itself.
    ///
    /// # Errors
    /// A sentence about the step that failed.
    pub fn login(
        &self,
        email: &str,
        click: impl FnOnce() -> Result<(), String>,
    ) -> Result<Vec<Arc<Token>>, String> {
        let account = key::account(email).ok_or("no e-mail address")?;
        let all = cbor::map([("cmd", Ipld::String("/".into()))]);
        let args = cbor::map([
            ("iss", Ipld::String(account)),
            ("att", Ipld::List(vec![all])),
        ]);
        let agent = self.agent.did().to_owned();
        let asked = self.call(Draft::invocation(&agent, "/access/request", args), &[], &[])?;
        let ok = asked
            .receipt
            .out()
            .map_err(|(name, text)| format!("{name}: {text}"))?;
        let Ipld::Map(ok) = ok else {
            return Err("no map".into());
        };
        let request = ok.get("req").cloned();
        click()?;
        let claim = Draft::invocation(&agent, "/access/claim", cbor::map([]));
        let claimed = self.call(claim, &[], &[])?;
        let mine = |token: &&Arc<Token>| token.meta("accessRequest") == request.as_ref();
        Ok(claimed.tokens.iter().filter(mine).cloned().collect())
    }

    /// Makes a space and provisions it for an account, which logs in for that: its key.
    ///
    /// # Errors
    /// A sentence about the step that failed.
    pub fn space(
        &self,
        email: &str,
        click: impl FnOnce() -> Result<(), String>,
    ) -> Result<Key, String> {
        let account = self.login(email, click)?;
        let own = account.iter().find(|token| token.sub().is_some());
        let own = Arc::clone(own.ok_or("no delegation of the account itself")?);
        let space = Key::random();
        let args = cbor::map([
            ("provider", Ipld::String(self.service.clone())),
            ("consumer", Ipld::String(space.did().into())),
        ]);
        let draft = Draft::invocation(own.iss(), "/provider/add", args);
        match self.call(draft, &[own], &[])?.outcome().as_str() {
            "ok" => Ok(space),
            refused => Err(format!("/provider/add: {refused}")),
        }
    }

    /// Uploads bytes to a space: add, PUT if wanted, conclude if wanted, poll.
    ///
    /// # Errors
    /// A sentence about the step that failed.
    pub fn upload(
        &self,
        space: &str,
        proofs: &[Arc<Token>],
        bytes: &[u8],
    ) -> Result<Uploaded, String> {
        let args = cbor::map([("blob", blob(bytes))]);
        let added = self.call(Draft::invocation(space, "/blob/add", args), proofs, &[])?;
        let ok = added
            .receipt
            .out()
            .map_err(|(name, text)| format!("{name}: {text}"))?;
        let accept = awaited(ok, "site").ok_or("no site")?;
        let accepts = task_among(&added.tokens, accept)?;
        let put = awaited(&Ipld::Map(accepts.args().clone()), "_put").ok_or("no put")?;
        let puts = task_among(&added.tokens, put)?;
        if receipt_among(&added.tokens, put).is_none() {
            let allocate = awaited(&Ipld::Map(puts.args().clone()), "destination");
            let receipt = allocate.and_then(|task| receipt_among(&added.tokens, task));
            let receipt = receipt.ok_or("no allocation")?;
            if let Some(url) = address_of(&receipt) {
                let (address, path) = split(&url)?;
                let answer = wire::send(address, "PUT", &path, &[], bytes);
                let answer = answer.map_err(|error| error.to_string())?;
                if !(200..300).contains(&answer.status) {
                    return Err(format!("PUT: status {}", answer.status));
                }
            }
            let concluded = self.conclude(&puts)?;
            if concluded.outcome() != "ok" {
                return Err(format!("conclude: {}", concluded.outcome()));
            }
        }
        let tokens = self.poll(accept)?.ok_or("no accept receipt")?;
        let receipt = receipt_among(&tokens, accept).ok_or("no accept receipt")?;
        let site = match receipt.out() {
            Ok(Ipld::Map(ok)) => ok.get("site").cloned(),
            _ => None,
        };
        let located = |token: &&Arc<Token>| Some(Ipld::Link(token.cid())) == site;
        let location = tokens.iter().find(located).cloned();
        Ok(Uploaded {
            digest: multihash(bytes),
            location: location.ok_or("no location commitment")?,
            accept,
        })
    }

    /// Concludes a put with a receipt of its own key.
    ///
    /// # Errors
    /// As [`Self::call`].
    pub fn conclude(&self, put: &Arc<Token>) -> Result<Reply, String> {
        let digest = match put.args().get("body") {
            Some(Ipld::Map(body)) => match body.get("digest") {
                Some(Ipld::Bytes(digest)) => digest.clone(),
                _ => Vec::new(),
            },
            _ => Vec::new(),
        };
        let seed = digest.last_chunk::<32>().copied().unwrap_or_default();
        let key = Key::from_seed(seed);
        let out = cbor::map([("ok", cbor::map([]))]);
        let receipt = Arc::new(Draft::receipt(key.did(), put.task(), out, now()).sign(&key));
        let args = cbor::map([
            ("receipt", Ipld::Link(receipt.cid())),
            ("receipts", Ipld::List(vec![Ipld::Link(receipt.cid())])),
        ]);
        let agent = self.agent.did().to_owned();
        let draft = Draft::invocation(&agent, "/ucan/conclude", args);
        self.call(draft, &[], &[receipt, Arc::clone(put)])
    }

    /// Reads a range, both ends included, from where a location commitment says: the answer and
    /// the receipt in its header.
    ///
    /// # Errors
    /// The connection fails, or there is no receipt.
    pub fn retrieve(
        &self,
        location: &Token,
        proofs: &[Arc<Token>],
        start: u64,
        end: u64,
    ) -> Result<(Answer, Arc<Token>), String> {
        let space = location.sub().unwrap_or_default();
        let content = location
            .args()
            .get("content")
            .cloned()
            .unwrap_or(Ipld::Null);
        let range = vec![Ipld::Integer(start.into()), Ipld::Integer(end.into())];
        let args = cbor::map([
            ("blob", cbor::map([("digest", content)])),
            ("range", Ipld::List(range)),
        ]);
        let links: Vec<Cid> = proofs.iter().map(|proof| proof.cid()).collect();
        let draft = Draft::invocation(space, "/content/retrieve", args);
        let draft = draft.aud(location.iss()).prf(&links).exp(now() + 60);
        let token = Arc::new(draft.sign(&self.agent));
        let tokens: Vec<Arc<Token>> = std::iter::once(token)
            .chain(proofs.iter().cloned())
            .collect();
        let url = match location.args().get("location") {
            Some(Ipld::List(urls)) => match urls.first() {
                Some(Ipld::String(url)) => url.clone(),
                _ => String::new(),
            },
            _ => String::new(),
        };
        let (address, path) = split(&url)?;
        let header = container::write_header(&tokens);
        let headers = [("x-ucan-container", header.as_str())];
        let answer = wire::send(address, "GET", &path, &headers, &[]);
        let answer = answer.map_err(|error| error.to_string())?;
        let header = answer.header("x-ucan-container").ok_or("no receipt")?;
        let tokens = container::read_outer(header.as_bytes())?.tokens;
        let receipt = tokens.first().cloned().ok_or("no receipt")?;
        Ok((answer, receipt))
    }
}

/// The upload address in an allocation's receipt.
pub fn address_of(receipt: &Token) -> Option<String> {
    match receipt.out() {
        Ok(Ipld::Map(ok)) => match ok.get("address")? {
            Ipld::Map(address) => match address.get("url")? {
                Ipld::String(url) => Some(url.clone()),
                _ => None,
            },
            _ => None,
        },
        _ => None,
    }
}

/// The address and path of a URL of this machine.
///
/// # Errors
/// It is none.
pub fn split(url: &str) -> Result<(SocketAddr, String), String> {
    let rest = url.strip_prefix("http://").ok_or("not a plain URL")?;
    let (host, path) = rest.split_once('/').ok_or("no path")?;
    let address = host.parse().map_err(|_| format!("no address: {host}"))?;
    Ok((address, format!("/{path}")))
}

/// The delegations listed in a result under `delegations`.
pub fn listed(reply: &Reply) -> Vec<Cid> {
    match reply.receipt.out() {
        Ok(Ipld::Map(ok)) => ok.get("delegations").map(links).unwrap_or_default(),
        _ => Vec::new(),
    }
}
