//! The rules by which an invocation is allowed, with the real services' names for what is not.
//!
//! Must never look a proof up anywhere but in the container that came with the invocation.

use std::collections::HashMap;
use std::sync::Arc;

use cid::Cid;
use ed25519_dalek::VerifyingKey;
use ipld_core::ipld::Ipld;

use crate::key;
use crate::policy::{self, NotAllowed};
use crate::token::{ATTESTED, ED25519, Kind, Token};

/// A refusal as it goes into an error receipt.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{name}: {message}")]
pub struct Refusal {
    /// What clients match on.
    pub name: String,
    /// For people.
    pub message: String,
}

impl Refusal {
    /// A refusal of that name.
    pub fn new(name: &str, message: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            message: message.into(),
        }
    }

    /// What a fault inside a handler looks like from outside.
    pub fn handler(cmd: &str, message: &str) -> Self {
        Self::new(
            "HandlerExecutionError",
            format!("{cmd:?} handler execution error: {message}"),
        )
    }

    /// Arguments that are not what the command declares.
    pub fn malformed(message: impl std::fmt::Display) -> Self {
        Self::new(
            "MalformedArguments",
            format!("malformed arguments: {message}"),
        )
    }
}

/// Who is who: where keys of names come from, and whose word counts for accounts.
pub trait Names {
    /// The key of a DID.
    ///
    /// # Errors
    /// It cannot be found.
    fn key(&self, did: &str) -> Result<VerifyingKey, Refusal>;

    /// The DID that attests delegations of accounts.
    fn authority(&self) -> &str;
}

/// The tokens of a container by link.
pub type Proofs = HashMap<Cid, Arc<Token>>;

/// Verifies one token's signature over the bytes it came in.
///
/// # Errors
/// `InvalidSignature`, `UnverifiableSignature` or `DIDKeyResolutionError`.
pub fn signature(token: &Token, names: &dyn Names) -> Result<(), Refusal> {
    if token.header() == ATTESTED {
        return attested(token, names);
    }
    if token.header() != ED25519 {
        return Err(Refusal::new(
            "UnverifiableSignature",
            "unknown signature header",
        ));
    }
    let found = names.key(token.iss())?;
    if key::verifies(&found, token.signed(), token.signature()) {
        return Ok(());
    }
    Err(invalid_signature(token))
}

fn invalid_signature(token: &Token) -> Refusal {
    Refusal::new(
        "InvalidSignature",
        format!(
            "proof \"{}\" does not have a valid signature from {:?}",
            token.cid(),
            token.iss()
        ),
    )
}

fn attested(token: &Token, names: &dyn Names) -> Result<(), Refusal> {
    let proof = Token::parse(token.signature()).ok_or_else(|| invalid_signature(token))?;
    let over = crate::cbor::cid_of(0x55, token.signed());
    let holds = token.kind() == Kind::Delegation
        && key::is_account(token.iss())
        && proof.cmd() == "/ucan/attest/proof"
        && proof.args().get("proof") == Some(&Ipld::Link(over))
        && proof.sub() == Some(names.authority())
        && proof.iss() == names.authority()
        && proof.header() == ED25519;
    if !holds {
        return Err(invalid_signature(token));
    }
    let authority = names.key(names.authority())?;
    if key::verifies(&authority, proof.signed(), proof.signature()) {
        return Ok(());
    }
    Err(invalid_signature(token))
}

/// Whether a command is another one or below it.
fn covers(parent: &str, child: &str) -> bool {
    parent == "/"
        || parent == child
        || child
            .strip_prefix(parent)
            .is_some_and(|rest| rest.starts_with('/'))
}

fn in_time(what: &str, token: &Token, now: i64) -> Result<(), Refusal> {
    if token.exp().is_some_and(|exp| exp <= now) {
        return Err(Refusal::new(
            "Expired",
            format!("{what} \"{}\" has expired", token.cid()),
        ));
    }
    if token.nbf().is_some_and(|nbf| nbf != 0 && now <= nbf) {
        return Err(Refusal::new(
            "TooEarly",
            format!("{what} \"{}\" is not valid yet", token.cid()),
        ));
    }
    Ok(())
}

/// Checks an invocation with the proofs of its container at a time in seconds since 1970.
///
/// # Errors
/// The refusal of the real services.
pub fn invocation(
    token: &Token,
    proofs: &Proofs,
    now: i64,
    names: &dyn Names,
) -> Result<(), Refusal> {
    signature(token, names)?;
    in_time("invocation", token, now)?;
    let sub = token.sub().unwrap_or_default();
    let chain = resolve(token, proofs)?;
    if chain.is_empty() {
        if token.iss() == sub {
            return Ok(());
        }
        return Err(Refusal::new(
            "InvalidClaim",
            format!(
                "invocation {} is not issued by subject and has no proofs",
                token.cid()
            ),
        ));
    }
    let mut holder = sub;
    let mut command: Option<&str> = None;
    for (place, proof) in chain.iter().enumerate() {
        signature(proof, names)?;
        in_time("proof", proof, now)?;
        link(proof, place == 0, sub, holder)?;
        if let Some(command) = command
            && !covers(command, proof.cmd())
            && !covers(proof.cmd(), command)
        {
            return Err(Refusal::new(
                "ImpossibleAttenuation",
                format!(
                    "cannot attenuate capability from command {command} to command {}",
                    proof.cmd()
                ),
            ));
        }
        command = Some(proof.cmd());
        holder = proof.aud();
    }
    if token.iss() != holder {
        return Err(unmet("invocation", token, holder));
    }
    chain.iter().try_for_each(|proof| proves(proof, token))?;
    chain.iter().try_for_each(|proof| permits(proof, token))
}

/// Whether a proof's command covers the invoked one.
fn proves(proof: &Token, token: &Token) -> Result<(), Refusal> {
    if covers(proof.cmd(), token.cmd()) {
        return Ok(());
    }
    Err(Refusal::new(
        "UnknownError",
        format!(
            "capability command {} does not prove given command {}",
            proof.cmd(),
            token.cmd()
        ),
    ))
}

/// Whether a proof's policy allows the arguments.
fn permits(proof: &Token, token: &Token) -> Result<(), Refusal> {
    policy::holds(proof.pol(), token.args()).map_err(|reason| {
        let name = match reason {
            NotAllowed::NotMet(_) => "MatchError",
            NotAllowed::Lost(_) => "UnknownError",
        };
        Refusal::new(
            name,
            format!("invocation arguments do not satisfy capability policy: {reason}"),
        )
    })
}

fn resolve<'a>(token: &Token, proofs: &'a Proofs) -> Result<Vec<&'a Arc<Token>>, Refusal> {
    token
        .prf()
        .iter()
        .map(|link| {
            proofs
                .get(link)
                .filter(|proof| proof.kind() == Kind::Delegation)
                .ok_or_else(|| {
                    Refusal::new(
                        "UnavailableProof",
                        format!(
                            "linked proof \"{link}\" could not be resolved: \
                             proof not found in container"
                        ),
                    )
                })
        })
        .collect()
}

fn unmet(what: &str, token: &Token, wanted: &str) -> Refusal {
    Refusal::new(
        "InvalidAudience",
        format!(
            "{what} \"{}\" issuer is {wanted:?} not {:?}",
            token.cid(),
            token.iss()
        ),
    )
}

/// Whether one proof continues the chain.
fn link(proof: &Token, root: bool, sub: &str, holder: &str) -> Result<(), Refusal> {
    match proof.sub() {
        None if root => {
            return Err(Refusal::new(
                "InvalidClaim",
                "root delegation subject is null",
            ));
        }
        Some(other) if other != sub => {
            return Err(Refusal::new(
                "InvalidSubject",
                format!(
                    "delegation \"{}\" subject is {other:?} not {sub:?}",
                    proof.cid()
                ),
            ));
        }
        _ => {}
    }
    if proof.iss() == holder {
        Ok(())
    } else {
        Err(unmet("delegation", proof, holder))
    }
}
