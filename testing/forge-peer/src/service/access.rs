//! Login by e-mail, delegations kept for others, provisioning.
//!
//! Must never grant anything before the mailed link was posted.

use std::sync::Arc;

use ipld_core::ipld::Ipld;

use super::Service;
use crate::cbor::{self, Map};
use crate::check::Refusal;
use crate::container;
use crate::fields;
use crate::key;
use crate::token::{Draft, Kind, Token};
use crate::world::{Done, Task, World};

/// How long a mailed link holds, in seconds.
const LINK_S: i64 = 900;
/// Most links that wait, and most delegations that are kept.
const KEPT_MAX: usize = 10_000;

impl Service {
    pub(super) fn access_request(&self, world: &World, task: &Task<'_>) -> Result<Done, Refusal> {
        let args = task.token.args();
        let account = fields::text(args, "iss")?;
        if !key::is_account(&account) {
            return Err(Refusal::new(
                "InvalidAuthorizationAccount",
                "invalid authorization account DID: invalid mailto DID",
            ));
        }
        let request = task.token.task();
        let exp = world.now().saturating_add(LINK_S);
        let confirm = cbor::map([
            ("cause", Ipld::Link(request)),
            ("iss", Ipld::String(account.clone())),
            ("aud", Ipld::String(task.sub().into())),
            ("att", args.get("att").cloned().unwrap_or(Ipld::Null)),
        ]);
        let own = self.key.did();
        let confirm = Draft::invocation(own, "/access/confirm", confirm)
            .aud(own)
            .exp(exp)
            .meta(cbor::map([]))
            .sign(&self.key);
        let confirmed = confirm.task();
        let link = container::write_link(&[Arc::new(confirm)]);
        let mut state = self.state();
        if state.mail.values().map(Vec::len).sum::<usize>() >= KEPT_MAX {
            return Err(Refusal::handler("/access/request", "sending mail: full"));
        }
        state.mail.entry(account).or_default().push(link);
        Ok(Done::ok(cbor::map([
            ("req", Ipld::Link(request)),
            ("confirm", cbor::awaits(confirmed)),
            ("exp", Ipld::Integer(exp.into())),
        ])))
    }

    /// The `ucan` parameters of the links mailed to an account, oldest first.
    pub(crate) fn mailed(&self, account: &str) -> Vec<String> {
        self.state().mail.get(account).cloned().unwrap_or_default()
    }

    /// Forgets the links mailed to an account.
    pub(crate) fn empty_mail(&self, account: &str) {
        self.state().mail.remove(account);
    }

    /// Grants what a link asks for. Called for the link itself, never for a stranger's copy: the
    /// caller has checked its signature.
    pub(super) fn access_confirm(&self, task: &Task<'_>) -> Result<Done, Refusal> {
        let own = self.key.did();
        if task.sub() != own {
            return Err(Refusal::new(
                "InvalidAccessConfirmSubject",
                "subject is not this service",
            ));
        }
        if task.token.iss() != own {
            return Err(Refusal::new(
                "InvalidAccessConfirmIssuer",
                "issuer is not this service",
            ));
        }
        let args = task.token.args();
        let (account, agent) = (fields::text(args, "iss")?, fields::text(args, "aud")?);
        let meta = cbor::map([
            ("accessRequest", Ipld::Link(fields::link(args, "cause")?)),
            ("accessConfirm", Ipld::Link(task.token.task())),
        ]);
        let grant = |sub: Option<&str>, cmd: &str| {
            Arc::new(
                Draft::delegation(&agent, sub, cmd)
                    .meta(meta.clone())
                    .attest(&account, &self.key),
            )
        };
        let mut granted = vec![grant(Some(&account), "/")];
        for cmd in commands(args) {
            granted.push(grant(None, &cmd));
        }
        let mut state = self.state();
        if state.delegations.len() + granted.len() > KEPT_MAX {
            return Err(Refusal::handler(
                "/access/confirm",
                "storing delegations: full",
            ));
        }
        state.delegations.extend(granted.iter().cloned());
        drop(state);
        Ok(listing(granted))
    }

    pub(super) fn access_claim(&self, task: &Task<'_>) -> Done {
        let state = self.state();
        let mine = |token: &&Arc<Token>| token.aud() == task.sub();
        listing(state.delegations.iter().filter(mine).cloned().collect())
    }

    pub(super) fn access_delegate(&self, task: &Task<'_>) -> Result<Done, Refusal> {
        self.provisioned(task.sub(), "storage")?;
        let mut found = Vec::new();
        for link in fields::link_list(task.token.args(), "delegations")? {
            let token = task
                .beside
                .get(&link)
                .filter(|token| token.kind() == Kind::Delegation)
                .ok_or_else(|| {
                    let message = format!("delegation not found: {link}");
                    Refusal::handler("/access/delegate", &message)
                })?;
            found.push(Arc::clone(token));
        }
        let mut state = self.state();
        for token in found {
            if state
                .delegations
                .iter()
                .all(|other| other.cid() != token.cid())
            {
                state.delegations.push(token);
            }
        }
        state.delegations.truncate(KEPT_MAX);
        Ok(Done::unit())
    }

    pub(super) fn provider_add(&self, task: &Task<'_>) -> Result<Done, Refusal> {
        let args = task.token.args();
        let account = task.sub().to_owned();
        let provider = fields::text(args, "provider")?;
        let consumer = fields::text(args, "consumer")?;
        if !key::is_account(&account) && !account.starts_with("did:plc:") {
            return Err(Refusal::new(
                "InvalidAccount",
                format!("invalid account DID: unsupported DID method in {account}: expected plc"),
            ));
        }
        if provider != self.key.did() {
            return Err(Refusal::new("ProviderNotAllowed", "provider not allowed"));
        }
        let mut state = self.state();
        if self.deployment.plan_required && !state.customers.contains(&account) {
            return Err(Refusal::new(
                "AccountPlanMissing",
                "account does not have an active payment plan",
            ));
        }
        if state.spaces.contains_key(&consumer) {
            return Err(Refusal::new(
                "ConsumerExists",
                "adding consumer: consumer already exists",
            ));
        }
        if state.spaces.len() >= KEPT_MAX {
            return Err(Refusal::handler("/provider/add", "adding consumer: full"));
        }
        let id = cbor::block_cid(&cbor::write(&cbor::map([
            ("consumer", Ipld::String(consumer.clone())),
            ("customer", Ipld::String(account.clone())),
        ])));
        state.spaces.insert(consumer, account);
        Ok(Done::ok(cbor::map([("id", Ipld::String(id.to_string()))])))
    }

    pub(super) fn customer_add(&self, task: &Task<'_>) -> Result<Done, Refusal> {
        if task.sub() != self.key.did() {
            return Err(Refusal::new(
                "InvalidSubject",
                "subject is not this service",
            ));
        }
        let customer = fields::text(task.token.args(), "customer")?;
        self.state().customers.insert(customer);
        Ok(Done::unit())
    }

    pub(super) fn space_info(&self, task: &Task<'_>) -> Done {
        let known = self.state().spaces.contains_key(task.sub());
        let providers = known.then(|| Ipld::String(self.key.did().into()));
        let providers = Ipld::List(providers.into_iter().collect());
        Done::ok(cbor::map([("providers", providers)]))
    }
}

/// The commands that a request asks for.
fn commands(args: &Map) -> Vec<String> {
    let Some(Ipld::List(list)) = args.get("att") else {
        return Vec::new();
    };
    list.iter()
        .filter_map(|item| match item {
            Ipld::Map(map) => fields::text(map, "cmd").ok(),
            _ => None,
        })
        .collect()
}

fn listing(tokens: Vec<Arc<Token>>) -> Done {
    let links = tokens.iter().map(|token| Ipld::Link(token.cid())).collect();
    Done {
        ok: cbor::map([("delegations", Ipld::List(links))]),
        tokens,
    }
}
