//! An upload that is cut off at any step, or whose answers are lost, ends in the node's word, with
//! the blob accepted once.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs
)]

mod common;

use billet_forge::{Answer, Blob, Commitment, Machine, Moment, Party, Place, Step, Upload};
use billet_ucan::{Directory, Signer};
use common::peer::Peer;
use common::{NOW_MS, answer, moment, signer};

/// What goes wrong with one exchange.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Fault {
    /// The process ends before the request is sent.
    DiesBefore,
    /// The process ends when the request took effect, before the answer is taken.
    DiesBehind,
    /// The request does not arrive.
    NotSent,
    /// The request took effect, the answer is lost.
    AnswerLost,
    /// An answer of status 500, nothing done.
    Broken,
    /// An answer of status 500 though all was done.
    BrokenBehind,
    /// The answer is of no use.
    Nonsense,
}

const FAULTS: [Fault; 7] = [
    Fault::DiesBefore,
    Fault::DiesBehind,
    Fault::NotSent,
    Fault::AnswerLost,
    Fault::Broken,
    Fault::BrokenBehind,
    Fault::Nonsense,
];

fn blob() -> Blob {
    Blob {
        digest: [8; 32],
        size: 1000,
    }
}

struct Run {
    peer: Peer,
    upload: Upload,
    durable: Option<Vec<u8>>,
    now_ms: u64,
    count: u64,
    sent: usize,
}

impl Run {
    fn new() -> Self {
        let space = signer(1).did().clone();
        Self {
            peer: Peer::default(),
            upload: Upload::new(space, blob()).unwrap(),
            durable: None,
            now_ms: NOW_MS,
            count: 0,
            sent: 0,
        }
    }

    fn die(&mut self) {
        self.upload = match &self.durable {
            Some(state) => Upload::resume(state).unwrap(),
            None => Upload::new(signer(1).did().clone(), blob()).unwrap(),
        };
    }

    /// Runs to the end; `fault` meets the exchange of this number and so many behind it.
    fn run(&mut self, at: usize, times: usize, fault: Fault) -> Commitment {
        // The agent is the space itself: no delegations are needed.
        let (agent, service) = (signer(1), self.peer.service.did().clone());
        let resolver = Directory::default();
        let party = Party {
            agent: &agent,
            service: &service,
            resolver: &resolver,
            proofs: &[],
        };
        for _ in 0..500 {
            self.count += 1;
            let now: Moment = moment(self.now_ms, self.count);
            match self.upload.next(&party, &now) {
                Step::Record(state) => {
                    self.durable = Some(state);
                    self.upload.recorded();
                }
                Step::Wait { until_ms } => self.now_ms = until_ms,
                Step::Done(commitment) => return commitment,
                Step::Failed(failure) => panic!("{failure}"),
                Step::Send(request) => {
                    let faulty = (at..at + times).contains(&self.sent);
                    self.sent += 1;
                    let fault = faulty.then_some(fault);
                    let arrives = !matches!(
                        fault,
                        Some(Fault::DiesBefore | Fault::NotSent | Fault::Broken)
                    );
                    let answered = match arrives {
                        true => self.peer.serve(&request),
                        false => Answer::Lost,
                    };
                    let answered = match fault {
                        None => answered,
                        Some(Fault::DiesBefore | Fault::DiesBehind) => {
                            self.die();
                            continue;
                        }
                        Some(Fault::NotSent | Fault::AnswerLost) => Answer::Lost,
                        Some(Fault::Broken | Fault::BrokenBehind) => answer(500, Vec::new()),
                        Some(Fault::Nonsense) => answer(200, b"nonsense".to_vec()),
                    };
                    self.upload.take(&party, &now, answered);
                }
            }
        }
        panic!("no end");
    }
}

#[test]
fn straight_path_takes_four_exchanges() {
    let mut run = Run::new();
    let commitment = run.run(usize::MAX, 0, Fault::NotSent);
    assert_eq!(commitment.blob(), &blob());
    assert_eq!(commitment.urls(), ["http://node.test/piece/1"]);
    assert_eq!((run.sent, run.peer.accepts, run.peer.adds), (4, 1, 1));
}

#[test]
fn every_fault_at_every_step_converges() {
    for at in 0..6 {
        for times in [1, 2, 5] {
            for fault in FAULTS {
                let mut run = Run::new();
                let commitment = run.run(at, times, fault);
                let what = format!("{fault:?}, {times} times from {at}");
                assert_eq!(commitment.blob(), &blob(), "{what}");
                assert_eq!(run.peer.accepts, 1, "{what}");
            }
        }
    }
}

#[test]
fn done_stays_done_after_a_crash() {
    let mut run = Run::new();
    let first = run.run(usize::MAX, 0, Fault::NotSent);
    let sent = run.sent;
    run.die();
    assert_eq!(run.run(usize::MAX, 0, Fault::NotSent), first);
    assert_eq!(run.sent, sent);
}

#[test]
fn bytes_that_the_node_lost_are_sent_again() {
    let mut run = Run::new();
    let (agent, service) = (signer(1), run.peer.service.did().clone());
    let resolver = Directory::default();
    let party = Party {
        agent: &agent,
        service: &service,
        resolver: &resolver,
        proofs: &[],
    };
    let mut puts = 0;
    for count in 0..60 {
        let now = moment(run.now_ms, count);
        match run.upload.next(&party, &now) {
            Step::Record(_) => run.upload.recorded(),
            Step::Wait { until_ms } => run.now_ms = until_ms,
            Step::Failed(failure) => panic!("{failure}"),
            Step::Done(_) => break,
            Step::Send(request) => {
                let answered = run.peer.serve(&request);
                if let Place::Url(_) = request.place {
                    puts += 1;
                    if puts == 1 {
                        run.peer.forget_bytes();
                    }
                }
                run.upload.take(&party, &now, answered);
            }
        }
    }
    assert_eq!((puts, run.peer.accepts), (2, 1));
}

#[test]
fn sizes_that_no_node_takes_are_refused_here() {
    let space = signer(1).did().clone();
    for size in [0, 266_338_305] {
        let blob = Blob {
            digest: [1; 32],
            size,
        };
        assert!(Upload::new(space.clone(), blob).is_err());
    }
}
