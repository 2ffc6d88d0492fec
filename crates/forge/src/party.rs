//! Asking somebody for something, and believing the answer.
//!
//! Must never take a receipt whose issuer is not the one who was asked, nor one whose signature
//! does not hold: services hand out receipts of strangers.

use billet_block::{Cid, sha256};
use billet_ucan::{
    Command, Container, Delegation, Did, Invocation, Ipld, Map, Outcome, Packing, Resolver, Signed,
    Signer, Token, Verifier, find_chain,
};

use crate::exchange::{Answer, Body, CONTAINER_HEADER, CONTENT_TYPE, Method, Place, Request};
use crate::failure::Failure;

/// How long what is signed here is good, in seconds: services pass some of it on.
pub(crate) const LIFE_S: u64 = 300;

/// Who asks whom.
#[derive(Clone, Copy)]
pub struct Party<'a> {
    /// Signs what is asked.
    pub agent: &'a dyn Signer,
    /// The upload service.
    pub service: &'a Did,
    /// Whose keys are whose.
    pub resolver: &'a dyn Resolver,
    /// The delegations at hand.
    pub proofs: &'a [Signed<Delegation>],
}

/// A moment: the time, some chance, and how patient one is.
#[derive(Clone, Copy, Debug)]
pub struct Moment {
    /// Unix milliseconds.
    pub now_ms: u64,
    /// Fresh random bytes: no two moments may have the same.
    pub random: [u8; 32],
    /// How long it is waited after a first failure; all other waits are in proportion.
    pub retry_ms: u64,
}

/// The usual [`Moment::retry_ms`].
pub const RETRY_MS: u64 = 1_000;

impl Moment {
    pub(crate) const fn now_s(&self) -> u64 {
        self.now_ms / 1_000
    }

    /// The nonce of an invocation.
    pub(crate) fn nonce(&self) -> Vec<u8> {
        self.random.iter().take(16).copied().collect()
    }

    /// The nonce of another token signed beside it.
    pub(crate) fn other_nonce(&self) -> Vec<u8> {
        self.random.iter().skip(16).copied().collect()
    }

    pub(crate) fn chance(&self) -> u64 {
        let digest = sha256(&self.random);
        digest
            .first_chunk()
            .map_or(0, |bytes| u64::from_be_bytes(*bytes))
    }
}

/// A question: what is asked of whom. Its arguments, and the tokens that ride along.
#[derive(Clone, Debug)]
pub(crate) struct Question {
    pub(crate) command: &'static str,
    pub(crate) subject: Did,
    pub(crate) audience: Did,
    pub(crate) arguments: Map,
    pub(crate) meta: Option<Map>,
    pub(crate) beside: Vec<Token>,
}

/// What was asked: by it the answer is known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asked {
    /// The name of the task.
    pub task: Cid,
    /// Who was asked.
    pub executor: Did,
}

/// A believed answer.
#[derive(Clone, Debug)]
pub struct Reply {
    /// What the task gave.
    pub ok: Ipld,
    /// All that came with it; not checked.
    pub container: Container,
}

impl<'a> Party<'a> {
    pub(crate) fn verifier(&self, moment: &Moment) -> Verifier<'a> {
        Verifier {
            resolver: self.resolver,
            now_s: moment.now_s(),
        }
    }

    /// The delegations by which the agent may use a command on a subject, the subject's first.
    pub(crate) fn chain(
        &self,
        command: &Command,
        subject: &Did,
        moment: &Moment,
    ) -> Result<Vec<Signed<Delegation>>, Failure> {
        let us = self.agent.did();
        let chain = find_chain(self.proofs, us, command, subject, moment.now_s());
        let chain = chain.ok_or_else(|| Failure::NotAllowed(format!("{command} on {subject}")))?;
        Ok(chain.into_iter().cloned().collect())
    }

    /// Signs a question; gives its tokens.
    fn sign(&self, question: Question, moment: &Moment) -> Result<(Container, Asked), Failure> {
        let command = command(question.command)?;
        let chain = self.chain(&command, &question.subject, moment)?;
        let invocation = Invocation {
            issuer: self.agent.did().clone(),
            subject: question.subject,
            audience: Some(question.audience.clone()),
            command,
            arguments: question.arguments,
            proofs: chain.iter().map(Signed::link).collect(),
            nonce: moment.nonce(),
            expires_s: Some(moment.now_s() + LIFE_S),
            issued_s: None,
            cause: None,
            meta: question.meta,
        };
        let asked = Asked {
            task: invocation.task()?,
            executor: question.audience,
        };
        let mut container = Container::of(chain.into_iter().map(Token::from))?;
        container.add(Signed::new(invocation, self.agent)?)?;
        for token in question.beside {
            container.add(token)?;
        }
        Ok((container, asked))
    }

    /// A question to the upload service.
    pub(crate) fn ask(
        &self,
        question: Question,
        moment: &Moment,
    ) -> Result<(Request, Asked), Failure> {
        let (container, asked) = self.sign(question, moment)?;
        let content_type = ("content-type".to_owned(), CONTENT_TYPE.to_owned());
        let request = Request {
            method: Method::Post,
            place: Place::Service("/".to_owned()),
            headers: vec![content_type],
            body: Body::Bytes(container.to_body()?),
        };
        Ok((request, asked))
    }

    /// A question to a storage node, in a header.
    pub(crate) fn ask_for_bytes(
        &self,
        url: &str,
        question: Question,
        moment: &Moment,
    ) -> Result<(Request, Asked), Failure> {
        let (container, asked) = self.sign(question, moment)?;
        let packed = container.pack(Packing::GzipBase64)?;
        let packed = String::from_utf8(packed).map_err(|_| Failure::unbelievable("no text"))?;
        let request = Request {
            method: Method::Get,
            place: Place::Url(url.to_owned()),
            headers: vec![(CONTAINER_HEADER.to_owned(), packed)],
            body: Body::Empty,
        };
        Ok((request, asked))
    }

    /// What the service answered.
    ///
    /// # Errors
    /// As the variants of [`Failure`] say.
    pub fn read(&self, moment: &Moment, asked: &Asked, answer: &Answer) -> Result<Reply, Failure> {
        let container = container(answer)?;
        let ok = self.outcome(moment, asked, &container)?;
        Ok(Reply { ok, container })
    }

    /// What the one who was asked says of the task; others are not heard.
    pub(crate) fn outcome(
        &self,
        moment: &Moment,
        asked: &Asked,
        container: &Container,
    ) -> Result<Ipld, Failure> {
        let verifier = self.verifier(moment);
        let mut refused = Failure::unbelievable("no receipt");
        for receipt in container.answering(&asked.task) {
            match verifier.receipt(receipt, &asked.task, &asked.executor) {
                Ok(Outcome::Ok(value)) => return Ok(value.clone()),
                Ok(outcome) => refused = Failure::of_outcome(outcome),
                Err(refusal) if refused.name().is_empty() => refused = refusal.into(),
                Err(_) => {}
            }
        }
        Err(refused)
    }
}

/// The container in the body of an answer.
pub(crate) fn container(answer: &Answer) -> Result<Container, Failure> {
    match answer {
        Answer::Lost => Err(Failure::Lost),
        Answer::Whole {
            status: 200, body, ..
        } => Ok(Container::from_body(body)?),
        Answer::Whole { status, .. } => Err(Failure::Status(*status)),
    }
}

pub(crate) fn command(text: &str) -> Result<Command, Failure> {
    text.parse()
        .map_err(|_| Failure::Impossible(format!("the command {text}")))
}
