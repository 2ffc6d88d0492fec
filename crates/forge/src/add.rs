//! Reading what `/blob/add` gave: the chain of tasks that leads to an accepted blob.
//!
//! The receipt of the add is signed by the service, and each task of the chain is named by the one
//! after it, so that the whole chain is what the service said. Must never take a task of another
//! space, blob or node into it.

use std::collections::BTreeMap;

use billet_block::Cid;
use billet_ucan::{Container, Did, Invocation, Ipld, Outcome, Signed};
use serde::{Deserialize, Serialize};

use crate::blob::Blob;
use crate::failure::Failure;
use crate::party::{Moment, Party, Reply};
use crate::values::{awaited, did, field, number, optional, text};

/// The tasks after an add.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Chain {
    /// The task by which the node takes the blob.
    pub(crate) accept: Cid,
    /// The storage node.
    pub(crate) node: Did,
    /// The invocation that stands for the upload of the bytes.
    #[serde(with = "serde_bytes")]
    pub(crate) put: Vec<u8>,
}

/// Where the bytes go.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Address {
    pub(crate) url: String,
    pub(crate) headers: BTreeMap<String, String>,
    pub(crate) expires_s: u64,
}

/// What is left to do.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Added {
    pub(crate) chain: Chain,
    /// The service knows that the bytes are there.
    pub(crate) is_put: bool,
    /// Where the bytes go, when the node does not have them.
    pub(crate) address: Option<Address>,
}

impl Added {
    /// Reads the answer to the add of `blob` to `space`.
    pub(crate) fn read(
        party: &Party<'_>,
        moment: &Moment,
        space: &Did,
        blob: &Blob,
        reply: &Reply,
    ) -> Result<Self, Failure> {
        let container = &reply.container;
        let accept = awaited(&reply.ok, "site")?;
        let accepting = task(container, &accept, "/blob/accept")?;
        let arguments = of_space(accepting, space, blob)?;
        let put = task(container, &awaited(&arguments, "_put")?, "/http/put")?;
        let body = arguments_of(put);
        if Blob::from_ipld(field(&body, "body")?)? != *blob {
            return Err(Failure::unbelievable("the upload of another blob"));
        }
        let allocate = awaited(&body, "destination")?;
        let allocating = task(container, &allocate, "/blob/allocate")?;
        of_space(allocating, space, blob)?;
        let node = accepting.claims().subject.clone();
        if allocating.claims().subject != node {
            return Err(Failure::unbelievable("accepted by another node"));
        }
        let asked = crate::party::Asked {
            task: allocate,
            executor: node.clone(),
        };
        let allocated = party.outcome(moment, &asked, container)?;
        Ok(Self {
            is_put: is_put(party, moment, put, container)?,
            address: address(&allocated)?,
            chain: Chain {
                accept,
                node,
                put: put.bytes().to_vec(),
            },
        })
    }
}

/// The invocation of a task. Its name says what it is; who signed it does not matter.
fn task<'c>(
    container: &'c Container,
    task: &Cid,
    command: &str,
) -> Result<&'c Signed<Invocation>, Failure> {
    let missing = || Failure::unbelievable(format!("no {command}"));
    let mut found = container.asking(task);
    let token = found.next().ok_or_else(missing)?;
    match token.claims().command.as_str() == command {
        true => Ok(token),
        false => Err(missing()),
    }
}

fn arguments_of(token: &Signed<Invocation>) -> Ipld {
    Ipld::Map(token.claims().arguments.clone())
}

/// The arguments of a task that must be for this space and blob.
fn of_space(token: &Signed<Invocation>, space: &Did, blob: &Blob) -> Result<Ipld, Failure> {
    let arguments = arguments_of(token);
    if did(&arguments, "space")? != *space {
        return Err(Failure::unbelievable("a task for another space"));
    }
    if Blob::from_ipld(field(&arguments, "blob")?)? != *blob {
        return Err(Failure::unbelievable("a task for another blob"));
    }
    Ok(arguments)
}

/// Whether there is a good receipt of the upload. It alone decides: an address may be stale.
fn is_put(
    party: &Party<'_>,
    moment: &Moment,
    put: &Signed<Invocation>,
    container: &Container,
) -> Result<bool, Failure> {
    let (task, verifier) = (put.claims().task()?, party.verifier(moment));
    let executor = put.claims().executor();
    let mut outcomes = container
        .answering(&task)
        .filter_map(|receipt| verifier.receipt(receipt, &task, executor).ok());
    Ok(outcomes.any(|outcome| matches!(outcome, Outcome::Ok(_))))
}

fn address(allocated: &Ipld) -> Result<Option<Address>, Failure> {
    let Some(address) = optional(allocated, "address") else {
        return Ok(None);
    };
    let url = text(address, "url")?.to_owned();
    let headers = match optional(address, "headers") {
        Some(Ipld::Map(headers)) => headers.clone(),
        _ => BTreeMap::new(),
    };
    let headers = headers.into_iter().filter_map(|(name, value)| match value {
        Ipld::String(value) => Some((name, value)),
        _ => None,
    });
    Ok(Some(Address {
        url,
        headers: headers.collect(),
        expires_s: number(address, "expires")?,
    }))
}
