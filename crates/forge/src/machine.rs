//! What all machines have in common.
//!
//! Must never give up: a failed attempt makes a wait, and only people can end what never helps.

use crate::backoff::wait_ms;
use crate::exchange::{Answer, Request};
use crate::failure::{Failure, Remedy};
use crate::party::{Moment, Party};

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

/// What a machine knows beside its durable state; lost with the process, and nothing with it.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Attempts {
    failed: u32,
    not_before_ms: u64,
    trouble: Option<Failure>,
    stopped: bool,
    pub(crate) recorded: bool,
}

impl Attempts {
    /// What stands before the next request, if anything.
    pub(crate) fn gate<T>(
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

    pub(crate) fn failed(&mut self, failure: Failure, moment: &Moment) {
        let remedy = failure.remedy();
        self.failed = self.failed.saturating_add(1);
        let wait_ms = wait_ms(self.failed, remedy, moment.chance(), moment.retry_ms);
        self.not_before_ms = moment.now_ms.saturating_add(wait_ms);
        self.stopped = remedy == Remedy::Never;
        self.trouble = Some(failure);
    }

    /// A step came off: its state is to be made durable.
    pub(crate) fn moved(&mut self) {
        // How often it failed stays known: a later step that fails must not come back at once.
        self.recorded = false;
        self.not_before_ms = 0;
    }

    /// Nothing failed, but it is too early.
    pub(crate) fn wait_until(&mut self, time_ms: u64) {
        self.not_before_ms = time_ms;
    }

    /// After a failed attempt to ask: what stands before the next one.
    pub(crate) fn halt<T>(&mut self, failure: Failure, moment: &Moment) -> Step<T> {
        self.failed(failure.clone(), moment);
        match self.stopped {
            true => Step::Failed(failure),
            false => Step::Wait {
                until_ms: self.not_before_ms,
            },
        }
    }

    pub(crate) fn retry(&mut self) {
        self.stopped = false;
        self.failed = 0;
        self.not_before_ms = 0;
    }

    pub(crate) const fn trouble(&self) -> Option<&Failure> {
        self.trouble.as_ref()
    }
}
