//! Who ships and by which right: logins, provisioned spaces, delegations.
//!
//! Must never keep a delegation that cannot be read, and never ask for a mail twice by itself.

use std::cell::Cell;

use billet_forge::{Login, Machine, Provision, Remedy};
use billet_ucan::{
    Command, Container, Delegation, Did, Ipld, Packing, Policy, Signed, Signer, Token, find_chain,
};
use serde_bytes::ByteBuf;
use wit_bindgen::StreamReader;

use crate::Shipper;
use crate::bindings::billet::ship::signer;
use crate::bindings::billet::store::types::StoreError;
use crate::bindings::exports::billet::forge::identity::Guest;
use crate::clock::Clock;
use crate::convert::{Result, did, invalid};
use crate::notes::{self, LOGIN, PROVISION};
use crate::session::{Effects, Session, Stop, run};
use crate::signer::{AGENT, HostSigner, of_space};
use crate::whoami::whoami;
use crate::{proofs, uploads};

/// Most provisionings at once.
pub(crate) const PROVISIONS_MAX: usize = 1_000;

thread_local! {
    /// Counts what people began: a step that was under way must not write over it.
    static BEGUN: Cell<u64> = const { Cell::new(0) };
}

fn begin(key: &str) {
    BEGUN.set(BEGUN.get().wrapping_add(1));
    uploads::forget(key);
}

impl Guest for Shipper {
    async fn whoami(now_ms: u64) -> Result<String> {
        let answer = whoami(now_ms).await?;
        serde_json::to_string(&answer).map_err(invalid)
    }

    async fn login(email: String) -> Result<()> {
        let account = Did::of_email(&email).map_err(invalid)?;
        let state = Login::new(account).state().map_err(invalid)?;
        begin(LOGIN);
        notes::set(vec![notes::put(LOGIN, &ByteBuf::from(state))?]).await
    }

    async fn add_proof(now_ms: u64, container: Vec<u8>) -> Result<u32> {
        let (_, container) = Container::unpack(&container).map_err(invalid)?;
        let found: Vec<_> = container.delegations().collect();
        if found.is_empty() {
            return Err(invalid("a container without a delegation"));
        }
        let session = Session::open(now_ms).await?;
        let session = session.ok_or_else(|| invalid("no upload service is set"))?;
        for token in &found {
            session.believes(token).map_err(invalid)?;
        }
        let agent = session.agent.did();
        let all = || session.proofs.iter().chain(found.iter().copied());
        let reaches_us = |token: &&Signed<Delegation>| {
            let audience = &token.claims().audience;
            audience == agent || all().any(|other| other.claims().issuer == *audience)
        };
        if !found.iter().any(reaches_us) {
            return Err(invalid(format!("nothing in it is for this host, {agent}")));
        }
        let count = u32::try_from(found.len()).unwrap_or(u32::MAX);
        notes::set(proofs::keep(found)?).await?;
        uploads::retry();
        Ok(count)
    }

    async fn provision(now_ms: u64, space: String, name: String, account: String) -> Result<()> {
        let (space, account) = (did(&space)?, did(&account)?);
        let agent = HostSigner::named(AGENT)?;
        let key = HostSigner::named(&of_space(&space))?;
        let moment = Clock::at(now_ms).moment();
        let provision = Provision::new(&key, agent.did(), account, &name, &moment);
        let state = provision.and_then(|provision| provision.state());
        let key = format!("{PROVISION}{space}");
        begin(&key);
        let state = ByteBuf::from(state.map_err(invalid)?);
        notes::set(vec![notes::put(key, &state)?]).await
    }

    async fn grant(now_ms: u64, space: String, name: String, audience: String) -> Result<Vec<u8>> {
        let (space, audience) = (did(&space)?, did(&audience)?);
        let (agent, own) = (HostSigner::named(AGENT)?, of_space(&space));
        let mut given = Vec::new();
        let signer = if signer::keys().contains(&own) {
            HostSigner::named(&own)?
        } else {
            let kept = proofs::at(now_ms / 1_000).await?.good;
            let all = Command::all();
            let chain = find_chain(&kept, agent.did(), &all, &space, now_ms / 1_000);
            given.extend(chain.ok_or(StoreError::NotFound)?.into_iter().cloned());
            HostSigner::named(AGENT)?
        };
        let random = Clock::at(now_ms).moment().random.to_vec();
        let right = all_of(space, &signer, audience, &name, random);
        let right = Signed::new(right, &signer).map_err(invalid)?;
        if right.claims().audience == *agent.did() {
            notes::set(proofs::keep([&right])?).await?;
            uploads::retry();
        }
        given.push(right);
        let container = Container::of(given.into_iter().map(Token::from)).map_err(invalid)?;
        container.pack(Packing::Base64).map_err(invalid)
    }
}

/// All of a space, for good.
fn all_of(
    space: Did,
    issuer: &HostSigner,
    audience: Did,
    name: &str,
    nonce: Vec<u8>,
) -> Delegation {
    let name = (!name.is_empty()).then(|| Ipld::String(name.to_owned()));
    Delegation {
        issuer: issuer.did().clone(),
        audience,
        subject: Some(space),
        command: Command::all(),
        policy: Policy::default(),
        nonce,
        expires_s: None,
        not_before_s: None,
        meta: name.map(|name| [("name".to_owned(), name)].into()),
    }
}

/// A note that keeps the state of a machine.
struct OfNote<'a> {
    key: &'a str,
    begun: u64,
}

impl Effects for OfNote<'_> {
    async fn record(&self, state: Vec<u8>) -> Result<()> {
        if self.begun != BEGUN.get() {
            return Err(StoreError::Conflict);
        }
        notes::set(vec![notes::put(self.key, &ByteBuf::from(state))?]).await
    }

    async fn blob(&self) -> Result<Option<StreamReader<u8>>> {
        Ok(None)
    }
}

/// Goes on with the login and the provisionings; when to come back.
pub(crate) async fn pursue(session: &mut Session) -> Result<Option<u64>> {
    if !session.stale.is_empty() {
        notes::set(session.stale.drain(..).map(notes::delete).collect()).await?;
    }
    let mut until_ms = None;
    if let Some(state) = notes::get::<ByteBuf>(LOGIN).await? {
        let login = Login::resume(&state).map_err(invalid)?;
        let stop = go_on(session, LOGIN, login, |proofs| proofs).await?;
        until_ms = [until_ms, stop].into_iter().flatten().min();
    }
    for (key, state) in notes::all::<ByteBuf>(PROVISION, PROVISIONS_MAX).await? {
        let provision = Provision::resume(&state).map_err(invalid)?;
        let given = |done: billet_forge::Provisioned| vec![done.to_agent, done.to_account];
        let stop = go_on(session, &key, provision, given).await?;
        until_ms = [until_ms, stop].into_iter().flatten().min();
    }
    Ok(until_ms)
}

/// Goes on with one machine; what it gives is kept, and its note goes. So does the note of one
/// that cannot come off: people begin it again.
async fn go_on<M: Machine>(
    session: &mut Session,
    key: &str,
    mut machine: M,
    given: impl FnOnce(M::Output) -> Vec<Signed<Delegation>>,
) -> Result<Option<u64>> {
    let wait_ms = uploads::until_ms(key);
    if wait_ms > session.clock.now_ms() {
        return Ok(Some(wait_ms));
    }
    let begun = BEGUN.get();
    let stopped = run(session, &mut machine, &OfNote { key, begun }).await;
    if begun != BEGUN.get() {
        // People began something, this very thing perhaps: the note says what it is now.
        return Ok(Some(session.clock.now_ms()));
    }
    match stopped? {
        Stop::Done(output) => {
            let given = given(output);
            let mut changes = proofs::keep(&given)?;
            changes.push(notes::delete(key));
            notes::set(changes).await?;
            uploads::forget(key);
            // What had no right before has one now.
            uploads::retry();
            session.proofs.extend(given);
            Ok(None)
        }
        Stop::Until(until_ms) => match machine.trouble() {
            None => Ok(Some(until_ms)),
            Some(failure) => {
                let until_ms = uploads::troubled(key, session.clock.now_ms(), failure);
                if failure.remedy() == Remedy::Never {
                    notes::set(vec![notes::delete(key)]).await?;
                }
                Ok(Some(until_ms))
            }
        },
    }
}

/// Where the key of a space is here, the agent is given the right to all of it, for good.
pub(crate) async fn ensure_right(session: &mut Session, space: &str) -> Result<()> {
    let Ok(space) = session.space(space) else {
        // Its uploads say so.
        return Ok(());
    };
    let (agent, now_s) = (session.agent.did(), session.clock.now_ms() / 1_000);
    let all = Command::all();
    let has = find_chain(&session.proofs, agent, &all, &space, now_s).is_some();
    let name = of_space(&space);
    if has || !signer::keys().contains(&name) {
        return Ok(());
    }
    let key = HostSigner::named(&name)?;
    let random = session.moment().random.to_vec();
    let right = all_of(space, &key, agent.clone(), "", random);
    let token = Signed::new(right, &key).map_err(invalid)?;
    notes::set(proofs::keep([&token])?).await?;
    session.proofs.push(token);
    Ok(())
}
