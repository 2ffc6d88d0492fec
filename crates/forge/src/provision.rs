//! Giving a space to an account, so that the service stores for it.
//!
//! Must never call a space provisioned because somebody was asked to: the service says so itself.

use billet_block::{decode, encode};
use billet_ucan::{Command, Delegation, Did, Ipld, Map, Policy, Signed, Signer, Token};
use serde::{Deserialize, Serialize};

use crate::exchange::{Answer, Request};
use crate::failure::Failure;
use crate::machine::{Attempts, Machine, Step};
use crate::party::{Asked, Moment, Party, Question, Reply};
use crate::publish::space_info;
use crate::values::{list, to_link, to_map, to_text};

#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
enum Phase {
    /// The account is to take the space.
    Provider,
    /// The space's delegation to the account is to be stored.
    Delegate,
    /// The service is asked whether it stores for the space.
    Info,
    Done,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Durable {
    space: Did,
    account: Did,
    #[serde(with = "serde_bytes")]
    to_agent: Vec<u8>,
    #[serde(with = "serde_bytes")]
    to_account: Vec<u8>,
    phase: Phase,
}

/// What a provisioned space gave.
#[derive(Clone, Debug, PartialEq)]
pub struct Provisioned {
    /// The space.
    pub space: Did,
    /// What the agent may do: everything, for good.
    pub to_agent: Signed<Delegation>,
    /// What the account may do: everything, for good.
    pub to_account: Signed<Delegation>,
}

/// The provisioning of a space.
#[derive(Clone, Debug)]
pub struct Provision {
    durable: Durable,
    attempts: Attempts,
    asked: Option<Asked>,
}

impl Provision {
    /// Gives a space, named `name` for people, to an account (a `did:mailto` that the agent is
    /// logged in to) and to the agent.
    ///
    /// # Errors
    /// `Unsigned` without the key of the space.
    pub fn new(
        space: &dyn Signer,
        agent: &Did,
        account: Did,
        name: &str,
        moment: &Moment,
    ) -> Result<Self, Failure> {
        let give = |audience: &Did, nonce| {
            let delegation = Delegation {
                issuer: space.did().clone(),
                audience: audience.clone(),
                subject: Some(space.did().clone()),
                command: Command::all(),
                policy: Policy::default(),
                nonce,
                expires_s: None,
                not_before_s: None,
                meta: Some(to_map([("name", to_text(&name))])),
            };
            Signed::new(delegation, space).map(|token| token.bytes().to_vec())
        };
        Ok(Self::of(Durable {
            to_agent: give(agent, moment.nonce())?,
            to_account: give(&account, moment.other_nonce())?,
            space: space.did().clone(),
            account,
            phase: Phase::Provider,
        }))
    }

    /// Goes on from the bytes of a [`Step::Record`].
    ///
    /// # Errors
    /// `Unbelievable` for bytes that are no such state.
    pub fn resume(state: &[u8]) -> Result<Self, Failure> {
        let durable = decode(state).map_err(|error| Failure::unbelievable(error.to_string()))?;
        let mut provision = Self::of(durable);
        provision.attempts.recorded = true;
        Ok(provision)
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

    /// The space.
    pub const fn space(&self) -> &Did {
        &self.durable.space
    }

    /// What is being done, for people.
    pub const fn phase(&self) -> &'static str {
        match self.durable.phase {
            Phase::Provider => "giving the space to the account",
            Phase::Delegate => "storing the account's right",
            Phase::Info => "asking whether the service stores for the space",
            Phase::Done => "done",
        }
    }

    fn moved(&mut self, phase: Phase) {
        self.durable.phase = phase;
        self.attempts.moved();
    }

    fn request(&self, party: &Party<'_>, moment: &Moment) -> Result<(Request, Asked), Failure> {
        let Durable { space, account, .. } = &self.durable;
        let mut proofs = party.proofs.to_vec();
        proofs.push(read(&self.durable.to_agent)?);
        let party = Party {
            proofs: &proofs,
            ..*party
        };
        let question = |command, subject: &Did, arguments: Map, beside| Question {
            command,
            subject: subject.clone(),
            audience: party.service.clone(),
            arguments,
            meta: None,
            beside,
        };
        match self.durable.phase {
            Phase::Provider => {
                let arguments = to_map([
                    ("provider", to_text(party.service)),
                    ("consumer", to_text(space)),
                ]);
                party.ask(
                    question("/provider/add", account, arguments, Vec::new()),
                    moment,
                )
            }
            Phase::Delegate => {
                let token = read(&self.durable.to_account)?;
                let links = Ipld::List(vec![to_link(&token.link())]);
                let arguments = to_map([("delegations", links)]);
                let beside = vec![Token::from(token)];
                party.ask(
                    question("/access/delegate", space, arguments, beside),
                    moment,
                )
            }
            Phase::Info | Phase::Done => space_info(&party, moment, space),
        }
    }

    fn take_reply(
        &mut self,
        party: &Party<'_>,
        reply: Result<Reply, Failure>,
    ) -> Result<(), Failure> {
        let is_ours_already = |failure: &Failure| failure.name() == "ConsumerExists";
        match (self.durable.phase, reply) {
            (Phase::Provider, Ok(_)) => self.moved(Phase::Delegate),
            // Whether it is this account's, the service tells at the end.
            (Phase::Provider, Err(failure)) if is_ours_already(&failure) => {
                self.moved(Phase::Delegate);
            }
            (Phase::Delegate, Ok(_)) => self.moved(Phase::Info),
            (Phase::Info, Ok(reply)) => {
                if !list(&reply.ok, "providers")?.contains(&to_text(party.service)) {
                    return Err(Failure::Refused {
                        name: "InsufficientStorage".to_owned(),
                        message: "the space has no provider".to_owned(),
                    });
                }
                self.moved(Phase::Done);
            }
            (Phase::Done, _) => {}
            (_, Err(failure)) => return Err(failure),
        }
        Ok(())
    }
}

fn read(bytes: &[u8]) -> Result<Signed<Delegation>, Failure> {
    Signed::decode(bytes).map_err(|error| Failure::unbelievable(error.to_string()))
}

impl Machine for Provision {
    type Output = Provisioned;

    fn next(&mut self, party: &Party<'_>, moment: &Moment) -> Step<Provisioned> {
        if let Some(step) = self.attempts.gate(moment, || self.state()) {
            return step;
        }
        if self.durable.phase == Phase::Done {
            let done = || {
                Ok(Provisioned {
                    space: self.durable.space.clone(),
                    to_agent: read(&self.durable.to_agent)?,
                    to_account: read(&self.durable.to_account)?,
                })
            };
            return done().map_or_else(Step::Failed, Step::Done);
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
        let reply = party.read(moment, &asked, &answer);
        if let Err(failure) = self.take_reply(party, reply) {
            self.attempts.failed(failure, moment);
        }
    }

    fn retry(&mut self) {
        self.attempts.retry();
    }

    fn trouble(&self) -> Option<&Failure> {
        self.attempts.trouble()
    }
}
