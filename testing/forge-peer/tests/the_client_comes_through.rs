//! Billet's own client against the peer: login, a space, an upload and a read, with every fault at
//! every step, twice. Whatever happens, the blob is accepted and reads back; the matrix is printed.
//!
//! Must never wait: the clocks of both sides are moved instead. Only this test knows both sides.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs
)]

use std::collections::BTreeMap;

use billet_forge::{
    Answer, Blob, Body, Commitment, Login, Machine, Method, Moment, Party, Place, Provision,
    RETRY_MS, Request, Retrieval, Step, Upload,
};
use billet_forge_peer::caller::{now, split};
use billet_forge_peer::fault::{Kind, Rule};
use billet_forge_peer::sprue::{PROGRAM, Sprue};
use billet_forge_peer::{Config, Peer, key, wire};
use billet_ucan::{Delegation, Did, Directory, Ed25519Signer, Seed, Signed, Signer};
use sha2::Digest as _;

const EMAIL: &str = "alice@example.com";

struct Client {
    service: Did,
    at: std::net::SocketAddr,
    resolver: Directory,
    agent: Ed25519Signer,
    space: Ed25519Signer,
    proofs: Vec<Signed<Delegation>>,
    ahead_ms: u64,
    body: Vec<u8>,
}

fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    key::fill(&mut bytes);
    bytes
}

impl Client {
    fn new(service: &str, at: std::net::SocketAddr) -> Self {
        let service: Did = service.parse().unwrap();
        let resolver = Directory {
            authority: Some(service.clone()),
            ..Directory::default()
        };
        Self {
            service,
            at,
            resolver,
            agent: Ed25519Signer::new(&Seed::new(random())),
            space: Ed25519Signer::new(&Seed::new(random())),
            proofs: Vec::new(),
            ahead_ms: 0,
            body: random::<5000>().to_vec(),
        }
    }

    fn party(&self) -> Party<'_> {
        Party {
            agent: &self.agent,
            service: &self.service,
            resolver: &self.resolver,
            proofs: &self.proofs,
        }
    }

    fn moment(&self) -> Moment {
        Moment {
            now_ms: u64::try_from(now()).unwrap() * 1000 + self.ahead_ms,
            random: random(),
            retry_ms: RETRY_MS,
        }
    }

    fn send(&self, request: &Request) -> Answer {
        let (address, path) = match &request.place {
            Place::Service(path) => (self.at, path.clone()),
            Place::Url(url) => split(url).unwrap(),
        };
        let method = match request.method {
            Method::Get => "GET",
            Method::Post => "POST",
            Method::Put => "PUT",
        };
        let headers: Vec<(&str, &str)> = request
            .headers
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
            .collect();
        let body = match &request.body {
            Body::Empty => &[][..],
            Body::Bytes(bytes) => bytes,
            Body::Blob(_) => &self.body,
        };
        match wire::send(address, method, &path, &headers, body) {
            Err(_) => Answer::Lost,
            Ok(answer) => Answer::Whole {
                status: answer.status,
                headers: answer.headers,
                body: answer.body,
            },
        }
    }

    /// Runs a machine to its end; clocks are moved where it waits.
    fn run<M: Machine>(
        &mut self,
        machine: &mut M,
        peer: Option<&Peer>,
    ) -> Result<M::Output, String> {
        for _ in 0..300 {
            let moment = self.moment();
            match machine.next(&self.party(), &moment) {
                Step::Record(_) => machine.recorded(),
                Step::Done(output) => return Ok(output),
                Step::Failed(failure) => return Err(failure.to_string()),
                Step::Wait { until_ms } => {
                    let wait_ms = until_ms.saturating_sub(moment.now_ms);
                    match peer {
                        Some(peer) => {
                            self.ahead_ms += wait_ms;
                            peer.set_clock_offset(i64::try_from(self.ahead_ms / 1000).unwrap());
                        }
                        // The real service's clock is nobody's to move.
                        None => std::thread::sleep(std::time::Duration::from_millis(wait_ms)),
                    }
                }
                Step::Send(request) => {
                    let answer = self.send(&request);
                    let moment = self.moment();
                    machine.take(&self.party(), &moment, answer);
                }
            }
        }
        Err(format!(
            "no end: {:?}",
            machine.trouble().map(ToString::to_string)
        ))
    }

    /// Logs in and makes a space; `click` is called once the mail is out.
    fn settle(&mut self, peer: Option<&Peer>, click: impl Fn() -> usize) {
        let account: Did = key::account(EMAIL).unwrap().parse().unwrap();
        let mut login = Login::new(account.clone());
        for _ in 0..2 {
            // The request goes out, the link is followed, the rest is polled.
            let moment = self.moment();
            if let Step::Record(_) = login.next(&self.party(), &moment) {
                login.recorded();
            }
            if let Step::Send(request) = login.next(&self.party(), &moment) {
                let answer = self.send(&request);
                login.take(&self.party(), &moment, answer);
            }
        }
        assert_eq!(click(), 1);
        self.proofs = self.run(&mut login, peer).unwrap();
        let (agent, moment) = (self.agent.did().clone(), self.moment());
        let made = Provision::new(&self.space, &agent, account, "a space", &moment);
        let provisioned = self.run(&mut made.unwrap(), peer).unwrap();
        self.proofs.push(provisioned.to_agent);
    }

    fn blob(&self) -> Blob {
        Blob {
            digest: sha2::Sha256::digest(&self.body).into(),
            size: self.body.len() as u64,
        }
    }

    fn upload(&mut self, peer: Option<&Peer>) -> Result<Commitment, String> {
        let mut upload = Upload::new(self.space.did().clone(), self.blob()).unwrap();
        self.run(&mut upload, peer)
    }

    /// Reads a part; whether it is the right one.
    fn read(&self, commitment: &Commitment) -> Result<bool, String> {
        let retrieval = Retrieval::new(commitment.clone(), 100, 900).unwrap();
        let moment = self.moment();
        let asked = retrieval.request(&self.party(), &moment, 0);
        let (request, asked) = asked.map_err(|failure| failure.to_string())?;
        let Answer::Whole {
            status,
            headers,
            body,
        } = self.send(&request)
        else {
            return Err("lost".into());
        };
        retrieval
            .check(&self.party(), &moment, &asked, status, &headers)
            .map_err(|failure| failure.to_string())?;
        Ok(body == self.body[100..1000])
    }
}

fn start() -> (tempfile::TempDir, Peer) {
    let folder = tempfile::tempdir().unwrap();
    let peer = Peer::start(Config::new(folder.path())).unwrap();
    (folder, peer)
}

fn kinds() -> Vec<Kind> {
    vec![
        Kind::Timeout { ms: 5 },
        Kind::ResetRequest { at: 0 },
        Kind::ResetRequest { at: 400 },
        Kind::ResetResponse { at: 0 },
        Kind::ResetResponse { at: 60 },
        Kind::ResetResponse { at: 400 },
        Kind::LostResponse,
        Kind::Status { status: 404 },
        Kind::Status { status: 429 },
        Kind::Status { status: 500 },
        Kind::Status { status: 503 },
        Kind::StatusAfter { status: 500 },
        Kind::WrongBody,
        Kind::Duplicate,
        Kind::Refused {
            name: "HandlerExecutionError".into(),
        },
        Kind::Expired { seconds: 100_000 },
        Kind::WrongReceipt,
        Kind::BadSignature,
        Kind::StrangerReceipt,
        Kind::NoReceipt,
        Kind::ForgedAccept,
        Kind::OtherSpace,
        Kind::NoLocation,
    ]
}

#[test]
fn every_fault_at_every_step_of_an_upload_converges() {
    let (_folder, peer) = start();
    let mut client = Client::new(peer.service_did(), peer.service);
    client.settle(Some(&peer), || peer.click(EMAIL).unwrap());
    let mut matrix: BTreeMap<&str, String> = BTreeMap::new();
    let mut runs = 0;
    for step in [
        "/blob/add",
        "/blob/allocate",
        "put",
        "/ucan/conclude",
        "/blob/accept",
        "receipt",
    ] {
        for kind in kinds() {
            let rule = Rule {
                times: Some(2),
                ..Rule::next(step, kind.clone())
            };
            if peer.fault(rule).is_err() {
                continue;
            }
            client.body = random::<5000>().to_vec();
            peer.reset_counters();
            let what = format!("{step} {kind:?}");
            let commitment = client
                .upload(Some(&peer))
                .unwrap_or_else(|why| panic!("{what}: {why}"));
            peer.clear_faults();
            assert_eq!(client.read(&commitment), Ok(true), "{what}");
            let again = peer.counters().accepts_again;
            let cell = if again == 0 {
                " ok".into()
            } else {
                format!(" ok+{again}")
            };
            matrix.entry(step).or_default().push_str(&cell);
            runs += 1;
        }
    }
    assert_eq!(
        peer.accepted().len(),
        runs,
        "each blob is accepted for the space once"
    );
    println!("{runs} uploads, two faults each; +n: accepts asked for again by repeated concludes");
    for (step, cells) in matrix {
        println!("{step:16}{cells}");
    }
}

#[test]
fn wrong_reads_are_refused_and_the_next_one_is_right() {
    let (_folder, peer) = start();
    let mut client = Client::new(peer.service_did(), peer.service);
    client.settle(Some(&peer), || peer.click(EMAIL).unwrap());
    let commitment = client.upload(Some(&peer)).unwrap();
    for kind in kinds() {
        // A body alone is judged by its blocks, which are above this layer.
        let body = kind == Kind::WrongBody;
        if peer.fault(Rule::next("retrieve", kind.clone())).is_err() {
            continue;
        }
        let read = client.read(&commitment);
        assert!(
            if body {
                read == Ok(false)
            } else {
                read.is_err()
            },
            "{kind:?}: {read:?}"
        );
        assert_eq!(client.read(&commitment), Ok(true), "after {kind:?}");
    }
}

#[test]
fn the_real_service_is_used_as_the_peer_is() {
    let Some(program) = Sprue::program() else {
        eprintln!("skipped: {PROGRAM} does not name the upload service's program");
        return;
    };
    let (folder, peer) = start();
    let sprue = Sprue::start(&program, folder.path(), Some(&peer)).unwrap();
    sprue.register(&peer, 0).unwrap();
    let mut client = Client::new(sprue.did(), sprue.address);
    client.settle(None, || sprue.click(EMAIL).unwrap());
    for kind in [
        None,
        Some(Kind::LostResponse),
        Some(Kind::ResetRequest { at: 2000 }),
    ] {
        client.body = random::<5000>().to_vec();
        if let Some(kind) = kind {
            peer.fault(Rule::next("put", kind)).unwrap();
        }
        let commitment = client.upload(None).unwrap();
        assert_eq!(client.read(&commitment), Ok(true));
    }
    assert_eq!(
        (peer.accepted().len(), peer.counters().accepts_again),
        (3, 0)
    );
}
