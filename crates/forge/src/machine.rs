//! What all machines have in common.
//!
//! Must never give up: a failed attempt makes a wait, and only people can end what never helps.

use billet_block::{decode, encode};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::backoff::wait_ms;
use crate::exchange::{Answer, Request};
use crate::failure::{Failure, Remedy};
use crate::party::{Asked, Moment, Party};

/// What is to be done next.
#[derive(Clone, Debug, PartialEq)]
pub enum Step<T> {
    /// Make these bytes durable, then say [`Machine::recorded`]. Until then nothing is sent.
    Record(Vec<u8>),
    /// Send this and give what comes to [`Machine::take`].
    Send(Request),
    /// Come back at this time, Unix milliseconds.
    Wait {
        /// The time.
        until_ms: u64,
    },
    /// It is done.
    Done(T),
    /// It cannot come off unless people change something; [`Machine::retry`] goes on.
    Failed(Failure),
}

/// Something that takes several exchanges.
pub trait Machine {
    /// What comes of it.
    type Output;

    /// What is to be done now. Asking twice is harmless.
    fn next(&mut self, party: &Party<'_>, moment: &Moment) -> Step<Self::Output>;

    /// The state is durable.
    fn recorded(&mut self);

    /// What came back for the request given last.
    fn take(&mut self, party: &Party<'_>, moment: &Moment, answer: Answer);

    /// Goes on after [`Step::Failed`], and at once after a failed attempt.
    fn retry(&mut self);

    /// Why the last attempt failed, for people.
    fn trouble(&self) -> Option<&Failure>;
}

/// What is particular to a machine: its durable state, what it asks for and what it makes of an
/// answer.
pub trait Course: Serialize + DeserializeOwned {
    /// What comes of it.
    type Output;

    /// What came of it, once it is done.
    fn output(&self) -> Option<Result<Self::Output, Failure>>;

    /// The next request, and what it asked where its answer is a receipt.
    ///
    /// # Errors
    /// Why nothing can be asked.
    fn request(&mut self, party: &Party<'_>, moment: &Moment) -> Asking;

    /// Takes an answer; says what that came to.
    ///
    /// # Errors
    /// Why the attempt failed.
    fn take(
        &mut self,
        party: &Party<'_>,
        moment: &Moment,
        asked: Option<&Asked>,
        answer: &Answer,
    ) -> Result<Taken, Failure>;

    /// It was read from its bytes: what was under way may have come off.
    fn resumed(&mut self) {}

    /// An attempt failed.
    fn failed(&mut self) {}

    /// People want it tried again after this trouble.
    fn retried(&mut self, _trouble: Option<&Failure>) {}
}

/// A request with what it asked.
pub(crate) type Asking = Result<(Request, Option<Asked>), Failure>;

/// What an answer came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Taken {
    /// A step came off: the state is to be made durable.
    Moved,
    /// Nothing that has to be durable; the next request may follow.
    Stayed,
    /// Nothing failed, but it is too early before this time, Unix milliseconds.
    Early(u64),
}

/// A machine: a [`Course`], and how often it was tried.
#[derive(Clone, Debug)]
pub struct Run<C> {
    pub(crate) course: C,
    attempts: Attempts,
    asked: Option<Asked>,
}

impl<C: Course> Run<C> {
    /// Goes on from the bytes of a [`Step::Record`].
    ///
    /// # Errors
    /// `Unbelievable` for bytes that are no such state.
    pub fn resume(state: &[u8]) -> Result<Self, Failure> {
        let course = decode(state).map_err(|error| Failure::unbelievable(error.to_string()))?;
        let mut run = Self::of(course);
        run.course.resumed();
        run.attempts.recorded = true;
        Ok(run)
    }

    pub(crate) fn of(course: C) -> Self {
        Self {
            course,
            attempts: Attempts::default(),
            asked: None,
        }
    }

    /// The state as it is now.
    ///
    /// # Errors
    /// Has no reason to fail.
    pub fn state(&self) -> Result<Vec<u8>, Failure> {
        encode(&self.course).map_err(|error| Failure::Impossible(error.to_string()))
    }
}

impl<C: Course> Machine for Run<C> {
    type Output = C::Output;

    fn next(&mut self, party: &Party<'_>, moment: &Moment) -> Step<C::Output> {
        if let Some(step) = self.attempts.gate(moment, || self.state()) {
            return step;
        }
        if let Some(output) = self.course.output() {
            return output.map_or_else(Step::Failed, Step::Done);
        }
        match self.course.request(party, moment) {
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
        match self.course.take(party, moment, asked.as_ref(), &answer) {
            Ok(Taken::Moved) => self.attempts.moved(),
            Ok(Taken::Stayed) => {}
            Ok(Taken::Early(time_ms)) => self.attempts.wait_until(time_ms),
            Err(failure) => {
                self.course.failed();
                self.attempts.failed(failure, moment);
            }
        }
    }

    fn retry(&mut self) {
        self.course.retried(self.attempts.trouble());
        self.attempts.retry();
    }

    fn trouble(&self) -> Option<&Failure> {
        self.attempts.trouble()
    }
}

/// What a machine knows beside its durable state; lost with the process, and nothing with it.
#[derive(Clone, Debug, Default, PartialEq)]
struct Attempts {
    failed: u32,
    not_before_ms: u64,
    trouble: Option<Failure>,
    stopped: bool,
    recorded: bool,
}

impl Attempts {
    /// What stands before the next request, if anything.
    fn gate<T>(
        &self,
        moment: &Moment,
        state: impl FnOnce() -> Result<Vec<u8>, Failure>,
    ) -> Option<Step<T>> {
        if let (true, Some(trouble)) = (self.stopped, &self.trouble) {
            return Some(Step::Failed(trouble.clone()));
        }
        if !self.recorded {
            return Some(state().map_or_else(Step::Failed, Step::Record));
        }
        let until_ms = self.not_before_ms;
        (moment.now_ms < until_ms).then_some(Step::Wait { until_ms })
    }

    fn failed(&mut self, failure: Failure, moment: &Moment) {
        let remedy = failure.remedy();
        self.failed = self.failed.saturating_add(1);
        let wait_ms = wait_ms(self.failed, remedy, moment.chance(), moment.retry_ms);
        self.not_before_ms = moment.now_ms.saturating_add(wait_ms);
        self.stopped = remedy == Remedy::Never;
        self.trouble = Some(failure);
    }

    /// A step came off: its state is to be made durable.
    fn moved(&mut self) {
        // How often it failed stays known: a later step that fails must not come back at once.
        self.recorded = false;
        self.not_before_ms = 0;
    }

    /// Nothing failed, but it is too early.
    fn wait_until(&mut self, time_ms: u64) {
        self.not_before_ms = time_ms;
    }

    /// After a failed attempt to ask: what stands before the next one.
    fn halt<T>(&mut self, failure: Failure, moment: &Moment) -> Step<T> {
        self.failed(failure.clone(), moment);
        match self.stopped {
            true => Step::Failed(failure),
            false => Step::Wait {
                until_ms: self.not_before_ms,
            },
        }
    }

    fn retry(&mut self) {
        self.stopped = false;
        self.failed = 0;
        self.not_before_ms = 0;
    }

    const fn trouble(&self) -> Option<&Failure> {
        self.trouble.as_ref()
    }
}
