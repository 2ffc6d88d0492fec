//! Finding the node's acceptance among what the service hands out.
//!
//! Must never take the first receipt that says it is one: strangers post theirs.

use billet_ucan::{Container, Did, Ipld, Outcome, Token};

use crate::add::Chain;
use crate::blob::Blob;
use crate::commitment::Commitment;
use crate::failure::Failure;
use crate::party::{Moment, Party};
use crate::values::link;

/// The commitment of the node that took the blob; `None` while nobody who may speak has spoken.
pub(crate) fn accepted(
    party: &Party<'_>,
    moment: &Moment,
    chain: &Chain,
    space: &Did,
    blob: &Blob,
    container: &Container,
) -> Result<Option<Commitment>, Failure> {
    let verifier = party.verifier(moment);
    let mut trouble = None;
    for receipt in container.answering(&chain.accept) {
        // What is not the node's own is nothing.
        let found = match verifier.receipt(receipt, &chain.accept, &chain.node) {
            Err(_) => continue,
            Ok(Outcome::Error(_)) => Err(Failure::of_outcome(&receipt.claims().outcome)),
            Ok(Outcome::Ok(ok)) => site(ok, container).and_then(|token| match token {
                Some(token) => {
                    Commitment::check(token, &verifier, &chain.node, space, blob).map(Some)
                }
                None => Ok(None),
            }),
        };
        match found {
            Ok(Some(commitment)) => return Ok(Some(commitment)),
            Ok(None) => {}
            Err(failure) => trouble = Some(failure),
        }
    }
    trouble.map_or(Ok(None), Err)
}

/// The claim that the receipt links, by its name.
fn site<'c>(
    ok: &Ipld,
    container: &'c Container,
) -> Result<Option<&'c billet_ucan::Signed<billet_ucan::Invocation>>, Failure> {
    let site = link(ok, "site")?;
    match container.token(&site) {
        Some(Token::Invocation(token)) => Ok(Some(token)),
        Some(_) => Err(Failure::unbelievable("a commitment that is none")),
        None => Ok(None),
    }
}
