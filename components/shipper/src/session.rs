//! One call: the time, the settings, who we are and what we know of others.
//!
//! Must never outlive the call: all of it may be changed by the next.

use billet_forge::{Answer, Body, Headers, Machine, Method, Moment, Party, Place, Request, Step};
use billet_ucan::{Delegation, Did, Directory, Document, Refusal, Signed, Verifier};
use wit_bindgen::StreamReader;

use crate::bindings::billet::ship::settings;
use crate::clock::Clock;
use crate::convert::{Result, did, invalid};
use crate::http::{Route, exchange};
use crate::notes::{self, Fetched};
use crate::proofs;
use crate::signer::{AGENT, HostSigner};

/// How long the document of the service is believed.
const DOCUMENT_LIFE_MS: u64 = 3 * 60 * 60 * 1_000;
const TIMEOUT_MS: u64 = 60_000;

/// What is needed to talk to the network.
pub(crate) struct Session {
    pub(crate) clock: Clock,
    pub(crate) route: Route,
    pub(crate) service: Did,
    pub(crate) agent: HostSigner,
    pub(crate) directory: Directory,
    pub(crate) proofs: Vec<Signed<Delegation>>,
    /// Notes of delegations that are of no use any more.
    pub(crate) stale: Vec<String>,
    /// The space of this host, where one is set.
    pub(crate) space: Option<Did>,
}

/// A setting that is a number.
pub(crate) fn number(name: &str, otherwise: u64) -> u64 {
    let text = settings::get(name);
    text.and_then(|text| text.parse().ok()).unwrap_or(otherwise)
}

impl Session {
    /// What the settings and notes say; none while there is no upload service.
    pub(crate) async fn open(now_ms: u64) -> Result<Option<Self>> {
        let (Some(url), Some(service)) =
            (settings::get("service_url"), settings::get("service_did"))
        else {
            return Ok(None);
        };
        let url = url.trim_end_matches('/').to_owned();
        let receipts = settings::get("receipts_url");
        let receipts = receipts.unwrap_or_else(|| format!("{url}/receipt/"));
        let service = did(&service)?;
        let space = settings::get("space").map(|space| did(&space));
        let kept = proofs::at(now_ms / 1_000).await?;
        let mut session = Self {
            clock: Clock::at(now_ms),
            route: Route {
                service: url,
                receipts,
                timeout_ms: number("timeout_ms", TIMEOUT_MS),
            },
            agent: HostSigner::named(AGENT)?,
            directory: Directory {
                authority: Some(service.clone()),
                ..Directory::default()
            },
            proofs: kept.good,
            stale: kept.stale,
            space: space.transpose()?,
            service,
        };
        session.know_the_service().await?;
        Ok(Some(session))
    }

    pub(crate) fn party(&self) -> Party<'_> {
        Party {
            agent: &self.agent,
            service: &self.service,
            resolver: &self.directory,
            proofs: &self.proofs,
        }
    }

    pub(crate) fn moment(&self) -> Moment {
        self.clock.moment()
    }

    /// The space on the network that a bucket's space is.
    pub(crate) fn space(&self, named: &str) -> Result<Did> {
        match (did(named), &self.space) {
            (Ok(space), _) => Ok(space),
            (Err(_), Some(space)) => Ok(space.clone()),
            (Err(_), None) => Err(invalid(format!("{named} is no space of the network"))),
        }
    }

    /// Whether a delegation may be believed: signature and time.
    pub(crate) fn believes(&self, token: &Signed<Delegation>) -> std::result::Result<(), Refusal> {
        let verifier = Verifier {
            resolver: &self.directory,
            now_s: self.clock.now_ms() / 1_000,
        };
        verifier.delegation(token)
    }

    /// Fetches the service's document, where it has one and ours is old. One that cannot be had
    /// leaves the old one, for good: without keys nothing is believed.
    async fn know_the_service(&mut self) -> Result<()> {
        if self.service.method() != "web" {
            return Ok(());
        }
        let key = format!("{}{}", notes::DOCUMENT, self.service);
        let mut known = notes::get::<Fetched>(&key).await?;
        let now_ms = self.clock.now_ms();
        let is_fresh = |known: &Fetched| now_ms < known.time_ms.saturating_add(DOCUMENT_LIFE_MS);
        if !known.as_ref().is_some_and(is_fresh)
            && let Some(json) = self.fetch_document().await
        {
            let fetched = Fetched {
                json,
                time_ms: now_ms,
            };
            notes::set(vec![notes::put(key, &fetched)?]).await?;
            known = Some(fetched);
        }
        if let Some(known) = known
            && let Ok(document) = Document::from_json(&known.json, &self.service)
        {
            self.directory
                .documents
                .insert(self.service.clone(), document);
        }
        Ok(())
    }

    async fn fetch_document(&self) -> Option<Vec<u8>> {
        let request = Request {
            method: Method::Get,
            place: Place::Service("/.well-known/did.json".to_owned()),
            headers: Headers::new(),
            body: Body::Empty,
        };
        match exchange(&self.route, request, None).await {
            Answer::Whole {
                status: 200, body, ..
            } => Document::from_json(&body, &self.service)
                .is_ok()
                .then_some(body),
            _ => None,
        }
    }
}

/// Where a machine came to a stop.
pub(crate) enum Stop<T> {
    Done(T),
    /// Something failed or it is too early: come back then.
    Until(u64),
}

/// What a machine needs beside the network.
pub(crate) trait Effects {
    /// Makes a state durable.
    async fn record(&self, state: Vec<u8>) -> Result<()>;

    /// The bytes of the blob that is sent.
    async fn blob(&self) -> Result<Option<StreamReader<u8>>>;
}

/// How long what only people can mend is left alone, in first waits.
const STOPPED: u64 = 10 * 60;

/// Runs a machine until it is done or has to wait.
pub(crate) async fn run<M: Machine>(
    session: &Session,
    machine: &mut M,
    effects: &impl Effects,
) -> Result<Stop<M::Output>> {
    let party = session.party();
    loop {
        let moment = session.moment();
        match machine.next(&party, &moment) {
            Step::Record(state) => {
                effects.record(state).await?;
                machine.recorded();
            }
            Step::Send(request) => {
                let blob = match request.body {
                    Body::Blob(_) => effects.blob().await?,
                    _ => None,
                };
                let answer = exchange(&session.route, request, blob).await;
                machine.take(&party, &session.moment(), answer);
            }
            Step::Wait { until_ms } => return Ok(Stop::Until(until_ms)),
            Step::Done(output) => return Ok(Stop::Done(output)),
            Step::Failed(_) => {
                // It is tried again all the same, only not soon.
                machine.retry();
                let wait_ms = moment.retry_ms.saturating_mul(STOPPED);
                return Ok(Stop::Until(moment.now_ms.saturating_add(wait_ms)));
            }
        }
    }
}
