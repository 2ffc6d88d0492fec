//! The upload of one blob, from `/blob/add` to the node's commitment.
//!
//! A doubt is answered by a new add, which takes up whatever was reached: the service knows what
//! was accepted, the node knows what bytes it has. Must never send anything before the state that
//! leads to it is durable, and never call a blob stored without the node's own signed word.

use billet_ucan::Did;
use serde::{Deserialize, Serialize};

use crate::add::{Added, Address, Chain};
use crate::blob::Blob;
use crate::claim::accepted;
use crate::commitment::Commitment;
use crate::exchange::{Answer, Body, Method, Place, Request};
use crate::failure::Failure;
use crate::machine::{Asking, Course, Run, Taken};
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

/// The state of an upload; what is skipped is not made durable, and nothing is lost with it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct UploadState {
    space: Did,
    blob: Blob,
    phase: Phase,
    /// A conclude may have been heard already: ask for the receipt first.
    #[serde(skip, default = "may_be")]
    may_be_told: bool,
    /// The service says that the node accepted, but has no word of the node to show for it: asked
    /// to conclude again, it has the node say it again.
    #[serde(skip)]
    in_doubt: bool,
    #[serde(skip)]
    polls: u32,
}

const fn may_be() -> bool {
    true
}

/// The upload of one blob. What is made of [`Upload::new`] or [`Upload::resume`] ends in the same
/// [`Commitment`], with no blob accepted twice.
pub type Upload = Run<UploadState>;

impl Upload {
    /// A new upload to a space.
    ///
    /// # Errors
    /// `Impossible` for a blob that no node takes.
    pub fn new(space: Did, blob: Blob) -> Result<Self, Failure> {
        Ok(Self::of(UploadState {
            space,
            blob: blob.checked()?,
            phase: Phase::Add,
            may_be_told: may_be(),
            in_doubt: false,
            polls: 0,
        }))
    }

    /// What is uploaded.
    pub const fn blob(&self) -> &Blob {
        &self.course.blob
    }

    /// What is being done, for people.
    pub const fn phase(&self) -> &'static str {
        match self.course.phase {
            Phase::Add => "add",
            Phase::Put { .. } => "put",
            Phase::Conclude { .. } => "conclude",
            Phase::Await { .. } => "await",
            Phase::Done { .. } => "done",
        }
    }
}

impl UploadState {
    fn moved(&mut self, phase: Phase) -> Taken {
        self.phase = phase;
        self.polls = 0;
        self.may_be_told = false;
        Taken::Moved
    }

    fn add(&self, party: &Party<'_>, moment: &Moment) -> Result<(Request, Asked), Failure> {
        let question = Question {
            command: "/blob/add",
            subject: self.space.clone(),
            audience: party.service.clone(),
            arguments: to_map([("blob", self.blob.to_ipld())]),
            meta: None,
            beside: Vec::new(),
        };
        party.ask(question, moment)
    }

    fn take_add(
        &mut self,
        party: &Party<'_>,
        moment: &Moment,
        reply: &Reply,
    ) -> Result<Taken, Failure> {
        let Self { space, blob, .. } = &*self;
        let added = Added::read(party, moment, space, blob, reply)?;
        let chain = added.chain;
        // The word may have come along. When what came is wrong, the receipt's own route decides.
        let word = accepted(party, moment, &chain, space, blob, &reply.container);
        if let Ok(Some(commitment)) = word {
            return Ok(self.done(&commitment));
        }
        let phase = match added.address {
            _ if added.is_put && self.in_doubt => Phase::Conclude { chain },
            _ if added.is_put => Phase::Await { chain },
            Some(address) => Phase::Put { chain, address },
            None => Phase::Conclude { chain },
        };
        self.in_doubt = false;
        Ok(self.moved(phase))
    }

    fn take_put(&mut self, answer: &Answer, chain: Chain) -> Result<Taken, Failure> {
        match answer {
            Answer::Lost => Err(Failure::Lost),
            Answer::Whole {
                status: 200..=299, ..
            } => Ok(self.moved(Phase::Conclude { chain })),
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
    ) -> Result<Taken, Failure> {
        if *answer == Answer::Lost {
            // It may have been heard: look for the receipt before saying it again.
            self.may_be_told = true;
            return Ok(Taken::Stayed);
        }
        let reply = party.read(moment, asked, answer)?;
        let Self { space, blob, .. } = &*self;
        let word = accepted(party, moment, &chain, space, blob, &reply.container);
        Ok(match word {
            Ok(Some(commitment)) => self.done(&commitment),
            _ => self.moved(Phase::Await { chain }),
        })
    }

    fn take_receipt(
        &mut self,
        party: &Party<'_>,
        moment: &Moment,
        answer: &Answer,
        chain: &Chain,
    ) -> Result<Taken, Failure> {
        let Self {
            space,
            blob,
            phase,
            in_doubt,
            ..
        } = self;
        let found = match answer {
            Answer::Whole { status: 404, .. } => Ok(None),
            answer => container(answer).and_then(|container| {
                let found = accepted(party, moment, chain, space, blob, &container);
                // What cannot be read is an answer gone wrong; this is a word gone wrong.
                *in_doubt = found.is_err();
                found
            }),
        };
        let found = match found {
            // The service could not say; nothing is wrong with the upload.
            Err(Failure::Lost | Failure::Status(_)) => Ok(None),
            found => found,
        };
        if let Some(commitment) = found? {
            return Ok(self.done(&commitment));
        }
        if let (Phase::Conclude { .. }, Answer::Whole { status: 404, .. }) = (phase, answer) {
            self.may_be_told = false;
            return Ok(Taken::Stayed);
        }
        self.polls += 1;
        if self.polls >= POLLS_MAX {
            self.in_doubt = true;
            return Err(Failure::unbelievable("no receipt of the node"));
        }
        let wait_ms = moment.retry_ms.saturating_mul(self.polls.into());
        let until_ms = moment.now_ms.saturating_add(wait_ms);
        Ok(Taken::Early(until_ms))
    }

    fn done(&mut self, commitment: &Commitment) -> Taken {
        self.moved(Phase::Done {
            commitment: commitment.bytes().to_vec(),
        })
    }
}

impl Course for UploadState {
    type Output = Commitment;

    fn output(&self) -> Option<Result<Commitment, Failure>> {
        match &self.phase {
            Phase::Done { commitment } => Some(Commitment::from_bytes(commitment)),
            _ => None,
        }
    }

    fn request(&mut self, party: &Party<'_>, moment: &Moment) -> Asking {
        if let Phase::Put { address, .. } = &self.phase
            && address.expires_s <= moment.now_s()
        {
            self.phase = Phase::Add;
        }
        match &self.phase {
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
                    body: Body::Blob(self.blob),
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

    fn take(
        &mut self,
        party: &Party<'_>,
        moment: &Moment,
        asked: Option<&Asked>,
        answer: &Answer,
    ) -> Result<Taken, Failure> {
        match (self.phase.clone(), asked) {
            (Phase::Add, Some(asked)) => {
                let reply = party.read(moment, asked, answer)?;
                self.take_add(party, moment, &reply)
            }
            (Phase::Put { chain, .. }, None) => self.take_put(answer, chain),
            (Phase::Conclude { chain }, Some(asked)) => {
                self.take_conclude(party, moment, answer, chain, asked)
            }
            (Phase::Conclude { chain } | Phase::Await { chain }, None) => {
                self.take_receipt(party, moment, answer, &chain)
            }
            // An answer to nothing.
            _ => Ok(Taken::Stayed),
        }
    }

    fn resumed(&mut self) {
        if let Phase::Put { .. } = self.phase {
            // Whether the bytes arrived, a new add tells.
            self.phase = Phase::Add;
        }
    }

    /// Begins anew after a while.
    fn failed(&mut self) {
        self.phase = Phase::Add;
        self.polls = 0;
    }
}
