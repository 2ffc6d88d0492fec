//! Tokens that are not what they should be do not move an upload, a login or a read.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs
)]

mod common;

use billet_block::Cid;
use billet_forge::{Answer, Blob, Failure, Machine, Moment, Party, Place, Step, Upload};
use billet_ucan::{
    Command, Delegation, Did, Directory, Ed25519Signer, Invocation, Ipld, Map, Outcome, Policy,
    Signed, Signer, Token, Unsigned,
};
use common::peer::{Peer, commitment, receipt, reply};
use common::{NOW_MS, moment, signer};

const NOW_S: u64 = NOW_MS / 1_000;

fn blob() -> Blob {
    Blob {
        digest: [8; 32],
        size: 1000,
    }
}

/// An upload that has come to the point where the service is asked for the node's receipt, the
/// task of that receipt, and the peer.
struct Waiting {
    upload: Upload,
    peer: Peer,
    task: Cid,
    agent: Ed25519Signer,
    directory: Directory,
    now: Moment,
}

impl Waiting {
    fn new() -> Self {
        let agent = signer(1);
        let mut this = Self {
            upload: Upload::new(agent.did().clone(), blob()).unwrap(),
            peer: Peer::default(),
            task: Cid::of(billet_block::Codec::Raw, b""),
            agent,
            directory: Directory::default(),
            now: moment(NOW_MS, 1),
        };
        for count in 1..20 {
            this.now = moment(NOW_MS, count);
            let step = this.next();
            match step {
                Step::Record(_) => this.upload.recorded(),
                Step::Send(request) => {
                    if let Place::Service(path) = &request.place
                        && let Some(task) = path.strip_prefix("/receipt/")
                    {
                        this.task = task.parse().unwrap();
                        return this;
                    }
                    let answer = this.peer.serve(&request);
                    this.take(answer);
                }
                other => panic!("{other:?}"),
            }
        }
        panic!("never came to ask for a receipt");
    }

    fn next(&mut self) -> Step<billet_forge::Commitment> {
        let service = self.peer.service.did().clone();
        let party = Party {
            agent: &self.agent,
            service: &service,
            resolver: &self.directory,
            proofs: &[],
        };
        self.upload.next(&party, &self.now)
    }

    fn take(&mut self, answer: Answer) {
        let service = self.peer.service.did().clone();
        let party = Party {
            agent: &self.agent,
            service: &service,
            resolver: &self.directory,
            proofs: &[],
        };
        self.upload.take(&party, &self.now, answer);
    }

    fn space(&self) -> Did {
        self.agent.did().clone()
    }

    /// Gives a receipt of `by` for a claim; says whether the upload took it.
    fn takes(mut self, by: &Ed25519Signer, claim: Signed<Invocation>) -> bool {
        let site = Ipld::Link(claim.link().into());
        let site = Ipld::Map(Map::from([("site".to_owned(), site)]));
        let told = receipt(by, self.task, Outcome::Ok(site), 1);
        self.take(reply(vec![claim.into(), told]));
        self.is_done()
    }

    fn is_done(&mut self) -> bool {
        self.upload.recorded();
        matches!(self.next(), Step::Done(_))
    }
}

fn sign(claims: Invocation, by: &Ed25519Signer) -> Signed<Invocation> {
    Signed::new(claims, by).unwrap()
}

#[test]
fn the_right_one_takes() {
    let waiting = Waiting::new();
    let node = signer(102);
    let claim = sign(commitment(&node, &waiting.space(), &blob()), &node);
    assert!(waiting.takes(&node, claim));
}

#[test]
fn receipt_signed_by_another_key() {
    let waiting = Waiting::new();
    let node = signer(102);
    let claim = sign(commitment(&node, &waiting.space(), &blob()), &node);
    assert!(!waiting.takes(&signer(55), claim));
}

#[test]
fn receipt_with_a_broken_signature() {
    let mut waiting = Waiting::new();
    let node = signer(102);
    let claim = sign(commitment(&node, &waiting.space(), &blob()), &node);
    let site = Ipld::Map(Map::from([(
        "site".to_owned(),
        Ipld::Link(claim.link().into()),
    )]));
    let Token::Receipt(told) = receipt(&node, waiting.task, Outcome::Ok(site), 1) else {
        panic!("a receipt");
    };
    let forged = Unsigned::new(told.claims().clone()).unwrap();
    let forged = forged.finish([7; 64]).unwrap();
    waiting.take(reply(vec![claim.into(), forged.into()]));
    assert!(!waiting.is_done());
}

#[test]
fn a_strangers_receipt_beside_the_right_one_does_no_harm() {
    let mut waiting = Waiting::new();
    let (node, stranger) = (signer(102), signer(55));
    let lie = Map::from([(
        "site".to_owned(),
        Ipld::Link(Cid::of(billet_block::Codec::DagCbor, b"lie").into()),
    )]);
    let lie = receipt(&stranger, waiting.task, Outcome::Ok(Ipld::Map(lie)), 2);
    waiting.take(reply(vec![lie.clone()]));
    assert!(!waiting.is_done());
    assert_eq!(waiting.upload.phase(), "await", "polls on");
    let claim = sign(commitment(&node, &waiting.space(), &blob()), &node);
    let site = Ipld::Link(claim.link().into());
    let site = Ipld::Map(Map::from([("site".to_owned(), site)]));
    let told = receipt(&node, waiting.task, Outcome::Ok(site), 1);
    waiting.now = moment(NOW_MS + 60_000, 90);
    assert!(matches!(waiting.next(), Step::Send(_)));
    waiting.take(reply(vec![lie, claim.into(), told]));
    assert!(waiting.is_done());
}

#[test]
fn commitment_for_another_space() {
    let waiting = Waiting::new();
    let node = signer(102);
    let claim = sign(commitment(&node, signer(3).did(), &blob()), &node);
    assert!(!waiting.takes(&node, claim));
}

#[test]
fn commitment_for_another_blob() {
    let waiting = Waiting::new();
    let node = signer(102);
    let other = Blob {
        digest: [9; 32],
        size: 1000,
    };
    let claim = sign(commitment(&node, &waiting.space(), &other), &node);
    assert!(!waiting.takes(&node, claim));
}

#[test]
fn commitment_for_another_size() {
    let waiting = Waiting::new();
    let node = signer(102);
    let part = Blob {
        size: 999,
        ..blob()
    };
    let claim = sign(commitment(&node, &waiting.space(), &part), &node);
    assert!(!waiting.takes(&node, claim));
}

#[test]
fn commitment_by_another_node() {
    let waiting = Waiting::new();
    let other = signer(55);
    let claim = sign(commitment(&other, &waiting.space(), &blob()), &other);
    assert!(!waiting.takes(&signer(102), claim));
}

#[test]
fn commitment_that_has_expired() {
    let waiting = Waiting::new();
    let node = signer(102);
    let mut claims = commitment(&node, &waiting.space(), &blob());
    claims.expires_s = Some(NOW_S - 1);
    assert!(!waiting.takes(&node, sign(claims, &node)));
}

#[test]
fn commitment_with_a_broken_signature() {
    let waiting = Waiting::new();
    let node = signer(102);
    let claims = commitment(&node, &waiting.space(), &blob());
    let forged = Unsigned::new(claims).unwrap().finish([7; 64]).unwrap();
    assert!(!waiting.takes(&node, forged));
}

#[test]
fn receipt_of_the_add_by_a_stranger() {
    let agent = signer(1);
    let directory = Directory::default();
    let mut upload = Upload::new(agent.did().clone(), blob()).unwrap();
    upload.recorded();
    let mut peer = Peer::default();
    let service = signer(77);
    let party = Party {
        agent: &agent,
        service: service.did(),
        resolver: &directory,
        proofs: &[],
    };
    let now = moment(NOW_MS, 1);
    let Step::Send(_) = upload.next(&party, &now) else {
        panic!("a request");
    };
    // Another service answers the same question.
    let other = Party {
        service: &peer.service.did().clone(),
        ..party
    };
    let mut twin = Upload::new(agent.did().clone(), blob()).unwrap();
    twin.recorded();
    let Step::Send(request) = twin.next(&other, &now) else {
        panic!("a request");
    };
    let answer = peer.serve(&request);
    upload.take(&party, &now, answer);
    assert_eq!(upload.phase(), "add");
    assert!(matches!(upload.trouble(), Some(Failure::Unbelievable(_))));
}

/// A delegation of `space` to `agent`.
fn delegation(space: &Ed25519Signer, agent: &Did, expires_s: Option<u64>) -> Signed<Delegation> {
    let delegation = Delegation {
        issuer: space.did().clone(),
        audience: agent.clone(),
        subject: Some(space.did().clone()),
        command: Command::all(),
        policy: Policy::default(),
        nonce: vec![1],
        expires_s,
        not_before_s: None,
        meta: None,
    };
    Signed::new(delegation, space).unwrap()
}

fn first_step(proofs: &[Signed<Delegation>]) -> Step<billet_forge::Commitment> {
    let (space, agent) = (signer(1), signer(2));
    let (service, directory) = (signer(101), Directory::default());
    let mut upload = Upload::new(space.did().clone(), blob()).unwrap();
    upload.recorded();
    let party = Party {
        agent: &agent,
        service: service.did(),
        resolver: &directory,
        proofs,
    };
    upload.next(&party, &moment(NOW_MS, 1))
}

#[test]
fn nothing_is_asked_with_an_expired_delegation() {
    let (space, agent) = (signer(1), signer(2));
    let good = delegation(&space, agent.did(), Some(NOW_S + 100));
    assert!(matches!(first_step(&[good]), Step::Send(_)));
    let over = delegation(&space, agent.did(), Some(NOW_S));
    assert!(matches!(
        first_step(&[over]),
        Step::Failed(Failure::NotAllowed(_))
    ));
}

#[test]
fn nothing_is_asked_with_a_delegation_for_another_audience() {
    let other = delegation(&signer(1), signer(3).did(), None);
    assert!(matches!(
        first_step(&[other]),
        Step::Failed(Failure::NotAllowed(_))
    ));
}

#[test]
fn nothing_is_asked_with_a_broken_chain() {
    // Somebody else than the space gave it.
    let mut claims = delegation(&signer(1), signer(2).did(), None)
        .claims()
        .clone();
    let stranger = signer(66);
    claims.issuer = stranger.did().clone();
    let broken = Signed::new(claims, &stranger).unwrap();
    assert!(matches!(
        first_step(&[broken]),
        Step::Failed(Failure::NotAllowed(_))
    ));
}

#[test]
fn permanent_refusals_stop_and_others_wait() {
    for (name, stops) in [
        ("InsufficientStorage", true),
        ("MalformedArguments", true),
        ("HandlerExecutionError", false),
        ("CandidateUnavailable", false),
        ("SomethingNew", false),
    ] {
        let (agent, service) = (signer(1), signer(101));
        let directory = Directory::default();
        let party = Party {
            agent: &agent,
            service: service.did(),
            resolver: &directory,
            proofs: &[],
        };
        let mut upload = Upload::new(agent.did().clone(), blob()).unwrap();
        upload.recorded();
        let now = moment(NOW_MS, 1);
        let Step::Send(request) = upload.next(&party, &now) else {
            panic!("a request");
        };
        let container = common::asked(&request);
        let asked = common::invocation_for(&container, service.did().as_str());
        let error = Map::from([("name".to_owned(), Ipld::String(name.to_owned()))]);
        let error = Outcome::Error(Ipld::Map(error));
        let told = receipt(&service, asked.claims().task().unwrap(), error, 1);
        upload.take(&party, &now, reply(vec![told]));
        match upload.next(&party, &now) {
            Step::Failed(failure) => assert!(stops, "{failure}"),
            Step::Wait { until_ms } => {
                assert!(!stops, "{name}");
                assert!(until_ms > NOW_MS);
            }
            other => panic!("{other:?}"),
        }
        upload.retry();
        assert!(matches!(upload.next(&party, &now), Step::Send(_)));
    }
}
