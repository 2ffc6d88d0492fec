//! `billet login`, `whoami` and `proof add`: who ships and by which right.
//!
//! Must never hold up the shipper: what takes time it does by itself, and this only looks.

use std::time::{Duration, Instant};

use billet_key::Did;
use futures::StreamExt as _;
use serde_json::{Value, json};

use super::{Failure, Input, Inside, Out, Verdict};
use crate::bindings::billet::store::types::StoreError;
use crate::ship::Network;

/// How often it is looked how far something is.
pub(super) const LOOK_EVERY: Duration = Duration::from_millis(200);
/// The longest container; more is none.
const CONTAINER_BYTES_MAX: usize = 8 << 20;

/// What the shipper says no to, in words for people.
pub(super) fn refused(error: StoreError) -> Failure {
    match error {
        StoreError::NotFound => {
            Failure::new("this host has no right to that space: neither its key nor a delegation")
        }
        StoreError::Unavailable => {
            Failure::new("the component that ships gave no answer; the log says why")
        }
        other => other.into(),
    }
}

/// Who ships, for whom and by which right.
pub(super) async fn whoami(inside: &Inside, out: &Out) -> Result<Verdict, Failure> {
    let told = inside.network().await?.whoami().await.map_err(refused)?;
    out.line(&told).await?;
    Ok(Verdict::Whole)
}

/// Begins a login and looks after it.
pub(super) async fn login(
    inside: &Inside,
    email: String,
    wait: bool,
    out: &Out,
) -> Result<Verdict, Failure> {
    let account = Did::of_email(&email)
        .map_err(|_| Failure::new(format!("{email:?} is no address, as alice@example.com")))?;
    let network = inside.network().await?;
    network.login(email.clone()).await.map_err(refused)?;
    network.drive_to_ask();
    let since = Instant::now();
    let mut told = false;
    loop {
        let now = network.whoami().await.map_err(refused)?;
        let Some(phase) = now.pointer("/login/phase").and_then(Value::as_str) else {
            return logged_in(&now, &account, &email, out).await;
        };
        // Before that the service has not answered yet.
        let mailed = phase != "request";
        if mailed && !told {
            told = true;
            out.line(&json!({"verdict": "mailed", "account": account, "email": email}))
                .await?;
        }
        let trouble = trouble(&now, "login");
        if !wait && (mailed || trouble.is_some()) {
            return match trouble.filter(|_| !mailed) {
                Some(why) => Err(Failure::new(format!(
                    "no mail yet, it is tried again while `billet serve` runs: {why}"
                ))),
                None => Ok(Verdict::Whole),
            };
        }
        let what = match (trouble, mailed) {
            (Some(why), _) => format!("s, tried again: {why}"),
            (None, true) => format!("s until the link in the mail to {email} is followed"),
            (None, false) => "s until the mail is on its way".to_owned(),
        };
        out.progress(&what, since.elapsed().as_secs(), 0);
        if out.is_closed() {
            return Ok(Verdict::Whole);
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

/// The end of a login: it came off, or it says why not.
async fn logged_in(now: &Value, account: &Did, email: &str, out: &Out) -> Result<Verdict, Failure> {
    if has_account(now, account) {
        out.line(&json!({"verdict": "logged in", "account": account, "email": email}))
            .await?;
        return Ok(Verdict::Whole);
    }
    let why = trouble(now, "login").unwrap_or("somebody began another one");
    Err(Failure::new(format!(
        "the login did not come off: {why}; begin it again: billet login {email}"
    )))
}

/// Whether the account lets the agent act for it now.
pub(super) fn has_account(now: &Value, account: &Did) -> bool {
    let accounts = now.get("accounts").and_then(Value::as_array);
    accounts.into_iter().flatten().any(|one| {
        let is_it = one.get("did").and_then(Value::as_str) == Some(account.as_str());
        is_it && one.get("expired") == Some(&Value::Bool(false))
    })
}

/// Why something does not come off, where something is known of it.
pub(super) fn trouble<'a>(now: &'a Value, what: &str) -> Option<&'a str> {
    let troubles = now.get("troubles").and_then(Value::as_array);
    let mut troubles = troubles.into_iter().flatten();
    let trouble =
        troubles.find(|trouble| trouble.get("what").and_then(Value::as_str) == Some(what))?;
    trouble.get("why").and_then(Value::as_str)
}

/// Keeps the delegations that came with the request.
pub(super) async fn add_proof(
    inside: &Inside,
    mut input: Input,
    out: &Out,
) -> Result<Verdict, Failure> {
    let network = inside.network().await?;
    let mut container = Vec::new();
    while let Some(piece) = input.next().await {
        container.extend_from_slice(&piece.map_err(|error| Failure::new(error.to_string()))?);
        if container.len() > CONTAINER_BYTES_MAX {
            return Err(Failure::new("more bytes than a container has"));
        }
    }
    let count = added(&network, container).await?;
    out.line(&json!({"verdict": "added", "delegations": count}))
        .await?;
    Ok(Verdict::Whole)
}

async fn added(network: &Network, container: Vec<u8>) -> Result<u32, Failure> {
    network
        .add_proof(container)
        .await
        .map_err(|error| match error {
            StoreError::Invalid(why) => Failure::new(format!("not taken: {why}")),
            other => refused(other),
        })
}
