//! `billet:store/digest`: streaming digests for what a guest must check itself.
//!
//! Must never hold more than the state of a digest.

use wasmtime::component::Resource;

use crate::bindings::billet::store::digest;
use crate::bindings::billet::store::types::StoreError;
use crate::digests::Digester;
use crate::guest::Guest;

/// A digest under way, and the name to start it anew.
#[allow(unreachable_pub, reason = "generated code names it as public")]
pub struct Hasher {
    algorithm: String,
    state: Digester,
}

impl digest::Host for Guest {}

impl digest::HostHasher for Guest {
    fn open(
        &mut self,
        algorithm: String,
    ) -> wasmtime::Result<Result<Resource<Hasher>, StoreError>> {
        let Some(state) = Digester::new(&algorithm) else {
            return Ok(Err(super::unknown_algorithm(&algorithm)));
        };
        Ok(Ok(self.table.push(Hasher { algorithm, state })?))
    }

    fn update(&mut self, hasher: Resource<Hasher>, bytes: Vec<u8>) -> wasmtime::Result<()> {
        self.table.get_mut(&hasher)?.state.update(&bytes);
        Ok(())
    }

    fn finish(&mut self, hasher: Resource<Hasher>) -> wasmtime::Result<Vec<u8>> {
        let hasher = self.table.get_mut(&hasher)?;
        let fresh = Digester::new(&hasher.algorithm)
            .ok_or_else(|| wasmtime::format_err!("a digest that was there is gone"))?;
        Ok(std::mem::replace(&mut hasher.state, fresh).finish())
    }

    fn drop(&mut self, hasher: Resource<Hasher>) -> wasmtime::Result<()> {
        self.table.delete(hasher)?;
        Ok(())
    }
}
