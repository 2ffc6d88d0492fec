//! Who ships and by which right: logins, provisioned spaces, delegations.
//!
//! Must never keep a delegation that cannot be read, and never ask for a mail twice by itself.

use billet_forge::{Login, Machine, Provision, Remedy};
use billet_ucan::{Command, Container, Delegation, Did, Policy, Signed, Signer, find_chain};
use serde::Serialize;
use serde_bytes::ByteBuf;
use wit_bindgen::StreamReader;

use crate::Shipper;
use crate::bindings::billet::ship::{settings, signer};
use crate::bindings::exports::billet::forge::identity::Guest;
use crate::clock::Clock;
use crate::convert::{Result, did, invalid};
use crate::notes::{self, LOGIN, PROVISION};
use crate::session::{Effects, Session, Stop, run};
use crate::signer::{AGENT, HostSigner, of_space};
use crate::{proofs, uploads};

/// Most provisionings at once.
const PROVISIONS_MAX: usize = 1_000;

impl Guest for Shipper {
    async fn whoami() -> Result<String> {
        let answer = whoami().await?;
        serde_json::to_string(&answer).map_err(invalid)
    }

    async fn login(email: String) -> Result<()> {
        let account = Did::of_email(&email).map_err(invalid)?;
        let state = Login::new(account).state().map_err(invalid)?;
        uploads::forget(LOGIN);
        notes::set(vec![notes::put(LOGIN, &ByteBuf::from(state))?]).await
    }

    async fn add_proof(container: Vec<u8>) -> Result<u32> {
        let (_, container) = Container::unpack(&container).map_err(invalid)?;
        let found: Vec<_> = container.delegations().collect();
        if found.is_empty() {
            return Err(invalid("a container without a delegation"));
        }
        let count = u32::try_from(found.len()).unwrap_or(u32::MAX);
        notes::set(proofs::keep(found)?).await?;
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
        uploads::forget(&key);
        let state = ByteBuf::from(state.map_err(invalid)?);
        notes::set(vec![notes::put(key, &state)?]).await
    }
}

/// A note that keeps the state of a machine.
struct OfNote<'a>(&'a str);

impl Effects for OfNote<'_> {
    async fn record(&self, state: Vec<u8>) -> Result<()> {
        notes::set(vec![notes::put(self.0, &ByteBuf::from(state))?]).await
    }

    async fn blob(&self) -> Result<Option<StreamReader<u8>>> {
        Ok(None)
    }
}

/// Goes on with the login and the provisionings; when to come back.
pub(crate) async fn pursue(session: &mut Session) -> Result<Option<u64>> {
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
    match run(session, &mut machine, &OfNote(key)).await? {
        Stop::Done(output) => {
            let given = given(output);
            let mut changes = proofs::keep(&given)?;
            changes.push(notes::delete(key));
            notes::set(changes).await?;
            uploads::forget(key);
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
    let delegation = Delegation {
        issuer: space.clone(),
        audience: agent.clone(),
        subject: Some(space),
        command: all,
        policy: Policy::default(),
        nonce: session.moment().random.to_vec(),
        expires_s: None,
        not_before_s: None,
        meta: None,
    };
    let token = Signed::new(delegation, &key).map_err(invalid)?;
    notes::set(proofs::keep([&token])?).await?;
    session.proofs.push(token);
    Ok(())
}

#[derive(Serialize)]
struct WhoAmI {
    agent: String,
    service: Option<String>,
    accounts: Vec<String>,
    spaces: Vec<Space>,
    /// How far the login that is under way is.
    login: Option<String>,
    provisioning: Vec<String>,
    troubles: Vec<Trouble>,
}

#[derive(Serialize)]
struct Space {
    did: String,
    name: Option<String>,
    /// Its key is here.
    own: bool,
}

#[derive(Serialize)]
struct Trouble {
    what: String,
    why: String,
}

async fn whoami() -> Result<WhoAmI> {
    let kept = proofs::all().await?;
    let agent = signer::did(AGENT)?;
    let mut accounts: Vec<String> = kept
        .iter()
        .map(|proof| &proof.claims().issuer)
        .filter(|issuer| issuer.method() == "mailto")
        .map(ToString::to_string)
        .collect();
    accounts.sort();
    accounts.dedup();
    let login = match notes::get::<ByteBuf>(LOGIN).await? {
        Some(state) => Some(Login::resume(&state).map_err(invalid)?.phase().to_owned()),
        None => None,
    };
    let provisioning = notes::all::<ByteBuf>(PROVISION, PROVISIONS_MAX).await?;
    let provisioning = provisioning.into_iter();
    let troubles = uploads::troubles().into_iter();
    let troubles = troubles.filter(|(key, ..)| key == LOGIN || key.starts_with(PROVISION));
    Ok(WhoAmI {
        agent,
        service: settings::get("service_did"),
        accounts,
        spaces: spaces(&kept),
        login,
        provisioning: provisioning
            .filter_map(|(key, _)| Some(key.strip_prefix(PROVISION)?.to_owned()))
            .collect(),
        troubles: troubles
            .map(|(what, _, why)| Trouble { what, why })
            .collect(),
    })
}

/// The spaces whose keys are here, and those that somebody gave.
fn spaces(kept: &[Signed<Delegation>]) -> Vec<Space> {
    let own: Vec<String> = signer::keys()
        .iter()
        .filter_map(|name| Some(name.strip_prefix("space:")?.to_owned()))
        .collect();
    let named = |space: &str| {
        let mut given = kept.iter().map(Signed::claims);
        given.find_map(|claims| {
            let ours = claims.subject.as_ref().is_some_and(|s| s.as_str() == space);
            match claims.meta.as_ref()?.get("name")? {
                billet_ucan::Ipld::String(name) if ours => Some(name.clone()),
                _ => None,
            }
        })
    };
    let given = kept
        .iter()
        .filter_map(|proof| proof.claims().subject.as_ref());
    let given = given.filter(|space| space.method() == "key");
    let mut all: Vec<String> = own.clone();
    all.extend(given.map(ToString::to_string));
    all.sort();
    all.dedup();
    let told = all.into_iter().map(|did| Space {
        name: named(&did),
        own: own.contains(&did),
        did,
    });
    told.collect()
}
