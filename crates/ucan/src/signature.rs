//! Whether a token's signature is its issuer's.
//!
//! Must never look at anything but the bytes that came, and never follow the word of an authority
//! to the word of another.

use billet_block::{Cid, Codec};

use crate::command::Command;
use crate::document::{Method, Purpose, Resolver};
use crate::envelope::{Map, Payload, Signed, TokenError};
use crate::fields::link;
use crate::invocation::Invocation;
use crate::refusal::Refusal;
use crate::varsig::Algorithm;
use billet_key::Did;

/// The command by which an authority says that somebody signed.
pub const ATTESTATION_COMMAND: &str = "/ucan/attest/proof";

/// The word of an authority for a payload, named by the raw CID of its signed bytes.
pub(crate) fn attestation(authority: &Did, proof: &Cid) -> Result<Invocation, TokenError> {
    let command: Command = ATTESTATION_COMMAND
        .parse()
        .map_err(|_| TokenError::malformed("the command of attestations"))?;
    Ok(Invocation {
        issuer: authority.clone(),
        subject: authority.clone(),
        audience: None,
        command,
        arguments: Map::from([("proof".to_owned(), link(proof))]),
        proofs: Vec::new(),
        nonce: Vec::new(),
        expires_s: None,
        issued_s: None,
        cause: None,
        meta: None,
    })
}

/// The methods of an issuer that are good now.
fn methods(
    resolver: &dyn Resolver,
    did: &Did,
    purpose: Purpose,
    now_s: u64,
) -> Result<Vec<Method>, Refusal> {
    if let Some(key) = did.key() {
        return Ok(vec![Method::Key(key)]);
    }
    let found = match did.method() {
        "key" => None,
        _ => resolver.methods(did, purpose, now_s),
    };
    found.ok_or_else(|| Refusal::UnresolvedIssuer(did.clone()))
}

/// Checks that the issuer signed the token, or that the issuer's authority says so.
pub(crate) fn check<P: Payload>(
    token: &Signed<P>,
    resolver: &dyn Resolver,
    now_s: u64,
) -> Result<(), Refusal> {
    match token.algorithm() {
        Algorithm::Ed25519 | Algorithm::Attested => {}
        Algorithm::Secp256k1 | Algorithm::Absent => {
            return Err(Refusal::UnverifiableSignature(token.link()));
        }
    }
    let issuer = token.claims().issuer();
    let methods = methods(resolver, issuer, P::PURPOSE, now_s)?;
    let good = methods.iter().any(|method| match method {
        Method::Key(key) => {
            token.algorithm() == Algorithm::Ed25519
                && key.verifies(token.signed_bytes(), token.signature())
        }
        Method::Authority(authority) => {
            token.algorithm() == Algorithm::Attested && attests(authority, token, resolver, now_s)
        }
    });
    match good {
        true => Ok(()),
        false => Err(Refusal::InvalidSignature(token.link())),
    }
}

/// Whether what stands in the place of the signature is the word of this authority for the token.
fn attests<P: Payload>(
    authority: &Did,
    token: &Signed<P>,
    resolver: &dyn Resolver,
    now_s: u64,
) -> bool {
    let Ok(word) = Signed::<Invocation>::decode(token.signature()) else {
        return false;
    };
    let proof = Cid::of(Codec::Raw, token.signed_bytes());
    let said = word.claims();
    let names_it = said.arguments == Map::from([("proof".to_owned(), link(&proof))]);
    let by_it = said.issuer == *authority && said.subject == *authority;
    let in_time = said.expires_s.is_none_or(|expires_s| expires_s > now_s);
    said.command.as_str() == ATTESTATION_COMMAND
        && names_it
        && by_it
        && in_time
        && word.algorithm() == Algorithm::Ed25519
        && check(&word, resolver, now_s).is_ok()
}
