//! The one way to change a log: read its head, plan, stage, commit.
//!
//! Must never tell success before the commit is durable, and never leave a claim behind that
//! nothing names.

use std::slice;

use billet_bucket::{
    Claim, Commit, Op, Outcome, Plan, Refusal, Standing, StoreError, Target, View, apply,
};

use crate::bindings::billet::bucket::types;
use crate::bindings::billet::store::{blocks, journal};
use crate::bindings::exports::billet::bucket::changes;
use crate::fetch::{settle, standing};
use crate::{CACHES, Mst, check, convert};

/// How often ops are decided anew when somebody else commits first.
const TRIES_MAX: u32 = 8;

type Answers = Vec<Result<changes::Done, types::Refusal>>;

impl changes::Guest for Mst {
    async fn apply(log: String, ops: Vec<changes::Op>) -> Answers {
        let mut answers: Vec<Option<Result<changes::Done, types::Refusal>>> = Vec::new();
        let mut readable = Vec::with_capacity(ops.len());
        let mut claims = Vec::new();
        for op in ops {
            let brought = convert::claims(&op);
            let op = match convert::op(op) {
                Ok(op) => whole(op).await,
                refused => refused,
            };
            match op {
                Ok(op) => {
                    readable.push(op);
                    answers.push(None);
                }
                Err(refusal) => {
                    claims.extend(brought);
                    answers.push(Some(Err(convert::refusal(refusal))));
                }
            }
        }
        release(claims).await;
        let mut done = change(&log, &readable).await.into_iter();
        let missing = || StoreError::Invalid("an op without an outcome".to_owned());
        let answers = answers.into_iter().map(|answer| {
            let answer = answer.or_else(|| done.next());
            answer.unwrap_or_else(|| Err(convert::refusal(missing().into())))
        });
        answers.collect()
    }
}

/// Refuses the import of a tree that is not whole: the one op that has more to read than a commit
/// may wait for.
async fn whole(op: Op) -> Result<Op, Refusal> {
    if let Op::ImportRoot(import) = &op {
        let state = import.state.map(Target::State);
        let targets: Vec<Target> = [Target::Tree(import.root)]
            .into_iter()
            .chain(state)
            .collect();
        check::refuse_damage(&targets).await?;
    }
    Ok(op)
}

/// Does all ops in one commit. Where something that only some of them touch makes that fail, each
/// is done alone.
async fn change(log: &str, ops: &[Op]) -> Answers {
    if ops.is_empty() {
        return Vec::new();
    }
    let refusal = match attempt(log, ops).await {
        Ok(answers) => return answers,
        Err(refusal) => refusal,
    };
    let others_may_pass = !matches!(
        refusal,
        Refusal::Store(
            StoreError::Busy(_) | StoreError::Full | StoreError::Unavailable | StoreError::Conflict
        )
    );
    let mut answers = Vec::with_capacity(ops.len());
    for op in ops {
        let answer = if ops.len() > 1 && others_may_pass {
            attempt(log, slice::from_ref(op)).await
        } else {
            Err(refusal.clone())
        };
        match answer {
            Ok(answer) => answers.extend(answer),
            Err(refusal) => {
                release(op.claims()).await;
                answers.push(Err(convert::refusal(refusal)));
            }
        }
    }
    answers
}

/// Does all ops in one commit, on ever newer heads. After an error the claims that the ops brought
/// are as they were.
async fn attempt(log: &str, ops: &[Op]) -> Result<Answers, Refusal> {
    let mut view = View::new(&CACHES);
    let mut outcome = Err(Refusal::from(StoreError::Conflict));
    for _ in 0..TRIES_MAX {
        outcome = attempt_once(log, ops, &mut view).await;
        if !matches!(outcome, Err(Refusal::Store(StoreError::Conflict))) {
            break;
        }
        view.forget_rows();
    }
    match outcome {
        Ok((seq, plan)) => {
            plan.remember(&CACHES);
            Ok(answers(seq, plan))
        }
        Err(refusal) => {
            release(view.pinned()).await;
            Err(refusal)
        }
    }
}

async fn attempt_once(log: &str, ops: &[Op], view: &mut View<'_>) -> Result<(u64, Plan), Refusal> {
    let (standing, expect) = standing(log).await?;
    let plan = settle(log, view, |view| apply(view, &standing, ops)).await?;
    if plan.is_empty() {
        // Rows are read one after another: a refusal holds only if no commit came between.
        if crate::fetch::standing(log).await?.1 != expect {
            return Err(StoreError::Conflict.into());
        }
        release(plan.release(&[])).await;
        return Ok((seq(&standing), plan));
    }
    let mut staged = Vec::with_capacity(plan.stages.len());
    match stage_and_commit(log, expect, &plan, &mut staged).await {
        Ok(seq) => {
            release(plan.release(&staged)).await;
            Ok((seq, plan))
        }
        Err(error) => {
            release(staged).await;
            Err(error.into())
        }
    }
}

fn seq(standing: &Standing) -> u64 {
    standing.head.as_ref().map_or(0, |head| head.seq)
}

async fn stage_and_commit(
    log: &str,
    expect: Option<Vec<u8>>,
    plan: &Plan,
    staged: &mut Vec<Claim>,
) -> Result<u64, StoreError> {
    for stage in &plan.stages {
        let blocks = stage.iter().map(convert::block).collect();
        let claim = blocks::stage(plan.space.clone(), blocks).await;
        staged.push(claim.map_err(convert::store_error)?);
    }
    let Commit {
        change,
        adopt,
        hold,
        discard,
        rows,
    } = plan.commit(staged)?;
    let change = change.map(|change| journal::Change {
        space: change.space,
        root: change.root.to_bytes().to_vec(),
        state: change.state.to_bytes().to_vec(),
        time_ms: change.time_ms,
    });
    let rows = rows
        .into_iter()
        .map(|(key, value)| journal::RowChange { key, value })
        .collect();
    let log = log.to_owned();
    let committed = journal::commit(log, expect, change, adopt, hold, discard, rows).await;
    Ok(committed.map_err(convert::store_error)?.seq)
}

fn answers(seq: u64, plan: Plan) -> Answers {
    let done = |outcome: Outcome| changes::Done {
        seq,
        root: plan.root.to_bytes().to_vec(),
        time_ms: plan.time_ms,
        existed: outcome.existed,
        object: outcome
            .object
            .map(|object| convert::object(&object, Vec::new())),
        upload: outcome.upload,
    };
    let outcomes = plan.outcomes.into_iter();
    outcomes
        .map(|outcome| outcome.map(done).map_err(convert::refusal))
        .collect()
}

/// Lets go of pending claims. They go by themselves when this does not succeed.
pub(crate) async fn release(claims: Vec<Claim>) {
    if !claims.is_empty() {
        let _ = journal::discard(claims).await;
    }
}
