//! Who ships, for whom and by which right, for people and programs. Must never tell a secret.

use billet_forge::{Login, Provision};
use billet_ucan::{Command, Delegation, Did, Ipld, Signed, find_chain};
use serde::Serialize;
use serde_bytes::ByteBuf;

use crate::bindings::billet::ship::{settings, signer};
use crate::convert::{Result, did, invalid};
use crate::identity::PROVISIONS_MAX;
use crate::notes::{self, LOGIN, PROVISION};
use crate::proofs::{self, Kept};
use crate::signer::AGENT;
use crate::uploads;

/// A login that ends within so many seconds is worth a hint.
const SOON_S: u64 = 7 * 24 * 60 * 60;

/// The answer.
#[derive(Serialize)]
pub(crate) struct WhoAmI {
    agent: String,
    service: Option<String>,
    accounts: Vec<Account>,
    spaces: Vec<Space>,
    /// The login that is under way.
    login: Option<UnderWay>,
    provisioning: Vec<Provisioning>,
    /// What people could do.
    pub(crate) hints: Vec<String>,
    troubles: Vec<Trouble>,
}

/// An account that lets the agent act for it, or did.
#[derive(Serialize)]
struct Account {
    did: String,
    email: Option<String>,
    /// Seconds since 1970; none for good.
    expires_s: Option<u64>,
    expired: bool,
}

#[derive(Serialize)]
struct Space {
    did: String,
    name: Option<String>,
    /// Its key is here.
    own: bool,
    /// Buckets that name no space are in it.
    current: bool,
    /// The accounts that have it.
    accounts: Vec<String>,
    /// The agent may store in it.
    usable: bool,
}

#[derive(Serialize)]
struct UnderWay {
    account: String,
    phase: String,
}

#[derive(Serialize)]
struct Provisioning {
    space: String,
    phase: String,
}

#[derive(Serialize)]
struct Trouble {
    what: String,
    why: String,
}

pub(crate) async fn whoami(now_ms: u64) -> Result<WhoAmI> {
    let now_s = now_ms / 1_000;
    let kept = proofs::at(now_s).await?;
    let agent = signer::did(AGENT)?;
    let login = match notes::get::<ByteBuf>(LOGIN).await? {
        Some(state) => {
            let login = Login::resume(&state).map_err(invalid)?;
            Some(UnderWay {
                account: login.account().to_string(),
                phase: login.phase().to_owned(),
            })
        }
        None => None,
    };
    let mut provisioning = Vec::new();
    for (_, state) in notes::all::<ByteBuf>(PROVISION, PROVISIONS_MAX).await? {
        let provision = Provision::resume(&state).map_err(invalid)?;
        provisioning.push(Provisioning {
            space: provision.space().to_string(),
            phase: provision.phase().to_owned(),
        });
    }
    let troubles = uploads::troubles().into_iter();
    let troubles = troubles.filter(|(key, ..)| key == LOGIN || key.starts_with(PROVISION));
    let mut told = WhoAmI {
        accounts: accounts(&kept),
        spaces: spaces(&kept, &did(&agent)?, now_s)?,
        agent,
        service: settings::get("service_did"),
        login,
        provisioning,
        hints: Vec::new(),
        troubles: troubles
            .map(|(what, _, why)| Trouble { what, why })
            .collect(),
    };
    told.hints = hints(&told, now_s);
    Ok(told)
}

/// Each account once, with the delegation that lasts longest.
fn accounts(kept: &Kept) -> Vec<Account> {
    let all = [(&kept.good, false), (&kept.over, true)].into_iter();
    let all = all.flat_map(|(tokens, expired)| tokens.iter().map(move |token| (token, expired)));
    let mut accounts: Vec<Account> = all
        .filter(|(token, _)| token.claims().issuer.method() == "mailto")
        .map(|(token, expired)| Account {
            did: token.claims().issuer.to_string(),
            email: token.claims().issuer.email(),
            expires_s: token.claims().expires_s,
            expired,
        })
        .collect();
    accounts.sort_by(|a, b| {
        let end_s = |account: &Account| account.expires_s.unwrap_or(u64::MAX);
        (&a.did, end_s(b)).cmp(&(&b.did, end_s(a)))
    });
    accounts.dedup_by(|later, first| later.did == first.did);
    accounts
}

/// The spaces whose keys are here, and those that somebody gave.
fn spaces(kept: &Kept, agent: &Did, now_s: u64) -> Result<Vec<Space>> {
    let keys = signer::keys();
    let own: Vec<&str> = keys
        .iter()
        .filter_map(|name| name.strip_prefix("space:"))
        .collect();
    let current = settings::get("space");
    let given = kept.good.iter().filter_map(subject);
    let mut all: Vec<String> = own.iter().map(|space| (*space).to_owned()).collect();
    all.extend(given.map(ToString::to_string));
    all.sort();
    all.dedup();
    let mut told = Vec::with_capacity(all.len());
    for space in all {
        let of = |token: &&Signed<Delegation>| subject(token).is_some_and(|s| s.as_str() == space);
        let tokens: Vec<_> = kept.good.iter().filter(of).collect();
        let audiences = tokens.iter().map(|token| &token.claims().audience);
        let mut accounts: Vec<_> = audiences
            .filter(|audience| audience.method() == "mailto")
            .map(ToString::to_string)
            .collect();
        accounts.sort();
        accounts.dedup();
        let is_own = own.contains(&space.as_str());
        let subject = did(&space)?;
        let chain = find_chain(&kept.good, agent, &Command::all(), &subject, now_s);
        told.push(Space {
            name: tokens.iter().find_map(|token| name(token)),
            own: is_own,
            current: current.as_ref() == Some(&space),
            accounts,
            usable: is_own || chain.is_some(),
            did: space,
        });
    }
    Ok(told)
}

/// The space that a delegation is about, if it is about one.
fn subject(token: &Signed<Delegation>) -> Option<&Did> {
    let subject = token.claims().subject.as_ref();
    subject.filter(|subject| subject.method() == "key")
}

fn name(token: &Signed<Delegation>) -> Option<String> {
    match token.claims().meta.as_ref()?.get("name")? {
        Ipld::String(name) if !name.is_empty() => Some(name.clone()),
        _ => None,
    }
}

/// What is missing before something can be shipped, the first thing first.
fn hints(told: &WhoAmI, now_s: u64) -> Vec<String> {
    let mut hints = Vec::new();
    let name = |account: &Account| account.email.clone().unwrap_or_else(|| account.did.clone());
    for account in &told.accounts {
        let email = name(account);
        if account.expired {
            hints.push(format!(
                "the login to {email} is over: billet login {email}"
            ));
        } else if account
            .expires_s
            .is_some_and(|end| end < now_s.saturating_add(SOON_S))
        {
            hints.push(format!(
                "the login to {email} ends soon: billet login {email}"
            ));
        }
    }
    let current = told.spaces.iter().find(|space| space.current);
    let usable = told.spaces.iter().any(|space| space.usable);
    match current {
        None if !usable && told.accounts.is_empty() => {
            hints.push("no account: billet login EMAIL".to_owned());
        }
        None if !usable => {
            let account = told
                .accounts
                .first()
                .map_or_else(|| "EMAIL".to_owned(), name);
            hints.push(format!(
                "no space: billet space generate --provision-to {account}"
            ));
        }
        Some(space) if space.accounts.is_empty() && told.provisioning.is_empty() => {
            hints.push(
                "no account has the space, unless it was given elsewhere: billet space generate \
                 --provision-to EMAIL"
                    .to_owned(),
            );
        }
        _ => {}
    }
    hints
}
