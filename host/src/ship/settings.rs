//! What shipping is started with, and what of it the component may see.
//!
//! Must never hold a secret.

use std::collections::BTreeMap;
use std::path::PathBuf;

pub use billet_storage::Keep;
use billet_storage::Retain;

use super::bindings::billet::ship::settings;
use crate::guest::Guest;

/// Settings of shipping. Nothing is shipped without a service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ShipSettings {
    /// URL of the upload service, as `https://up.example`.
    pub service_url: String,
    /// Its DID, as `did:web:up.example`.
    pub service_did: String,
    /// Where receipts are asked for; empty for `<service_url>/receipt/`.
    pub receipts_url: String,
    /// The indexer, where there is one; else empty.
    pub indexer_url: String,
    /// Its DID, or empty.
    pub indexer_did: String,
    /// A window begins so long after the first commit that is not published.
    pub window_ms: u64,
    /// Or once so many bytes of bodies wait.
    pub window_bytes: u64,
    /// Longest wait for an answer.
    pub timeout_ms: u64,
    /// Wait after a first failure; longer ones are in proportion.
    pub retry_ms: u64,
    /// Longest wait of a request that asks for the level `network`.
    pub settle_ms: u64,
    /// The file of the agent's key; made at first start.
    pub agent_key_file: PathBuf,
    /// The file of the space's key, if it is there.
    pub space_key_file: PathBuf,
    /// `both`, `data`, `catalog` or `none`.
    pub planes: String,
    /// Segments of bodies that are kept although the network has them.
    pub retain_data: Keep,
    /// Those of trees.
    pub retain_catalog: Keep,
    /// New bodies are refused while so many bytes wait.
    pub backlog_bytes_max: u64,
    /// Memory for blocks that came from the network.
    pub cache_bytes: usize,
}

impl ShipSettings {
    /// What the store does with segments that were shipped.
    pub(crate) fn retain(&self) -> Retain {
        if !self.publishes() {
            return Retain::default();
        }
        Retain {
            data: self.retain_data,
            catalog: self.retain_catalog,
            backlog_bytes_max: self.backlog_bytes_max,
        }
    }

    /// Whether all is shipped: else no commit is ever on the network, and nothing waits for it.
    pub(crate) fn publishes(&self) -> bool {
        self.planes == "both"
    }

    /// Those that the component may see and that stay as they are, by name.
    pub(crate) fn visible(&self) -> BTreeMap<&'static str, String> {
        let texts = [
            ("service_url", self.service_url.as_str()),
            ("service_did", self.service_did.as_str()),
            ("receipts_url", self.receipts_url.as_str()),
            ("indexer_url", self.indexer_url.as_str()),
            ("indexer_did", self.indexer_did.as_str()),
            ("planes", self.planes.as_str()),
        ];
        let numbers = [
            ("window_ms", self.window_ms),
            ("window_bytes", self.window_bytes),
            ("timeout_ms", self.timeout_ms),
            ("retry_ms", self.retry_ms),
        ];
        let texts = texts.into_iter().filter(|(_, text)| !text.is_empty());
        let texts = texts.map(|(name, text)| (name, text.to_owned()));
        let numbers = numbers.map(|(name, number)| (name, number.to_string()));
        texts.chain(numbers).collect()
    }
}

impl settings::Host for Guest {
    fn get(&mut self, name: String) -> wasmtime::Result<Option<String>> {
        Ok(self.reach()?.own.setting(&name))
    }
}
