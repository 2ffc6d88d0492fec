//! `billet:store/config`: settings that a component may see. Must never answer a secret.

use crate::bindings::billet::store::config;
use crate::guest::Guest;

impl config::Host for Guest {
    fn get(&mut self, name: String) -> wasmtime::Result<Option<String>> {
        Ok(self.front()?.config.get(name.as_str()).cloned())
    }
}
