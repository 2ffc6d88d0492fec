//! The upload of one blob, from `/blob/add` to the node's commitment.
//!
//! A doubt is answered by a new add, which takes up whatever was reached: the service knows what
//! was accepted, the node knows what bytes it has. Must never send anything before the state that
//! leads to it is durable, and never call a blob stored without the node's own signed word.

use billet_block::{decode, encode};
use billet_ucan::Did;
use serde::{Deserialize, Serialize};

use crate::add::{Added, Address, Chain};
use crate::blob::Blob;
use crate::claim::accepted;
use crate::commitment::Commitment;
use crate::exchange::{Answer, Body, Method, Place, Request};
use crate::failure::Failure;
use crate::machine::{Attempts, Machine, Step};
use crate::party::{Asked, Moment, Party, Question, Reply, container};
use crate::put::conclude;
use crate::values::to_map;

/// How often the service is asked for a receipt before the upload begins anew.
const POLLS_MAX: u32 = 10;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
enum Phase {
    /// Nothing is known.
    Add,
    /// The bytes go to the node.
    Put { chain: Chain, address: Address },
    /// The bytes are there; the service has to be told, or was.
    Conclude { chain: Chain },
    /// The service was told; the node's word is to be fetched.
    Await { chain: Chain },
    /// The node's word.
    Done {
        #[serde(with = "serde_bytes")]
        commitment: Vec<u8>,
    },
}

/// What of the state is made durable.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Durable {
    space: Did,
    blob: Blob,
    phase: Phase,
}

/// The upload of one blob. What is made of [`Upload::new`] or [`Upload::resume`] ends in the same
/// [`Commitment`], with no blob accepted twice.
#[derive(Clone, Debug)]
pub struct Upload {
    durable: Durable,
    attempts: Attempts,
    asked: Option<Asked>,
    /// A conclude may have been heard already: ask for the receipt first.
    may_be_told: bool,
    /// The service says that the node accepted, but has no word of the node to show for it: asked
    /// to conclude again, it has the node say it again.
    in_doubt: bool,
    polls: u32,
}

impl Upload {
    /// A new upload to a space.
    ///
    /// # Errors
    /// `Impossible` for a blob that no node takes.
    pub fn new(space: Did, blob: Blob) -> Result<Self, Failure> {
        let blob = blob.checked()?;
        let phase = Phase::Add;
        Ok(Self::of(Durable { space, blob, phase }))
    }

    /// Goes on from the bytes of a [`Step::Record`].
    ///
    /// # Errors
    /// `Unbelievable` for bytes that are no such state.
    pub fn resume(state: &[u8]) -> Result<Self, Failure> {
        let mut durable: Durable =
            decode(state).map_err(|error| Failure::unbelievable(error.to_string()))?;
        if let Phase::Put { .. } = durable.phase {
            // Whether the bytes arrived, a new add tells.
            durable.phase = Phase::Add;
        }
        let mut upload = Self::of(durable);
        upload.attempts.recorded = true;
        Ok(upload)
    }

    fn of(durable: Durable) -> Self {
        Self {
            durable,
            attempts: Attempts::default(),
            asked: None,
            may_be_told: true,
            in_doubt: false,
            polls: 0,
        }
    }

    /// The state as it is now.
    ///
    /// # Errors
    /// Has no reason to fail.
    pub fn state(&self) -> Result<Vec<u8>, Failure> {
        encode(&self.durable).map_err(|error| Failure::Impossible(error.to_string()))
    }

    /// The space that the blob goes to.
    pub const fn space(&self) -> &Did {
        &self.durable.space
    }

    /// What is uploaded.
    pub const fn blob(&self) -> &Blob {
        &self.durable.blob
    }

    /// What is being done, for people.
    pub const fn phase(&self) -> &'static str {
        match self.durable.phase {
            Phase::Add => "add",
            Phase::Put { .. } => "put",
            Phase::Conclude { .. } => "conclude",
            Phase::Await { .. } => "await",
            Phase::Done { .. } => "done",
        }
    }

    fn moved(&mut self, phase: Phase) {
        self.durable.phase = phase;
        self.attempts.moved();
        self.polls = 0;
        self.may_be_told = false;
    }

    /// An attempt failed: begin anew after a while.
    fn failed(&mut self, failure: Failure, moment: &Moment) {
        self.durable.phase = Phase::Add;
        self.polls = 0;
        self.attempts.failed(failure, moment);
    }

    fn request(
        &mut self,
        party: &Party<'_>,
        moment: &Moment,
    ) -> Result<(Request, Option<Asked>), Failure> {
        match &self.durable.phase {
            Phase::Add | Phase::Done { .. } => {
                let (request, asked) = self.add(party, moment)?;
                Ok((request, Some(asked)))
            }
            Phase::Put { address, .. } => {
                let headers = address.headers.clone().into_iter();
                let request = Request {
                    method: Method::Put,
                    place: Place::Url(address.url.clone()),
                    headers: headers.collect(),
                    body: Body::Blob(self.durable.blob),
                };
                Ok((request, None))
            }
            Phase::Conclude { chain } if !self.may_be_told => {
                let (request, asked) = conclude(party, moment, chain)?;
                Ok((request, Some(asked)))
            }
            Phase::Conclude { chain } | Phase::Await { chain } => {
                let request = Request {
                    method: Method::Get,
                    place: Place::Service(format!("/receipt/{}", chain.accept)),
                    headers: Vec::new(),
                    body: Body::Empty,
                };
                Ok((request, None))
            }
        }
    }

    fn add(&self, party: &Party<'_>, moment: &Moment) -> Result<(Request, Asked), Failure> {
        let question = Question {
            command: "/blob/add",
            subject: self.durable.space.clone(),
            audience: party.service.clone(),
            arguments: to_map([("blob", self.durable.blob.to_ipld())]),
            meta: None,
            beside: Vec::new(),
        };
        party.ask(question, moment)
    }

    fn take_add(&mut self, party: &Party<'_>, moment: &Moment, reply: &Reply) -> Taken {
        let Durable { space, blob, .. } = &self.durable;
        let added = Added::read(party, moment, space, blob, reply)?;
        let chain = added.chain;
        // The word may have come along. When what came is wrong, the receipt's own route decides.
        let word = accepted(party, moment, &chain, space, blob, &reply.container);
        if let Ok(Some(commitment)) = word {
            self.done(&commitment);
            return Ok(());
        }
        let phase = match added.address {
            _ if added.is_put && self.in_doubt => Phase::Conclude { chain },
            _ if added.is_put => Phase::Await { chain },
            Some(address) => Phase::Put { chain, address },
            None => Phase::Conclude { chain },
        };
        self.moved(phase);
        self.in_doubt = false;
        Ok(())
    }

    fn take_put(&mut self, answer: &Answer, chain: Chain) -> Taken {
        match answer {
            Answer::Lost => Err(Failure::Lost),
            Answer::Whole {
                status: 200..=299, ..
            } => {
                self.moved(Phase::Conclude { chain });
                Ok(())
            }
            Answer::Whole { status, .. } => Err(Failure::Status(*status)),
        }
    }

    fn take_conclude(
        &mut self,
        party: &Party<'_>,
        moment: &Moment,
        answer: &Answer,
        chain: Chain,
        asked: &Asked,
    ) -> Taken {
        if *answer == Answer::Lost {
            // It may have been heard: look for the receipt before saying it again.
            self.may_be_told = true;
            return Ok(());
        }
        let reply = party.read(moment, asked, answer)?;
        self.moved(Phase::Await {
            chain: chain.clone(),
        });
        let Durable { space, blob, .. } = &self.durable;
        if let Ok(Some(commitment)) = accepted(party, moment, &chain, space, blob, &reply.container)
        {
            self.done(&commitment);
        }
        Ok(())
    }

    fn take_receipt(
        &mut self,
        party: &Party<'_>,
        moment: &Moment,
        answer: &Answer,
        chain: &Chain,
    ) -> Taken {
        let Durable { space, blob, phase } = &self.durable;
        let found = match answer {
            Answer::Whole { status: 404, .. } => Ok(None),
            answer => container(answer).and_then(|container| {
                let found = accepted(party, moment, chain, space, blob, &container);
                // What cannot be read is an answer gone wrong; this is a word gone wrong.
                self.in_doubt = found.is_err();
                found
            }),
        };
        let found = match found {
            // The service could not say; nothing is wrong with the upload.
            Err(Failure::Lost | Failure::Status(_)) => Ok(None),
            found => found,
        };
        if let Some(commitment) = found? {
            self.done(&commitment);
            return Ok(());
        }
        if let (Phase::Conclude { .. }, Answer::Whole { status: 404, .. }) = (phase, answer) {
            self.may_be_told = false;
            return Ok(());
        }
        self.polls += 1;
        if self.polls >= POLLS_MAX {
            self.in_doubt = true;
            return Err(Failure::unbelievable("no receipt of the node"));
        }
        let wait_ms = moment.retry_ms.saturating_mul(self.polls.into());
        let until_ms = moment.now_ms.saturating_add(wait_ms);
        self.attempts.wait_until(until_ms);
        Ok(())
    }

    fn done(&mut self, commitment: &Commitment) {
        self.moved(Phase::Done {
            commitment: commitment.bytes().to_vec(),
        });
    }
}

type Taken = Result<(), Failure>;

impl Machine for Upload {
    type Output = Commitment;

    fn next(&mut self, party: &Party<'_>, moment: &Moment) -> Step<Commitment> {
        if let Some(step) = self.attempts.gate(moment, || self.state()) {
            return step;
        }
        if let Phase::Done { commitment } = &self.durable.phase {
            return Commitment::from_bytes(commitment).map_or_else(Step::Failed, Step::Done);
        }
        if let Phase::Put { address, .. } = &self.durable.phase
            && address.expires_s <= moment.now_s()
        {
            self.durable.phase = Phase::Add;
        }
        match self.request(party, moment) {
            Ok((request, asked)) => {
                self.asked = asked;
                Step::Send(request)
            }
            Err(failure) => self.attempts.halt(failure, moment),
        }
    }

    fn recorded(&mut self) {
        self.attempts.recorded = true;
    }

    fn take(&mut self, party: &Party<'_>, moment: &Moment, answer: Answer) {
        let asked = self.asked.take();
        let taken = match (self.durable.phase.clone(), asked) {
            (Phase::Add, Some(asked)) => match party.read(moment, &asked, &answer) {
                Ok(reply) => self.take_add(party, moment, &reply),
                Err(failure) => Err(failure),
            },
            (Phase::Put { chain, .. }, None) => self.take_put(&answer, chain),
            (Phase::Conclude { chain }, Some(asked)) => {
                self.take_conclude(party, moment, &answer, chain, &asked)
            }
            (Phase::Conclude { chain } | Phase::Await { chain }, None) => {
                self.take_receipt(party, moment, &answer, &chain)
            }
            // An answer to nothing.
            _ => Ok(()),
        };
        if let Err(failure) = taken {
            self.failed(failure, moment);
        }
    }

    fn retry(&mut self) {
        self.attempts.retry();
    }

    fn trouble(&self) -> Option<&Failure> {
        self.attempts.trouble()
    }
}
