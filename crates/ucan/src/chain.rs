//! Finding the delegations that allow an invocation, among those somebody keeps.
//!
//! Must never be taken for a check: it goes by what tokens say, not by who signed them.

use std::cmp::Reverse;

use crate::command::Command;
use crate::delegation::Delegation;
use crate::envelope::Signed;
use crate::limits::CHAIN_LINKS_MAX;
use billet_key::Did;

/// A delegation on the way from the invocation upwards.
struct Step<'a> {
    token: &'a Signed<Delegation>,
    /// The step before it, nearer to the invocation.
    below: Option<usize>,
    links: usize,
}

/// The chain by which `audience` may use `command` on `subject` at `now_s` (seconds since 1970),
/// in the order of `prf`: the subject's own delegation first. Empty when the audience is the
/// subject; `None` when there is no chain of at most [`CHAIN_LINKS_MAX`] links.
///
/// Short chains go before long ones, narrow commands before wide ones, delegations for the subject
/// before those for any, those that last before those that soon end. Those that are not in force
/// are passed over. Policies are not looked at.
pub fn find_chain<'a>(
    kept: &'a [Signed<Delegation>],
    audience: &Did,
    command: &Command,
    subject: &Did,
    now_s: u64,
) -> Option<Vec<&'a Signed<Delegation>>> {
    if audience == subject {
        return Some(Vec::new());
    }
    let usable = kept.iter().filter(|token| {
        let claims = token.claims();
        let ours = claims.subject.as_ref().is_none_or(|other| other == subject);
        ours && claims.command.covers(command) && is_in_force(claims, now_s)
    });
    let mut left: Vec<_> = usable.collect();
    left.sort_by_key(|token| {
        let claims = token.claims();
        (
            Reverse(claims.command.as_str().len()),
            claims.subject.is_none(),
            Reverse(claims.expires_s.unwrap_or(u64::MAX)),
        )
    });
    let mut steps: Vec<Step<'a>> = Vec::new();
    let mut next = 0;
    climb(&mut left, &mut steps, audience, command, None);
    while let Some(step) = steps.get(next) {
        let claims = step.token.claims();
        if claims.issuer == *subject && claims.subject.is_some() {
            return Some(descend(&steps, next));
        }
        if step.links < CHAIN_LINKS_MAX {
            climb(
                &mut left,
                &mut steps,
                &claims.issuer,
                &claims.command,
                Some(next),
            );
        }
        next += 1;
    }
    None
}

/// Moves those delegations that give `holder` the command to the steps.
fn climb<'a>(
    left: &mut Vec<&'a Signed<Delegation>>,
    steps: &mut Vec<Step<'a>>,
    holder: &Did,
    command: &Command,
    below: Option<usize>,
) {
    let links = below
        .and_then(|below| steps.get(below))
        .map_or(0, |step| step.links);
    left.retain(|&token| {
        let claims = token.claims();
        let fits = claims.audience == *holder && claims.command.covers(command);
        if fits {
            steps.push(Step {
                token,
                below,
                links: links + 1,
            });
        }
        !fits
    });
}

fn descend<'a>(steps: &[Step<'a>], top: usize) -> Vec<&'a Signed<Delegation>> {
    let mut chain = Vec::new();
    let mut at = Some(top);
    while let Some(step) = at.and_then(|at| steps.get(at)) {
        chain.push(step.token);
        at = step.below;
    }
    chain
}

fn is_in_force(claims: &Delegation, now_s: u64) -> bool {
    let begins_s = claims.not_before_s.unwrap_or(0);
    !claims.is_over(now_s) && (begins_s == 0 || now_s > begins_s)
}
