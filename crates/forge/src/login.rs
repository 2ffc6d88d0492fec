//! Logging in by mail: the account lets the agent act for it.
//!
//! Must never keep a delegation that is not from this account, for this agent, in answer to this
//! request and attested by the service.

use std::collections::BTreeSet;

use billet_block::Cid;
use billet_ucan::{Delegation, Did, Ipld, Map, Signed};
use serde::{Deserialize, Serialize};
use serde_bytes::ByteBuf;

use crate::exchange::{Answer, Request};
use crate::failure::Failure;
use crate::machine::{Asking, Course, Run, Taken};
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

/// What of a login is made durable.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LoginState {
    account: Did,
    phase: Phase,
}

/// A login. Gives the delegations to keep: the account's to the agent, and those of spaces to the
/// account.
pub type Login = Run<LoginState>;

impl Login {
    /// A new login to an account, a `did:mailto`.
    pub fn new(account: Did) -> Self {
        Self::of(LoginState {
            account,
            phase: Phase::Request,
        })
    }

    /// The account.
    pub const fn account(&self) -> &Did {
        &self.course.account
    }

    /// What is being waited for, for people.
    pub const fn phase(&self) -> &'static str {
        match self.course.phase {
            Phase::Request => "request",
            Phase::Claim { .. } => "waiting for the link in the mail to be followed",
            Phase::Account { .. } => "account",
            Phase::Done { .. } => "done",
        }
    }
}

impl LoginState {
    fn ask(&self, party: &Party<'_>, moment: &Moment) -> Result<(Request, Asked), Failure> {
        let us = party.agent.did();
        let question = |command, subject: &Did, arguments| Question {
            command,
            subject: subject.clone(),
            audience: party.service.clone(),
            arguments,
            meta: None,
            beside: Vec::new(),
        };
        match &self.phase {
            Phase::Request => {
                let all = Ipld::Map(to_map([("cmd", to_text(&"/"))]));
                let arguments = to_map([
                    ("iss", to_text(&self.account)),
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
                let question = question("/access/claim", &self.account, Map::new());
                party.ask(question, moment)
            }
        }
    }

    fn take_reply(
        &mut self,
        party: &Party<'_>,
        moment: &Moment,
        reply: &Reply,
    ) -> Result<Taken, Failure> {
        self.phase = match self.phase.clone() {
            Phase::Request => {
                let request = link(&reply.ok, "req")?;
                let until_s = number(&reply.ok, "exp")?;
                Phase::Claim { request, until_s }
            }
            Phase::Claim { request, until_s } => {
                let proofs = self.granted(party, moment, &request, reply);
                if !proofs.is_empty() {
                    Phase::Account { proofs }
                } else if moment.now_s() > until_s {
                    let what = "the link in the mail was not followed".to_owned();
                    return Err(Failure::TooLate(what));
                } else {
                    let until_ms = moment.now_ms.saturating_add(moment.retry_ms);
                    return Ok(Taken::Early(until_ms));
                }
            }
            Phase::Account { mut proofs } => {
                let verifier = party.verifier(moment);
                let ours = reply.container.delegations().filter(|token| {
                    let good = verifier.delegation(token).is_ok();
                    good && token.claims().audience == self.account
                });
                proofs.extend(ours.map(|token| ByteBuf::from(token.bytes())));
                Phase::Done { proofs }
            }
            Phase::Done { .. } => return Ok(Taken::Stayed),
        };
        Ok(Taken::Moved)
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
                && claims.issuer == self.account
                && claims.audience == *party.agent.did()
                && verifier.delegation(token).is_ok()
                && kinds.insert((claims.subject.clone(), claims.command.clone()))
        });
        ours.map(|token| ByteBuf::from(token.bytes())).collect()
    }
}

fn read(proofs: &[ByteBuf]) -> Result<Vec<Signed<Delegation>>, Failure> {
    let proofs = proofs.iter().map(|proof| Signed::decode(proof));
    let proofs: Result<_, _> = proofs.collect();
    proofs.map_err(|error: billet_ucan::TokenError| Failure::unbelievable(error.to_string()))
}

impl Course for LoginState {
    type Output = Vec<Signed<Delegation>>;

    fn output(&self) -> Option<Result<Self::Output, Failure>> {
        match &self.phase {
            Phase::Done { proofs } => Some(read(proofs)),
            _ => None,
        }
    }

    fn request(&mut self, party: &Party<'_>, moment: &Moment) -> Asking {
        let (request, asked) = self.ask(party, moment)?;
        Ok((request, Some(asked)))
    }

    fn take(
        &mut self,
        party: &Party<'_>,
        moment: &Moment,
        asked: Option<&Asked>,
        answer: &Answer,
    ) -> Result<Taken, Failure> {
        let Some(asked) = asked else {
            return Ok(Taken::Stayed);
        };
        let reply = party.read(moment, asked, answer)?;
        self.take_reply(party, moment, &reply)
    }

    fn retried(&mut self, trouble: Option<&Failure>) {
        if let Some(Failure::TooLate(_)) = trouble {
            self.phase = Phase::Request;
        }
    }
}
