//! Calls of `apply` that wait for one log are joined into one.
//!
//! At most one call a log is in flight; what arrives meanwhile makes up the next one, op lists one
//! after another, and the outcomes are shared out by count. Must never read an op, and never run
//! one twice.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::oneshot;

use crate::bindings::exports::billet::bucket::changes::{Done, Op};
use crate::bindings::exports::billet::bucket::objects::Refusal;
use crate::metrics::Metrics;
use crate::mst::{Lost, Mst};

/// Calls that are joined at most.
const JOINED_CALLS_MAX: usize = 64;

/// How often a round of calls is let in before it is taken.
const ROUNDS_MAX: usize = 8;

/// What became of an op.
pub(crate) type Outcome = Result<Done, Refusal>;

struct Waiting {
    ops: Vec<Op>,
    answer: oneshot::Sender<Result<Vec<Outcome>, Lost>>,
}

/// Calls that wait, by log. A log is in the table while a task works for it.
#[derive(Default)]
pub(crate) struct Joiner(Mutex<HashMap<String, Vec<Waiting>>>);

impl Joiner {
    /// Adds a call; whether a task must be started for its log.
    fn push(&self, log: &str, waiting: Waiting) -> bool {
        let mut table = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(queue) = table.get_mut(log) {
            queue.push(waiting);
            return false;
        }
        table.insert(log.to_owned(), vec![waiting]);
        true
    }

    /// How many calls wait.
    fn waiting(&self, log: &str) -> usize {
        let table = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        table.get(log).map_or(0, Vec::len)
    }

    /// Lets those in who are about to call, as long as more come: a commit costs its syncs however
    /// many share it. Where nobody else is busy this is over at once.
    async fn let_in(&self, log: &str) {
        let mut before = 0;
        for _ in 0..ROUNDS_MAX {
            let now = self.waiting(log);
            if now == before || now >= JOINED_CALLS_MAX {
                return;
            }
            before = now;
            tokio::task::yield_now().await;
        }
    }

    /// The calls to join next; where none wait the log leaves the table.
    fn take(&self, log: &str) -> Vec<Waiting> {
        let mut table = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(queue) = table.get_mut(log) else {
            return Vec::new();
        };
        let count = queue.len().min(JOINED_CALLS_MAX);
        let joined: Vec<_> = queue.drain(..count).collect();
        if joined.is_empty() {
            table.remove(log);
        }
        joined
    }
}

/// Does all ops in order, together with whatever else waits for the log.
///
/// # Errors
/// `Lost` when the instance ended meanwhile: the ops may have taken effect.
pub(crate) async fn apply(
    mst: &Arc<Mst>,
    metrics: &Arc<Metrics>,
    log: String,
    ops: Vec<Op>,
) -> Result<Vec<Outcome>, Lost> {
    let (answer, answered) = oneshot::channel();
    if mst.joiner().push(&log, Waiting { ops, answer }) {
        tokio::spawn(work(Arc::clone(mst), Arc::clone(metrics), log));
    }
    answered.await.map_err(|_| Lost)?
}

/// Works for a log until no call waits for it.
async fn work(mst: Arc<Mst>, metrics: Arc<Metrics>, log: String) {
    loop {
        mst.joiner().let_in(&log).await;
        let joined = mst.joiner().take(&log);
        if joined.is_empty() {
            return;
        }
        metrics.applies.add(1);
        metrics.applies_joined.add(joined.len());
        let (mut ops, mut askers) = (Vec::new(), Vec::with_capacity(joined.len()));
        for Waiting { ops: more, answer } in joined {
            askers.push((more.len(), answer));
            ops.extend(more);
        }
        let count = ops.len();
        let outcome = run(&mst, log.clone(), ops).await;
        // An instance that answers with another number of outcomes cannot be believed.
        let outcome = outcome.and_then(|all| {
            if all.len() == count {
                Ok(all)
            } else {
                Err(Lost)
            }
        });
        share(outcome, askers);
    }
}

async fn run(mst: &Mst, log: String, ops: Vec<Op>) -> Result<Vec<Outcome>, Lost> {
    mst.writer(&log)?
        .call(move |accessor, native| {
            Box::pin(async move {
                native
                    .billet_bucket_changes()
                    .call_apply(accessor, log, ops)
                    .await
            })
        })
        .await
}

type Asker = (usize, oneshot::Sender<Result<Vec<Outcome>, Lost>>);

fn share(outcome: Result<Vec<Outcome>, Lost>, askers: Vec<Asker>) {
    let mut outcomes = outcome.map(Vec::into_iter);
    for (count, answer) in askers {
        let own = match &mut outcomes {
            Ok(all) => Ok(all.by_ref().take(count).collect()),
            Err(lost) => Err(*lost),
        };
        // Whoever asked may be gone; the change stands.
        let _ = answer.send(own);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn waiting(count: usize) -> (Waiting, oneshot::Receiver<Result<Vec<Outcome>, Lost>>) {
        let (answer, answered) = oneshot::channel();
        (
            Waiting {
                ops: vec![Op::DeleteBucket; count],
                answer,
            },
            answered,
        )
    }

    /// Each joins when it is its turn to run, as requests do whose bodies have just been stored.
    #[tokio::test]
    async fn whoever_is_about_to_call_is_let_in() {
        let joiner = Arc::new(Joiner::default());
        let (first, _first) = waiting(1);
        joiner.push("log", first);
        let mut others = tokio::task::JoinSet::new();
        for turns in 0..4 {
            let joiner = Arc::clone(&joiner);
            others.spawn(async move {
                for _ in 0..turns {
                    tokio::task::yield_now().await;
                }
                joiner.push("log", waiting(1).0);
            });
        }
        joiner.let_in("log").await;
        assert_eq!(joiner.take("log").len(), 5);
        joiner.let_in("log").await;
        assert!(joiner.take("log").is_empty());
    }

    #[test]
    fn what_waits_for_one_log_is_joined_and_shared_out_by_count() {
        let joiner = Joiner::default();
        let (first, _one) = waiting(1);
        assert!(joiner.push("log", first), "the first call starts a task");
        assert_eq!(joiner.take("log").len(), 1);
        let mut answers = Vec::new();
        for count in [2, 0, 1] {
            let (more, answered) = waiting(count);
            assert!(!joiner.push("log", more), "the task is still there");
            answers.push((count, answered));
        }
        let (other, _other) = waiting(1);
        assert!(joiner.push("other", other));
        let joined = joiner.take("log");
        let askers = joined
            .into_iter()
            .map(|one| (one.ops.len(), one.answer))
            .collect();
        let names = ["a", "b", "c"];
        share(
            Ok(names
                .map(|name| Err(Refusal::Invalid(name.to_owned())))
                .into()),
            askers,
        );
        let mut told = Vec::new();
        for (count, mut answered) in answers {
            let own = answered.try_recv().unwrap().unwrap();
            assert_eq!(own.len(), count);
            told.extend(own.into_iter().map(|outcome| match outcome {
                Err(Refusal::Invalid(name)) => name,
                other => panic!("{other:?}"),
            }));
        }
        assert_eq!(told, names);
        assert!(joiner.take("log").is_empty());
        let (again, _again) = waiting(1);
        assert!(joiner.push("log", again), "the log had left the table");
    }
}
