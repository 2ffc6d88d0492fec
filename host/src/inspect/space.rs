//! `billet space`: the key of the space, who has the space, and whom it is given to.
//!
//! Must never tell a key, nor put another in the place of one unless asked to.

use std::time::Instant;

use billet_key::Did;
use bytes::Bytes;
use serde_json::{Value, json};

use super::identity::{LOOK_EVERY, has_account, refused, trouble};
use super::{Failure, Inside, Out, Verdict};
use crate::ship::{MadeSpace, Network, SpaceKey};

/// What is to be done about a space.
pub(super) struct Wish {
    pub(super) name: String,
    pub(super) provision_to: Option<String>,
    pub(super) grant_to: Option<String>,
    pub(super) force: bool,
    pub(super) raw: bool,
}

/// Sees to it that there is a key of a space, and gives the space to whom it is to be given.
pub(super) async fn generate(inside: &Inside, wish: Wish, out: &Out) -> Result<Verdict, Failure> {
    let network = inside.network().await?;
    // What cannot come off is told before there is a key.
    let account = wish.provision_to.as_deref().map(account).transpose()?;
    let grant_to = wish.grant_to.as_deref().map(did).transpose()?;
    if let Some(account) = &account {
        let now = network.whoami().await.map_err(refused)?;
        if !has_account(&now, account) {
            return Err(not_logged_in(account));
        }
    }
    if wish.force {
        leave(inside, &network, out).await?;
    }
    let made = {
        let (network, force) = (std::sync::Arc::clone(&network), wish.force);
        tokio::task::spawn_blocking(move || network.make_space(force)).await
    };
    let made = made.map_err(|error| Failure::new(error.to_string()))?;
    let made = made.map_err(|error| Failure::new(error.to_string()))?;
    let (space, name) = (made.did.clone(), wish.name.clone());
    if made.done != SpaceKey::Kept || !name.is_empty() {
        let granted = network.grant(space.clone(), name.clone(), network.agent());
        granted.await.map_err(refused)?;
        network.retry().await.map_err(refused)?;
    }
    out.line(&line_of(&made)).await?;
    if let Some(account) = account {
        provision(&network, &space, &name, &account, out).await?;
    }
    if let Some(to) = grant_to {
        let granted = network.grant(space.clone(), name, to.to_string());
        let container = granted.await.map_err(refused)?;
        grant(&space, &to, container, wish.raw, out).await?;
    }
    Ok(Verdict::Whole)
}

/// Says what another key in the place of this one means, before there is one. The agent was given
/// the right to the space before anything was shipped there.
async fn leave(inside: &Inside, network: &Network, out: &Out) -> Result<(), Failure> {
    let Some(space) = network.space() else {
        return Ok(());
    };
    let progress = inside.storage().store().progress();
    let totals = progress.totals;
    let on_their_way = match progress.waiting_shards {
        0 => String::new(),
        waiting => format!(" {waiting} more are on their way, to either space."),
    };
    let what = format!(
        "{} shards ({} bytes) were shipped; they stay in this space and are not shipped again.\
         {on_their_way} This host goes on to read them there: keep the account and the key of this \
         space. What is new goes to the new space alone, which then has no bucket in whole; for \
         that, `billet export` it and `billet import` it into another --data-dir with a space of \
         its own",
        totals.shards, totals.bytes,
    );
    let line = json!({
        "verdict": "leaving",
        "space": space,
        "shards": totals.shards,
        "bytes": totals.bytes,
        "what": what,
    });
    out.line(&line).await
}

fn line_of(made: &MadeSpace) -> Value {
    let (verdict, what) = match &made.done {
        SpaceKey::Made => (
            "made",
            "keep a copy of its key: it cannot be had again".to_owned(),
        ),
        SpaceKey::Kept => (
            "kept",
            "its key was there and stays; --force would put another in its place, and leave all \
             that was shipped in this space"
                .to_owned(),
        ),
        SpaceKey::Replaced(aside) => (
            "replaced",
            format!(
                "the key before it is in {}: keep both; what was shipped stays in that space",
                aside.display()
            ),
        ),
    };
    json!({
        "verdict": verdict,
        "space": made.did,
        "key_file": made.file,
        "what": what,
    })
}

/// An account, by its address or its DID.
fn account(text: &str) -> Result<Did, Failure> {
    let account = match text.starts_with("did:") {
        true => text.parse(),
        false => Did::of_email(text),
    };
    let account = account.ok().filter(|account| account.email().is_some());
    account.ok_or_else(|| {
        Failure::new(format!(
            "--provision-to {text:?} is no account, as alice@example.com"
        ))
    })
}

fn did(text: &str) -> Result<Did, Failure> {
    text.parse().map_err(|_| {
        Failure::new(format!(
            "--grant-to {text:?} is no DID, as did:key:z…; `billet whoami` of the other host says \
             its own"
        ))
    })
}

fn not_logged_in(account: &Did) -> Failure {
    let email = account.email().unwrap_or_default();
    Failure::new(format!(
        "this host is not logged in to {email}: billet login {email}"
    ))
}

/// Gives a space to an account and waits until the service says that it stores for it.
async fn provision(
    network: &std::sync::Arc<Network>,
    space: &str,
    name: &str,
    account: &Did,
    out: &Out,
) -> Result<(), Failure> {
    let begun = network.provision(space.to_owned(), name.to_owned(), account.to_string());
    begun.await.map_err(refused)?;
    network.drive_to_ask();
    let since = Instant::now();
    let note = format!("provision/{space}");
    loop {
        let now = network.whoami().await.map_err(refused)?;
        let open = now.get("provisioning").and_then(Value::as_array);
        let mut open = open.into_iter().flatten();
        let is_ours = |one: &&Value| one.get("space").and_then(Value::as_str) == Some(space);
        let trouble = trouble(&now, &note);
        let Some(one) = open.find(is_ours) else {
            if let Some(why) = trouble {
                let text = format!("the account did not get the space: {why}");
                return Err(Failure::new(text));
            }
            let email = account.email();
            let line = json!({
                "verdict": "provisioned", "space": space, "account": account, "email": email,
            });
            return out.line(&line).await;
        };
        let phase = one.get("phase").and_then(Value::as_str).unwrap_or_default();
        let what = match trouble {
            Some(why) => format!("s, tried again: {why}"),
            None => format!("s {phase}"),
        };
        out.progress(&what, since.elapsed().as_secs(), 0);
        if out.is_closed() {
            return Err(Failure::new("nobody waits for it any more"));
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

async fn grant(
    space: &str,
    to: &Did,
    container: Vec<u8>,
    raw: bool,
    out: &Out,
) -> Result<(), Failure> {
    if raw {
        let mut bytes = container;
        bytes.push(b'\n');
        return out.bytes(Bytes::from(bytes)).await;
    }
    let container = String::from_utf8_lossy(&container);
    let line = json!({
        "verdict": "granted", "space": space, "to": to, "container": container,
    });
    out.line(&line).await
}

async fn spaces(inside: &Inside) -> Result<Vec<Value>, Failure> {
    let mut now = inside.network().await?.whoami().await.map_err(refused)?;
    match now.get_mut("spaces").map(Value::take) {
        Some(Value::Array(spaces)) => Ok(spaces),
        _ => Ok(Vec::new()),
    }
}

/// A line for each space.
pub(super) async fn list(inside: &Inside, out: &Out) -> Result<Verdict, Failure> {
    for space in spaces(inside).await? {
        out.line(&space).await?;
    }
    Ok(Verdict::Whole)
}

/// One space.
pub(super) async fn info(
    inside: &Inside,
    named: Option<&str>,
    out: &Out,
) -> Result<Verdict, Failure> {
    let found = spaces(inside).await?.into_iter().find(|space| match named {
        Some(named) => space.get("did").and_then(Value::as_str) == Some(named),
        None => space.get("current") == Some(&Value::Bool(true)),
    });
    let space = found.ok_or_else(|| {
        Failure::new(match named {
            Some(named) => format!("nothing is known of {named}; `billet space ls` lists all"),
            None => "this host has no space of its own: billet space generate".to_owned(),
        })
    })?;
    out.line(&space).await?;
    Ok(Verdict::Whole)
}
