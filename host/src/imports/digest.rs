//! `billet:store/digest`: streaming digests for what a guest must check itself.
//!
//! Must never hold more than the state of a digest.

use billet_digest::Hasher;
use wasmtime::component::Resource;

use crate::bindings::billet::store::digest;
use crate::bindings::billet::store::types::StoreError;
use crate::guest::Guest;

impl digest::Host for Guest {}

impl digest::HostHasher for Guest {
    fn open(
        &mut self,
        algorithm: String,
    ) -> wasmtime::Result<Result<Resource<Hasher>, StoreError>> {
        match Hasher::open(&algorithm) {
            Some(hasher) => Ok(Ok(self.table.push(hasher)?)),
            None => Ok(Err(super::unknown_algorithm(&algorithm))),
        }
    }

    fn update(&mut self, hasher: Resource<Hasher>, bytes: Vec<u8>) -> wasmtime::Result<()> {
        self.table.get_mut(&hasher)?.update(&bytes);
        Ok(())
    }

    fn finish(&mut self, hasher: Resource<Hasher>) -> wasmtime::Result<Vec<u8>> {
        Ok(self.table.get_mut(&hasher)?.finish())
    }

    fn drop(&mut self, hasher: Resource<Hasher>) -> wasmtime::Result<()> {
        self.table.delete(hasher)?;
        Ok(())
    }
}
