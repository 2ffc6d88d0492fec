//! What the host was configured with, as the gateway reads it. It must never hold a secret.

use std::sync::OnceLock;

use billet_s3::auth::AuthPolicy;
use billet_s3::target::Domains;

use crate::bindings::billet::store::config;

/// The region where none is configured.
const DEFAULT_REGION: &str = "us-east-1";
/// The space where none is configured.
const DEFAULT_SPACE: &str = "default";

/// How long a client hears nothing, where nothing is configured.
const DEFAULT_KEEP_ALIVE_MS: u64 = 5_000;

/// The settings of an instance: they stay what they are while the host runs.
pub(crate) struct Settings {
    /// Where buckets are.
    pub(crate) region: String,
    /// The space of new buckets.
    pub(crate) space: String,
    /// Domains of virtual-host style.
    pub(crate) domains: Domains,
    /// What a signature may name.
    pub(crate) policy: AuthPolicy,
    /// How long a client may hear nothing of an answer that takes long, in milliseconds.
    pub(crate) keep_alive_ms: u64,
    /// Whether a change can be stored on the network at all.
    pub(crate) has_network: bool,
}

impl Settings {
    /// Asks the host the first time.
    pub(crate) fn get() -> &'static Self {
        static SETTINGS: OnceLock<Settings> = OnceLock::new();
        SETTINGS.get_or_init(Self::read)
    }

    fn read() -> Self {
        let region = text("region", DEFAULT_REGION);
        let keep_alive_ms = config::get("keep-alive-ms").and_then(|value| value.parse().ok());
        Self {
            space: text("space", DEFAULT_SPACE),
            domains: Domains::new(list("domains")),
            policy: AuthPolicy {
                regions: vec![region.clone()],
                hosts: list("hosts"),
            },
            has_network: config::get("network").is_some(),
            keep_alive_ms: keep_alive_ms.unwrap_or(DEFAULT_KEEP_ALIVE_MS),
            region,
        }
    }
}

fn text(name: &str, default: &str) -> String {
    let value = config::get(name).filter(|value| !value.is_empty());
    value.unwrap_or_else(|| default.to_owned())
}

fn list(name: &str) -> Vec<String> {
    let value = config::get(name).unwrap_or_default();
    let names = value
        .split(',')
        .map(str::trim)
        .filter(|name| !name.is_empty());
    names.map(str::to_owned).collect()
}
