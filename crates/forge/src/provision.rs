//! Giving a space to an account, so that the service stores for it.
//!
//! Must never call a space provisioned because somebody was asked to: the service says so itself.

use billet_ucan::{Command, Delegation, Did, Ipld, Map, Policy, Signed, Signer, Token};
use serde::{Deserialize, Serialize};

use crate::exchange::{Answer, Request};
use crate::failure::Failure;
use crate::machine::{Asking, Course, Run, Taken};
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

/// What of a provisioning is made durable.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ProvisionState {
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
pub type Provision = Run<ProvisionState>;

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
        Ok(Self::of(ProvisionState {
            to_agent: give(agent, moment.nonce())?,
            to_account: give(&account, moment.other_nonce())?,
            space: space.did().clone(),
            account,
            phase: Phase::Provider,
        }))
    }

    /// The space.
    pub const fn space(&self) -> &Did {
        &self.course.space
    }

    /// What is being done, for people.
    pub const fn phase(&self) -> &'static str {
        match self.course.phase {
            Phase::Provider => "giving the space to the account",
            Phase::Delegate => "storing the account's right",
            Phase::Info => "asking whether the service stores for the space",
            Phase::Done => "done",
        }
    }
}

impl ProvisionState {
    fn ask(&self, party: &Party<'_>, moment: &Moment) -> Result<(Request, Asked), Failure> {
        let Self { space, account, .. } = self;
        let mut proofs = party.proofs.to_vec();
        proofs.push(read(&self.to_agent)?);
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
        match self.phase {
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
                let token = read(&self.to_account)?;
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
    ) -> Result<Taken, Failure> {
        let is_ours_already = |failure: &Failure| failure.name() == "ConsumerExists";
        self.phase = match (self.phase, reply) {
            (Phase::Provider, Ok(_)) => Phase::Delegate,
            // Whether it is this account's, the service tells at the end.
            (Phase::Provider, Err(failure)) if is_ours_already(&failure) => Phase::Delegate,
            (Phase::Delegate, Ok(_)) => Phase::Info,
            (Phase::Info, Ok(reply)) => {
                if !list(&reply.ok, "providers")?.contains(&to_text(party.service)) {
                    return Err(Failure::Refused {
                        name: "InsufficientStorage".to_owned(),
                        message: "the space has no provider".to_owned(),
                    });
                }
                Phase::Done
            }
            (Phase::Done, _) => return Ok(Taken::Stayed),
            (_, Err(failure)) => return Err(failure),
        };
        Ok(Taken::Moved)
    }

    fn done(&self) -> Result<Provisioned, Failure> {
        Ok(Provisioned {
            space: self.space.clone(),
            to_agent: read(&self.to_agent)?,
            to_account: read(&self.to_account)?,
        })
    }
}

fn read(bytes: &[u8]) -> Result<Signed<Delegation>, Failure> {
    Signed::decode(bytes).map_err(|error| Failure::unbelievable(error.to_string()))
}

impl Course for ProvisionState {
    type Output = Provisioned;

    fn output(&self) -> Option<Result<Provisioned, Failure>> {
        (self.phase == Phase::Done).then(|| self.done())
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
        match asked {
            Some(asked) => self.take_reply(party, party.read(moment, asked, answer)),
            None => Ok(Taken::Stayed),
        }
    }
}
