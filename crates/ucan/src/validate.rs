//! Whether what was received may be believed: invocations with their chains, claims, receipts.
//!
//! Must never skip a rule because an earlier one made it likely to hold; the order is that of the
//! network's own services, so that both give the same reason.

use billet_block::Cid;

use crate::command::Command;
use crate::container::Container;
use crate::delegation::Delegation;
use crate::document::Resolver;
use crate::envelope::{Payload, Signed};
use crate::invocation::Invocation;
use crate::limits::CHAIN_LINKS_MAX;
use crate::receipt::{Outcome, Receipt};
use crate::refusal::Refusal;
use crate::signature;
use billet_key::Did;

/// Where the delegations are that an invocation links.
pub trait Proofs {
    /// The delegation of this name.
    fn proof(&self, link: &Cid) -> Option<&Signed<Delegation>>;
}

impl Proofs for Container {
    fn proof(&self, link: &Cid) -> Option<&Signed<Delegation>> {
        self.delegations().find(|token| token.link() == *link)
    }
}

impl Proofs for [Signed<Delegation>] {
    fn proof(&self, link: &Cid) -> Option<&Signed<Delegation>> {
        self.iter().find(|token| token.link() == *link)
    }
}

/// Checks tokens at one moment, with what is known of identities.
#[derive(Clone, Copy)]
pub struct Verifier<'a> {
    /// Who speaks for identities that are not their own key.
    pub resolver: &'a dyn Resolver,
    /// The time, in seconds since 1970.
    pub now_s: u64,
}

impl Verifier<'_> {
    /// Checks signature and time of a delegation, not whether its issuer had what it gives.
    ///
    /// # Errors
    /// The rule that it breaks.
    pub fn delegation(&self, token: &Signed<Delegation>) -> Result<(), Refusal> {
        self.in_force(token)?;
        match token.claims().not_before_s {
            // Zero is how some programs write that there is none.
            Some(not_before_s) if not_before_s != 0 && self.now_s <= not_before_s => {
                Err(Refusal::TooEarly(token.link()))
            }
            _ => Ok(()),
        }
    }

    /// Checks an invocation that `us` is asked to run: audience, signature, time, the whole chain
    /// of proofs, command and policies.
    ///
    /// # Errors
    /// The first rule that it breaks.
    pub fn invocation<P: Proofs + ?Sized>(
        &self,
        token: &Signed<Invocation>,
        us: &Did,
        proofs: &P,
    ) -> Result<(), Refusal> {
        let claims = token.claims();
        if claims.executor() != us {
            return Err(Refusal::OtherAudience {
                link: token.link(),
                audience: claims.executor().clone(),
            });
        }
        self.in_force(token)?;
        let chain = resolve(&claims.proofs, proofs)?;
        let command = self.walk(token, &chain)?;
        if !command.covers(&claims.command) {
            return Err(Refusal::CommandNotCovered(claims.command.clone()));
        }
        for proof in chain {
            if proof.claims().policy.is_met_by(&claims.arguments) != Ok(true) {
                return Err(Refusal::PolicyNotMet(proof.link()));
            }
        }
        Ok(())
    }

    /// Checks a claim: an invocation that nobody is asked to run and that says something in its
    /// issuer's own name. Its subject may be anybody's.
    ///
    /// # Errors
    /// The first rule that it breaks.
    pub fn claim(&self, token: &Signed<Invocation>, issuer: &Did) -> Result<(), Refusal> {
        issued_by(token, issuer)?;
        self.in_force(token)
    }

    /// Checks a receipt: it answers this task, and who should have run it says so. Gives the
    /// outcome. Its expiry is not looked at: what happened has happened.
    ///
    /// # Errors
    /// The first rule that it breaks.
    pub fn receipt<'r>(
        &self,
        token: &'r Signed<Receipt>,
        task: &Cid,
        executor: &Did,
    ) -> Result<&'r Outcome, Refusal> {
        let claims = token.claims();
        if claims.ran != *task {
            return Err(Refusal::OtherTask(claims.ran));
        }
        issued_by(token, executor)?;
        signature::check(token, self.resolver, self.now_s)?;
        Ok(&claims.outcome)
    }

    fn in_force<P: Payload>(&self, token: &Signed<P>) -> Result<(), Refusal> {
        signature::check(token, self.resolver, self.now_s)?;
        match token.claims().expires_s() {
            Some(expires_s) if expires_s <= self.now_s => Err(Refusal::Expired(token.link())),
            _ => Ok(()),
        }
    }

    /// Walks the chain from the subject to the issuer; gives the command that is left at its end.
    fn walk(
        &self,
        token: &Signed<Invocation>,
        chain: &[&Signed<Delegation>],
    ) -> Result<Command, Refusal> {
        let subject = &token.claims().subject;
        let mut holder = subject;
        let mut command = Command::all();
        for (position, proof) in chain.iter().enumerate() {
            let (link, claims) = (proof.link(), proof.claims());
            self.delegation(proof)?;
            match &claims.subject {
                None if position == 0 => return Err(Refusal::OpenRoot(link)),
                Some(other) if other != subject => return Err(Refusal::OtherSubject(link)),
                _ => {}
            }
            meets(link, &claims.issuer, holder)?;
            holder = &claims.audience;
            if command.covers(&claims.command) {
                command = claims.command.clone();
            } else if !claims.command.covers(&command) {
                return Err(Refusal::ImpossibleAttenuation(link));
            }
        }
        if chain.is_empty() && holder != &token.claims().issuer {
            return Err(Refusal::NoProof);
        }
        meets(token.link(), &token.claims().issuer, holder)?;
        Ok(command)
    }
}

fn resolve<'p, P: Proofs + ?Sized>(
    links: &[Cid],
    proofs: &'p P,
) -> Result<Vec<&'p Signed<Delegation>>, Refusal> {
    if links.len() > CHAIN_LINKS_MAX {
        return Err(Refusal::ChainTooLong(links.len()));
    }
    let mut chain: Vec<&Signed<Delegation>> = Vec::with_capacity(links.len());
    for link in links {
        if chain.iter().any(|proof| proof.link() == *link) {
            return Err(Refusal::ChainLoops(*link));
        }
        chain.push(proofs.proof(link).ok_or(Refusal::UnavailableProof(*link))?);
    }
    Ok(chain)
}

fn meets(link: Cid, issuer: &Did, holder: &Did) -> Result<(), Refusal> {
    if issuer == holder {
        return Ok(());
    }
    Err(Refusal::BrokenChain {
        link,
        expected: holder.clone(),
    })
}

fn issued_by<P: Payload>(token: &Signed<P>, expected: &Did) -> Result<(), Refusal> {
    let issuer = token.claims().issuer();
    if issuer == expected {
        return Ok(());
    }
    Err(Refusal::OtherIssuer {
        link: token.link(),
        issuer: issuer.clone(),
    })
}
