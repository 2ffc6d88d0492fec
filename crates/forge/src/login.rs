//! Logging in by mail: the account lets the agent act for it.
//!
//! Must never keep a delegation that is not from this account, for this agent, in answer to this
//! request and attested by the service.

use std::collections::BTreeSet;

use billet_block::{Cid, decode, encode};
use billet_ucan::{Delegation, Did, Ipld, Map, Signed};
use serde::{Deserialize, Serialize};
use serde_bytes::ByteBuf;

use crate::exchange::{Answer, Request};
use crate::failure::Failure;
use crate::machine::{Attempts, Machine, Step};
use crate::party::{Asked, Moment, Party, Question, Reply};
use crate::values::{link, number, to_link, to_map, to_text};

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
enum Phase {
    /// Nothing was asked.
    Request,
    /// A mail was sent; the account's owner has to follow its link.
    Claim { request: Cid, until_s: u64 },
    /// The owner agreed; what the account itself was given is to be fetched.
    Account { proofs: Vec<ByteBuf> },
    /// All delegations.
    Done { proofs: Vec<ByteBuf> },
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Durable {
    account: Did,
    phase: Phase,
}

/// A login. Gives the delegations to keep: the account's to the agent, and those of spaces to the
/// account.
#[derive(Clone, Debug)]
pub struct Login {
    durable: Durable,
    attempts: Attempts,
    asked: Option<Asked>,
}

impl Login {
    /// A new login to an account, a `did:mailto`.
    pub fn new(account: Did) -> Self {
        Self::of(Durable {
            account,
            phase: Phase::Request,
        })
    }

    /// Goes on from the bytes of a [`Step::Record`].
    ///
    /// # Errors
    /// `Unbelievable` for bytes that are no such state.
    pub fn resume(state: &[u8]) -> Result<Self, Failure> {
        let durable = decode(state).map_err(|error| Failure::unbelievable(error.to_string()))?;
        let mut login = Self::of(durable);
        login.attempts.recorded = true;
        Ok(login)
    }

    fn of(durable: Durable) -> Self {
        Self {
            durable,
            attempts: Attempts::default(),
            asked: None,
        }
    }

    /// The state as it is now.
    ///
    /// # Errors
    /// Has no reason to fail.
    pub fn state(&self) -> Result<Vec<u8>, Failure> {
        encode(&self.durable).map_err(|error| Failure::Impossible(error.to_string()))
    }

    /// The account.
    pub const fn account(&self) -> &Did {
        &self.durable.account
    }

    /// What is being waited for, for people.
    pub const fn phase(&self) -> &'static str {
        match self.durable.phase {
            Phase::Request => "request",
            Phase::Claim { .. } => "waiting for the link in the mail to be followed",
            Phase::Account { .. } => "account",
            Phase::Done { .. } => "done",
        }
    }

    fn moved(&mut self, phase: Phase) {
        self.durable.phase = phase;
        self.attempts.moved();
    }

    fn request(&self, party: &Party<'_>, moment: &Moment) -> Result<(Request, Asked), Failure> {
        let us = party.agent.did();
        let question = |command, subject: &Did, arguments| Question {
            command,
            subject: subject.clone(),
            audience: party.service.clone(),
            arguments,
            meta: None,
            beside: Vec::new(),
        };
        match &self.durable.phase {
            Phase::Request => {
                let all = Ipld::Map(to_map([("cmd", to_text(&"/"))]));
                let arguments = to_map([
                    ("iss", to_text(&self.durable.account)),
                    ("att", Ipld::List(vec![all])),
                ]);
                party.ask(question("/access/request", us, arguments), moment)
            }
            Phase::Claim { .. } => party.ask(question("/access/claim", us, Map::new()), moment),
            Phase::Account { proofs } | Phase::Done { proofs } => {
                let proofs = read(proofs)?;
                let party = Party {
                    proofs: &proofs,
                    ..*party
                };
                let question = question("/access/claim", &self.durable.account, Map::new());
                party.ask(question, moment)
            }
        }
    }

    fn take_reply(&mut self, party: &Party<'_>, moment: &Moment, reply: &Reply) -> Taken {
        match self.durable.phase.clone() {
            Phase::Request => {
                let request = link(&reply.ok, "req")?;
                let until_s = number(&reply.ok, "exp")?;
                self.moved(Phase::Claim { request, until_s });
            }
            Phase::Claim { request, until_s } => {
                let proofs = self.granted(party, moment, &request, reply);
                if !proofs.is_empty() {
                    self.moved(Phase::Account { proofs });
                } else if moment.now_s() > until_s {
                    let what = "the link in the mail was not followed".to_owned();
                    return Err(Failure::TooLate(what));
                } else {
                    let until_ms = moment.now_ms.saturating_add(moment.retry_ms);
                    self.attempts.wait_until(until_ms);
                }
            }
            Phase::Account { mut proofs } => {
                let verifier = party.verifier(moment);
                let ours = reply.container.delegations().filter(|token| {
                    let good = verifier.delegation(token).is_ok();
                    good && token.claims().audience == self.durable.account
                });
                proofs.extend(ours.map(|token| ByteBuf::from(token.bytes())));
                self.moved(Phase::Done { proofs });
            }
            Phase::Done { .. } => {}
        }
        Ok(())
    }

    /// The account's delegations to the agent that answer this request, each kind once: a link
    /// that is followed twice gives them twice.
    fn granted(
        &self,
        party: &Party<'_>,
        moment: &Moment,
        request: &Cid,
        reply: &Reply,
    ) -> Vec<ByteBuf> {
        let verifier = party.verifier(moment);
        let mut kinds = BTreeSet::new();
        let ours = reply.container.delegations().filter(|token| {
            let claims = token.claims();
            let meta = Ipld::Map(claims.meta.clone().unwrap_or_default());
            let answers = matches!(&meta, Ipld::Map(meta)
                if meta.get("accessRequest") == Some(&to_link(request)));
            answers
                && claims.issuer == self.durable.account
                && claims.audience == *party.agent.did()
                && verifier.delegation(token).is_ok()
                && kinds.insert((claims.subject.clone(), claims.command.clone()))
        });
        ours.map(|token| ByteBuf::from(token.bytes())).collect()
    }
}

type Taken = Result<(), Failure>;

fn read(proofs: &[ByteBuf]) -> Result<Vec<Signed<Delegation>>, Failure> {
    let proofs = proofs.iter().map(|proof| Signed::decode(proof));
    let proofs: Result<_, _> = proofs.collect();
    proofs.map_err(|error: billet_ucan::TokenError| Failure::unbelievable(error.to_string()))
}

impl Machine for Login {
    type Output = Vec<Signed<Delegation>>;

    fn next(&mut self, party: &Party<'_>, moment: &Moment) -> Step<Self::Output> {
        if let Some(step) = self.attempts.gate(moment, || self.state()) {
            return step;
        }
        if let Phase::Done { proofs } = &self.durable.phase {
            return read(proofs).map_or_else(Step::Failed, Step::Done);
        }
        match self.request(party, moment) {
            Ok((request, asked)) => {
                self.asked = Some(asked);
                Step::Send(request)
            }
            Err(failure) => self.attempts.halt(failure, moment),
        }
    }

    fn recorded(&mut self) {
        self.attempts.recorded = true;
    }

    fn take(&mut self, party: &Party<'_>, moment: &Moment, answer: Answer) {
        let Some(asked) = self.asked.take() else {
            return;
        };
        let taken = match party.read(moment, &asked, &answer) {
            Ok(reply) => self.take_reply(party, moment, &reply),
            Err(failure) => Err(failure),
        };
        if let Err(failure) = taken {
            self.attempts.failed(failure, moment);
        }
    }

    fn retry(&mut self) {
        if let Some(Failure::TooLate(_)) = self.attempts.trouble() {
            self.durable.phase = Phase::Request;
        }
        self.attempts.retry();
    }

    fn trouble(&self) -> Option<&Failure> {
        self.attempts.trouble()
    }
}
