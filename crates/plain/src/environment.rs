//! What the environment configures: settings that anybody may read, and the key pair.
//!
//! Must never show a secret, nor take a setting and a secret by different rules.

use std::collections::BTreeMap;

use crate::signing::KeyPair;

const ACCESS_KEY: &str = "BILLET_ACCESS_KEY_ID";
const SECRET: &str = "BILLET_SECRET_ACCESS_KEY";

/// The variables that one instance was started with.
pub struct Environment {
    settings: BTreeMap<String, String>,
    keys: KeyPair,
    missing: Option<&'static str>,
}

impl Environment {
    /// Takes variables as a host lists them. The last of one name counts, whatever it is, and an
    /// empty one counts as none.
    pub fn new(variables: impl IntoIterator<Item = (String, String)>) -> Self {
        let mut settings: BTreeMap<String, String> = variables.into_iter().collect();
        settings.retain(|_, value| !value.is_empty());
        let missing = [ACCESS_KEY, SECRET]
            .into_iter()
            .find(|name| !settings.contains_key(*name));
        let secret = settings.remove(SECRET);
        Self {
            keys: KeyPair::new(settings.get(ACCESS_KEY).cloned(), secret),
            settings,
            missing,
        }
    }

    /// A variable; never the secret.
    pub fn setting(&self, name: &str) -> Option<&str> {
        self.settings.get(name).map(String::as_str)
    }

    /// The key pair.
    pub fn keys(&self) -> &KeyPair {
        &self.keys
    }

    /// The first variable without which no key is known.
    pub fn missing(&self) -> Option<&'static str> {
        self.missing
    }
}
